"""A policy of one's own: a list of primitives, applied in its order.

    augment:
      _target_: recipelab.augment.listed.listed
      ops:
        - {name: crop, padding: 4}
        - {name: rotate, degrees: 10, p: 0.5}
        - {name: cutout, size: 8}

Each entry is the name of a primitive (`recipelab.augment.primitives`) and its options; the signature of the primitive
is their schema, and facts of the data are filled in by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from recipelab.augment.chain import Chain
from recipelab.augment.primitives import PRIMITIVES
from recipelab.core.errors import UserError, did_you_mean


def listed(
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    ops: list[dict[str, Any]],
) -> Chain:
    """The primitives of `ops`, one after the other. Raises UserError for an unknown name or option."""
    parts: dict[str, Any] = {}
    facts = {"image_size": image_size, "input_channels": input_channels, "mean": mean}
    for index, entry in enumerate(ops):
        key = f"augment.ops[{index}]"
        name = entry.get("name")
        if name not in PRIMITIVES:
            hint = did_you_mean(str(name), PRIMITIVES)
            raise UserError(f"{key}.name={name!r} is not a primitive{hint}\n  primitives: {', '.join(PRIMITIVES)}")
        options = {option: value for option, value in entry.items() if option != "name"}
        part = build(PRIMITIVES[name], options, facts, key)
        facts["image_size"] = getattr(part, "output_size", facts["image_size"])
        parts[f"{index}_{name}"] = part
    return Chain(parts)


def build(target: Callable[..., Any], options: Mapping[str, Any], facts: Mapping[str, object], key: str) -> Any:
    """target(**options, **facts that it names), every option checked against its annotation. Raises UserError.

    key: where the options stand, for messages.
    """
    hints = get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    known = inspect.signature(target).parameters
    own = [name for name in known if name not in facts]
    for option in options:
        if option not in own:
            raise UserError(
                f"{key}.{option} is not an option{did_you_mean(option, own, f'{key}.')}\n  options: {', '.join(own)}"
            )
    for name in own:
        if name not in options and known[name].default is inspect.Parameter.empty:
            raise UserError(f"{key}.{name} is required")
    checked = {option: _checked(f"{key}.{option}", value, hints[option]) for option, value in options.items()}
    return target(**checked, **{name: facts[name] for name in known if name in facts})


def _checked(key: str, value: Any, annotation: Any) -> Any:
    try:
        # Not strict for a pair, which yaml writes as a list; a number in quotes is still refused.
        return TypeAdapter(annotation).validate_python(value, strict=not isinstance(value, list))
    except ValidationError as error:
        reasons = " or ".join(dict.fromkeys(found["msg"][:1].lower() + found["msg"][1:] for found in error.errors()))
        raise UserError(f"{key}={value!r}: {reasons}") from None
