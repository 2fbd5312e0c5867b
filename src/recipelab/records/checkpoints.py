"""Checkpoints on the disk: written whole or not at all, read weights-only, damage found before it is used.

Weights-only loading refuses numpy scalars, Path, deque, defaultdict and the like, so they are refused when saving,
while the run is there to be mended, and not when a resume finds them.
"""

from __future__ import annotations

import os
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipelab.core import atomic
from recipelab.core.errors import UserError, did_you_mean

SCHEMA = 1
_NAME = re.compile(r"\w[\w.\-]*")
_UNSAFE = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_PLAIN = (str, bytes, int, float, bool, type(None))


def path_of(folder: Path, name: str) -> Path:
    """The file of checkpoint `name` in the folder of checkpoints."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"a checkpoint is named by letters, digits, '_', '-' and '.', got {name!r}")
    return folder / f"{name}.pt"


def kept_at(folder: Path, step: int) -> Path:
    """Where the best checkpoints as they stood at `step` are kept."""
    return folder / f"at_step_{step}"


def names(folder: Path) -> list[str]:
    """The checkpoints in the folder, the newest first."""
    files = [path for path in folder.glob("*.pt") if not path.name.startswith(".")]
    return [path.stem for path in sorted(files, key=lambda path: path.stat().st_mtime_ns, reverse=True)]


def save(path: Path, content: dict[str, Any]) -> None:
    """Replace `path` by `content` and the schema number, atomically.

    content: str keys; plain containers (dict, list, tuple), numbers, text and tensors. Raises TypeError for others.
    """
    import torch

    _refuse(content, "")
    atomic.write(path, lambda file: torch.save({**content, "schema": SCHEMA}, file))


def load(path: Path) -> dict[str, Any]:
    """What was saved, tensors on the CPU.

    Raises UserError when the file is missing, damaged or not ours, or when the environment forces unsafe loading.
    """
    import torch

    _refuse_unsafe()
    if not path.is_file():
        raise UserError(f"{path} does not exist{did_you_mean(path.stem, names(path.parent))}{_others(path)}")
    try:
        _verify_archive(path)
        value = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises eight kinds for a damaged file; each means the same here
        raise UserError(f"{path} cannot be read: {_reason(error)}{_others(path)}") from error
    schema = value.pop("schema", None) if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise UserError(f"{path} has checkpoint schema {schema}, this recipelab reads {SCHEMA}{_others(path)}")
    if wrong := _not_weights(value):
        raise UserError(f"{path} cannot be read: {wrong}{_others(path)}")
    assert isinstance(value, dict)
    return value


def load_foreign(path: Path) -> Any:
    """What somebody else's checkpoint holds, tensors on the CPU: plain containers and tensors, or a UserError."""
    import torch

    _refuse_unsafe()
    try:
        value = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises eight kinds for a damaged file; each means the same here
        raise UserError(f"{path} cannot be read: {_reason(error)}") from error
    if not all(_is_sound(tensor) for tensor in _tensors(value)):
        raise UserError(f"{path} cannot be read: it holds a tensor that is sparse, or larger than what is stored of it")
    return value


def _refuse_unsafe() -> None:
    if os.environ.get(_UNSAFE):
        raise UserError(f"{_UNSAFE} is set: it would let a checkpoint run code\n  fix: unset {_UNSAFE}")


def _verify_archive(path: Path) -> None:
    """Every sum is right (torch does not check them: a flipped bit would load as a weight), and what comes out of the
    file is no more than what is in it. Raises zipfile.BadZipFile."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        if packed or sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise zipfile.BadZipFile("it is packed, and may be made to fill the memory")
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")


def _not_weights(value: Any) -> str | None:
    """What is wrong with a checkpoint's content, or None: weights by name, and no tensor larger than its storage."""
    states = [value.get("model")]
    views = value.get("views", {})
    if not isinstance(views, dict):
        return "its views are no weights by name"
    for state in [*states, *views.values()]:
        if not isinstance(state, dict) or not all(isinstance(k, str) and _is_tensor(v) for k, v in state.items()):
            return "its weights are no tensors by name"
    if any(not _is_sound(tensor) for tensor in _tensors(value)):
        return "it holds a tensor that is not plain: sparse, without values, or larger than what is stored of it"
    return None


def _tensors(value: Any) -> Iterator[Any]:
    """Every tensor in plain containers, keys included."""
    if _is_tensor(value):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tensors(key)
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _is_sound(tensor: Any) -> bool:
    """Dense values on the CPU, as many as are stored: an expanded tensor of one number can claim any size."""
    import torch

    if tensor.layout is not torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        return False
    return bool(tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes())


def last_complete(folder: Path) -> str:
    """Words for the newest checkpoint that can be read, with its top-level `step` where it has one."""
    for name in names(folder):
        path = path_of(folder, name)
        try:
            content = load(path)
        except UserError:
            continue
        step = content.get("step")
        return f"the last complete checkpoint is {path}" + (f" (step {step})" if isinstance(step, int) else "")
    return "no checkpoint had been written"


def _reason(error: Exception) -> str:
    if isinstance(error, pickle.UnpicklingError):  # torch's own text explains how to load it all the same
        return "it holds more than plain containers and tensors, and loading that could run code"
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _others(path: Path) -> str:
    found = [f"{name}.pt" for name in names(path.parent) if name != path.stem]
    return f"\n  other checkpoints of this record: {', '.join(found)}" if found else ""


def _refuse(value: Any, where: str) -> None:
    """Raise TypeError at what weights-only loading would refuse; by exact type, since numpy's float64 is a float."""
    import torch

    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise TypeError(f"checkpoint entry {where} is a sparse or expanded tensor; save a contiguous one")
        return
    if type(value) in _PLAIN:
        return
    if type(value) in (dict, OrderedDict):
        for key, item in value.items():
            _refuse(key, f"{where}/{key} (its key)")
            _refuse(item, f"{where}/{key}")
    elif type(value) in (list, tuple):
        for index, item in enumerate(value):
            _refuse(item, f"{where}/{index}")
    else:
        raise TypeError(f"checkpoint entry {where} is a {type(value).__name__}, not a plain container or tensor")
