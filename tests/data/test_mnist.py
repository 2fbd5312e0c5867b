"""MNIST and Fashion-MNIST from files in the published format; the download runs against a server on this machine."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets
from numpy.typing import NDArray

from recipelab.core.errors import UserError
from recipelab.data.mnist import MNIST, FashionMNIST

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(values: NDArray[np.uint8]) -> bytes:
    """The idx format: two zeros, the type, the number of dimensions, the sizes, the bytes."""
    return (
        struct.pack(">BBBB", 0, 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
    )


@pytest.fixture
def parts() -> dict[str, NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (count, 28, 28), np.uint8) for count in (20, 10)]
    labels = [(np.arange(count) % 10).astype(np.uint8) for count in (20, 10)]
    return dict(zip(NAMES, (images[0], labels[0], images[1], labels[1]), strict=True))


def put(parts: dict[str, NDArray[np.uint8]], folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, values in parts.items():
        (folder / name).write_bytes(idx(values))


@pytest.mark.parametrize(("kind", "folder"), [(MNIST, "MNIST"), (FashionMNIST, "FashionMNIST")])
def test_the_files_are_read(
    kind: type[MNIST], folder: str, parts: dict[str, NDArray[np.uint8]], tmp_path: Path
) -> None:
    put(parts, tmp_path / folder / "raw")
    data = kind(root=str(tmp_path), download=False)
    train, test = data.load(pytest.fail)
    assert isinstance(train.images, torch.Tensor)
    assert torch.equal(train.images[..., 0], torch.from_numpy(parts[NAMES[0]]))
    assert train.targets.tolist() == parts[NAMES[1]].tolist()
    assert isinstance(test.images, torch.Tensor)
    assert torch.equal(test.images[..., 0], torch.from_numpy(parts[NAMES[2]]))
    facts = data.facts()
    assert (*facts["image_size"], facts["input_channels"]) == train.images.shape[1:]  # type: ignore[misc]
    assert len(facts["class_names"]) == facts["num_classes"] == 10  # type: ignore[arg-type]


def test_class_names_are_torchvisions_in_their_order() -> None:
    theirs = [name.lower() for name in torchvision.datasets.FashionMNIST.classes]
    assert list(FashionMNIST.names) == theirs
    assert [name.split(" ")[0] for name in torchvision.datasets.MNIST.classes] == list(MNIST.names)


def test_missing_files_without_a_download(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"(?s)does not hold MNIST/raw whole: train-images-idx3-ubyte.*data\.download=true"
    ):
        MNIST(root=str(tmp_path), download=False).load(pytest.fail)
    assert list(tmp_path.iterdir()) == []


def test_a_cut_file_is_no_file(parts: dict[str, NDArray[np.uint8]], tmp_path: Path) -> None:
    put(parts, tmp_path / "MNIST" / "raw")
    file = tmp_path / "MNIST" / "raw" / NAMES[0]
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match="does not hold MNIST/raw whole"):
        MNIST(root=str(tmp_path), download=False).load(pytest.fail)


@pytest.fixture
def server(parts: dict[str, NDArray[np.uint8]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The archives on this machine; the paths that were asked for."""
    folder, asked = tmp_path / "server", []
    folder.mkdir()
    for name, values in parts.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx(values)))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"http://127.0.0.1:{running.server_address[1]}/"])
        digests = [hashlib.md5((folder / f"{name}.gz").read_bytes()).hexdigest() for name in NAMES]
        resources = [(f"{name}.gz", digest) for name, digest in zip(NAMES, digests, strict=True)]
        monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
        yield asked
        running.shutdown()
        thread.join()


def test_downloads_once_and_reads(server: list[str], parts: dict[str, NDArray[np.uint8]], tmp_path: Path) -> None:
    root, said = tmp_path / "new" / "data", list[str]()
    train, _ = MNIST(root=str(root)).load(said.append)
    assert isinstance(train.images, torch.Tensor)
    assert torch.equal(train.images[..., 0], torch.from_numpy(parts[NAMES[0]]))
    assert any("fetching MNIST" in line for line in said)
    assert [path.name for path in root.iterdir()] == ["MNIST"]
    before = len(server)
    MNIST(root=str(root)).load(pytest.fail)
    assert len(server) == before > 0


def test_offline(server: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(UserError, match=r"(?s)MNIST could not be fetched.*put MNIST/raw/"):
        MNIST(root=str(tmp_path / "root")).load(lambda line: None)
    assert list((tmp_path / "root").iterdir()) == []
