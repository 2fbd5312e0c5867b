"""Weights & Biases beside metrics.csv: the same rows, the recipe, the results, what was said, and the machine.

Interface: https://docs.wandb.ai/ref/python. The record stays the truth. W&B numbers what it is sent by itself, and
drops or doubles rows of a resumed run by those numbers; here the x axis is our own `step` (or `epoch`, `samples`), and
a resumed run sends what is not there yet.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import re
import secrets
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Gt, Len

from recipelab.core import atomic
from recipelab.core.errors import UserError
from recipelab.core.plain import read_json
from recipelab.loggers.beside import earlier_rows, said_since, whole_of
from recipelab.loggers.keys import find_key
from recipelab.loggers.tags import PROGRESS, final, measured, tag

OLDEST = (0, 31)  # the first with the time limits, and with lines of a log that are not captured
_ID = re.compile(r"[a-z0-9]{8}")
LONGEST = 64  # characters of a job type or a tag


class WandB:
    """A W&B run: config, metrics by our own step, a table of the results, pictures, log, system metrics.

    project: None: the name of the data (or WANDB_PROJECT). entity: team or user; None: the account's own.
    group: None: the study that the run is one of, its arms then being the job type; or the search (job type trial), or
        the cross-validation (fold). tags: of the run, up to 64 characters.
    mode: online; offline, into files that `wandb sync` uploads; auto: online where a key is found
        (`recipelab.loggers.keys`) and the server answers, else offline. WANDB_MODE wins over auto.
    system_metrics: utilisation, memory, power and network, every 15 seconds. timeout: seconds to wait for the server
        at the start, and for what is still to be sent at the end.
    Raises UserError without wandb, with one before 0.31, and for mode=online without a key.
    """

    def __init__(
        self,
        *,
        project: str | None = None,
        entity: str | None = None,
        group: str | None = None,
        tags: tuple[Annotated[str, Len(1, LONGEST)], ...] = (),
        mode: Literal["auto", "online", "offline"] = "auto",
        system_metrics: bool = True,
        timeout: Annotated[float, Gt(0)] = 60.0,
    ) -> None:
        _require_wandb()
        if mode == "online" and find_key() is None:
            raise UserError(
                "logger: mode=online needs the key of a W&B account, and none was found"
                "\n  set WANDB_API_KEY, in the environment or in a file .env here, or call: wandb login"
                "\n  without an account: mode=offline"
            )
        self.project, self.entity, self.group, self.tags = project, entity, group, tags
        self.mode, self.system_metrics, self.timeout = mode, system_metrics, timeout
        self.patience = timeout + 30  # the guard's own limit, for a server that does not even keep that one
        self._run: Any = None
        self._folder = Path()
        self._sent = self._said = 0  # our step of the last row that is there; place in train.log

    def open(self, folder: Path, config: dict[str, Any]) -> str:
        """Begin the W&B run of a record, or go on with it; returns a line that says where it is."""
        state = _state(folder)
        self._folder = folder
        self._run, line = self._begin(config, state["id"])
        for column in PROGRESS:
            self._run.define_metric(column, hidden=True)
        self._run.define_metric("*", step_metric="step")
        # What the server has of a run that is gone on with; an offline run begins anew, and is whole by itself.
        self._sent = int(self._run.summary.get("step") or 0) if self._run.resumed else 0
        self._said = state["said"] if self._sent else 0
        for step, row in earlier_rows(folder):
            self.log(row, step)
        self._mirror_log()
        return line

    def log(self, row: Mapping[str, float | None], step: int) -> None:
        """Send one row of metrics.csv, and what was said until then."""
        if step > self._sent:
            known = {column: value for column, value in row.items() if value is not None}
            self._run.log({column if column in PROGRESS else tag(column): value for column, value in known.items()})
        self._mirror_log()

    def image(self, name: str, path: Path, step: int) -> None:
        """Send a picture, `Result/{name}`. path: a PNG file."""
        import wandb

        self._run.log({f"Result/{name}": wandb.Image(str(path)), "step": step})

    def close(self, result: dict[str, Any]) -> str | None:
        """Send results, environment and the rest of the log; wait until all is there, at most `timeout` seconds."""
        self._results(result)
        self._run.config.update({"environment": _environment(self._folder)}, allow_val_change=True)
        self._mirror_log()
        try:
            self._run.finish(exit_code=0 if result.get("status") == "finished" else 1)
        except TimeoutError:
            sync = _sync(self._folder, self._run)
            return f"W&B: not everything was sent within {self.timeout:g} s; to send the rest: {sync}"
        return None

    def _begin(self, config: Mapping[str, Any], id: str) -> tuple[Any, str]:
        """The W&B run, online where it can be; and a line that says where it is."""
        found, mode, reason = find_key(), self.mode, ""
        if mode == "auto":
            mode = os.environ.get("WANDB_MODE") or "online"  # type: ignore[assignment]
        if mode == "online" and found is None:
            mode, reason = "offline", ": no key of an account was found"
        if mode == "online" and found is not None:
            try:
                run = self._init(config, id, "online", found[0])
                return run, f"W&B: {run.url}"
            except Exception as error:  # of many classes: no network, no such team, a key that is none
                told = f"{type(error).__name__}: {' '.join(str(error).split())}".replace(found[0], "***")
                if self.mode == "online":
                    raise RuntimeError(told) from None
                mode, reason, id = "offline", f": {told}", _new_id()  # wandb holds on to the id of what it gave up
        for old in (self._folder / "wandb").glob("offline-run-*"):
            shutil.rmtree(old)  # each offline run is whole by itself: two would be one too many
        run = self._init(config, id, mode, None)
        where = f"; to upload it: {_sync(self._folder, run)}" if mode == "offline" else ", as WANDB_MODE says"
        return run, f"W&B: {mode}{reason}{where}"

    def _init(self, config: Mapping[str, Any], id: str, mode: str, key: str | None) -> Any:
        import wandb

        whole = whole_of(self._folder, config)
        names = {whole.kind: dict(whole.says)} if whole else {}
        with contextlib.redirect_stderr(io.StringIO()):  # it tells of every log-in; what goes wrong is raised
            return wandb.init(
                dir=str(self._folder.resolve()),
                project=self.project or os.environ.get("WANDB_PROJECT") or _data_name(config),
                entity=self.entity,
                name=self._folder.resolve().name,
                group=self.group or (whole.name if whole else None),
                job_type=_short(whole.job) if whole else None,
                tags=self.tags or None,
                id=id,
                resume="allow" if mode == "online" else None,
                mode=mode,  # type: ignore[arg-type]
                reinit="create_new",
                allow_val_change=True,
                config={**config, **names},
                settings=wandb.Settings(
                    silent=True,  # where it is, the run says itself
                    console="off",  # train.log is sent, which has what is said in a quiet run, too
                    api_key=key,
                    init_timeout=self.timeout,
                    finish_timeout=self.timeout,
                    finish_timeout_raises=True,
                    x_disable_meta=True,  # user and command line; a record holds nothing private
                    host="-",
                    x_disable_stats=not self.system_metrics,
                    disable_git=True,
                    save_code=False,
                ),
            )

    def _mirror_log(self) -> None:
        """Send what train.log has got, as it stands there, times and all."""
        text, self._said = said_since(self._folder, self._said)
        if text:
            self._run.write_logs(text)
        folder = self._folder / "wandb"
        folder.mkdir(exist_ok=True)
        atomic.write_json(folder / "recipelab.json", {"id": self._run.id, "said": self._said})

    def _results(self, result: Mapping[str, Any]) -> None:
        import wandb

        rows: dict[tuple[str, str], dict[str, float]] = {}
        for split, checkpoint, view, metric, value in measured(result):
            rows.setdefault((checkpoint, view), {})[f"{split}_{metric}"] = value
        if not rows:
            return
        columns = list(dict.fromkeys(name for row in rows.values() for name in row))
        table = [[*place, *(row.get(name) for name in columns)] for place, row in rows.items()]
        self._run.log({"Eval/results": wandb.Table(columns=["checkpoint", "view", *columns], data=table)})
        self._run.summary.update(final(result))


def _require_wandb() -> None:
    fix = "\n  install it: pip install 'recipelab[wandb]', or choose logger=tensorboard"
    try:
        version = importlib.metadata.version("wandb")
    except importlib.metadata.PackageNotFoundError:
        raise UserError(f"logger=wandb needs the package wandb, which is not installed{fix}") from None
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UserError(f"logger=wandb needs wandb {oldest} or later, and {version} is installed{fix}")


def _state(folder: Path) -> dict[str, Any]:
    """The id of the record's W&B run, a new one for a new record, and how much of the log it was sent."""
    try:
        told = read_json(folder / "wandb" / "recipelab.json")
        if _ID.fullmatch(told["id"]) and isinstance(told["said"], int):
            return {"id": told["id"], "said": max(0, told["said"])}
    except (FileNotFoundError, UserError, KeyError, TypeError):
        pass
    return {"id": _new_id(), "said": 0}


def _new_id() -> str:
    return secrets.token_hex(4)


def _data_name(config: Mapping[str, Any]) -> str:
    """The name of the data's class, as the record's name has it."""
    node = config.get("data") or {}
    return str(node.get("_target_") or node.get("_object_") or "recipelab").rpartition(".")[2].lower()


def _environment(folder: Path) -> Any:
    try:
        return read_json(folder / "environment.json")
    except (FileNotFoundError, UserError):
        return None


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _sync(folder: Path, run: Any) -> str:
    return shlex.join(["wandb", "sync", str(folder / "wandb" / Path(run.settings.sync_dir).name)])
