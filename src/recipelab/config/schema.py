"""The typed sections: what the loop itself must understand. Every other key belongs to the signature of a slot.

A field's annotation is its check (pydantic, strict), its default the published or usual one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

Auto = Literal["auto"]
MAX_SEED = 2**32 - 1
"""Seeds are 32 bits: torch's CPU generator uses no more."""
Count = Annotated[int, Ge(1)]


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """How long, in what portions, and how a training is executed. Durations: 5ep, 300st, 10%."""

    epochs: Count | None = 200
    """Passes over the training split; ignored in favour of `steps` when that is given."""
    steps: Count | None = None
    """Optimizer steps of the whole training, instead of epochs."""
    batch_size: Count = 128
    """Samples of one forward and backward on one device."""
    on_out_of_memory: Literal["fail", "split"] = "fail"
    """split: halve the samples of one forward, in as many more, so that the batch of a step stays; for good."""
    accumulate: Count = 1
    """Batches per optimizer step: the effective batch is batch_size x devices x accumulate."""
    sampling: Literal["shuffle", "replacement", "balanced"] = "shuffle"
    """An epoch takes each sample once, or draws with replacement, or takes each class equally often."""
    eval_batch_size: Count = 1000
    """Samples of one forward in evaluation; changes no result beyond rounding."""
    evaluate_every: str = "1ep"
    """How often the validation split is evaluated; the end of the training always is."""
    checkpoint_every: str = "1ep"
    """How often last.pt is written."""
    checkpoint_at: list[str | Count] = field(default_factory=list)
    """Further steps at which a checkpoint is kept under its own name (step_N.pt)."""
    gradient_clip: Annotated[float, Gt(0)] | None = None
    """Limit of the gradient: its largest global L2 norm, or what gradient_clip_mode says."""
    gradient_clip_mode: Literal["norm", "value", "adaptive"] = "norm"
    """norm: global L2 norm. value: each entry. adaptive: each unit's norm as a share of its weights' (AGC; 0.01)."""
    precision: Literal["auto", 32, "32", "bf16-mixed", "16-mixed"] = "auto"
    """auto: bf16-mixed where the hardware computes bf16, else 32; under regression 32, as bf16 has three digits, and
    for volumes on a CPU, where its gradients can be NaN."""
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """Kind of device; auto: cuda where there is one."""
    devices: Count | Auto = "auto"
    """Processes of one training, one device each; auto: as many as torchrun or SLURM has started, else one."""
    sync_batchnorm: bool | Auto = "auto"
    """Batch statistics over all devices; auto: on for several CUDA devices (a CPU cannot)."""
    threads: Count | Auto = "auto"
    """CPU threads of one process; auto: the cores this process may use, divided among the processes."""
    compile: bool | Auto = "auto"
    """torch.compile; auto: on for CUDA, off for CPU, where a short run does not earn its cost back."""
    channels_last: bool | Auto = "auto"
    """Memory format; auto: on for images (two spatial dimensions)."""
    cudnn_benchmark: bool | Auto = "auto"
    """Let cuDNN choose kernels by timing; auto: on for CUDA unless deterministic."""
    deterministic: bool | Auto = "auto"
    """torch's deterministic algorithms; auto: on for CPU, where they cost nothing, off for CUDA."""
    resume: str | None = None
    """A record to go on with, or auto: the newest unfinished one under `output` with the same recipe."""
    init_from: str | None = None
    """A record or checkpoint whose weights the training starts from; nothing else is taken over."""
    debug: Literal["fast", "overfit", "profile"] | None = None
    """fast: a few steps through every stage. overfit: one batch until it is learnt. profile: torch's profiler."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """What every data slot shares: declared facts, and how the data are split. The rest is the slot's own."""

    task: Literal["auto", "classification", "regression"] = "auto"
    """What is learnt: classes, or float targets; auto: as the data tell."""
    num_classes: Count | None = None
    """Number of classes (under regression, of targets), where the data do not tell it themselves."""
    input_channels: Count | None = None
    """Channels of an image: 1 grey, 3 RGB."""
    image_size: Count | Annotated[list[Count], MinLen(1)] | Auto | None = None
    """Spatial sizes [height, width]; one number for a square."""
    input_size: Count | Annotated[list[Count], MinLen(1)] | None = None
    """Size that the model sees, where it is not the images' own: resized on the device, after augmentation."""
    resize_size: Count | None = None
    """Pixels of the shorter side before the centre crop to input_size (or image_size, where files are decoded)."""
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    """How images are resized."""
    mean: list[float] | None = None
    """Per channel, of images scaled to [0, 1] (floats as they are); measured on the training split when not given."""
    std: list[Annotated[float, Gt(0)]] | None = None
    """Per channel, like `mean`."""
    class_names: list[str] | None = None
    """One name a class, in label order; under regression one a target."""
    val_split: Annotated[float, Gt(0), Lt(1)] = 0.1
    """Share of the training data held out for validation (stratified by class)."""
    test_split: Annotated[float, Gt(0), Lt(1)] = 0.2
    """Share held out for the test, for data that come without a test part (stratified by class)."""
    split_seed: Annotated[int, Ge(0), Le(MAX_SEED)] = 1234
    """Seed of the splits, apart from the run's, so that runs of different seeds share them."""
    folds: Annotated[int, Ge(2)] | None = None
    """Number of cross-validation folds; the validation split is then fold `fold`."""
    fold: Annotated[int, Ge(0)] | Literal["all"] = 0
    """Which of the `folds` validates, from 0; all: one run after the other, and a summary of them."""
    protocol: Literal["val", "test_as_val"] = "val"
    """test_as_val: train on all training data, select on the test split, as some literature does; recorded."""
    limit: Count | None = None
    """At most this many samples of the training and of the test data (stratified by class, seeded)."""
    num_workers: Annotated[int, Ge(0)] | Auto = "auto"
    """Processes that read data which are streamed, for one device; auto: the cores this process may use, divided among
    the devices, at most 16; changes no bit."""
    prefetch: Count = 2
    """Tasks of up to 4 MiB of images that each worker has in advance."""
    pin_memory: bool | Auto = "auto"
    """Put batches into page-locked memory on their way to a GPU; auto: with CUDA."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """What every model shares: the weights it starts from, and what of it is not trained. The rest is its own."""

    pretrained: bool = False
    """Start from published weights (torchvision's or timm's, fetched when needed), with their preprocessing."""
    weights: str | None = None
    """A file of weights to start from: safetensors, or a checkpoint that loads weights-only."""
    freeze: list[str] = field(default_factory=list)
    """Parts that are not trained: modules (layer1), stem, or backbone (all but the classifier)."""
    thaw: str | list[str] | None = None
    """Durations after which they are, one a part in the same order, or one for all; null: never."""


@dataclass(frozen=True, kw_only=True)
class Averaging:
    """Averages of the weights, carried beside the training and never fed back; see docs/averaging.md.

    `decays`, `decay`, `half_life` and `window` are short forms of `averages`; all that are given are tracked, and
    without any there is one moving average of decay 0.9995.
    """

    decays: Annotated[list[Annotated[float, Ge(0), Lt(1)]], MinLen(1)] | None = None
    """Exponential moving averages, one a decay: avg <- d avg + (1 - d) w after every optimizer step; ema_0.999."""
    decay: Annotated[float, Ge(0), Lt(1)] | None = None
    """The same for one decay."""
    half_life: str | Annotated[list[str], MinLen(1)] | None = None
    """Moving averages by the duration after which a weight counts half as much: 2ep, 500st, 3%; ema_half_life_2ep."""
    window: str | Annotated[list[str], MinLen(1)] | None = None
    """Moving averages by the length of an even average of the same mass, 1 / (1 - d): ema_window_10ep."""
    averages: dict[str, dict[str, Any]] | None = None
    """The long form, name: {kind: ema, swa or last_k, and its options}; {} tracks none and leaves the stores alone."""
    start: str = "0ep"
    """Moving averages are copies of the weights until then."""
    warmup: Literal["none", "timm", "tf"] = "none"
    """Bound on the decay of the t-th update: timm 1 - (1 + t)^(-2/3), tf (1 + t) / (10 + t)."""
    debias: bool = False
    """Bias correction: only weights since the start count, (1 - d) / (1 - d^t), and not the initial copy."""
    interval: Count = 1
    """Steps from one update of a moving average to the next; a decay is one of an update."""
    buffers: Literal["average", "copy", "recompute"] = "average"
    """Running statistics of averages: averaged, the model's own, or computed anew from training batches."""
    recompute_batches: Count = 200
    """Batches of an augmented epoch that `recompute` reads for each evaluation of an average (200: fvcore's)."""
    evaluate_every: str | None = None
    """How often averages are evaluated, and the end of the training; null: whenever the raw weights are."""
    store: bool = True
    """Keep the mean weights of each epoch in the record, to make other averages of after the run."""
    store_limit: str = "2GB"
    """Bound on their size on disk (500MB, 2GB); beyond it only every k-th epoch is kept."""


