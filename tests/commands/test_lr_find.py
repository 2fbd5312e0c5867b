from __future__ import annotations

import pytest
from PIL import Image

from recipelab.cli import main
from recipelab.commands.ask import Ask
from recipelab.commands.lr_find import lr_find
from recipelab.core.errors import UserError
from tiny_recipe import USER_TREE


def ask(words):
    return Ask(tuple(words), None, str(USER_TREE))


def test_it_finds_a_rate_that_trains_and_leaves_no_record(tiny, tmp_path, capsys):
    found = lr_find(ask(tiny("trainer.accumulate=2", "param_groups=undecay_norm")), steps=60, to=str(tmp_path / "to"))
    out = capsys.readouterr().out
    assert f"suggestion: optimizer.lr={found.suggestion:.2g}" in out
    assert 1e-3 < found.suggestion < 5.0
    assert found.smoothed[5:].min() < found.smoothed[0]
    with Image.open(tmp_path / "to" / "lr_find.png") as picture:
        assert picture.width > 700
    assert not (tmp_path / "outputs").exists()


def test_the_same_seed_finds_the_same(tiny, tmp_path):
    one, two = (lr_find(ask(tiny()), steps=30, to=str(tmp_path)) for _ in range(2))
    assert one.losses.tolist() == two.losses.tolist()


def test_from_the_command_line_and_what_it_refuses(tiny, tmp_path, capsys):
    words = [*tiny(), "--config-dir", str(USER_TREE), "--to", str(tmp_path)]
    assert main(["lr-find", *words, "--steps", "40"]) == 0
    assert main(["lr-find", *words, "--start", "1", "--end", "0.1"]) == 2
    assert "0 < --start < --end" in capsys.readouterr().err
    assert main(["lr-find", *words, "optimizer.lrr=1"]) == 2
    assert "did you mean: optimizer.lr" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"optimizer\.lr=0 cannot be raised"):
        lr_find(ask(tiny("optimizer.lr=0.0")), to=str(tmp_path))
