"""torchvision's and timm's own download of published weights, against a file server of the test's own."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
import torchvision
from safetensors.torch import save

from recipelab.core.errors import UserError
from recipelab.models.resnet import resnet18
from recipelab.models.timm_model import timm_model

TIMM = {"name": "resnet10t", "num_classes": 4, "image_size": (32, 32), "input_channels": 3}
HUB = "/timm/resnet10t.c3_in1k/resolve/main/model.safetensors"


@pytest.fixture
def server():
    """server.files: what there is, by path. server.asked: (method, path) of every request. server.url: its address."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            made.asked.append((self.command, self.path))
            content = made.files.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.send_header("ETag", f'"{hashlib.sha256(content or b"").hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content or b"")

        do_GET = do_HEAD = answer

        def log_message(self, *arguments):
            """Nothing on the screen."""

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.files, made.asked, made.url = {}, [], f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def vision(server, tmp_path, monkeypatch):
    """A ResNet-18 that torchvision is to fetch from the server, into an empty cache; and its path on the server."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    torch.manual_seed(3)
    model = torchvision.models.resnet18(weights=None)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    content = (tmp_path / "weights.pth").read_bytes()
    path = f"/models/resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    server.files[path] = content
    monkeypatch.setattr(torchvision.models.ResNet18_Weights.DEFAULT.value, "url", server.url + path)
    return model, path


def cached(tmp_path):
    return sorted(file.name for file in tmp_path.glob("torch/hub/checkpoints/*"))


def test_torchvisions_weights_are_fetched_once_and_checked(server, vision, tmp_path):
    model, path = vision
    for _ in range(2):
        name, state = resnet18.published.state({"depth": 18})
        assert name == "torchvision resnet18 IMAGENET1K_V1"
        assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert server.asked == [("GET", path)]
    assert cached(tmp_path) == [path.rpartition("/")[2]]


def test_a_file_that_was_changed_on_its_way_is_refused_and_not_kept(server, vision, tmp_path):
    _, path = vision
    server.files[path] = server.files[path][:-1] + b"?"
    with pytest.raises(
        UserError, match=r"could not be fetched from http://127.*invalid hash.*\n  fix: .*model\.weights"
    ):
        resnet18.published.state({"depth": 18})
    assert cached(tmp_path) == []


def test_a_file_that_is_not_there_is_said(server, vision, tmp_path):
    server.files.clear()
    with pytest.raises(UserError, match=r"torchvision resnet18 IMAGENET1K_V1 could not be fetched .* 404"):
        resnet18.published.state({"depth": 18})
    assert cached(tmp_path) == []


@pytest.fixture
def hub(server, tmp_path, monkeypatch):
    """A ResNet-10-T with a thousand classes that timm is to fetch from the server, into an empty cache."""
    from huggingface_hub import constants

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    torch.manual_seed(3)
    model = timm_model(**{**TIMM, "num_classes": 1000})
    server.files[HUB] = save({key: value.contiguous() for key, value in model.state_dict().items()})
    return model


def test_timms_weights_are_fetched_once_and_adapted(server, hub):
    for channels in (3, 1):
        options = {**TIMM, "input_channels": channels}
        name, state = timm_model.published.state(options)
        assert name == "timm resnet10t"
        assert torch.equal(state["layer4.0.conv1.weight"], hub.state_dict()["layer4.0.conv1.weight"])
        assert state["fc.weight"].shape[0] == 4
        first = hub.state_dict()["conv1.0.weight"]
        expected = first if channels == 3 else first.sum(1, keepdim=True)
        torch.testing.assert_close(state["conv1.0.weight"], expected)
    assert server.asked.count(("GET", HUB)) == 1


def test_timms_weights_that_are_not_there_are_said(server, hub):
    server.files.clear()
    with pytest.raises(UserError, match=r"timm resnet10t could not be fetched from huggingface\.co: .*\n  fix: "):
        timm_model.published.state(TIMM)
