"""What a run shows while it trains, and what it leaves at each row: the record first, then loggers and terminal."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from recipelab.commands.assemble import Parts
from recipelab.commands.averages import averages_lines
from recipelab.commands.job import Job
from recipelab.core.facts import Facts
from recipelab.loggers.several import Mirror
from recipelab.loop.device import Execution
from recipelab.loop.plan import Plan
from recipelab.metrics.catalogue import PRIMARY, TIE_BREAKER
from recipelab.records.ledger import VALIDATION
from recipelab.records.log import Log
from recipelab.records.record import Record

Row = dict[str, float | int | None]


class Screen:
    """The loop's writer: rows and checkpoints into the record, the same rows to the logger, a line to the terminal.

    progress: show a bar (epoch, images/s, loss, time left) on standard error.
    """

    def __init__(self, record: Record, log: Log, logger: Mirror | None, plan: Plan, *, progress: bool) -> None:
        self.record, self.log, self.logger, self.plan = record, log, logger, plan
        if progress and not can_draw_bars():
            log("progress: a bar in a notebook needs the package ipywidgets; without it there is a line an evaluation")
        self.bar = _bar() if progress and can_draw_bars() else None
        self.task: Any = None

    def __enter__(self) -> Screen:
        if self.bar is not None:
            self.bar.start()
            self.task = self.bar.add_task("training", total=self.plan.total, speed="", loss="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def row(self, row: Row) -> None:
        """Write a row of metrics; the record's file before anything that may fail."""
        self.record.metrics.append(row)
        if self.logger is not None:
            self.logger.log(row, int(row["step"] or 0))
        progress = {"epoch": row["epoch"], "step": row["step"], "total_steps": self.plan.total}
        self.record.update_result(progress=progress)
        self.log(row_line(row, self.plan))

    def samples(self, step: int, values: Mapping[str, Any]) -> None:
        """Write the ledger's rows of an evaluation."""
        self.record.ledger(VALIDATION).append(step, values)

    def checkpoint(self, name: str, content: dict[str, Any]) -> None:
        """Write a checkpoint, whole or not at all."""
        if name.startswith("step_"):  # the bests first: who finds the checkpoint finds them, too
            self.record.keep_best(int(content["step"]))
        self.record.save_checkpoint(name, content)

    def progress(self, step: int, loss: float | None, images_per_second: float) -> None:
        """Move the bar."""
        if self.bar is None:
            return
        self.bar.update(
            self.task,
            completed=step,
            description=f"epoch {math.ceil(self.plan.epochs(step))}/{epochs_of(self.plan)}",
            speed=f"{images_per_second:,.0f} img/s",
            loss="" if loss is None else f"loss {loss:.3f}",
        )


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %  {task.fields[speed]}  {task.fields[loss]} "),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        refresh_per_second=4,
        transient=True,
    )


def can_draw_bars() -> bool:
    """In a notebook rich draws with ipywidgets; without them it would warn, or write a bar below a bar."""
    return not Console().is_jupyter or find_spec("ipywidgets") is not None


def wants_bar(asked: bool | str) -> bool:
    """Whether to show a progress bar: as asked, or by whether standard error is a terminal."""
    return sys.stderr.isatty() if asked == "auto" else bool(asked)


def epochs_of(plan: Plan) -> str:
    """The length of a plan in epochs, such as 12 or 1.5."""
    return f"{plan.epochs(plan.total):.4g}"


def row_line(row: Mapping[str, Any], plan: Plan) -> str:
    """One line for the terminal: where the training is, its loss and score, validation of every view, speed."""
    metric = next(name for name in PRIMARY.values() if f"train_{name}" in row)
    parts = [f"epoch {row['epoch']:.4g}/{epochs_of(plan)}", f"step {row['step']}", f"lr {row['lr']:.3g}"]
    parts += [f"loss {row['train_loss']:.4f}", f"train {shown(metric, row[f'train_{metric}'])}"]
    values = {k.removeprefix("val_").removesuffix(f"_{metric}"): k for k in row if re.fullmatch(f"val_.*_{metric}", k)}
    parts += [f"val {'' if view == 'raw' else view + ' '}{shown(metric, row[k])}" for view, k in values.items()]
    if row["images_per_second"]:
        parts.append(f"{row['epoch_seconds']:.1f} s  {row['images_per_second']:,.0f} img/s")
    return "  ".join(parts)


