"""How a search is to be run, which one is meant, and the command that goes on with it."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recipelab.commands.named_file import begun, named_file
from recipelab.core.errors import UserError
from recipelab.tuning.address import require_reachable, shown


@dataclass(frozen=True)
class Order:
    """How a search is to be run.

    jobs: trials at once. retry: how often a trial whose process dies is begun again. storage: URL of an SQL storage of
    Optuna's; None: a file in the search's folder. name: of the search in its storage, and of its folder.
    """

    jobs: int = 1
    retry: int = 1
    storage: str | None = None
    name: str | None = None
    output: str = "outputs/searches"
    config_dir: str | None = None
    quiet: bool = False


def check_order(order: Order) -> None:
    """Refuse what cannot be, and a storage that does not answer. Raises UserError."""
    if order.jobs < 1:
        raise UserError(f"--jobs {order.jobs}: trials at once, at least 1")
    if order.retry < 0:
        raise UserError(f"--retry {order.retry}: further tries of a crashed trial, at least 0")
    if order.name is not None and (order.name in ("", ".", "..") or Path(order.name).name != order.name):
        raise UserError(f"--name {order.name}: the name of one folder is expected; --output DIR says where it is made")
    if order.storage is not None:
        require_reachable(order.storage)


def find(words: Sequence[str], order: Order) -> tuple[dict[str, Any], str, tuple[str, ...], Order]:
    """The content of the search file that is named first, if one is; the search's name; the overrides; the order, with
    the place that the search has already where its own file is named."""
    if not words or "=" in words[0]:
        title = f"search_{hashlib.sha256(chr(0).join(sorted(_lasting(words))).encode()).hexdigest()[:8]}"
        return {}, order.name or title, tuple(words), order
    content, title = named_file("search", "searches", words[0], order.config_dir)
    content, before, folder = begun("search", words[0], content)
    if folder is not None:
        title = folder.name
        order = replace(order, output=str(folder.parent)) if order.output == Order.output else order
    return content, order.name or title, (*before, *words[1:]), order


def _lasting(words: Sequence[str]) -> list[str]:
    """The words that make a search what it is; more trials or another sampler go on with the same."""
    passing = ("trials", "timeout", "sampler", "pruner", "importance")
    return [w for w in words if w.removeprefix("search.").partition("=")[0].split(".")[0] not in passing]


def again_command(words: Sequence[str], order: Order) -> str:
    """The command that goes on."""
    parts = ["recipelab", "tune", *words]
    parts += [f"--jobs={order.jobs}"] if order.jobs > 1 else []
    parts += [f"--retry={order.retry}"] if order.retry != Order.retry else []
    parts += [f"--storage={shown(order.storage)}"] if order.storage else []
    parts += [f"--name={order.name}"] if order.name else []
    parts += [f"--output={order.output}"] if order.output != Order.output else []
    parts += [f"--config-dir={order.config_dir}"] if order.config_dir else []
    return shlex.join(parts)
