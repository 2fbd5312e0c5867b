"""The check of a composed recipe: sections, slots, and what no single key can tell."""

from __future__ import annotations

import pytest

from recipelab.config.check import check, view_names
from recipelab.config.compose import Composed, compose
from recipelab.config.schema import Averaging
from recipelab.core.errors import UserError
from recipelab.core.facts import Facts

CONFIG = compose().config
FACTS = Facts("classification", 10, 1, (8, 8))


def recipe(trusted: bool = True, **changes: object):
    """The default recipe with dotted keys (written with __) set; a value of ... takes the key away."""
    config = {key: dict(value) if isinstance(value, dict) else value for key, value in CONFIG.items()}
    for path, value in changes.items():
        head, _, key = path.partition("__")
        node, name = (config[head], key) if key else (config, head)
        if value is ...:
            node.pop(name)
        else:
            node[name] = value
    return check(Composed(config, trusted=trusted))


def refused(message: str, **changes: object) -> None:
    with pytest.raises(UserError, match=message):
        recipe(**changes)


def test_the_recipe_is_complete():
    found = recipe()
    assert list(found.config)[:2] == ["seed", "output"]
    assert found.config["trainer"]["gradient_clip"] is None
    assert found.config["data"]["split_seed"] == 1234
    assert found.config["optimizer"] == {"_target_": "recipelab.optim.sgd.sgd", **found.slots["optimizer"].kwargs}
    assert found.averaging is None
    assert found.sam is None
    assert "mix" not in found.slots


def test_presets_are_no_part_of_it():
    assert not {"recipe", "env"} & recipe().config.keys()
    recipe(recipe=None, env={"x": 1})  # whatever a preset left under its own name


def test_facts_stay_away_until_the_data_tell_them():
    found = recipe()
    assert "num_classes" not in found.slots["model"].kwargs
    assert "num_classes" not in found.config["model"]
    told = found.with_facts(FACTS)
    assert told.slots["model"].kwargs["num_classes"] == 10
    assert told.slots["augment"].kwargs["image_size"] == (8, 8)
    assert told.config == found.config
    assert told.with_facts(FACTS).slots == told.slots


def test_a_key_may_say_what_the_data_say_and_nothing_else():
    recipe(model__num_classes=10).with_facts(FACTS)
    with pytest.raises(UserError, match="model.num_classes=7 contradicts the data, which say 10; leave it out"):
        recipe(model__num_classes=7).with_facts(FACTS)


def test_a_seed_is_drawn_once_and_only_when_there_is_none():
    found = recipe().with_seed()
    assert found.run.seed == found.config["seed"]
    assert 0 <= found.config["seed"] < 2**32
    assert found.with_seed() is found
    assert recipe(seed=0).with_seed().run.seed == 0
    assert len({recipe().with_seed().run.seed for _ in range(5)}) == 5


def test_steps_stand_in_for_epochs():
    found = recipe(trainer__steps=30)
    assert (found.trainer.steps, found.trainer.epochs) == (30, None)
    assert found.config["trainer"]["epochs"] is None
    refused("a training needs a length", trainer__epochs=None)


def test_the_edges_of_a_seed():
    assert recipe(seed=2**32 - 1).run.seed == 2**32 - 1
    assert recipe(data__split_seed=0).data.split_seed == 0


def test_slots_that_are_empty_or_no_mapping():
    refused("the recipe has no model: give model=CHOICE", model=None)
    refused("the recipe has no loss", loss=...)
    refused("model=3: a slot with a _target_ is expected", model=3)
    refused("mix.alpha has nothing to apply to, which is set to none: choose one, mix=CHOICE", mix={"alpha": 0.3})
    refused("model.depth has nothing to apply to: choose one", model={"depth": 3})
    refused("trainer=.*a section with keys is expected", trainer=[1])
    refused("sam=3: a section", sam=3)


def test_a_key_at_the_top():
    refused("optimiser is not a key of a recipe\n  did you mean: optimizer", optimiser={"lr": 1})


@pytest.mark.parametrize("key", ["evaluate_every", "checkpoint_every"])
def test_periods(key: str):
    for wrong in ("5", "5epochs", "ep", "-1ep"):
        refused(f"trainer.{key}='{wrong}' is not a duration", **{f"trainer__{key}": wrong})
    refused(f"trainer.{key}=0ep: a period must be longer than nothing", **{f"trainer__{key}": "0ep"})
    recipe(**{f"trainer__{key}": "0.5ep"})


def test_moments():
    recipe(trainer__checkpoint_at=[3, "1ep", "50%"])
    refused("trainer.checkpoint_at='soon' is not a duration", trainer__checkpoint_at=["soon"])
    refused("trainer.checkpoint_at=.*greater than or equal to 1", trainer__checkpoint_at=[-1])


def test_views():
    assert view_names(None) == ["raw"]
    assert view_names(Averaging(decays=[0.9, 0.999])) == ["raw", "ema_0.9", "ema_0.999"]
    recipe(averaging={"decays": [0.9]}, select_view="ema_0.9")
    refused("select_view=ema_0.9: the views of this recipe are raw", select_view="ema_0.9")
    refused("did you mean: ema_0.9", averaging={"decays": [0.9]}, select_view="ema_0.99")
    refused("every decay can be given only once", averaging={"decays": [0.9, 0.9]})
    refused("at least 1 item", averaging={"decays": []})


def test_folds():
    recipe(data__folds=5, data__fold=4)
    refused("data.fold=5: with data.folds=5 the folds are 0 to 4", data__folds=5, data__fold=5)
    refused("data.fold=2 has nothing to apply to: give data.folds", data__fold=2)
    refused("cannot go with data.folds", data__folds=5, data__protocol="test_as_val")


def test_what_a_target_refuses_itself_is_a_users_error():
    bound = recipe(
        model={"_target_": "torch.nn.Conv2d", "in_channels": 3, "out_channels": 4, "kernel_size": 3, "groups": 2}
    )
    with pytest.raises(
        UserError, match=r"model: Conv2d cannot be built so: ValueError: in_channels.*conv.py, line \d+"
    ):
        bound.slots["model"].build()


def test_what_cannot_fill_its_slot_is_a_users_error():
    bound = recipe(loss={"_target_": "fractions.Fraction"})
    with pytest.raises(UserError, match="loss: what Fraction makes has no __call__"):
        bound.slots["loss"].build()
    bound = recipe(data={"_target_": "torchvision.datasets.FakeData"})
    with pytest.raises(UserError, match="data: what FakeData makes has no facts, load"):
        bound.slots["data"].build()


def test_a_default_that_yaml_cannot_hold_is_left_to_the_target():
    found = recipe(model={"_target_": "torch.nn.TransformerEncoderLayer", "d_model": 4, "nhead": 2})
    assert "activation" not in found.config["model"]  # a function
    assert found.config["model"]["dropout"] == 0.1
    found.slots["model"].build()