@dataclass(frozen=True, kw_only=True)
class Sam:
    """Sharpness-aware minimisation around the optimizer (Foret et al. 2021; adaptive: Kwon et al. 2021)."""

    rho: Annotated[float, Gt(0)] = 0.05
    """Radius of the neighbourhood; published: 0.05, and 0.5 when adaptive."""
    adaptive: bool = False
    """Scale the neighbourhood by each weight (ASAM), so that it does not depend on their scale."""
    every: Count = 1
    """Two passes at every so many steps, a plain one at the others (Liu et al. 2022, LookSAM, without its reuse)."""


@dataclass(frozen=True, kw_only=True)
class EarlyStopping:
    """The end of a training that has stopped to improve (Prechelt 1998)."""

    metric: str = "auto"
    """Validation metric that is watched, or train_loss, train_accuracy; auto: accuracy, under regression mae."""
    view: str = "raw"
    """View whose metric it is: raw, or an average such as ema_0.999."""
    mode: Literal["auto", "max", "min"] = "auto"
    """Which way is better; auto: down for losses and errors, else up."""
    patience: Count = 20
    """Evaluations in a row without a better value that end the training."""
    min_delta: Annotated[float, Ge(0)] = 0.0
    """A better value beats the best by more than this, in the metric's units."""


