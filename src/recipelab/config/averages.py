"""The averaging section as named averages: its short forms written out, each bound to the keys of its kind."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from recipelab.config.schema import Averaging
from recipelab.config.signature import Schema, fill, schema_of
from recipelab.core.durations import parse
from recipelab.core.errors import UserError, did_you_mean
from recipelab.core.sizes import size_in_bytes

KINDS = {
    "ema": "recipelab.averaging.ema.Ema",
    "swa": "recipelab.averaging.swa.Swa",
    "last_k": "recipelab.averaging.last_k.LastK",
}
SHORT = ("decays", "decay", "half_life", "window")
SHARED = ("start", "warmup", "debias", "interval")
"""Keys of the section that every moving average takes over, unless it has its own."""
RAW = "raw"
_NAME = re.compile(r"[A-Za-z][\w.\-]*")


@dataclass(frozen=True)
class Named:
    """An average of a recipe: its kind with checked keywords. key: where it stands."""

    kind: str
    target: Callable[..., Any]
    kwargs: dict[str, Any]

    def build(self) -> Any:
        """The average: something with `weights(clock)` and `describe(clock)`."""
        return self.target(**self.kwargs)


def view_names(averaging: Averaging | None) -> list[str]:
    """The views of a recipe: the raw weights, then its averages."""
    return [RAW, *named_averages(averaging)]


def named_averages(averaging: Averaging | None) -> dict[str, Named]:
    """The averages of a section, in order. Raises UserError for a name twice, or options that cannot be."""
    found: dict[str, Named] = {}
    if averaging is None:
        return found
    shared = {key: getattr(averaging, key) for key in SHARED}
    for name, key, node in _written_out(averaging):
        if not _NAME.fullmatch(name) or name == RAW:
            raise UserError(f"{key}: {name!r} cannot name a view: letters, digits, _ - and . are expected, not raw")
        if name in found:
            raise UserError(f"{key}: the average {name} is given twice; every decay can be given only once")
        found[name] = _bound(key, node, shared)
    return found


def check_averaging(averaging: Averaging | None) -> None:
    """Raise UserError for what no single key of the section can tell."""
    if averaging is None:
        return
    averages = named_averages(averaging)
    key = "averaging.evaluate_every"
    if averaging.evaluate_every is not None and parse(averaging.evaluate_every, key)[0] <= 0:
        raise UserError(f"{key}={averaging.evaluate_every}: a period must be longer than nothing")
    if size_in_bytes(averaging.store_limit, "averaging.store_limit") <= 0:
        raise UserError(
            f"averaging.store_limit={averaging.store_limit} leaves no room: averaging.store=false keeps none"
        )
    _refuse_idle(averaging, averages)
    if not averages and not averaging.store:
        raise UserError("averaging.averages={} and averaging.store=false leave nothing to do: give averaging=none")


def _refuse_idle(averaging: Averaging, averages: Mapping[str, Named]) -> None:
    """Raise UserError for keys that nothing reads."""
    plain = Averaging()
    changed = [key for key in SHARED if getattr(averaging, key) != getattr(plain, key)]
    if changed and not any(named.kind == "ema" for named in averages.values()):
        others = f": give averaging.averages.{next(iter(averages))}.KEY" if averages else ""
        raise UserError(f"averaging.{changed[0]} is of moving averages, and this recipe has none{others}")
    if averaging.buffers != "recompute" and averaging.recompute_batches != plain.recompute_batches:
        raise UserError("averaging.recompute_batches has nothing to apply to: give averaging.buffers=recompute")


def _written_out(averaging: Averaging) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(name, key, options) of every average."""
    given = [getattr(averaging, key) for key in SHORT]
    if averaging.averages is None and given == [None] * len(SHORT):
        yield "ema_0.9995", "averaging", {"kind": "ema"}
    for key, values in zip(SHORT, given, strict=True):
        option = "decay" if key == "decays" else key
        label = "" if option == "decay" else f"{option}_"
        for value in values if isinstance(values, list) else [values] if values is not None else []:
            text = str(value).replace(" ", "").replace("%", "pct")
            yield f"ema_{label}{text}", f"averaging.{key}", {"kind": "ema", option: value}
    for name, node in (averaging.averages or {}).items():
        yield name, f"averaging.averages.{name}", node


def _bound(key: str, node: Mapping[str, Any], shared: Mapping[str, Any]) -> Named:
    kind = node.get("kind")
    if kind not in KINDS:
        hint = did_you_mean(str(kind), KINDS) if kind is not None else ""
        raise UserError(f"{key}.kind={kind}: the kinds of average are {', '.join(KINDS)}{hint}")
    module, _, name = KINDS[kind].rpartition(".")
    target = getattr(importlib.import_module(module), name)
    schema: Schema = schema_of(target)
    own = {k: v for k, v in node.items() if k != "kind"}
    taken = {k: v for k, v in shared.items() if kind == "ema"}
    kwargs = fill(key, {**taken, **own}, schema, what=kind)
    for option in ("start", "every", "half_life", "window"):
        if kwargs.get(option) is not None:
            parse(kwargs[option], f"{key}.{option}" if option in own or option != "start" else "averaging.start")
    named = Named(kind, target, kwargs)
    named.build()
    return named
