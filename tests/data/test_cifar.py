"""The download path runs against a server on this machine, with an archive in the format of the published one."""

import hashlib
import http.server
import io
import pickle
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.datasets

from recipelab.core.errors import UserError
from recipelab.data.cifar import CIFAR10, CIFAR100

EACH = 3  # images in one file


class Published:
    """A tiny archive, what is in it, and a count of the requests for it."""

    def __init__(
        self, folder: Path, base: str, filename: str, parts: list[str], meta: tuple[str, dict[str, Any]]
    ) -> None:
        self.folder, self.base, self.filename, self.requests = folder, base, filename, 0
        label_key = "labels" if base == "cifar-10-batches-py" else "fine_labels"
        rng = np.random.default_rng(0)
        self.entries = {
            part: {"data": rng.integers(0, 256, (EACH, 3072), np.uint8), label_key: [2, 0, 1 + number]}
            for number, part in enumerate(parts)
        }
        self.labels = {part: entry[label_key] for part, entry in self.entries.items()}
        self.files = {name: pickle.dumps(value) for name, value in [*self.entries.items(), meta]}
        with tarfile.open(folder / filename, "w:gz") as tar:
            for name, data in self.files.items():
                info = tarfile.TarInfo(f"{base}/{name}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))

    def md5(self, name: str) -> str:
        return hashlib.md5(self.files[name]).hexdigest()

    def images(self, *parts: str) -> torch.Tensor:
        rows = np.concatenate([self.entries[part]["data"] for part in parts])
        return torch.from_numpy(np.stack([row.reshape(3, 32, 32).transpose(1, 2, 0) for row in rows]))


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Published]:
    folder = tmp_path / "server"
    folder.mkdir()
    trains = [f"data_batch_{number}" for number in range(1, 6)]
    archive = Published(
        folder,
        "cifar-10-batches-py",
        "cifar-10-python.tar.gz",
        [*trains, "test_batch"],
        ("batches.meta", {"label_names": ["x"]}),
    )
    with serve(archive) as url:
        patch(monkeypatch, torchvision.datasets.CIFAR10, archive, url, trains, "test_batch", "batches.meta")
        yield archive


def patch(
    monkeypatch: pytest.MonkeyPatch, target: type, archive: Published, url: str, trains: list[str], test: str, meta: str
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(target, "url", f"{url}/{archive.filename}")
    monkeypatch.setattr(target, "tgz_md5", hashlib.md5((archive.folder / archive.filename).read_bytes()).hexdigest())
    monkeypatch.setattr(target, "train_list", [[name, archive.md5(name)] for name in trains])
    monkeypatch.setattr(target, "test_list", [[test, archive.md5(test)]])
    monkeypatch.setattr(target, "meta", {**target.meta, "md5": archive.md5(meta)})  # type: ignore[attr-defined]


class serve:
    def __init__(self, archive: Published) -> None:
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=str(archive.folder))

            def log_message(self, *args: Any) -> None:
                archive.requests += 1

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> str:
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_downloads_once_and_reads(published: Published, tmp_path: Path) -> None:
    root = tmp_path / "new" / "data"
    lines: list[str] = []
    train, test = CIFAR10(root=str(root)).load(lines.append)
    assert any("cifar-10-python.tar.gz" in line for line in lines)
    assert torch.equal(train.images, published.images(*(f"data_batch_{number}" for number in range(1, 6))))
    assert torch.equal(test.images, published.images("test_batch"))
    assert train.targets.tolist() == [2, 0, 1, 2, 0, 2, 2, 0, 3, 2, 0, 4, 2, 0, 5]
    assert test.targets.tolist() == published.labels["test_batch"]
    assert [path.name for path in root.iterdir()] == ["cifar-10-batches-py"]
    before = published.requests
    again, _ = CIFAR10(root=str(root)).load(pytest.fail)
    assert published.requests == before
    assert again.digest() == train.digest()


def test_a_folder_that_has_the_files_needs_no_download(published: Published, tmp_path: Path) -> None:
    put(published, tmp_path)
    train, _ = CIFAR10(root=str(tmp_path), download=False).load(pytest.fail)
    assert len(train) == 5 * EACH
    assert published.requests == 0


