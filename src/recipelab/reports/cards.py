"""One run with all that stands behind its numbers: recipe, command, environment, identity, every metric."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import yaml

from recipelab.core.errors import UserError
from recipelab.core.plain import at, read_json
from recipelab.reports.doubts import doubts
from recipelab.reports.material import OneRun
from recipelab.reports.metric_tables import SPLITS, metrics_of
from recipelab.reports.parts import Card, Cell, Column, Drawing, Picture, Table, Text
from recipelab.reports.run_tables import headline, score
from recipelab.reports.units import duration, number, numbers_in, unit

PNG = b"\x89PNG\r\n\x1a\n"
LARGEST_PICTURE = 2**19


def card(run: OneRun, anchor: str, drawings: Sequence[Drawing], *, pictures: bool) -> Card:
    """pictures: whether the PNG files of the record come with it, but those that are drawn."""
    tables = [_metrics(run, anchor), _evaluations(run, anchor)]
    texts = []
    if run.config:
        content = yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True, width=120)
        texts.append(Text("Recipe (config.yaml)", "yaml", content))
    if run.environment:
        content = json.dumps(run.environment, indent=2, ensure_ascii=False)
        texts.append(Text("Environment (environment.json)", "json", content))
    notes = _notes(run)
    return Card(
        anchor=anchor,
        name=run.name,
        status=run.status,
        headline=_headline(run),
        facts=_facts(run),
        command=_command(run),
        warnings=[*notes, *doubts([run]), *run.problems],
        tables=[table for table in tables if table is not None],
        drawings=drawings,
        pictures=_pictures(run.path, {one.figure.name for one in drawings}) if pictures else (),
        texts=texts,
    )


def _headline(run: OneRun) -> str:
    checkpoint, view, metric = headline(run)
    show = unit(metric)
    said = [
        f"{split} {metric} {show.text(value)}{' %' if show.sign else ''}"
        for split in ("test", "val")
        if (value := score(run, split)) is not None
    ]
    return f"{', '.join(said)} (checkpoint {checkpoint}, weights {view})" if said else "no result"


def _command(run: OneRun) -> str:
    """What trains the recipe again, where the record has it."""
    if not run.config or run.result.get("repeatable") is False:
        return ""
    return shlex.join(["recipelab", "train", "--config", str(run.path)])


def _notes(run: OneRun) -> list[str]:
    result = run.result
    notes = [str(reason).splitlines()[0] for reason in [result.get("reason")] if reason]
    if result.get("repeatable") is False:
        notes.append("A Python object stood in a slot: no command repeats this run.")
    for one in result.get("resumed") or [] if isinstance(result.get("resumed"), list) else []:
        if isinstance(one, dict) and one.get("bitwise") is False:
            notes.append(f"Resumed at step {one.get('step')}, not bit for bit what an uninterrupted run comes to.")
    if skipped := number(result.get("unreadable_samples")):
        notes.append(f"{skipped:.0f} samples could not be read and were left out.")
    return notes


def _facts(run: OneRun) -> list[tuple[str, str]]:
    result, environment = run.result, run.environment
    progress, execution = at(result, "progress") or {}, at(environment, "execution") or {}
    versions = at(execution, "versions") or {}
    settings = ("precision", "threads", "compile", "channels_last", "deterministic", "processes")
    memory = [number(result.get(f"peak_{where}_memory_mb")) for where in ("host", "device")]
    said: dict[str, Any] = {
        "created": result.get("created"),
        "data": result.get("data"),
        "model": result.get("model"),
        "parameters": _thousands(result.get("parameters")),
        "operations of an image (FLOP)": _thousands(result.get("flops")),
        "seed": result.get("seed"),
        "epochs": " of ".join(_short(one) for one in (at(progress, "epoch"), result.get("epochs")) if one is not None),
        "steps": _thousands(at(progress, "step")),
        "selection": result.get("select"),
        "protocol": result.get("protocol"),
        "test split": f"lockbox {at(result, 'lockbox', 'policy')}, opened {at(result, 'lockbox', 'opened')} times",
        "training": duration(result.get("seconds")),
        "with evaluation and checkpoints": duration(result.get("total_seconds")),
        "images/s in training": _thousands(result.get("images_per_second")),
        "peak memory of the process": "" if memory[0] is None else f"{memory[0]:,.0f} MiB",
        "peak memory of the device": "" if memory[1] is None else f"{memory[1]:,.0f} MiB",
        "forked from": at(result, "forked_from", "record"),
        "device": execution.get("device") if isinstance(execution, dict) else "",
        "execution": ", ".join(f"{key} {execution[key]}" for key in settings if key in execution),
        "versions": ", ".join(f"{key} {value}" for key, value in versions.items()) if versions else "",
        "git": _git(at(environment, "git")),
        "recipe hash": result.get("recipe_hash"),
        "fingerprint": result.get("fingerprint"),
    }
    return [(name, str(value)) for name, value in said.items() if value not in (None, "")]


def _short(value: Any) -> str:
    """A number without a fraction of nothing; anything else as it is."""
    found = number(value)
    return str(value) if found is None else f"{found:g}"


def _thousands(value: Any) -> str:
    found = number(value)
    return "" if found is None else f"{found:,.0f}"


def _git(git: Any) -> str:
    commit = at(git, "commit")
    return f"{commit}{', with changes' if at(git, 'dirty') else ''}" if commit else ""


def _metrics(run: OneRun, anchor: str) -> Table | None:
    """Checkpoint x view, every metric on every split."""
    places = [
        (checkpoint, view)
        for checkpoint in ("last", "best")
        for view in dict.fromkeys(v for s in SPLITS for v in _views(run, s, checkpoint))
    ]
    found = {(s, *place): metrics_of(run, s, *place) for s in SPLITS for place in places}
    names = list(dict.fromkeys((s, metric) for s in reversed(SPLITS) for p in places for metric in found[(s, *p)]))
    if not names:
        return None
    rows = []
    for place in places:
        values = [(metric, found[(s, *place)].get(metric)) for s, metric in names]
        rows.append([Cell(one) for one in place] + [Cell(unit(m).text(value), (value,)) for m, value in values])
    columns = [Column("checkpoint"), Column("weights")]
    columns += [Column(unit(metric).heading(f"{split} {metric}"), True) for split, metric in names]
    return Table(f"{anchor.replace('-', '_')}_metrics", "Metrics", columns, rows)


def _views(run: OneRun, split: str, checkpoint: str) -> list[str]:
    found = at(run.result, split, checkpoint)
    return list(found) if isinstance(found, dict) else []


def _evaluations(run: OneRun, anchor: str) -> Table | None:
    """What `recipelab evaluate` measured after the run."""
    rows = []
    for path in sorted((run.path / "evaluations").glob("*.json")):
        try:
            content = read_json(path)
        except (UserError, OSError) as error:
            run.problems.append(str(error).splitlines()[0].replace(f"{run.path}/", ""))
            continue
        rows_there = at(content, "rows")
        for row in rows_there if isinstance(rows_there, list) else []:
            metrics = numbers_in(at(row, "metrics"))
            text = ", ".join(f"{name} {unit(name).text(value)}" for name, value in metrics.items())
            what = [at(content, "created"), at(content, "data", "name"), at(content, "data", "split")]
            what += [at(row, "name"), at(row, "checkpoint"), at(row, "view"), _how(content, row)]
            rows.append([*(Cell(str(one or "")) for one in what), Cell(text)])
    names = ("created", "data", "split", "model", "checkpoint", "weights", "how", "metrics")
    columns = [Column(name) for name in names]
    return Table(f"{anchor.replace('-', '_')}_evaluations", "Later evaluations", columns, rows) if rows else None


def _pictures(record: Path, drawn: Collection[str]) -> list[Picture]:
    """The record's own figures, files that are PNG and of sane size; not those that are drawn from its numbers."""
    found = []
    for path in sorted((record / "figures").glob("*.png")):
        if (
            path.stem not in drawn
            and path.is_file()
            and not path.is_symlink()
            and path.stat().st_size <= LARGEST_PICTURE
        ):
            content = path.read_bytes()
            if content.startswith(PNG):
                found.append(Picture(path.stem.replace("_", " "), content))
    return found


def _how(content: Any, row: Any) -> str:
    """Test-time augmentation and temperature of an evaluation's row, where it was asked for them."""
    tta, degrees = at(content, "tta"), numbers_in(at(row, "calibration")).get("temperature")
    return ", ".join([*([f"tta {tta}"] if tta else []), *([f"temperature {degrees:.4g}"] if degrees else [])])
