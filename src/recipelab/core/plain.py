"""JSON and YAML files that may be anybody's: plain values, or an error that says why not. Nothing is acted on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from recipelab.core.errors import UserError

LARGEST = 2**26  # bytes; a recipe has some thousand
DEEPEST = 50  # nestings


def read_json(path: Path) -> Any:
    """The value in a JSON file. Raises FileNotFoundError when there is none, UserError when it cannot be read."""
    try:
        return json.loads(_bytes(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def read_yaml(path: Path) -> Any:
    """The value in a YAML file. Raises FileNotFoundError when there is none, UserError when it cannot be read.

    Anchors and merges are refused: some lines of them can stand for more than a memory holds.
    """
    try:
        text = _bytes(path).decode("utf-8")
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise UserError(
                    f"{path}: a recipe from a file holds no yaml anchors (&, *), but *{event.anchor} is one"
                )
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise UserError(f"{path} cannot be read: it is nested more than {DEEPEST} deep")
        return yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read as yaml: {error}") from error


def _bytes(path: Path) -> bytes:
    """The content. Raises FileNotFoundError, and UserError for what cannot be read, or is no file of sane size."""
    try:
        if path.exists() and not path.is_file():  # reading a pipe would hang
            raise UserError(f"{path} cannot be read: it is no file")
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise UserError(f"{path} cannot be read: it has more than {LARGEST:,} bytes")
    return content


def at(value: Any, *keys: Any) -> Any:
    """The value below `keys`, or None where a key is missing or is in no dictionary."""
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key) if isinstance(key, str) else None
    return value
