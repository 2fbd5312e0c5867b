"""From words on the command line to one plain mapping: Hydra's compose over the packaged tree and the user's own.

Composition only puts a recipe together; `check` judges it. Nothing is written. `@hydra.main` is not used because it
writes its output folder before a check could run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from recipelab.config.overrides import PRESETS, TOP_KEYS, lines, parse
from recipelab.config.schema import OPTIONAL_SECTIONS
from recipelab.config.slots import SLOTS
from recipelab.config.tree import groups, packaged_tree
from recipelab.core.errors import UserError
from recipelab.core.plain import read_yaml

# What would be fetched: an address, a model of a hub, a path on the network.
_ADDRESS = re.compile(r"\s*(?:[\w+.-]+://|hf[-_]hub:|local-dir:|//|\\\\)", re.IGNORECASE)


@dataclass(frozen=True)
class Composed:
    """A recipe put together but not yet checked.

    config: plain containers. trusted: whether every target in it was named by the package or the user.
    own: modules that the user's own folder holds. named: targets that the command itself names; both are trusted.
    shadowed: packaged files that a file of the user's stands before. given: keys that the command sets.
    """

    config: dict[str, Any]
    trusted: bool = True
    own: tuple[str, ...] = ()
    shadowed: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    given: tuple[str, ...] = ()


def compose(
    overrides: Sequence[str] = (), *, config_dir: str | Path | None = None, base: Mapping[str, Any] | None = None
) -> Composed:
    """Put a recipe together.

    overrides: Hydra's syntax, such as model=resnet20 trainer.epochs=10.
    config_dir: a folder of the user's own yaml, which wins over ours and becomes importable.
    base: a complete recipe from a file or record to start from instead of the defaults; it is not trusted.
    Raises UserError.
    """
    user = _user_tree(config_dir)
    parsed = parse(overrides, groups(user))
    config = _anew(parsed, user) if base is None else _onto(base, parsed, user)
    _forget_old_keys(config, parsed, base or {})
    return Composed(
        config=config,
        trusted=base is None,
        own=tuple(_modules(user)),
        shadowed=tuple(_shadowed(user)),
        named=tuple(path for o in parsed for path in _targets(o.key_or_group.rpartition(".")[2], o.value())),
        given=tuple(o.key_or_group for o in parsed),
    )


def _targets(key: str, value: Any) -> Iterator[str]:
    """Every target that an override names: at its key, or inside its value."""
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield from _targets(str(inner), item)
    elif isinstance(value, list):
        for item in value:
            yield from _targets("", item)
    elif key == "_target_":
        yield str(value)


def _forget_old_keys(config: dict[str, Any], overrides: Sequence[Override], base: Mapping[str, Any]) -> None:
    """A `_target_` named by the command takes the place of its slot's choice: only keys given beside it remain.

    Naming the target that `base` has already changes nothing; it is how the command says that it trusts it.
    """
    for slot in SLOTS:
        given = [o for o in overrides if o.key_or_group.startswith(f"{slot}.") and o.type is not OverrideType.DEL]
        named = [o.value() for o in given if o.key_or_group == f"{slot}._target_"]
        if named and named[-1] != (base.get(slot) or {}).get("_target_"):
            node = OmegaConf.create({})
            for override in given:
                OmegaConf.update(node, override.key_or_group.removeprefix(f"{slot}."), override.value(), force_add=True)
            config[slot] = OmegaConf.to_container(node)


def load_base(path: str | Path) -> dict[str, Any]:
    """A recipe from a yaml file, or from a record's folder (its config.yaml). Raises UserError.

    Such a file is somebody's: it may hold no Hydra node and no resolver (`${...}`).
    """
    file = Path(path)
    file = file / "config.yaml" if file.is_dir() else file
    try:
        config = read_yaml(file)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"--config {path}: there is no file {file}") from None
    except UserError as error:
        raise UserError(f"--config {path}: {error}") from error
    if not isinstance(config, dict) or not all(isinstance(key, str) for key in config):
        raise UserError(f"--config {path}: {file} is not a recipe: a mapping of slots is expected at its top")
    _refuse_magic(str(file), config)
    return config


def _refuse_magic(source: str, node: Any, where: str = "", seen: set[int] | None = None) -> None:
    """A recipe that somebody wrote holds plain values under plain keys: nothing that Hydra or yaml would act upon."""
    seen = set() if seen is None else seen
    if isinstance(node, Mapping | list):
        if id(node) in seen:  # before it is followed: anchors can nest without end, or grow without measure
            raise UserError(
                f"{source}: a recipe from a file holds no yaml anchors (&, *), but {where.rstrip('.')} is one"
            )
        seen.add(id(node))
    if isinstance(node, Mapping):
        for key, value in node.items():
            if str(key) == "hydra" or str(key) in ("defaults", "_recursive_", "_partial_", "_args_", "_convert_"):
                raise UserError(f"{source}: a recipe from a file holds no {where}{key}")
            _refuse_magic(source, value, f"{where}{key}.", seen)
    elif isinstance(node, list):
        for item in node:
            _refuse_magic(source, item, where, seen)
    elif isinstance(node, str) and "${" in node:
        raise UserError(f"{source}: a recipe from a file holds no interpolation, but {where.rstrip('.')}={node!r}")
    elif isinstance(node, str) and _ADDRESS.match(node):
        raise UserError(
            f"{source}: a recipe from a file holds no address to fetch from, but {where.rstrip('.')}={node!r}"
        )
    elif not isinstance(node, str | int | float | None):
        raise UserError(
            f"{source}: {where.rstrip('.')}={node} is a {type(node).__name__}, which no key takes; quote it"
        )


def _user_tree(config_dir: str | Path | None) -> Path | None:
    if config_dir is None:
        return None
    folder = Path(config_dir).resolve()
    if not folder.is_dir():
        raise UserError(f"--config-dir {config_dir}: there is no such folder")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # appended: the user's files never stand before an installed module
    return folder


def _modules(user: Path | None) -> Iterator[str]:
    """Names of the modules that are found in the user's folder; an installed one of the same name stands before it."""
    for path in sorted(user.iterdir()) if user else ():
        name = path.stem if path.suffix == ".py" else path.name
        if name.isidentifier() and (path.suffix == ".py" or path.is_dir()):
            with contextlib.suppress(ImportError, ValueError):  # ValueError: a module without a spec, such as __main__
                spec = importlib.util.find_spec(name)
                places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
                if any(place and Path(place).is_relative_to(path.parent) for place in places):
                    yield name


