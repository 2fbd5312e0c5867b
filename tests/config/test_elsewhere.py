"""What a key is called elsewhere: a hint, never a second name, and every hint names what there is here."""

from __future__ import annotations

import re

import pytest

from recipelab.config.check import check
from recipelab.config.compose import compose
from recipelab.config.elsewhere import CHOICES, KEYS, choice_here, key_here
from recipelab.config.overrides import PRESETS, TOP_KEYS
from recipelab.config.schema import SECTIONS
from recipelab.config.slots import SLOTS
from recipelab.config.tree import groups
from recipelab.core.errors import UserError


@pytest.mark.parametrize("key", sorted(KEYS))
def test_a_name_from_elsewhere_is_refused_with_the_one_here(key: str) -> None:
    with pytest.raises(UserError, match=f"here it is: {re.escape(KEYS[key])}"):
        check(compose([f"{key}=1"]))


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_hint_begins_a_word_of_a_recipe(key: str) -> None:
    heads = {word.split(".")[0].split("=")[0] for word in re.findall(r"\b[a-z_]+[.=]\S*", KEYS[key])}
    assert heads or KEYS[key].startswith("recipelab ")
    assert heads <= {*SLOTS, *SECTIONS, *TOP_KEYS, *PRESETS}


@pytest.mark.parametrize(("group", "choice"), [(g, c) for g, names in CHOICES.items() for c in names])
def test_a_choice_from_elsewhere_is_refused_with_the_one_here(group: str, choice: str) -> None:
    here = CHOICES[group][choice]
    assert here in groups()[group]
    with pytest.raises(UserError, match=rf"here it is: {group}={here}\n"):
        check(compose([f"{group}={choice.upper()}"]))


def test_a_key_below_one_with_a_hint_is_called_as_that_one() -> None:
    assert key_here("data.module", {"train_transforms": {"_target_": "policies.AutoAugment"}}).endswith(
        "augment=CHOICE"
    )
    assert key_here("data.module.persistent_workers") == key_here("data.module") != ""
    assert key_here("trainer.epoch") == ""


def test_only_case_may_differ() -> None:
    assert choice_here("optimizer", "AdamW", ["adam", "adamw"]) == "adamw"
    assert choice_here("optimizer", "AdamX", ["adam", "adamw"]) is None
