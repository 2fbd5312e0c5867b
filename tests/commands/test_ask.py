"""What a command line asks for: where the recipe comes from, and what the last word on a key is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from recipelab.commands.ask import Ask, key_of
from recipelab.core.errors import UserError


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("seed=3", "seed"),
        ("+trainer.epochs=3", "trainer.epochs"),
        ("++a.b=c=d", "a.b"),
        ("~mix", "mix"),
        ("~a.b=1", "a.b"),
    ],
)
def test_the_key_of_an_override(override: str, key: str):
    assert key_of(override) == key


def test_the_last_word_on_a_key_counts():
    ask = Ask(("trainer.resume=a", "seed=1", "+trainer.resume=b=c"))
    assert ask.value("trainer.resume") == "b=c"
    assert ask.value("seed") == "1"
    assert ask.value("output") is None


def test_options_to_type_again():
    assert Ask().words() == []
    assert Ask(config="x", config_dir="my conf").words() == ["--config-dir=my conf"]


def test_a_recipe_from_the_defaults_from_a_file_and_from_a_record(tmp_path: Path):
    ask = Ask(("trainer.epochs=7", "seed=1"))
    assert ask.recipe().trainer.epochs == 7
    file, record = tmp_path / "file.yaml", tmp_path / "record"
    record.mkdir()
    for path, lr in ((file, 0.5), (record / "config.yaml", 0.25)):
        config = Ask((f"optimizer.lr={lr}",)).recipe().config
        path.write_text(yaml.safe_dump(config))
    from_file = Ask(ask.overrides, config=str(file))
    assert from_file.recipe().config["optimizer"]["lr"] == 0.5
    assert from_file.recipe().trainer.epochs == 7
    assert from_file.recipe(base=record).config["optimizer"]["lr"] == 0.25  # a record given later stands before it
    assert not from_file.recipe().composed.trusted


def test_words_may_be_left_out():
    ask = Ask(("trainer.epochs=7", "+trainer.resume=x"))
    assert ask.recipe().trainer.resume == "x"
    left = ask.recipe(without=["trainer.resume"]).trainer
    assert (left.resume, left.epochs) == (None, 7)


def test_a_recipe_is_checked():
    with pytest.raises(UserError, match="did you mean: trainer.epochs"):
        Ask(("trainer.epoch=7",)).recipe()
