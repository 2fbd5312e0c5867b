"""A slot's schema is the signature of its `_target_`: what keys it takes, of what type, and which are facts."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from recipelab.config.elsewhere import key_here
from recipelab.core.errors import UserError, did_you_mean

MISSING = "???"


@dataclass(frozen=True)
class Parameter:
    """One key that a target takes: its annotation, and its default (MISSING when it has none)."""

    annotation: Any
    default: Any


@dataclass(frozen=True)
class Schema:
    """The keys of a target; `open` when it takes any (**kwargs)."""

    parameters: dict[str, Parameter]
    open: bool = False


def schema_of(target: Callable[..., Any], supplied: int = 0) -> Schema:
    """The schema of a class or function: its named parameters, less the first `supplied`."""
    function = target.__init__ if inspect.isclass(target) else target
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):  # a forward reference we cannot see: unchecked, not refused
        hints = {}
    try:
        parameters = list(inspect.signature(target).parameters.values())[supplied:]
    except ValueError:  # written in C, without a signature: it judges its own keys
        return Schema({}, open=True)
    named = [p for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    made = {f.name: f.default_factory() for f in _fields(target) if f.default_factory is not dataclasses.MISSING}
    return Schema(
        {
            p.name: Parameter(hints.get(p.name, Any), made.get(p.name, MISSING if p.default is p.empty else p.default))
            for p in named
        },
        open=any(p.kind is p.VAR_KEYWORD for p in parameters),
    )


def _fields(target: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(target) if inspect.isclass(target) and dataclasses.is_dataclass(target) else ()


def fill(
    path: str,
    node: Mapping[str, Any],
    schema: Schema,
    *,
    facts: Mapping[str, object] | None = None,
    later: Collection[str] = (),
    what: str | None = None,
    others: Callable[[str], str] = lambda key: "",
) -> dict[str, Any]:
    """`node` checked against `schema` and completed: defaults filled in, facts injected by name.

    path: where the node stands ("model"), for messages; what: the name of its target.
    others: what to add to a message about a key that is not an option, such as who does take it.
    facts: values that stand in for a default, and that a given key must not contradict.
    later: names that facts will fill; a key of that name which is not given stays away.
    Raises UserError.
    """
    prefix = f"{path}." if path else ""
    known = schema.parameters
    for key in node:
        if key not in known and not schema.open:
            options = ", ".join(known) or "it takes none"
            hint = key_here(f"{prefix}{key}", node[key]) or did_you_mean(str(key), known, prefix)
            raise UserError(
                f"{prefix}{key} is not an option{f' of {what}' if what else ''}"
                f"{hint}{others(str(key))}\n  options: {options}"
            )
    filled = {key: value for key, value in node.items() if key not in known}
    for key, parameter in known.items():
        if key not in node and key in later:
            continue
        value = node.get(key, parameter.default)
        fact = (facts or {}).get(key)
        if fact is not None:
            if key in node and value not in (None, MISSING, "auto") and plain(value) != plain(fact):
                raise UserError(f"{prefix}{key}={value} contradicts the data, which say {plain(fact)}; leave it out")
            filled[key] = fact
        elif isinstance(value, str) and value == MISSING:
            raise UserError(f"{prefix}{key} is required: give {prefix}{key}=VALUE")
        elif key in node or _is_plain(value):  # a default that yaml cannot hold (a class) is left to the target
            filled[key] = _accepted(f"{prefix}{key}", plain(value), parameter)
    return filled


def _accepted(key: str, value: Any, parameter: Parameter) -> Any:
    """`value` validated; a target's own default is always right, whatever its annotation says (`size: int = None`)."""
    try:
        return validate(key, value, parameter.annotation)
    except UserError:
        default = plain(parameter.default)
        if type(value) is type(default) and value == default:
            return parameter.default
        raise


def validate(key: str, value: Any, annotation: Any) -> Any:
    """`value` if it is of the annotated type and in range. Raises UserError.

    As yaml has no tuples, a list stands for one where the annotation asks for one; an int for a float becomes one.
    """
    _refuse_infinite(key, value)
    if value is None and annotation is not None and _accepts_none(annotation):
        return None
    try:
        adapter = TypeAdapter(annotation)
        try:
            return adapter.validate_python(value, strict=True)
        except ValidationError:
            if isinstance(value, list):
                with contextlib.suppress(ValidationError, TypeError):
                    return adapter.validate_json(json.dumps(value), strict=True)  # in JSON a list may be a tuple
            raise
    except ValidationError as error:
        reasons = list(dict.fromkeys(_reason(e["msg"]) for e in error.errors()))
        choices = [str(c) for e in error.errors() for c in _choices(e)]
        hint = did_you_mean(str(value).lower(), choices) if isinstance(value, str) else ""
        shown = repr(value) if isinstance(value, str) else value
        raise UserError(f"{key}={shown}: {' or '.join(reasons)}{hint}") from None
    except (PydanticSchemaGenerationError, PydanticUserError):
        return value  # a type pydantic does not know (a user's own class): the target itself must judge


def _refuse_infinite(key: str, value: Any) -> None:
    """NaN and infinity pass for numbers, and even for numbers in a range; no option of a recipe means one."""
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{key}={value}: should be a finite number")
    for item in value if isinstance(value, list) else ():
        _refuse_infinite(key, item)


def _accepts_none(annotation: Any) -> bool:
    return annotation is Any or type(None) in getattr(annotation, "__args__", ())


def _reason(message: str) -> str:
    text = message[:1].lower() + message[1:]
    return text.replace("input should be", "should be")


def _choices(error: Any) -> list[str]:
    if error["type"] != "literal_error":
        return []
    return [part.strip("'\" ") for part in error["ctx"]["expected"].replace(" or ", ", ").split(",")]


def plain(value: Any) -> Any:
    """`value` as yaml gives it back: tuples as lists, in containers of its own."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is None or type(value) in (bool, int, float, str)
