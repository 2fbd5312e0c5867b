import os
from pathlib import Path

import pytest

from recipelab.core.errors import UserError
from recipelab.data.listing import Folder, list_folder


def make(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def message(root: Path | str) -> str:
    with pytest.raises(UserError) as caught:
        list_folder(str(root))
    return str(caught.value)


def test_train_and_test(tmp_path: Path) -> None:
    make(tmp_path, "train/b/2.png", "train/b/10.png", "train/a/x.JPG", "test/a/y.webp", "test/b/z.tiff")
    assert list_folder(str(tmp_path)) == Folder(
        root=tmp_path,
        class_names=("a", "b"),
        train=[("train/a/x.JPG", 0), ("train/b/10.png", 1), ("train/b/2.png", 1)],
        test=[("test/a/y.webp", 0), ("test/b/z.tiff", 1)],
        remarks=[],
    )


def test_one_root_of_classes_with_folders_inside(tmp_path: Path) -> None:
    make(tmp_path, "b/1.png", "a/deep/er/2.png", "a/1.png")
    folder = list_folder(str(tmp_path))
    assert folder.test is None
    assert folder.train == [("a/1.png", 0), ("a/deep/er/2.png", 0), ("b/1.png", 1)]


def test_root_may_point_at_the_training_part(tmp_path: Path) -> None:
    make(tmp_path, "train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png")
    folder = list_folder(str(tmp_path / "train"))
    assert (folder.class_names, folder.test) == (("a", "b"), None)
    assert folder.train == [("a/1.png", 0), ("b/1.png", 1)]


def test_a_relative_root_and_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a/1.png", "b/1.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for root in (".", "~", "a/.."):
        assert list_folder(root).train == [("a/1.png", 0), ("b/1.png", 1)]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    make(tmp_path, "bus/1.png", "train/1.png")
    folder = list_folder(str(tmp_path))
    assert folder.class_names == ("bus", "train")
    assert folder.test is None


def test_train_without_test(tmp_path: Path) -> None:
    make(tmp_path, "train/a/1.png", "train/b/1.png")
    assert list_folder(str(tmp_path)).test is None


def test_hidden_things_are_not_looked_at(tmp_path: Path) -> None:
    make(tmp_path, "a/1.png", "b/1.png", ".git/x.png", "a/.thumbs/x.png", "a/._1.png", ".DS_Store")
    folder = list_folder(str(tmp_path))
    assert folder.class_names == ("a", "b")
    assert [name for name, _ in folder.train] == ["a/1.png", "b/1.png"]
    assert folder.remarks == []


def test_what_is_not_used_is_counted(tmp_path: Path) -> None:
    make(tmp_path, "train/a/1.png", "train/b/1.png", "train/a/notes.txt", "train/b/noending", "labels.csv")
    make(tmp_path, "val/a/1.png", "extra/1.png", "train/preview.png")
    assert list_folder(str(tmp_path)).remarks == [
        "not used: 1 images outside any class folder",
        "not used: 3 files that are not images",
        "not used: extra/, val/ beside train/ (the validation part is split off train/, see data.val_split)",
    ]


def test_loops_of_links_end(tmp_path: Path) -> None:
    make(tmp_path, "a/1.png", "b/in/1.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    (tmp_path / "b" / "in" / "again").symlink_to(tmp_path / "b")
    names = [name for name, label in list_folder(str(tmp_path)).train if label == 1]
    assert names == ["b/in/1.png"]


def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    store = make(tmp_path / "store", "x/1.png", "2.png")
    root = make(tmp_path / "root", "a/0.png")
    (root / "a" / "2.png").symlink_to(store / "2.png")
    (root / "b").symlink_to(store / "x")
    assert list_folder(str(root)).train == [("a/0.png", 0), ("a/2.png", 0), ("b/1.png", 1)]


def test_a_broken_link_counts_as_an_image_and_a_pipe_does_not(tmp_path: Path) -> None:
    make(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    names = [name for name, _ in list_folder(str(tmp_path)).train]
    assert names == ["a/1.png", "a/gone.png", "b/1.png"]


def test_missing_root(tmp_path: Path) -> None:
    text = message(tmp_path / "absent")
    assert "data.root=" in text
    assert "does not exist" in text


def test_root_is_a_file(tmp_path: Path) -> None:
    assert "is a file" in message(make(tmp_path, "x.png") / "x.png")


def test_empty_folder(tmp_path: Path) -> None:
    assert "is empty" in message(tmp_path)


def test_images_without_class_folders(tmp_path: Path) -> None:
    assert "2 files but no class folder" in message(make(tmp_path, "1.png", "2.png"))


def test_one_class_only(tmp_path: Path) -> None:
    assert "one class folder only, 'a'" in message(make(tmp_path, "a/1.png"))


def test_root_one_level_too_high(tmp_path: Path) -> None:
    make(tmp_path, "dataset/train/a/1.png", "dataset/test/a/1.png")
    assert f"did you mean: data.root={str(tmp_path / 'dataset')!r}" in message(tmp_path)


def test_class_folder_without_images(tmp_path: Path) -> None:
    text = message(make(tmp_path, "a/1.png", "b/notes.txt"))
    assert repr(str(tmp_path / "b")) in text
    assert "has no images" in text


def test_different_classes(tmp_path: Path) -> None:
    make(tmp_path, "train/a/1.png", "train/b/1.png", "train/c/1.png", "test/b/1.png", "test/c/1.png", "test/d/1.png")
    text = message(tmp_path)
    assert "only in train/: a\n" in text
    assert "only in test/: d\n" in text


def test_a_flat_test_part(tmp_path: Path) -> None:
    make(tmp_path, "train/a/1.png", "train/b/1.png", "test/1.png")
    text = message(tmp_path)
    assert repr(str(tmp_path / "test")) in text
    assert "1 files but no class folder" in text


@pytest.mark.parametrize("names", [("Train", "Test"), ("training", "testing"), ("test", "val")])
def test_parts_by_another_name_are_not_taken_for_classes(tmp_path: Path, names: tuple[str, str]) -> None:
    make(tmp_path, *(f"{name}/{label}/1.png" for name in names for label in "ab"))
    assert "name the parts train/ and test/" in message(tmp_path)


def test_an_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a/1.png", "b/1.png")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    text = message(tmp_path)
    assert repr(str(tmp_path / "b")) in text
    assert "Permission denied" in text