def test_an_archive_put_there_is_used(published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", "http://127.0.0.1:9/absent")
    archive = tmp_path / published.filename
    archive.write_bytes((published.folder / published.filename).read_bytes())
    train, _ = CIFAR10(root=str(tmp_path)).load(lambda line: None)
    assert len(train) == 5 * EACH
    assert archive.is_file()


def test_missing_files_without_download(published: Published, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        CIFAR10(root=str(tmp_path / "absent"), download=False).load(pytest.fail)
    text = str(caught.value)
    assert "data.root=" in text
    assert str(tmp_path / "absent") in text
    assert "cifar-10-batches-py/data_batch_1: missing" in text
    assert "data.download=true" in text
    assert not (tmp_path / "absent").exists()
    assert published.requests == 0


def test_offline(published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", "http://127.0.0.1:9/absent")
    with pytest.raises(
        UserError, match=r"(?s)could not be fetched.*cifar-10-batches-py/ \(data_batch_1, .*batches.meta\)"
    ):
        CIFAR10(root=str(tmp_path / "root")).load(lambda line: None)
    assert list((tmp_path / "root").iterdir()) == []


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
def test_a_tampered_pickle_is_refused_before_it_can_run(published: Published, tmp_path: Path, name: str) -> None:
    folder, trace = put(published, tmp_path), tmp_path / "it-ran"
    (folder / name).write_bytes(pickle.dumps(Payload(trace)))
    with pytest.raises(UserError, match=f"cifar-10-batches-py/{name}: does not match its checksum"):
        CIFAR10(root=str(tmp_path), download=False).load(pytest.fail)
    assert not trace.exists()
    pickle.loads((folder / name).read_bytes())
    assert trace.exists()  # the payload works: what kept it from running was the checksum


def test_a_tampered_pickle_is_replaced_where_downloads_are_allowed(published: Published, tmp_path: Path) -> None:
    folder, trace = put(published, tmp_path), tmp_path / "it-ran"
    (folder / "data_batch_3").write_bytes(pickle.dumps(Payload(trace)))
    lines: list[str] = []
    CIFAR10(root=str(tmp_path)).load(lines.append)
    assert "1 of its files" in lines[0]
    assert not trace.exists()
    assert (folder / "data_batch_3").read_bytes() == published.files["data_batch_3"]


def test_a_tampered_archive_is_refused(published: Published, tmp_path: Path) -> None:
    with open(published.folder / published.filename, "ab") as file:
        file.write(b"more")
    root = tmp_path / "root"
    with pytest.raises(UserError, match="could not be fetched"):
        CIFAR10(root=str(root)).load(lambda line: None)
    assert list(root.iterdir()) == []


def test_two_at_once(published: Published, tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as executor:
        pools = list(executor.map(lambda _: CIFAR10(root=str(tmp_path / "r")).load(lambda line: None), range(3)))
    assert len({train.digest() for train, _ in pools}) == 1


def test_cifar100_reads_fine_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    archive = Published(
        folder, "cifar-100-python", "cifar-100-python.tar.gz", ["train", "test"], ("meta", {"fine_label_names": ["x"]})
    )
    with serve(archive) as url:
        patch(monkeypatch, torchvision.datasets.CIFAR100, archive, url, ["train"], "test", "meta")
        train, test = CIFAR100(root=str(tmp_path / "root")).load(lambda line: None)
    assert torch.equal(train.images, archive.images("train"))
    assert train.targets.tolist() == [2, 0, 1]
    assert test.targets.tolist() == [2, 0, 2]


@pytest.mark.parametrize(("source", "classes"), [(CIFAR10, 10), (CIFAR100, 100)])
def test_facts_touch_neither_files_nor_network(source: type, classes: int, tmp_path: Path) -> None:
    facts = source(root=str(tmp_path / "absent")).facts()
    names = facts.pop("class_names")
    assert facts == {"task": "classification", "num_classes": classes, "input_channels": 3, "image_size": (32, 32)}
    assert len(set(names)) == classes
    assert list(names) == sorted(names)  # as in the published files, whose labels are alphabetical
    assert not (tmp_path / "absent").exists()


class Payload:
    """Unpickling this writes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def put(published: Published, root: Path) -> Path:
    folder = root / published.base
    folder.mkdir()
    for name, data in published.files.items():
        (folder / name).write_bytes(data)
    return folder
