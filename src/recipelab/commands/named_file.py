"""Files that a command reads by name: studies and searches, of the package, of the user's folder, or anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recipelab.config.tree import packaged_tree
from recipelab.core.errors import UserError, did_you_mean
from recipelab.core.plain import read_yaml


def named_file(kind: str, kinds: str, name: str, config_dir: str | None) -> tuple[dict[str, Any], str]:
    """The content of the file, and what it is called.

    kind, kinds: what it is, as its folder in a tree is called, and the word for several. name: of one in config_dir or
    in the package, the user's first; or the path of a yaml file. Raises UserError naming those there are.
    """
    trees = [*([Path(config_dir)] if config_dir else []), packaged_tree()]
    places = [Path(name)] if name.endswith((".yaml", ".yml")) else []
    for path in (*places, *(tree / kind / f"{name}.yaml" for tree in trees)):
        if path.is_file():
            content = read_yaml(path)
            if not isinstance(content, dict):
                raise UserError(f"{path} is no {kind}: keys and values are expected")
            return content, path.stem
    if places:
        raise UserError(f"{kind} {name}: there is no such file")
    known = sorted({file.stem for tree in trees for file in (tree / kind).glob("*.yaml")})
    raise UserError(
        f"{kind} {name}: there is none of that name{did_you_mean(name, known)}\n  {kinds}: {', '.join(known)}"
    )


def begun(kind: str, name: str, content: Mapping[str, Any]) -> tuple[dict[str, Any], list[str], Path | None]:
    """A file's content without its key `overrides`, those overrides, and the folder that it was written into.

    That key is in the file that a study or search leaves in its own folder, KIND.yaml beside KIND.log: the words of the
    command. None: the file is in no such folder. Raises UserError for overrides that are no list of words.
    """
    rest = dict(content)
    words = rest.pop("overrides", None)
    if words is None:
        return rest, [], None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UserError(f"{name}: overrides={words!r}: a list of overrides is expected, such as [trainer.epochs=5]")
    file = Path(name)
    if file.name != f"{kind}.yaml" or not file.with_suffix(".log").is_file():
        return rest, words, None
    return rest, words, file.parent if file.parent.name not in ("", "..") else file.resolve().parent
