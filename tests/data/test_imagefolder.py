from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from recipelab.core.errors import UserError
from recipelab.data import files
from recipelab.data.imagefolder import ImageFolder
from recipelab.data.pool import Pool


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "recipelab"


def paint(path: Path, value: int, size: tuple[int, int] = (6, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes, three training images and one test image each; the pixels are the number of the image."""
    numbers: Iterator[int] = iter(range(8))
    for label in ("cat", "dog"):
        for number in range(3):
            paint(tmp_path / "root" / "train" / label / f"{number}.png", next(numbers))
    for label in ("cat", "dog"):
        paint(tmp_path / "root" / "test" / label / "0.png", next(numbers))
    return tmp_path / "root"


def load(root: Path, **options: Any) -> tuple[Pool, Pool | None, list[str]]:
    lines: list[str] = []
    train, test = ImageFolder(root=str(root), **options).load(lines.append)
    return train, test, lines


def said(lines: list[str], words: str) -> bool:
    return any(words in line for line in lines)


def test_facts_without_decoding(root: Path, monkeypatch: pytest.MonkeyPatch, cache_home: Path) -> None:
    monkeypatch.setattr(files, "decode_files", pytest.fail)
    wanted = {
        "task": "classification",
        "num_classes": 2,
        "input_channels": 3,
        "image_size": (6, 8),
        "class_names": ("cat", "dog"),
    }
    assert ImageFolder(root=str(root)).facts() == wanted
    assert ImageFolder(root=str(root), image_size=5, input_channels=1).facts() == wanted | {
        "image_size": (5, 5),
        "input_channels": 1,
    }
    assert ImageFolder(root=str(root), image_size=[5, 9]).facts()["image_size"] == (5, 9)
    assert not cache_home.exists()


def test_facts_list_only_when_the_size_is_given(root: Path) -> None:
    for path in root.rglob("*.png"):
        path.write_bytes(b"")
    assert ImageFolder(root=str(root), image_size=4).facts()["image_size"] == (4, 4)


def test_pools(root: Path) -> None:
    train, test, lines = load(root)
    assert train.images.shape == (6, 6, 8, 3)
    assert train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert train.targets.tolist() == [0, 0, 0, 1, 1, 1]
    assert train.names is not None
    assert train.names[:2] == ["train/cat/0.png", "train/cat/1.png"]
    assert test is not None
    assert test.images[:, 0, 0, 0].tolist() == [6, 7]
    assert test.names == ["test/cat/0.png", "test/dog/0.png"]
    assert said(lines, "decoded 8 images")


def test_one_root_has_no_test_part(root: Path) -> None:
    train, test, _ = load(root / "train", input_channels=1)
    assert test is None
    assert train.images.shape == (6, 6, 8, 1)


def test_the_second_load_decodes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch, cache_home: Path) -> None:
    first, first_test, _ = load(root)
    assert len(list(cache_home.iterdir())) == 1
    monkeypatch.setattr(files, "decode_files", pytest.fail)
    second, second_test, lines = load(root)
    assert said(lines, "read 8 images from the cache")
    assert second.digest() == first.digest()
    assert second.names == first.names
    assert first_test is not None
    assert second_test is not None
    assert second_test.digest() == first_test.digest()


def test_a_changed_file_is_decoded_again_and_the_old_entry_goes(root: Path, cache_home: Path) -> None:
    load(root)
    before = list(cache_home.iterdir())
    paint(root / "train" / "cat" / "1.png", 200)
    train, _, lines = load(root)
    assert said(lines, "decoded 8 images")
    assert train.images[1, 0, 0, 0] == 200
    assert len(list(cache_home.iterdir())) == 1
    assert list(cache_home.iterdir()) != before


def test_added_and_removed_files_are_noticed(root: Path) -> None:
    load(root)
    paint(root / "train" / "cat" / "9.png", 9)
    assert len(load(root)[0]) == 7
    (root / "train" / "cat" / "0.png").unlink()
    assert len(load(root)[0]) == 6


def test_other_options_have_entries_of_their_own(root: Path, cache_home: Path) -> None:
    shapes = [load(root, **options)[0].images.shape for options in ({}, {"image_size": 4}, {"input_channels": 1})]
    assert [tuple(shape[1:]) for shape in shapes] == [(6, 8, 3), (4, 4, 3), (6, 8, 1)]
    assert len(list(cache_home.iterdir())) == 3
    assert said(load(root)[2], "from the cache")


def test_another_pillow_decodes_again_and_replaces(
    root: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(root)
    monkeypatch.setattr("PIL.__version__", "0.0")
    assert said(load(root)[2], "decoded 8 images")
    assert len(list(cache_home.iterdir())) == 1


def test_cache_none_and_cache_elsewhere(root: Path, tmp_path: Path, cache_home: Path) -> None:
    load(root, cache="none")
    assert not cache_home.exists()
    load(root, cache=str(tmp_path / "mine"))
    assert not cache_home.exists()
    assert said(load(root, cache=str(tmp_path / "mine"))[2], "from the cache")


def test_an_unwritable_cache_is_said_once_and_does_not_matter(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    train, _, lines = load(root, cache=str(tmp_path / "file" / "cache"))
    assert len(train) == 6
    assert sum("cannot be written" in line for line in lines) == 1
    assert not said(lines, "decoding again")


def test_a_truncated_cache_is_decoded_again(root: Path, cache_home: Path) -> None:
    load(root)
    images = next(cache_home.iterdir()) / "train-images.npy"
    images.write_bytes(images.read_bytes()[:-1])
    train, _, lines = load(root)
    assert said(lines, "decoding again")
    assert train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert said(load(root)[2], "from the cache")


def test_auto_refuses_several_sizes(root: Path) -> None:
    paint(root / "test" / "dog" / "0.png", 0, size=(5, 9))
    with pytest.raises(UserError) as caught:
        ImageFolder(root=str(root)).facts()
    assert "6x8, 5x9" in str(caught.value)
    assert "data.image_size=" in str(caught.value)


def test_auto_resizes_what_the_sample_did_not_see_and_counts_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recipelab.data.decode.SAMPLE", 1)
    paint(root / "test" / "dog" / "0.png", 77, size=(12, 16))
    for _ in range(2):  # from the cache it says so, too
        _, test, lines = load(root)
        assert said(lines, "resized 1 of 8 images to 6x8")
        assert test is not None
        assert test.images[1].unique().tolist() == [77]


def test_a_corrupt_file_names_itself(root: Path) -> None:
    (root / "train" / "dog" / "1.png").write_bytes(b"")
    for size in ("auto", 6):
        with pytest.raises(UserError) as caught:
            load(root, image_size=size)
        assert "'train/dog/1.png'" in str(caught.value)
        assert "it is empty" in str(caught.value)
        assert "data.on_error=skip" in str(caught.value)


@pytest.mark.parametrize("size", ["auto", 6])
def test_skip_leaves_corrupt_files_out_and_names_them(root: Path, size: Any) -> None:
    (root / "train" / "dog" / "1.png").write_bytes(b"")
    (root / "test" / "extra").mkdir(exist_ok=True)
    (root / "test" / "extra").rmdir()
    for _ in range(2):  # from the cache it says so, too
        train, test, lines = load(root, on_error="skip", image_size=size)
        assert train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 5]
        assert train.targets.tolist() == [0, 0, 0, 1, 1]
        assert train.names is not None
        assert "train/dog/1.png" not in train.names
        assert test is not None
        assert len(test) == 2
        assert said(lines, "left out 1 files that cannot be read: 'train/dog/1.png' (it is empty)")


def test_skip_does_not_serve_stop_from_the_cache(root: Path) -> None:
    (root / "train" / "dog" / "1.png").write_bytes(b"")
    load(root, on_error="skip", image_size=6)
    with pytest.raises(UserError, match="on_error=skip"):
        load(root, image_size=6)


def test_skip_names_the_first_five(root: Path) -> None:
    for number in range(10, 17):
        (root / "train" / "dog" / f"{number}.png").write_bytes(b"")
    line = load(root, on_error="skip", image_size=6)[2][-1]
    assert "left out 7 files" in line
    assert "14.png" in line
    assert "15.png" not in line


def test_skip_does_not_empty_a_class(root: Path) -> None:
    (root / "test" / "dog" / "0.png").write_bytes(b"")
    with pytest.raises(UserError, match="no image of class 'dog' can be read"):
        load(root, on_error="skip", image_size=6)


def test_auto_with_nothing_readable(root: Path) -> None:
    for path in root.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(UserError, match="cannot be read"):
        ImageFolder(root=str(root), on_error="skip").facts()


def test_more_than_the_memory_is_refused_before_decoding(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        available = 2**30

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    with pytest.raises(UserError, match=r"8 images of 10000x10000 pixels take 2.2 GiB of memory, and 1.0 GiB"):
        load(root, image_size=10000, storage="memory")


def test_remarks_of_the_listing_are_said(root: Path) -> None:
    (root / "train" / "cat" / "notes.txt").touch()
    (root / "val").mkdir()
    lines = load(root)[2]
    assert said(lines, "1 files that are not images")
    assert said(lines, "val/ beside train/")


def test_odd_files_side_by_side(root: Path) -> None:
    rng = np.random.default_rng(0)
    folder = root / "train" / "cat"
    Image.fromarray(rng.integers(0, 65536, (6, 8), np.uint16)).save(folder / "deep.png")
    Image.fromarray(rng.integers(0, 256, (6, 8, 4), np.uint8)).save(folder / "alpha.png")
    Image.fromarray(rng.integers(0, 256, (6, 8), np.uint8)).save(folder / "grey.jpg")
    Image.new("CMYK", (8, 6)).save(folder / "print.jpg")
    Image.new("P", (8, 6)).save(folder / "palette.gif")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(rng.integers(0, 256, (8, 6, 3), np.uint8)).save(folder / "turned.jpg", exif=exif)
    for channels in (1, 3):
        train, _, lines = load(root, input_channels=channels)
        assert len(train) == 12
        assert train.images.shape[1:] == (6, 8, channels)
        assert not said(lines, "resized")


def test_targets_are_int64_and_images_uint8(root: Path) -> None:
    for _ in range(2):
        train, _, _ = load(root)
        assert train.targets.dtype == torch.int64
        assert train.images.dtype == torch.uint8


@pytest.mark.parametrize("storage", ["memory", "memmap", "stream"])
def test_every_storage_shows_the_same_images(root: Path, storage: Any) -> None:
    paint(root / "train" / "cat" / "wide.png", 9, size=(20, 60))
    wanted, wanted_test, _ = load(root, image_size=[4, 5], cache="none")
    for _ in range(2):  # decoded, and from the cache
        train, test, _ = load(root, image_size=[4, 5], storage=storage)
        assert (train.storage, train.names) == (storage, wanted.names)
        assert torch.equal(train.in_memory().images, wanted.images)
        assert torch.equal(train.targets, wanted.targets)
        assert test is not None
        assert wanted_test is not None
        assert torch.equal(test.in_memory().images, wanted_test.images)
        assert (train.digest() == wanted.digest()) is (storage != "stream")


def test_limits_choose_where_the_images_are(root: Path) -> None:
    kinds = [
        load(root, memory_limit=memory, disk_limit=disk, cache=cache)[0].storage
        for memory, disk, cache in [
            ("auto", "auto", "auto"),
            ("1152B", "1B", "auto"),  # 8 images of 6x8x3
            ("1151B", "1152B", "auto"),
            ("1151B", "1151B", "auto"),
            ("1151B", "auto", "none"),
        ]
    ]
    assert kinds == ["memory", "memory", "memmap", "stream", "stream"]


def test_memmap_leaves_corrupt_files_out_as_memory_does(root: Path) -> None:
    (root / "train" / "dog" / "1.png").write_bytes(b"")
    wanted = load(root, image_size=6, on_error="skip", cache="none")[0]
    for _ in range(2):
        train, _, lines = load(root, image_size=6, on_error="skip", storage="memmap")
        assert train.digest() == wanted.digest()
        assert said(lines, "left out 1 files")
    with pytest.raises(UserError, match="'train/dog/1.png'.*it is empty"):
        load(root, image_size=6, storage="memmap")


def test_a_full_disk_refuses_memmap_and_leaves_nothing(
    root: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(UserError, match=r"No space left on device.*\n.*data.storage=stream"):
        load(root, storage="memmap")
    assert list(cache_home.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory_limit": "8 potatoes"}, "data.memory_limit='8 potatoes' is not a size"),
        ({"disk_limit": "9"}, "data.disk_limit='9' is not a size"),
        ({"storage": "memmap", "cache": "none"}, "data.cache=auto"),
        ({"storage": "memory", "crop_scale": [0.1, 1.0]}, "data.storage=stream"),
        ({"crop_ratio": [0.5, 2.0]}, "data.crop_scale"),
        ({"crop_scale": [0.5, 0.1]}, "the lower first"),
        ({"crop_scale": [0.5, 1.5]}, r"data.crop_scale=\[0.5,1.5\]"),
        ({"image_size": 8, "resize_size": 7}, "data.resize_size=7 is smaller than the 8 pixels"),
    ],
)
def test_what_cannot_be_stored_so_is_refused(root: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(root, **options)


def test_the_digest_of_streamed_files_is_their_names_sizes_and_what_becomes_of_them(root: Path) -> None:
    def digest(**options: Any) -> str:
        return load(root, storage="stream", **options)[0].digest()

    first = digest(image_size=6)
    assert digest(image_size=6) == first
    assert digest(image_size=[6, 7]) != first
    assert digest(image_size=6, crop_scale=[0.1, 1.0]) != first
    with open(root / "train" / "cat" / "0.png", "ab") as file:
        file.write(b"0")
    assert digest(image_size=6) != first
