"""The two identities, and what a resumed run may change."""

from __future__ import annotations

import copy
import functools
import re
from typing import Any

import pytest
import yaml

from recipelab.config.check import check
from recipelab.config.compose import compose
from recipelab.config.identity import EXECUTION_KEYS, changed_keys, fingerprint_hash, flatten, recipe_hash

DATA = {"train": "aa", "val": "bb", "test": "cc"}


@functools.cache
def composed(*choices: str) -> dict[str, Any]:
    return check(compose(choices)).config


def config(*overrides: str) -> dict[str, Any]:
    """The checked recipe of overrides; keys are set in it afterwards, as composing takes twenty times longer."""
    keys = [
        o
        for o in overrides
        if "." in o.split("=")[0] or o.split("=")[0] in BASE and not isinstance(BASE[o.split("=")[0]], dict)
    ]
    found = copy.deepcopy(composed(*(o for o in overrides if o not in keys)))
    for override in keys:
        path, value = override.split("=", 1)
        *sections, key = path.split(".")
        node = functools.reduce(dict.__getitem__, sections, found)
        assert key in node, f"{path} is no key of a recipe"
        node[key] = yaml.safe_load(value)
    return found


BASE = composed()
SAME = [
    "seed=7",
    "output=elsewhere",
    "progress=false",
    "data_root=elsewhere",
    "logger=none",
    "logger.flush_secs=5",
    "trainer.precision=32",
    "trainer.threads=3",
    "trainer.compile=true",
    "trainer.channels_last=false",
    "trainer.accelerator=cpu",
    "trainer.devices=1",
    "trainer.deterministic=false",
    "trainer.cudnn_benchmark=true",
    "optimizer.fused=false",
    "trainer.eval_batch_size=50",
    "trainer.checkpoint_every=7st",
    "trainer.checkpoint_at=[3]",
    "trainer.resume=auto",
    "trainer.init_from=some/record",  # its content counts, as a digest
]
OTHER = [
    "optimizer.lr=0.2",
    "optimizer=adamw",
    "model=resnet32",
    "model.initialization=default",
    "augment=none",
    "augment.padding=2",
    "mix=mixup",
    "sam=sam",
    "averaging=ema",
    "scheduler.warmup=1ep",
    "loss.label_smoothing=0.1",
    "trainer.epochs=16",
    "trainer.steps=16",
    "trainer.batch_size=32",
    "trainer.accumulate=2",
    "trainer.gradient_clip=1",
    "trainer.evaluate_every=2ep",  # it chooses the best checkpoint
    "data.split_seed=1",
    "data.limit=500",
    "data.protocol=test_as_val",
    "select_metric=nll",
]


@pytest.mark.parametrize("override", SAME)
def test_how_and_where_a_recipe_is_run_is_no_part_of_it(override: str):
    assert recipe_hash(config(override), DATA) == recipe_hash(BASE, DATA)
    assert config(override) != BASE


@pytest.mark.parametrize("override", OTHER)
def test_what_is_trained_is(override: str):
    assert recipe_hash(config(override), DATA) != recipe_hash(BASE, DATA)


@pytest.mark.parametrize("digests", [{**DATA, "train": "ab"}, {**DATA, "test": "xx"}, {**DATA, "init": "dd"}])
def test_so_is_the_content_of_the_data_and_of_initial_weights(digests: dict[str, str]):
    assert recipe_hash(BASE, digests) != recipe_hash(BASE, DATA)


def test_where_the_data_lie_is_not():
    here, there = (config("data=cifar10", f"data.root={root}", "data.download=false") for root in ("a", "b"))
    assert recipe_hash(here, DATA) == recipe_hash(there, DATA)


def test_a_hash_is_hex_and_does_not_depend_on_the_order_of_keys():
    backwards = dict(reversed(BASE.items()))
    assert recipe_hash(backwards, dict(reversed(DATA.items()))) == recipe_hash(BASE, DATA)
    assert re.fullmatch("[0-9a-f]{64}", recipe_hash(BASE, DATA))


def test_every_execution_key_is_a_key():
    assert set(flatten(BASE)) >= EXECUTION_KEYS


def test_an_int_given_for_a_float_is_the_same_recipe():
    whole, fraction = (check(compose([f"optimizer.weight_decay={zero}"])).config for zero in ("0", "0.0"))
    assert recipe_hash(whole, DATA) == recipe_hash(fraction, DATA)


def test_the_fingerprint_is_of_everything_in_it():
    execution = {"precision": "32", "threads": 2, "versions": {"torch": "2"}}
    assert fingerprint_hash(execution) == fingerprint_hash(dict(reversed(execution.items())))
    assert fingerprint_hash(execution) != fingerprint_hash({**execution, "threads": 1})


def test_flatten():
    assert flatten({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None}) == {"a.b": 1, "a.c.d": [1, 2], "e": None}


def test_changed_keys_are_named_with_both_values():
    asked = config("optimizer.lr=0.2", "trainer.epochs=99", "mix=mixup")
    assert changed_keys(BASE, asked) == {
        "mix._target_": (None, "recipelab.mix.mixup.Mixup"),
        "mix.alpha": (None, 0.2),
        "mix.per": (None, "batch"),
        "optimizer.lr": (0.1, 0.2),
        "trainer.epochs": (BASE["trainer"]["epochs"], 99),
    }


def test_places_are_no_change():
    assert changed_keys(BASE, config("output=b", "logger=none", "trainer.resume=auto", "progress=false")) == {}
    here, there = (config("data=cifar10", f"data.root={root}") for root in ("a", "b"))
    assert changed_keys(here, there) == {}


def test_initial_weights_of_a_run_that_goes_on_are_no_place():
    assert list(changed_keys(BASE, config("trainer.init_from=x"))) == ["trainer.init_from"]
