"""What other trainings call a key or a choice: the word to use here, for whoever types the name that they are used to.

Only for messages: nothing is accepted under two names. docs/migrating.md tells what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Key elsewhere -> words here; a key below one of these is called as that one is.
KEYS: dict[str, str] = {
    "global_seed": "seed=N",
    "dataset": "data=CHOICE",
    "dataset.root": "data_root=FOLDER",
    "dataset.download": "data.download=false",
    "dataset.num_workers": "data.num_workers=N",
    "dataset.val.split": "data.val_split=0.1",
    "dataset.val.seed": "data.split_seed=N",
    "dataset.val.use": "data.protocol=test_as_val (all training data are trained on)",
    "dataset.test.use": "lockbox=closed",
    "dataset.train.use": "recipelab evaluate RUN (a run without training)",
    "dataset.train.augment": "augment=none",
    "hparams": "trainer.epochs=N, trainer.batch_size=N, or a preset, recipe=CHOICE",
    "hparams.epochs": "trainer.epochs=N",
    "hparams.batch_size": "trainer.batch_size=N",
    "hparams.grad_clip_max_norm": "trainer.gradient_clip=NORM",
    "averaged": "averaging=ema",
    "averaged.decay": "averaging=ema averaging.decay=0.9995",
    "scheduler.warmup_steps": "scheduler.warmup=Nst",
    "scheduler.warmup_epochs": "scheduler.warmup=Nep",
    "scheduler.t_total": "trainer.steps=N (a schedule takes the whole training)",
    "scheduler.step_size": "scheduler.every=Nep",
    "device": "trainer.accelerator=cuda or cpu",
    "auto_cpu_if_no_gpu": "trainer.accelerator=auto",
    "gpus": "trainer.devices=N",
    "tensorboard": "logger=tensorboard or logger=none",
    "save": "output=FOLDER (a run is always recorded)",
    "save_preds": "ledger=correct or ledger=none",
    "checkpoint": "trainer.resume=RUN or trainer.init_from=RUN",
    "ckpt_path": "trainer.resume=RUN",
    "trainer.max_epochs": "trainer.epochs=N",
    "trainer.max_steps": "trainer.steps=N",
    "trainer.gradient_clip_val": "trainer.gradient_clip=NORM",
    "trainer.accumulate_grad_batches": "trainer.accumulate=N",
    "trainer.fast_dev_run": "trainer.debug=fast",
    "trainer.overfit_batches": "trainer.debug=overfit",
    "trainer.enable_progress_bar": "progress=false",
    "trainer.benchmark": "trainer.cudnn_benchmark=true",
    "trainer.logger": "logger=CHOICE",
    "data.module": "the keys of the data section, data.KEY=VALUE",
    "data.module._target_": "data=CHOICE, or for a policy augment=CHOICE",
    "data.module.name": "data=CHOICE",
    "data.module.data_root_dir": "data_root=FOLDER",
    "data.module.batch_size": "trainer.batch_size=N",
    "data.module.num_workers": "data.num_workers=N",
    "data.module.fold": "data.fold=N",
    "data.module.random_batches": "trainer.sampling=replacement",
    "data.module.train_transforms": "augment=CHOICE",
    "data.module.train_transforms.cutout_size": "augment.cutout=PIXELS",
    "data.module.test_transforms": "data.mean, data.std, data.resize_size, data.input_size",
    "data.cv": "data.folds=K data.fold=N or all",
    "model.type": "model=CHOICE (the size is part of its name)",
    "model.task": "data.task=classification or regression",
    "model.metrics": "metrics=[NAME, ...]",
    "model.optimizer": "optimizer=CHOICE",
    "model.lr": "optimizer.lr=RATE",
    "model.weight_decay": "optimizer.weight_decay=DECAY",
    "model.nesterov": "optimizer.nesterov=true",
    "model.scheduler": "scheduler=CHOICE",
    "model.warmstart": "scheduler.warmup=Nep",
    "model.cifar_size": "model.small_input=true",
    "model.label_smoothing": "loss.label_smoothing=RATE",
    "model.mixup": "mix=mixup",
    "model.mixup_alpha": "mix=mixup mix.alpha=ALPHA",
    "model.sam": "sam=sam",
    "model.adaptive_sam": "sam=asam",
    "model.undecay_norm": "param_groups=undecay_norm",
    "model.apply_shakedrop": "model.shakedrop=true",
    "model.resnet_dropout": "model.dropout=RATE",
    "model.compile": "trainer.compile=true",
    "model.result_plot": "result_plot=val, all or none",
    "metric_computation_mode": "trainer.evaluate_every=DURATION (a metric is of whole epochs)",
    "use_amp": "trainer.precision=bf16-mixed, 16-mixed or 32",
    "amp": "trainer.precision=bf16-mixed, 16-mixed or 32",
    "use_wandb": "logger=wandb",
    "use_mixup": "mix=mixup",
    "use_cutmix": "mix=cutmix",
    "use_batch_scheduler": "batch_schedule=regular",
    "heavy_aug": "augment=heavy",
    "label_smoothing": "loss.label_smoothing=RATE",
    "smoothing": "loss.label_smoothing=RATE",
    "lr": "optimizer.lr=RATE",
    "learning_rate": "optimizer.lr=RATE",
    "weight_decay": "optimizer.weight_decay=DECAY",
    "momentum": "optimizer.momentum=MOMENTUM",
    "warmup_epochs": "scheduler.warmup=Nep",
    "step_size": "scheduler.every=Nep",
    "patience": "early_stopping=patience early_stopping.patience=N",
    "pretrained": "model.pretrained=true",
}

# Choice elsewhere, in lower case -> choice here. Those that differ in nothing but case need no line.
CHOICES: dict[str, dict[str, str]] = {
    "data": {"poster_regression": "filenames"},
    "model": {
        "resnet": "resnet18",
        "preact_resnet": "preact_resnet18",
        "wide_resnet": "wide_resnet28_10",
        "pyramidnet": "pyramidnet110",
        "vgg": "vgg16",
        "convnext": "convnext_small",
        "efficientnetv2": "efficientnet_v2_s",
    },
    "optimizer": {"momentum": "sgd", "rmsproptf": "rmsprop_tf"},
    "scheduler": {
        "cosineanneal": "cosine_epoch",
        "cosineannealinglr": "cosine_epoch",
        "steplr": "step",
        "multisteplr": "multistep_epoch",
        "reducelronplateau": "plateau",
        "onecyclelr": "one_cycle",
        "linearlr": "linear",
        "none": "constant",
    },
}


def key_here(key: str, value: Any = None) -> str:
    """A line «here it is ...» about a key that has another name elsewhere, to add to a message; else nothing.

    value: what the key holds; of a mapping, its first key goes on: data.module {batch_size: 64}.
    """
    while isinstance(value, Mapping) and value:
        inner, value = next(iter(value.items()))
        key = f"{key}.{inner}"
    while key not in KEYS and "." in key:
        key = key.rpartition(".")[0]
    return f"\n  here it is: {KEYS[key]}" if key in KEYS else ""


def choice_here(group: str, choice: str, choices: list[str]) -> str | None:
    """The choice of `group` that is called `choice` elsewhere, or None."""
    told = choice.lower()
    here = told if told in choices else CHOICES.get(group, {}).get(told)
    return here if here in choices else None
