"""The slots of a recipe, and the classes and functions that `_target_` names for them."""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recipelab.core.errors import UserError, did_you_mean

LIBRARIES = ("torch", "torchvision", "timm", "torchmetrics")


@dataclass(frozen=True)
class Slot:
    """One replaceable part of a recipe.

    room: the package whose classes and functions fill the slot; nothing else of ours may be named by a file that we
        did not write: other functions of ours write files or run recipes.
    members: what the loop calls on whatever fills the slot; a target that builds something else is refused.
    supplied: how many leading parameters of the target the loop fills itself (an optimizer's parameters).
    optional: whether the slot may be empty.
    base: "module:Class" that a library's class must subclass to be named by such a file; None: none of theirs may.
    """

    room: str
    members: tuple[str, ...] = ("__call__",)
    supplied: int = 0
    optional: bool = False
    base: str | None = None


SLOTS: dict[str, Slot] = {
    "data": Slot("recipelab.data", ("facts", "load")),
    "augment": Slot("recipelab.augment", ("draw", "__call__")),
    "mix": Slot("recipelab.mix", optional=True),
    "model": Slot("recipelab.models", ("__call__", "parameters", "state_dict"), base="torch.nn:Module"),
    "loss": Slot("recipelab.losses", base="torch.nn:Module"),
    "optimizer": Slot("recipelab.optim", ("step", "param_groups"), supplied=1, base="torch.optim:Optimizer"),
    "scheduler": Slot("recipelab.optim.schedules", ("__len__", "item"), supplied=1),
    "logger": Slot("recipelab.loggers", ("open", "log", "close"), optional=True),
}

# Not a slot, but a list in which targets may stand beside names.
PLACES = {**SLOTS, "metrics": Slot("recipelab.metrics", ("update", "compute", "to"), base="torchmetrics:Metric")}


# What stands inside a slot, under a key of its node: a data slot may hold torch Datasets, a logger several others.
INSIDE: dict[str, Slot] = {
    "data": Slot("recipelab.data", ("__len__", "__getitem__"), base="torch.utils.data:Dataset"),
    "logger": SLOTS["logger"],
}


def kind_of(slot: str) -> Slot:
    """The slot called "model", or what a key of one holds, "data.train"."""
    name, _, inside = slot.partition(".")
    return INSIDE[name] if inside else PLACES[name]


def locate(slot: str, path: object, *, trusted: bool, own: tuple[str, ...] = ()) -> Callable[..., Any]:
    """The class or function that `path` ("package.module.Name") names.

    trusted: the path comes from the packaged tree, the user's own --config-dir or the command line. Otherwise (a
    record, somebody's file) it must be of the slot's own room in recipelab, of a module of the user's --config-dir
    (`own`), or a class of torch, torchvision, timm or torchmetrics that subclasses what the slot holds; where it
    stands is checked before anything is imported. Raises UserError.
    """
    key = f"{slot}._target_"
    if not isinstance(path, str) or not all(part.isidentifier() for part in path.split(".")) or "." not in path:
        raise UserError(f"{key}={path!r} is not a path to a class or function, such as my_package.my_module.MyClass")
    if not trusted:
        _refuse_place(slot, path, own)
    found = _import(key, path)
    if not callable(found):
        raise UserError(f"{key}={path} is not a class or function but a {type(found).__name__}")
    if not trusted:
        _refuse_foreign(slot, path, found, own)
    return found  # type: ignore[no-any-return]


def _refuse_place(slot: str, path: str, own: tuple[str, ...]) -> None:
    """An untrusted path must stand where targets of its slot may stand, and name nothing private."""
    top = path.split(".")[0]
    kind = kind_of(slot)
    place = path.startswith(f"{kind.room}.") or top in own or (kind.base is not None and top in LIBRARIES)
    if place and not any(part.startswith("_") for part in path.split(".")):
        return
    theirs = f", or classes of {', '.join(LIBRARIES)}" if kind.base else ""
    raise UserError(
        f"{slot}._target_={path}: here a configuration from a file or record may name what {kind.room} has"
        f"{theirs}\n  to use code of your own, give the folder that holds it, --config-dir DIR,"
        f" or name it: {slot}._target_={path}"
    )


def _refuse_foreign(slot: str, path: str, found: Any, own: tuple[str, ...]) -> None:
    """An untrusted path may reach something foreign by way of a module's imports: judge what it found."""
    home = getattr(found, "__module__", None) or ""
    if f"{home}.".startswith(f"{kind_of(slot).room}.") or home.split(".")[0] in own:
        return
    base = kind_of(slot).base
    if base is not None and inspect.isclass(found) and f"{home}.".startswith(_rooms(base)):
        module, name = base.split(":")
        if issubclass(found, getattr(importlib.import_module(module), name)):
            return
    raise UserError(f"{slot}._target_={path}: {home}.{getattr(found, '__name__', '?')} cannot fill the slot {slot!r}")


def _rooms(base: str) -> tuple[str, ...]:
    """Where a library's classes of a kind may come from. torchmetrics' metrics are modules, too, and some of them fetch
    the model that a key names: of it only what measures numbers, and only as a metric."""
    if base.startswith("torchmetrics"):
        return ("torchmetrics.classification.", "torchmetrics.regression.")
    return tuple(f"{name}." for name in LIBRARIES if name != "torchmetrics")


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
    except Exception as error:  # whatever somebody's module does when it is imported
        raise UserError(f"{key}={path}: importing {module_path} failed: {described(error)}") from error
    if not hasattr(module, name):
        raise UserError(f"{key}={path}: {module_path} has no {name!r}{did_you_mean(name, vars(module))}")
    return getattr(module, name)


def described(error: Exception) -> str:
    """An exception of somebody else's code in one line: type, message, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"
