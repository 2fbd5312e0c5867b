"""Names, commands and options of the three trainings that docs/migrating.md tells the way from; one line a topic."""

from __future__ import annotations

AVERAGING = """
train.py|tune.py|eval.py|plots.py|--help|--multirun|global_seed=1111,1234,4321
averaged.decay=0.9,0.99,0.999,0.9995,0.9997
optimizer.lr=0.5,0.2,0.1,0.05,0.02,0.01|scheduler=multistep_he,step_effnet,constant,cosine,linear
dataset|model|hparams|optimizer|scheduler|averaged|misc
outputs/|{job}.log
dataset=cifar10|dataset.root|dataset.download|dataset.num_workers|dataset.val.split=0.1|dataset.val.seed=1234
.2470, .2435, .2616
dataset.train.augment=true|dataset.train.use|dataset.val.use|dataset.test.use
model=resnet20|model=resnet56|model=resnet18|model=resnet50|resnet32|resnet44|resnet110|resnet1202
default initialisation
optimizer=momentum|optimizer=adam|optimizer.lr
hparams=default_he|hparams=default_cutout|hparams.grad_clip_max_norm=null
scheduler=multistep_he|scheduler=step_effnet|scheduler=constant|scheduler=linear|scheduler=cosine
scheduler=multistep_cutout
scheduler.warmup_steps|scheduler.t_total=auto|scheduler.cycles=0.5|step_effnet_original|multistep_he_original
averaged.decay=0.9995|averaged=null|buffers
device=cuda:0|auto_cpu_if_no_gpu=true|tensorboard=true|save=true|save_preds=true|checkpoint=FILE
Loss,Accuracy/{train,val,averaged_val}|Model/{model_weight_norm,avg_model_weight_norm,weight_diff_norm,lr}
Eval/Accuracy/{final,final_averaged,best,best_averaged}_{train,val,test}|preds/{epoch}|most_recent, best and final
maximize_averaged=true|preds_path|30 trials|validation share .2
figure 1|table 1|table 2|table 3|figures 2 to 7|stability|misclassification histogram|barcodes|distances
"""

CLASSIFICATION = """
main.py|env=local|env=cluster|data=cifar10|data=cifar100|data=imagenet|data=poster_regression|the last definition wins
model=efficientnetv2|model.type=S|model.type=M|model.type=L|model=convnext|model.type=small|model.type=tiny
model.type=base
model.type=large|model=pyramidnet|models.pyramidnet.PyramidNet272|model=wide_resnet|model=resnet
models.dynamic_resnet.ResNet34
models.dynamic_resnet.ResNet50|models.dynamic_resnet.ResNet152|model=preact_resnet|models.preact_resnet.PreActResNet34
models.preact_resnet.PreActResNet50|models.preact_resnet.PreActResNet101|models.preact_resnet.PreActResNet152
model=vgg|models.dynamic_vgg.VGG19|(4, 6, 10, 5)|(4, 13, 55, 4)|[2,3,5,5]|[3,4,5,6]
trainer.max_epochs=200|data.module.batch_size=128|model.optimizer=SGD|model.nesterov=False|model.nesterov=True
model.optimizer=Madgrad|model.optimizer=Adam|model.optimizer=AdamW|model.optimizer=Rmsprop|model.lr=0.1
model.weight_decay=5e-4
model.scheduler=CosineAnneal|model.scheduler=MultiStep|model.scheduler=Step|model.warmstart=10|model.warmstart=5
seed=1|data.module.num_workers=12|data.module=num_workers 12|random_batches
trainer.devices=1|DDP|SyncBN|trainer.accelerator=CPU|accelerator=CPU|trainer.precision=32|trainer.precision=16-mixed
compile: False|cudnn.benchmark|model.task=classification|model.task=regression|task: 'Classification'
data.num_classes=10
metrics=[acc,f1]|f1_per_class|pr,top5acc|auroc|metric_computation_mode=epochwise|metric_computation_mode=stepwise
BaselineTransform|BaselineCutoutTransform|AutoAugmentTransform|RandAugmentTransform|TestTransform|cutout_size
Albumentations
train_transforms|test_transforms|(125, 122, 113)|0.2023,0.1994,0.2010|data.module._target_=augmentation
model.input_dim=2|model.input_channels=3|model.cifar_size=True|model.label_smoothing=0.1|model.mixup=True
model.mixup_alpha=0.2
model.sam=True|model.adaptive_sam|model.undecay_norm=True|model.stochastic_depth=0.1|model.shakedrop=True
model.apply_shakedrop
model.squeeze_excitation=True|model.resnet_dropout=0.5|model.zero_init_residual=True|model.bottleneck=True
trainer.logger.project|anonymous|model.result_plot=val|model.result_plot=all|model.result_plot=disable
models.custom_model.CustomModel|BaseModel|**kwargs|BaseDataModule|setup(stage)|data_path|data.module.data_root_dir
data.module.name|# @package _global_|BaseTransform|data.cv.k|data.module.fold|inference.py exp_dir=|model=timm
pretrained
PyramidNet110|PyramidNet272|WRN2810|PreActResNet152|ResNet152|PreActResNet50|ResNet50|PreActResNet34|ResNet34
PreActResNet18
ResNet18|VGG16|.9864 / .8746|.9836 / .8728|.9775 / .8407|.9741 / .8310|.9739 / .8249|.9739 / .8247|.9735 / .8294
.9730 / .8129
.9704 / .8195|.9680 / .7897|.9663 / .8038|.9599 / .7782
model=custom_model|study best_runs|study optimizers|study augmentation|study training_time|study techniques|4e-5
"""

HOMEWORK = """
homework3.py --config|--override model=resnet18|notebook|Kaggle|Colab|Lightning.ai|WANDB_API_KEY|.env
resnet18|resnet50|lr=0.1|StepLR|ReduceLROnPlateau|epochs=200|weight_decay=5e-4|num_workers=2|pin_memory=true
use_amp=true
use_wandb=true|pretrained=false|batch 128 for resnet18, 64 for resnet50|AdamW|minutes, notes
RandomCrop|RandomHorizontalFlip|RandomErasing|Resizing, CenterCrop|step_size=50|use_mixup|use_cutmix|α .2
smoothing=0.1|patience=20
81 %|85 %|Resize 256|ColorJitter|progressive|conv1, bn1, layer1, layer2|use_batch_scheduler|RAM, VRAM|GPU power
epoch time
parallel coordinates|second GPU|Not enough SMs|MNIST|OxfordIIITPet|MLP|resnest14d|resnest26d|Muon|SAM|TensorBoard
"""

NAMES = sorted({n for text in (AVERAGING, CLASSIFICATION, HOMEWORK) for n in text.replace("\n", "|").split("|")} - {""})
