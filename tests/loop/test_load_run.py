from __future__ import annotations

import shutil

import pytest
import torch

from recipelab import load_run
from recipelab.commands.train import train
from recipelab.core.errors import UserError
from recipelab.loop.load_run import read_weights
from tiny_recipe import EVERYTHING, TINY, USER_TREE


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    output = tmp_path_factory.mktemp("outputs")
    words = [*TINY, *EVERYTHING, "trainer.checkpoint_at=[5]"]
    return train(*words, f"output={output}", config_dir=str(USER_TREE), quiet=True)


def test_a_run_is_read_back(run):
    again = load_run(run.path, config_dir=USER_TREE)
    assert again.result == run.result
    assert again.config == run.config
    assert again.metrics == run.metrics
    assert again.facts == run.facts
    assert (again.facts.num_classes, again.facts.image_size, again.facts.input_channels) == (10, (8, 8), 1)


@pytest.mark.parametrize("checkpoint", ["best", "last", "step_5"])
@pytest.mark.parametrize("view", ["raw", "ema_0.9", "ema_0.99"])
def test_any_view_of_any_checkpoint_is_a_model(run, checkpoint, view):
    model = load_run(run.path, config_dir=USER_TREE).model(checkpoint, view)
    assert not model.training
    own = checkpoint == "best" and view != "raw"  # the best of an average has a file of its own
    content = torch.load(run.path / "checkpoints" / f"{checkpoint}{f'_{view}' if own else ''}.pt", weights_only=True)
    expected = content["model"] if own or view == "raw" else content["views"][view]
    assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())


def test_what_a_record_does_not_have_is_named(run):
    with pytest.raises(UserError, match=r"(?s)no view 'ema_0.95': it has raw, ema_0.9, ema_0.99.*did you mean"):
        run.model(view="ema_0.95")
    with pytest.raises(UserError, match=r"(?s)lasst\.pt does not exist.*did you mean: last"):
        run.model("lasst")


def test_a_users_module_is_not_run_unless_its_folder_is_named(run):
    with pytest.raises(UserError, match=r"(?s)_target_=tiny_net\.Tiny.*--config-dir"):
        load_run(run.path).model()


def test_weights_are_read_from_a_record_or_a_file(run, tmp_path):
    best, last = (read_weights(str(run.path / "checkpoints" / f"{name}.pt")) for name in ("best", "last"))
    assert read_weights(str(run.path)).digest == best.digest
    assert len(last.digest) == 64
    moved = tmp_path / "moved"
    shutil.copytree(run.path, moved)
    (moved / "checkpoints" / "best.pt").unlink()
    assert read_weights(str(moved)).digest == last.digest
    loose = tmp_path / "weights.pt"
    shutil.copy(run.path / "checkpoints" / "last.pt", loose)
    assert read_weights(str(loose)).digest == last.digest
