"""Write the generated parts of docs/configuration.md: groups, keys of the sections, keys of every slot's choices.

`make fix` runs it; tests/test_repository.py fails when the file is stale.
"""

from __future__ import annotations

import collections.abc
import re
import types
import typing
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from recipelab.config import describe, tree
from recipelab.config.check import FACTS, SHARED_DATA
from recipelab.config.signature import MISSING, schema_of
from recipelab.config.slots import SLOTS, locate

TARGET = Path(__file__).with_name("configuration.md")
WIDTH = 44


def filled(text: str) -> str:
    """`text` with every part between `<!-- generated: NAME -->` and `<!-- end -->` written anew."""
    parts = {"groups": _groups, "sections": describe.keys, "slots": _slots}

    def renew(match: re.Match[str]) -> str:
        return f"{match[1]}\n\n```text\n{parts[match[2]]().rstrip()}\n```\n\n{match[3]}"

    return re.sub(r"(<!-- generated: (\w+) -->).*?(<!-- end -->)", renew, text, flags=re.DOTALL)


def _groups() -> str:
    """Every choice with the comment at the top of its file."""
    lines = []
    for name, choices in tree.groups().items():
        for choice in choices:
            text = (tree.packaged_tree() / name / f"{choice}.yaml").read_text(encoding="utf-8")
            top = [line[1:].strip() for line in takewhile(lambda line: line.startswith("#"), text.splitlines())]
            lines.append(f"{f'{name}={choice}':<24} {' '.join(line for line in top if line[:1] != '@')}")
        lines.append("")
    return "\n".join(lines)


def _slots() -> str:
    """Every choice of every slot: its target, and the keys that are its own, with what they take and their value."""
    lines = []
    for name, choices in tree.groups().items():
        for choice in choices if name in SLOTS else []:
            node = _slot_node(name, choice)
            lines += _choice(name, choice, node) if node else []
    return "\n".join(lines)


def _slot_node(name: str, choice: str) -> dict[str, Any]:
    node = yaml.safe_load((tree.packaged_tree() / name / f"{choice}.yaml").read_text(encoding="utf-8")) or {}
    inner = node.get(name)  # a file of package _global_ names its slot
    return dict(inner) if isinstance(inner, dict) else node


def _choice(name: str, choice: str, node: dict[str, Any]) -> list[str]:
    path = node["_target_"]
    schema = schema_of(locate(name, path, trusted=True), SLOTS[name].supplied)
    lines = [f"{name}={choice}: {path}"]
    for key, parameter in schema.parameters.items():
        if key in FACTS or (name == "data" and key in SHARED_DATA.parameters):
            continue
        value = node.get(key, parameter.default)
        shown = "(required)" if value == MISSING else yaml.safe_dump(value, default_flow_style=True)
        shown = shown.removesuffix("...\n").strip()
        lines.append(f"  {f'{name}.{key}={shown}':<{WIDTH}} {_kind(parameter.annotation)}".rstrip())
    return lines


def _kind(annotation: Any) -> str:
    """What a key takes, in words: `true | false`, `float >= 0`, `zeros | reflect`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        limits = " and ".join(filter(None, (_limit(constraint) for constraint in arguments[1:])))
        return f"{_kind(arguments[0])} {limits}".rstrip()
    if origin is typing.Literal:
        return " | ".join(str(choice) for choice in arguments)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(_kind(argument) for argument in arguments)
    if annotation is bool:
        return "true | false"
    if annotation is type(None):
        return "null"
    if origin in (list, tuple, collections.abc.Sequence):
        return f"list of {_kind(arguments[0])}"
    return getattr(annotation, "__name__", str(annotation))


def _limit(constraint: Any) -> str:
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    return " and ".join(
        f"{sign} {getattr(constraint, name)}" for name, sign in signs.items() if hasattr(constraint, name)
    )


if __name__ == "__main__":
    TARGET.write_text(filled(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
