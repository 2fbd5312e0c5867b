"""What lies in a folder of class folders: files and labels, found without opening one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from recipelab.core.errors import UserError, did_you_mean

# The formats that Pillow decodes by itself. Not EPS (it starts Ghostscript), nor formats of which it reads no pixels.
# fmt: off
FORMATS = (
    "JPEG", "MPO", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "DIB", "GIF", "PPM", "JPEG2000", "QOI", "TGA", "PCX", "SGI",
)
# fmt: on
PARTS = ("train", "training", "test", "testing", "val", "valid", "validation")


@dataclass(frozen=True)
class Folder:
    """An image folder.

    root: the folder itself.
    class_names: names of the class folders, sorted; the label is the position.
    train, test: (path relative to root with forward slashes, label) of each file, by class, then by path; test is
        None when the folder has no test part.
    remarks: what lies there and is not used, as lines to print.
    chosen: these are not all images there, but those that something names; others may be named beside them.
    """

    root: Path
    class_names: tuple[str, ...]
    train: list[tuple[str, int]]
    test: list[tuple[str, int]] | None
    remarks: list[str]
    chosen: bool = False


def list_folder(root: str, held_out: str = "test") -> Folder:
    """List `root`: `train/` and perhaps `test/` with class folders in them, or class folders only.

    held_out: what the folder of the test part is called.

    A class folder may have folders inside. Hidden files and folders are not looked at; links are followed, but a real
    folder is read once. Raises UserError when `root` is no such folder, or the classes of train and test differ.
    """
    top = Path(root).expanduser().absolute()
    if not top.is_dir():
        problem = "is a file" if top.exists() else "does not exist"
        raise UserError(f"data.root={root!r} {problem}: a folder with one folder per class is expected")
    beside = _folders(top)
    if "train" not in beside or not _folders(top / "train"):  # a folder `train` of images is a class of that name
        _refuse_misnamed_parts(top, beside)
        classes, files, unused = _list_part(top, top)
        return Folder(top, classes, files, None, _remarks(unused, []))
    classes, train, unused = _list_part(top, top / "train")
    unused += _files(top)
    test = None
    if held_out in beside:
        test_classes, test, more = _list_part(top, top / held_out)
        unused += more
        _require_same_classes(top, classes, test_classes, held_out)
    return Folder(
        top, classes, train, test, _remarks(unused, [name for name in beside if name not in ("train", held_out)])
    )


def list_images(root: Path) -> list[str]:
    """Path, relative to `root` and with forward slashes, of every image file below it, sorted; see `list_folder`."""
    start = len(os.path.join(root, ""))
    return sorted(entry.path[start:].replace(os.sep, "/") for entry in _walk(root) if _is_image(entry))


def image_files(path: str) -> list[str]:
    """`path` itself when it is a file; when it is a folder, every image below it, sorted by path.

    As in training: hidden ones are not looked at, links are followed, a real folder is read once. Raises UserError when
    there is no such file, or no image in the folder.
    """
    place = Path(path).expanduser()
    if not place.exists() and not place.is_symlink():
        siblings = [entry.name for entry in place.parent.iterdir()] if place.parent.is_dir() else []
        raise UserError(f"{path} does not exist{did_you_mean(place.name, siblings, f'{place.parent}/')}")
    if not place.is_dir():
        return [str(place)]
    found = sorted(entry.path for entry in _walk(place) if _is_image(entry))
    if not found:
        raise UserError(f"{path} has no images: files named {', '.join(sorted(_extensions())[:6])}, ... are expected")
    return found


def _list_part(root: Path, part: Path) -> tuple[tuple[str, ...], list[tuple[str, int]], list[str]]:
    """Class names, (relative path, label) of the images, and paths of the files not used, of one part."""
    classes, unused = _folders(part), _files(part)
    if len(classes) < 2:
        raise UserError(_too_few_classes(part, classes, unused))
    files = []
    start = len(os.path.join(root, ""))
    for label, name in enumerate(classes):
        images: list[str] = []
        for entry in _walk(part / name):
            (images if _is_image(entry) else unused).append(entry.path)
        if not images:
            raise UserError(
                f"class folder {str(part / name)!r} (under data.root) has no images ({', '.join(FORMATS)} are read)"
                "\n  fix: add images or remove the folder"
            )
        paths = sorted(path[start:].replace(os.sep, "/") for path in images)
        files += [(path, label) for path in paths]
    return tuple(classes), files, unused


def _too_few_classes(part: Path, classes: list[str], loose: list[str]) -> str:
    expected = "at least two class folders are expected"
    if classes:
        inside = part / classes[0]
        hint = f"\n  did you mean: data.root={str(inside)!r}" if len(_folders(inside)) > 1 else ""
        return f"{str(part)!r} (under data.root) has one class folder only, {classes[0]!r}: {expected}{hint}"
    if loose:
        return f"{str(part)!r} (under data.root) has {len(loose):,} files but no class folder: {expected}"
    return f"{str(part)!r} (under data.root) is empty: {expected}"


def _refuse_misnamed_parts(root: Path, beside: list[str]) -> None:
    for name in beside:
        if name.lower() in PARTS and _folders(root / name):
            raise UserError(
                f"data.root={str(root)!r} has a folder {name!r} with folders in it, but no train/: it cannot be told"
                " whether it is a class\n  fix: name the parts train/ and test/, or point data.root at one of them"
            )


def _require_same_classes(root: Path, train: tuple[str, ...], test: tuple[str, ...], held_out: str) -> None:
    if train == test:
        return
    missing, extra = sorted(set(train) - set(test)), sorted(set(test) - set(train))
    lines = [f"data.root={str(root)!r}: the classes of train/ and {held_out}/ differ"]
    lines += [f"  only in train/: {', '.join(missing)}"] if missing else []
    lines += [f"  only in {held_out}/: {', '.join(extra)}"] if extra else []
    raise UserError("\n".join([*lines, "  fix: give both parts the same class folders, or move one part away"]))


def _remarks(unused: list[str], folders: list[str]) -> list[str]:
    lines = []
    images = sum(os.path.splitext(path)[1].lower() in _extensions() for path in unused)
    if images:
        lines.append(f"not used: {images:,} images outside any class folder")
    if len(unused) > images:
        lines.append(f"not used: {len(unused) - images:,} files that are not images")
    if folders:
        names = ", ".join(f"{name}/" for name in folders)
        lines.append(f"not used: {names} beside train/ (the validation part is split off train/, see data.val_split)")
    return lines


@cache
def _extensions() -> frozenset[str]:
    from PIL import Image

    return frozenset(ending for ending, name in Image.registered_extensions().items() if name in FORMATS)


def _visible(folder: Path | str) -> list[os.DirEntry[str]]:
    """Entries that are not hidden, sorted by name: the order of a file system must not matter."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"folder {str(folder)!r} (under data.root) cannot be read: {error.strerror}") from error


def _folders(folder: Path) -> list[str]:
    return [entry.name for entry in _visible(folder) if _is_folder(entry)]


def _files(folder: Path) -> list[str]:
    return [entry.path for entry in _visible(folder) if not _is_folder(entry)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return os.path.isdir(entry.path)  # not entry.is_dir(), which raises on a link that points at itself


def _is_image(entry: os.DirEntry[str]) -> bool:
    """By its name. A broken link counts, so that decoding names it; a pipe does not, as reading it would hang."""
    known = os.path.splitext(entry.name)[1].lower() in _extensions()
    return known and (entry.is_symlink() or entry.is_file())


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Every file under `folder`, links followed, each real folder once: a loop of links ends."""
    pending, seen = [str(folder)], set()
    while pending:
        here = pending.pop()
        status = os.stat(here)
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in _visible(here):
            if _is_folder(entry):
                pending.append(entry.path)
            else:
                yield entry
