"""The words of a command: parsed by Hydra's grammar, and judged before anything is composed from them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException

from recipelab.config.elsewhere import choice_here, key_here
from recipelab.config.schema import SECTIONS, Data, Run
from recipelab.config.slots import SLOTS
from recipelab.core.errors import UserError, did_you_mean, nearest

PRESETS = ("recipe", "env")
MANY = {"logger": "recipelab.loggers.several.Several"}  # groups of which several choices may be taken, and by what
TOP_KEYS = tuple(f.name for f in fields(Run))


def parse(overrides: Sequence[str], choices: Mapping[str, Sequence[str]]) -> list[Override]:
    """`overrides`, each of which names something that exists; choices: of every group. Raises UserError."""
    parser = OverridesParser.create()
    parsed = []
    for text in overrides:
        try:
            parsed.append(parser.parse_override(text))
        except (HydraException, ValueError) as error:
            reason = str(error).splitlines()[0]
            hint = "\n  a key and a value are expected: trainer.epochs=10" if "=" not in text else search_hint(text)
            raise UserError(f"cannot read the override {text!r}: {reason}{hint}") from None
    return [_judged(override, choices) for override in parsed]


def search_hint(text: str) -> str:
    """What to add to the message about an override whose value only a search draws, such as log(0.01,1)."""
    if not re.match(r"[^=]+=\s*(log|uniform|int)\(", text):
        return ""
    return f"\n  a value that is drawn belongs to a search: recipelab tune {shlex.quote(text)}"


def _judged(override: Override, choices: Mapping[str, Sequence[str]]) -> Override:
    """`override` if its first word and, for a group, its choice exist. Raises UserError with the nearest."""
    key = override.key_or_group
    head, _, rest = key.partition(".")
    sections = {*SLOTS, *SECTIONS}
    if override.is_sweep_override():
        raise UserError(f"{override.input_line}: one run takes one value a key, but this names several")
    if rest and head in sections:
        return override
    if not rest and override.type is OverrideType.DEL and head in {*sections, *choices}:
        instead = f": give {head}=none" if "none" in choices.get(head, ()) else ""
        raise UserError(f"{override.input_line}: {head} cannot be deleted{instead}")
    if not rest and head in choices:
        value = override.value()
        if isinstance(value, list) and head in MANY:
            return _judged_list(override, [str(item) for item in value], choices[head])
        value = "none" if value is None else str(value)
        if value not in choices[head]:
            same = choice_here(head, value, list(choices[head]))
            hint = f"\n  here it is: {head}={same}" if same else did_you_mean(value, choices[head], f"{head}=")
            raise UserError(f"{head}={value}: there is no such choice{hint}\n  choices: {', '.join(choices[head])}")
        return override
    if not rest and head in TOP_KEYS:
        return override
    if not rest and head in sections:
        raise UserError(f"{override.input_line}: {head} is a section; its keys are set one by one: {head}.KEY=VALUE")
    raise UserError(
        f"{key} is not a key of a recipe{key_here(key) or _nearest_key(head, rest, choices)}"
        f"\n  slots and sections: {', '.join([*SLOTS, *SECTIONS])}"
        f"\n  top keys: {', '.join(TOP_KEYS)}"
    )


def _judged_list(override: Override, names: Sequence[str], choices: Sequence[str]) -> Override:
    """`override`, such as logger=[tensorboard,wandb], if it names choices that do something, each once."""
    key, real = override.key_or_group, [choice for choice in choices if choice != "none"]
    for name in names:
        if name not in real:
            raise UserError(
                f"{key}: {name} is no choice of a list{did_you_mean(name, real)}\n  choices: {', '.join(real)}"
            )
    if not names or len(set(names)) < len(names):
        raise UserError(f"{override.input_line}: a list names one choice or more, each once; for none: {key}=none")
    return override


def _nearest_key(head: str, rest: str, choices: Mapping[str, Sequence[str]]) -> str:
    """«did you mean ...?»: a section, a group, a key at the top, or a key that stands in a section."""
    inside = {f.name: f"{name}.{f.name}" for name, kind in {"data": Data, **SECTIONS}.items() for f in fields(kind)}
    same = {name.replace("_", ""): name for name in inside}.get(head.replace("_", ""))
    best = same or nearest(head, [*SLOTS, *SECTIONS, *choices, *TOP_KEYS]) or nearest(head, inside)
    if rest and best in inside:
        best = None
    if best is None or (rest and best in TOP_KEYS):
        return f"\n  did you mean: {best}" if best else ""
    return f"\n  did you mean: {inside.get(best, best)}{f'.{rest}' if rest else ''}"


def lines(override: Override) -> list[str]:
    """The override as Hydra takes it: `++` lets a key be set that the yaml does not spell out; `check` knows it.

    A list of choices becomes one line a choice, each at a key of its own name: logger.tensorboard, logger.wandb.
    """
    if override.type is OverrideType.DEL:
        return [str(override.input_line)]
    key, value = str(override.input_line).lstrip("+").split("=", 1)
    if isinstance(names := override.value(), list) and key in MANY:
        return [f"{key}=none", *(f"+{key}@{key}.{name}={name}" for name in names), f"++{key}._target_={MANY[key]}"]
    if "." not in key and key not in TOP_KEYS:
        return [f"{key}={'none' if override.value() is None else value}"]
    return [f"++{key}={value}"]


_UNQUOTED = re.compile(r"[\w\-/+.$%*@?|]+")


def written(value: Any) -> str:
    """A plain value as the grammar of overrides reads it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(written, value)) + "]"
    if isinstance(value, str) and not _UNQUOTED.fullmatch(value):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value)
