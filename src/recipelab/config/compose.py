"""From words on the command line to one plain mapping: Hydra's compose over the packaged tree and the user's own.

Composition only puts a recipe together; `check` judges it. Nothing is written. `@hydra.main` is not used because it
writes its output folder before a check could run.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from recipelab.config.schema import SECTIONS, Run
from recipelab.config.slots import SLOTS
from recipelab.config.tree import groups, packaged_tree
from recipelab.core.errors import UserError, did_you_mean

PRESETS = ("recipe", "env")
TOP_KEYS = tuple(f.name for f in fields(Run))


@dataclass(frozen=True)
class Composed:
    """A recipe put together but not yet checked.

    config: plain containers. trusted: whether every target in it was named by the package or the user.
    own: modules that the user's own folder holds. shadowed: packaged files that a file of the user's stands before.
    """

    config: dict[str, Any]
    trusted: bool = True
    own: tuple[str, ...] = ()
    shadowed: tuple[str, ...] = ()
    overrides: tuple[str, ...] = field(default=())


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
    choices = groups(user)
    parsed = [_judged(override, choices) for override in _parse(overrides)]
    config = _hydra(user, [_line(o) for o in parsed]) if base is None else _onto(base, parsed, user)
    return Composed(
        config=config,
        trusted=base is None,
        own=tuple(sorted({p.stem if p.is_file() else p.name for p in _modules(user)})),
        shadowed=tuple(_shadowed(user)),
        overrides=tuple(overrides),
    )


def load_base(path: str | Path) -> dict[str, Any]:
    """A recipe from a yaml file, or from a record's folder (its config.yaml). Raises UserError.

    Such a file is somebody's: it may hold no Hydra node and no resolver (`${...}`).
    """
    file = Path(path)
    file = file / "config.yaml" if file.is_dir() else file
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"--config {path}: there is no file {file}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"--config {path}: {file} cannot be read as yaml: {error}") from error
    if not isinstance(config, dict) or not all(isinstance(key, str) for key in config):
        raise UserError(f"--config {path}: {file} is not a recipe: a mapping of slots is expected at its top")
    _refuse_magic(file, config)
    return config


def _refuse_magic(file: Path, node: Any, where: str = "") -> None:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if str(key) == "hydra" or str(key) in ("defaults", "_recursive_", "_partial_", "_args_", "_convert_"):
                raise UserError(f"{file}: a recipe from a file holds no {where}{key}")
            _refuse_magic(file, value, f"{where}{key}.")
    elif isinstance(node, list):
        for item in node:
            _refuse_magic(file, item, where)
    elif isinstance(node, str) and "${" in node:
        raise UserError(f"{file}: a recipe from a file holds no interpolation, but {where.rstrip('.')}={node!r}")


def _user_tree(config_dir: str | Path | None) -> Path | None:
    if config_dir is None:
        return None
    folder = Path(config_dir).resolve()
    if not folder.is_dir():
        raise UserError(f"--config-dir {config_dir}: there is no such folder")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # appended: the user's files never stand before an installed module
    return folder


def _modules(user: Path | None) -> list[Path]:
    if user is None:
        return []
    return [p for p in user.iterdir() if p.suffix == ".py" or (p.is_dir() and (any(p.glob("*.py"))))]


def _shadowed(user: Path | None) -> list[str]:
    if user is None:
        return []
    ours = packaged_tree()
    relative = [file.relative_to(user) for file in user.rglob("*.yaml")]
    return sorted(str(path) for path in relative if (ours / path).exists())


def _parse(overrides: Sequence[str]) -> list[Override]:
    parser = OverridesParser.create()
    parsed = []
    for text in overrides:
        try:
            parsed.append(parser.parse_override(text))
        except (HydraException, ValueError) as error:
            reason = str(error).splitlines()[0]
            hint = "\n  a key and a value are expected: trainer.epochs=10" if "=" not in text else ""
            raise UserError(f"cannot read the override {text!r}: {reason}{hint}") from None
    return parsed


def _judged(override: Override, choices: Mapping[str, list[str]]) -> Override:
    """`override` if its first word and, for a group, its choice exist. Raises UserError with the nearest."""
    key = override.key_or_group
    head, _, rest = key.partition(".")
    if override.is_sweep_override():
        raise UserError(f"{override.input_line}: one run takes one value a key, but this names several")
    if not rest and head in choices and override.type is not OverrideType.DEL:
        value = override.value()
        value = "none" if value is None else str(value)
        if value not in choices[head]:
            raise UserError(
                f"{head}={value}: there is no such choice{did_you_mean(value, choices[head], f'{head}=')}"
                f"\n  choices: {', '.join(choices[head])}"
            )
        return override
    sections = {*SLOTS, *SECTIONS}
    if (rest and head in sections) or (not rest and head in TOP_KEYS):
        return override
    known = [*sections, *choices, *TOP_KEYS]
    raise UserError(
        f"{key} is not a key of a recipe{did_you_mean(head, known)}"
        f"\n  slots and sections: {', '.join([*SLOTS, *SECTIONS])}\n  top keys: {', '.join(TOP_KEYS)}"
    )


def _line(override: Override) -> str:
    """The override as Hydra takes it: `++` lets a key be set that the yaml does not spell out; `check` knows it."""
    if override.type is OverrideType.DEL:
        return str(override.input_line)
    key, value = str(override.input_line).lstrip("+").split("=", 1)
    if "." not in key and key not in TOP_KEYS:
        return f"{key}={'none' if override.value() is None else value}"
    return f"++{key}={value}"


def _hydra(user: Path | None, lines: list[str]) -> dict[str, Any]:
    ours = packaged_tree()
    search = [f"hydra.searchpath=[file://{ours}]"] if user else []
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(user or ours), version_base="1.3"):
            config = hydra_compose("train", [*search, *lines])
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


def _onto(base: Mapping[str, Any], overrides: list[Override], user: Path | None) -> dict[str, Any]:
    """`base` with overrides applied: a group's choice replaces its node, a dotted key is set."""
    config = OmegaConf.create(dict(base))
    chosen = [o for o in overrides if "." not in o.key_or_group and o.key_or_group not in TOP_KEYS]
    for override in chosen:
        name = override.key_or_group
        if name in PRESETS:
            raise UserError(f"{name}= chooses a preset over the defaults; it cannot change a recipe given by --config")
        node = _hydra(user, [_line(override)]).get(name)
        config.pop(name, None)
        if node is not None:
            config[name] = node
    for override in overrides:
        if override in chosen:
            continue
        if override.type is OverrideType.DEL:
            raise UserError(f"{override.input_line}: a key of a recipe given by --config cannot be deleted")
        OmegaConf.update(config, override.key_or_group, override.value(), merge=False, force_add=True)
    plain = OmegaConf.to_container(config, resolve=False)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}