@dataclass(frozen=True, kw_only=True)
class ParamGroups:
    """Learning rate and weight decay by parameter; printed as a table when the training begins."""

    undecay_norm: bool = False
    """No weight decay for normalisation layers and biases, told by the module's type and not by its name."""
    layer_decay: Annotated[float, Gt(0), Le(1)] | None = None
    """Learning rate times this for each layer below the last (ELECTRA, arXiv 2003.10555; BEiT)."""
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Regular expression that a parameter's name begins with -> lr_scale, and options of the optimizer; first match."""


@dataclass(frozen=True, kw_only=True)
class BatchSchedule:
    """A batch size that grows (Smith et al. 2018, arXiv 1711.00489); it changes between epochs."""

    factor: Annotated[float, Gt(1)] = 2.0
    """The batch size is multiplied by this each time."""
    milestones: list[str] = field(default_factory=list)
    """When, as durations such as 30ep or 50%."""
    every: str | None = None
    """And at regular intervals, such as 10ep."""
    maximum: Count | None = None
    """The largest batch size."""
    lr: Literal["keep", "linear", "sqrt"] = "keep"
    """The learning rate stays as scheduled, or is multiplied as the batch size, or as its square root."""


@dataclass(frozen=True, kw_only=True)
class Resizing:
    """Progressive resizing: training begins with smaller images (Howard 2018; the rule and defaults of Composer)."""

    start: Annotated[float, Gt(0), Lt(1)] = 0.5
    """Scale of the images' sides at first."""
    delay: Annotated[float, Ge(0), Lt(1)] = 0.5
    """Share of the training at which the scale begins to rise."""
    finetune: Annotated[float, Ge(0), Lt(1)] = 0.2
    """Share of the training, at its end, with images of the whole size."""
    multiple: Count = 4
    """Sides are multiples of so many pixels."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """The keys at the top of a recipe."""

    seed: Annotated[int, Ge(0), Le(MAX_SEED)] | None = None
    """Fixes order, draws and initial weights; null draws one, prints it and records it."""
    output: str = "outputs"
    """Root folder of run records."""
    data_root: str = "data"
    """Where data sets are kept or downloaded to."""
    progress: bool | Auto = "auto"
    """Progress bar; auto: when standard error is a terminal."""
    select: Literal["best", "last"] = "best"
    """The checkpoint that the headline result is read from."""
    metrics: list[str | dict[str, Any]] = field(default_factory=list)
    """Further metrics of every evaluation, by name (auroc, ece, top3, ...) or as {_target_: a torchmetrics class}."""
    select_metric: str = "auto"
    """Validation metric by which `best` is chosen; auto: accuracy, under regression mae."""
    select_view: str = "raw"
    """View whose metric chooses `best`: raw, or an average such as ema_0.999."""
    lockbox: Literal["end", "closed"] = "end"
    """end: the test split is evaluated once, when the training is over; closed: not by this run."""
    ledger: Literal["auto", "correct", "margin", "error", "none"] = "auto"
    """What is kept of every validation sample, of each view at each evaluation: whether it is right (a bit), the margin
    too, or a regression's absolute error; auto: correct, under regression none."""
    result_plot: Literal["val", "all", "none"] = "val"
    """Confusion matrix or parity plot of the headline's weights, at the end: of validation, of every split, or none."""


SECTIONS: dict[str, type] = {
    "trainer": Trainer,
    "averaging": Averaging,
    "sam": Sam,
    "param_groups": ParamGroups,
    "early_stopping": EarlyStopping,
    "batch_schedule": BatchSchedule,
    "resizing": Resizing,
}
OPTIONAL_SECTIONS = ("averaging", "sam", "param_groups", "early_stopping", "batch_schedule", "resizing")