def shown(metric: str, value: float) -> str:
    """A metric as people write it: an accuracy in percent, anything else as a number."""
    return f"{value:.2%}" if metric == "accuracy" else f"{value:.4g}"


def say_opening(say: Callable[[str], None], job: Job, parts: Parts) -> None:
    """The lines at the start: data, model, length, execution, seed."""
    plan, model, sizes = parts.plan, parts.summary, {name: len(pool) for name, pool in job.pools.items()}
    say(f"data: {', '.join(f'{name} {count:,}' for name, count in sizes.items())}; {data_line(job.facts)}")
    name = job.recipe.slots["model"].name
    say(f"model: {name}, {model.parameters:,} parameters, {model.flops / 1e6:,.1f} MFLOP an image")
    for line in parts.weights.lines() if parts.weights else ():
        say(line)
    if job.recipe.model.freeze:
        say(f"frozen: {', '.join(job.recipe.model.freeze)}; {model.trainable:,} parameters are trained at first")
    batches = sorted(
        {plan.batch_size_in(epoch) * plan.accumulate for epoch in range(plan.epoch_of(plan.total - 1) + 1)}
    )
    effective = f"{batches[0]}" if len(batches) == 1 else f"{batches[0]} to {batches[-1]}"
    processes = job.execution.processes
    shared = f" ({processes} processes)" if processes > 1 else ""
    say(f"training: {epochs_of(plan)} epochs, {plan.total:,} steps of {effective} samples{shared}")
    if parts.views.bank is not None:
        for line in averages_lines(job.recipe, plan, parts.views.bank):
            say(line)
    say(f"execution: {execution_line(job.execution)}")
    say(f"seed: {job.seed}")


def data_line(facts: Facts) -> str:
    """Classes or targets, size and channels of the data in words."""
    size = "x".join(str(s) for s in facts.image_size)
    regression, count = facts.task == "regression", facts.num_classes
    outputs = f"{count} target{'s' * (count > 1)}" if regression else f"{count} classes"
    floats = ", float32" if facts.image_dtype == "float32" else ""
    return f"{outputs}, {size}, {facts.input_channels} channel{'s' * (facts.input_channels > 1)}{floats}"


def execution_line(execution: Execution) -> str:
    """How a recipe is executed in words: device, precision, threads, and what is on."""
    threads = f"{execution.threads} thread{'s' * (execution.threads > 1)}"
    processes = [f"{execution.processes} processes"] if execution.processes > 1 else []
    switches = ("compile", "channels_last", "deterministic", "cudnn_benchmark", "sync_batchnorm")
    on = [name for name in switches if getattr(execution, name)]
    return ", ".join([execution.accelerator, *processes, execution.precision, threads, *on])


def result_table(result: Mapping[str, Any], protocol: str) -> Table:
    """The end's table: a row a checkpoint and view, two metrics of the task on each split; the headline is marked."""
    splits = [split for split in ("train", "val", "test") if split in result]
    note = " (protocol test_as_val: selection saw the test split)" if protocol == "test_as_val" else ""
    table = Table(title=f"results{note}", title_justify="left")
    table.add_column("checkpoint")
    table.add_column("view")
    head = result["headline"]
    task = next(task for task, name in PRIMARY.items() if name == head["metric"])
    other = TIE_BREAKER[task]
    for split in splits:
        for name in (head["metric"], other):
            table.add_column(f"{split} {name if name == 'accuracy' else name.upper()}", justify="right")
    for checkpoint, views in result[splits[0]].items():
        for view in views:
            cells = []
            for split in splits:
                metrics = result[split][checkpoint][view]
                second = f"{metrics[other]:.4f}" if other == "nll" else shown(other, metrics[other])
                cells += [shown(head["metric"], metrics[head["metric"]]), second]
            chosen = (head["checkpoint"], head["view"]) == (checkpoint, view)
            table.add_row(checkpoint, view, *cells, style="bold" if chosen else None)
    return table