def _shadowed(user: Path | None) -> Iterator[str]:
    """Files of the packaged tree that the user's stand before."""
    ours = packaged_tree()
    for file in sorted(ours.rglob("*.yaml")):
        name = file.relative_to(ours)
        if user and (user / name).exists():
            yield str(name)


def _anew(overrides: Sequence[Override], user: Path | None) -> dict[str, Any]:
    """The defaults with overrides applied."""
    config = _hydra(user, _lines(overrides))
    optional = [o for o in overrides if o.key_or_group.split(".")[0] in OPTIONAL_SECTIONS and "." in o.key_or_group]
    if optional:
        _refuse_unchosen(optional, _hydra(user, _lines([o for o in overrides if o not in optional])))
    return _plain(config)


def _lines(overrides: Sequence[Override]) -> list[str]:
    return [line for override in overrides for line in lines(override)]


def _refuse_unchosen(overrides: Sequence[Override], config: Mapping[str, Any]) -> None:
    """A key of a section that is not there must not bring it in with everything else by default."""
    for override in overrides:
        name = override.key_or_group.split(".")[0]
        if not config.get(name):
            found = ", ".join(f"{name}={choice}" for choice in groups()[name] if choice != "none")
            raise UserError(f"{override.input_line} has nothing to apply to, as {name} is none: choose one, {found}")


def _hydra(user: Path | None, words: list[str]) -> DictConfig:
    """Hydra's compose over the user's tree and ours, in that order.

    Not `initialize_config_dir` and `hydra.searchpath`: what that adds stands behind the main tree, and where the user's
    is the main tree, the primary file is looked for before ours is added. A caller's own Hydra is left as it was.
    """
    path = create_config_search_path(str(user or packaged_tree()))
    if user:
        path.prepend("packaged", str(packaged_tree()), "schema")
    around = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        version.setbase("1.3")
        Hydra.create_main_hydra2("recipelab", path)
        return hydra_compose("train", words)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_hydra_message(error)) from None
    finally:
        GlobalHydra.instance().hydra = around


def _plain(config: DictConfig) -> dict[str, Any]:
    try:
        plain = OmegaConf.to_container(config, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_hydra_message(error)) from None
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _hydra_message(error: Exception) -> str:
    text = str(error)
    if variable := re.search(r"Environment variable '(\w+)' not found", text):
        return f"the environment variable {variable[1]} is not set, and env=cluster reads it: export {variable[1]}=DIR"
    return "the recipe cannot be put together: " + text.strip().replace("\n", "\n  ")


def _onto(base: Mapping[str, Any], overrides: Sequence[Override], user: Path | None) -> dict[str, Any]:
    """`base` with overrides applied: a group's choice replaces its node, a dotted key is set."""
    _refuse_magic("the recipe to start from", base)
    config = OmegaConf.create(dict(base))
    chosen = [o for o in overrides if "." not in o.key_or_group and o.key_or_group not in TOP_KEYS]
    for override in chosen:
        name = override.key_or_group
        if name in PRESETS:
            raise UserError(f"{name}= chooses a preset over the defaults; it cannot change a recipe given by --config")
        node = _hydra(user, lines(override)).get(name)
        config.pop(name, None)
        if node is not None:
            config[name] = node
    rest = [o for o in overrides if o not in chosen]
    _refuse_unchosen([o for o in rest if o.key_or_group.split(".")[0] in OPTIONAL_SECTIONS], config)
    for override in rest:
        if override.type is OverrideType.DEL:
            raise UserError(f"{override.input_line}: a key of a recipe given by --config cannot be deleted")
        try:
            OmegaConf.update(config, override.key_or_group, override.value(), merge=False, force_add=True)
        except OmegaConfBaseException as error:
            raise UserError(f"{override.input_line}: {str(error).splitlines()[0]}") from None
    return _plain(config)
