"""A slot's schema is the signature of its `_target_`: what keys it takes, of what type, and which are facts."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from recipelab.core.errors import UserError, did_you_mean

MISSING = "???"
LIBRARIES = ("torch", "torchvision", "timm", "torchmetrics")


@dataclass(frozen=True)
class Slot:
    """One replaceable part of a recipe.

    supplied: how many leading parameters of the target the loop fills itself (an optimizer's parameters).
    optional: whether the slot may be empty.
    base: "module:Class" that a library's class must subclass to be named by a file we did not write.
    """

    supplied: int = 0
    optional: bool = False
    base: str | None = None


SLOTS: dict[str, Slot] = {
    "data": Slot(base="torch.utils.data:Dataset"),
    "augment": Slot(base="torch.nn:Module"),
    "mix": Slot(optional=True, base="torch.nn:Module"),
    "model": Slot(base="torch.nn:Module"),
    "loss": Slot(base="torch.nn:Module"),
    "optimizer": Slot(supplied=1, base="torch.optim:Optimizer"),
    "scheduler": Slot(supplied=1),
    "logger": Slot(optional=True),
}


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
    parameters = list(inspect.signature(target).parameters.values())[supplied:]
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


def locate(slot: str, path: object, *, trusted: bool, own: tuple[str, ...] = ()) -> Callable[..., Any]:
    """The class or function that `path` ("package.module.Name") names.

    trusted: the path comes from the packaged tree, the user's own --config-dir or the command line. Otherwise (a
    record, somebody's file) it must be recipelab's own, a module of the user's --config-dir (`own`), or a class of
    torch, torchvision, timm or torchmetrics that subclasses what the slot holds; the prefix is checked before
    anything is imported. Raises UserError.
    """
    key = f"{slot}._target_"
    if not isinstance(path, str) or not all(part.isidentifier() for part in path.split(".")) or "." not in path:
        raise UserError(f"{key}={path!r} is not a path to a class or function, such as my_package.my_module.MyClass")
    top = path.split(".")[0]
    ours = top == "recipelab" or top in own
    if not trusted and not ours and top not in LIBRARIES:
        raise UserError(
            f"{key}={path}: a configuration from a file or record may name recipelab's own classes, or classes of"
            f" {', '.join(LIBRARIES)}; {top!r} is neither\n"
            f"  to use code of your own, give the folder that holds it: --config-dir DIR"
        )
    found = _import(key, path)
    if not callable(found):
        raise UserError(f"{key}={path} is not a class or function but a {type(found).__name__}")
    if not trusted:
        _refuse_foreign(slot, path, found, ours, own)
    return found  # type: ignore[no-any-return]


def _refuse_foreign(slot: str, path: str, found: Any, ours: bool, own: tuple[str, ...]) -> None:
    """An untrusted path may reach a foreign function by way of our own modules' imports: judge what it found."""
    home = (getattr(found, "__module__", "") or "").split(".")[0]
    if ours and (home == "recipelab" or home in own):
        return
    base = SLOTS[slot].base
    if base is not None and inspect.isclass(found) and home in LIBRARIES:
        module, name = base.split(":")
        if issubclass(found, getattr(importlib.import_module(module), name)):
            return
    raise UserError(f"{slot}._target_={path}: {home}.{getattr(found, '__name__', '?')} cannot fill the slot {slot!r}")


def _import(key: str, path: str) -> Any:
    module_path, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_path)
    except ModuleNotFoundError as error:
        if error.name and not (module_path == error.name or module_path.startswith(error.name + ".")):
            raise UserError(f"{key}={path}: importing {module_path} needs {error.name!r}, which is missing") from error
        raise UserError(
            f"{key}={path}: there is no module {module_path!r}\n"
            f"  a module of your own is found in the folder given by --config-dir, or where it is installed"
        ) from error
    if not hasattr(module, name):
        raise UserError(f"{key}={path}: {module_path} has no {name!r}{did_you_mean(name, vars(module))}")
    return getattr(module, name)


def fill(
    path: str,
    node: Mapping[str, Any],
    schema: Schema,
    *,
    facts: Mapping[str, object] | None = None,
    later: Collection[str] = (),
    what: str | None = None,
) -> dict[str, Any]:
    """`node` checked against `schema` and completed: defaults filled in, facts injected by name.

    path: where the node stands ("model"), for messages; what: the name of its target.
    facts: values that stand in for a default, and that a given key must not contradict.
    later: names that facts will fill; a key of that name which is not given stays away.
    Raises UserError.
    """
    prefix = f"{path}." if path else ""
    known = schema.parameters
    for key in node:
        if key not in known and not schema.open:
            options = ", ".join(known) or "it takes none"
            raise UserError(
                f"{prefix}{key} is not an option{f' of {what}' if what else ''}"
                f"{did_you_mean(str(key), known, prefix)}\n  options: {options}"
            )
    filled = {key: value for key, value in node.items() if key not in known}
    for key, parameter in known.items():
        if key not in node and key in later:
            continue
        value = node.get(key, parameter.default)
        fact = (facts or {}).get(key)
        if fact is not None:
            if key in node and value not in (None, MISSING, "auto") and _plain(value) != _plain(fact):
                raise UserError(f"{prefix}{key}={value} contradicts the data, which say {_plain(fact)}; leave it out")
            filled[key] = fact
        elif isinstance(value, str) and value == MISSING:
            raise UserError(f"{prefix}{key} is required: give {prefix}{key}=VALUE")
        else:
            filled[key] = validate(f"{prefix}{key}", value, parameter.annotation)
    return filled


def validate(key: str, value: Any, annotation: Any) -> Any:
    """`value` if it is of the annotated type and in range (an int for a float becomes one). Raises UserError."""
    if value is None and annotation is not None and _accepts_none(annotation):
        return None
    try:
        return TypeAdapter(annotation).validate_python(value, strict=True)
    except ValidationError as error:
        reasons = list(dict.fromkeys(_reason(e["msg"]) for e in error.errors()))
        choices = [str(c) for e in error.errors() for c in _choices(e)]
        hint = did_you_mean(str(value).lower(), choices) if isinstance(value, str) else ""
        shown = repr(value) if isinstance(value, str) else value
        raise UserError(f"{key}={shown}: {' or '.join(reasons)}{hint}") from None
    except (PydanticSchemaGenerationError, PydanticUserError):
        return value  # a type pydantic does not know (a user's own class): the target itself must judge


def _accepts_none(annotation: Any) -> bool:
    return annotation is Any or type(None) in getattr(annotation, "__args__", ())


def _reason(message: str) -> str:
    text = message[:1].lower() + message[1:]
    return text.replace("input should be", "should be")


def _choices(error: Any) -> list[str]:
    if error["type"] != "literal_error":
        return []
    return [part.strip("'\" ") for part in error["ctx"]["expected"].replace(" or ", ", ").split(",")]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
