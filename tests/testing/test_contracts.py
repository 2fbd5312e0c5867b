"""Every packaged choice keeps its slot's contract, and each check finds the fault it is there for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from recipelab.config.check import Recipe, check
from recipelab.config.compose import compose
from recipelab.config.tree import groups
from recipelab.core.batch import Target
from recipelab.core.facts import Facts
from recipelab.testing import (
    check_augment,
    check_data,
    check_logger,
    check_loss,
    check_mix,
    check_model,
    check_optimizer,
    check_scheduler,
)

FACTS = Facts(task="classification", num_classes=10, input_channels=3, image_size=(16, 16))
SIZES: dict[str, Any] = {"image_size": FACTS.image_size, "input_channels": FACTS.input_channels}
CHOICES = {name: [c for c in choices if c != "none" or name == "augment"] for name, choices in groups().items()}


def recipe(slot: str, choice: str) -> Recipe:
    return check(compose([f"{slot}={choice}"])).with_facts(FACTS)


@pytest.mark.parametrize("choice", CHOICES["augment"])
def test_every_augment_keeps_the_contract(choice: str) -> None:
    check_augment(recipe("augment", choice).slots["augment"].build(), **SIZES)


@pytest.mark.parametrize("choice", CHOICES["mix"])
def test_every_mix_keeps_the_contract(choice: str) -> None:
    check_mix(recipe("mix", choice).slots["mix"].build(), num_classes=10, **SIZES)


# Blocks and stages of these stand in a smaller member of the family, which is checked quickly.
LARGE = {"resnet1202", "convnext_base", "convnext_large", "efficientnet_v2_m", "efficientnet_v2_l", "pyramidnet272"}
LARGE |= {"preact_resnet152", "resnet152", "wide_resnet28_10"}
NEEDED = {"timm": ["model.name=resnet10t"]}


@pytest.mark.parametrize("choice", [c for c in CHOICES["model"] if c not in LARGE])
def test_every_model_keeps_the_contract(choice: str) -> None:
    edge = 32 if choice.startswith("convnext") else 16  # its stem and stages divide by 32
    facts = replace(FACTS, image_size=(edge, edge))
    found = check(compose([f"model={choice}", *NEEDED.get(choice, [])])).with_facts(facts)
    check_model(found.slots["model"].build, image_size=facts.image_size, input_channels=facts.input_channels)


@pytest.mark.slow
@pytest.mark.parametrize("choice", sorted(LARGE))
def test_every_large_model_keeps_the_contract(choice: str) -> None:
    facts = replace(FACTS, image_size=(32, 32))
    found = check(compose([f"model={choice}"])).with_facts(facts)
    check_model(found.slots["model"].build, image_size=facts.image_size, input_channels=facts.input_channels)


@pytest.mark.parametrize("choice", CHOICES["loss"])
def test_every_loss_keeps_the_contract(choice: str) -> None:
    check_loss(recipe("loss", choice).slots["loss"].build(), num_classes=10)


@pytest.mark.parametrize("choice", CHOICES["optimizer"])
def test_every_optimizer_keeps_the_contract(choice: str) -> None:
    check_optimizer(recipe("optimizer", choice).slots["optimizer"].build)


@pytest.mark.parametrize("choice", CHOICES["scheduler"])
def test_every_scheduler_keeps_the_contract(choice: str) -> None:
    check_scheduler(recipe("scheduler", choice).slots["scheduler"].build)


@pytest.mark.parametrize("choice", CHOICES["logger"])
def test_every_logger_keeps_the_contract(choice: str, tmp_path: Path) -> None:
    check_logger(recipe("logger", choice).slots["logger"].build(), tmp_path)


def test_the_embedded_data_keep_the_contract() -> None:
    check_data(check(compose(["data=digits"])).slots["data"].build)


class _Bare(nn.Module):
    """A model that keeps the contract; each fault below breaks one part of it."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * 16 * 16, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(images.flatten(1))


class _Frozen(_Bare):
    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))


class _BatchMean(_Bare):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images - images.mean(0))


class _Forgetful(_Bare):
    def __init__(self) -> None:
        super().__init__()
        self.shift = torch.rand(1, generator=torch.Generator().manual_seed(torch.seed() % 2**31))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images) + self.shift


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [(_Frozen, "no gradient reaches unused"), (_BatchMean, "depends on its batch"), (_Forgetful, "state_dict")],
)
def test_a_broken_model_is_found(broken: type[nn.Module], complaint: str) -> None:
    check_model(_Bare, **SIZES)
    with pytest.raises(AssertionError, match=complaint):
        check_model(broken, **SIZES)


class _Shuffling:
    """An augmentation whose samples depend on the batch they come in."""

    def draw(self, count: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        return {"u": torch.rand(count, generator=generator)}

    def __call__(self, images: torch.Tensor, draws: dict[str, torch.Tensor]) -> torch.Tensor:
        return images.flip(0)


class _Unseeded(_Shuffling):
    def draw(self, count: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        return {"u": torch.rand(count)}


@pytest.mark.parametrize(("broken", "complaint"), [(_Shuffling, "batch it came in"), (_Unseeded, "generator")])
def test_a_broken_augmentation_is_found(broken: type[_Shuffling], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_augment(broken(), **SIZES)


def test_a_mix_with_a_weight_out_of_range_is_found() -> None:
    def mix(images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, Target]:
        return images, Target(labels, labels.flip(0), torch.tensor(1.5))

    with pytest.raises(AssertionError, match="outside"):
        check_mix(mix, num_classes=10, **SIZES)


def test_a_loss_that_is_a_mean_is_found() -> None:
    with pytest.raises(AssertionError, match="one value a sample"):
        check_loss(nn.CrossEntropyLoss(), num_classes=10)


def test_an_optimizer_that_forgets_its_state_is_found() -> None:
    class Forgetful(torch.optim.SGD):
        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            super().load_state_dict({**state_dict, "state": {}})

    with pytest.raises(AssertionError, match="state_dict"):
        check_optimizer(lambda params: Forgetful(params, lr=0.1, momentum=0.9))


def test_a_schedule_below_zero_is_found() -> None:
    with pytest.raises(AssertionError, match="negative"):
        check_scheduler(lambda timeline: np.linspace(1, -1, timeline.total_steps))


def test_a_logger_that_writes_into_the_record_is_found(tmp_path: Path) -> None:
    class Rude:
        def open(self, folder: Path, config: dict[str, Any]) -> None:
            (folder / "metrics.csv").write_text("mine")

        def log(self, row: dict[str, Any], step: int) -> None: ...

        def close(self, result: dict[str, Any]) -> None: ...

    with pytest.raises(AssertionError, match="file of the record"):
        check_logger(Rude(), tmp_path)


def test_labels_out_of_range_are_found() -> None:
    source = check(compose(["data=digits"])).slots["data"].build

    class Wrong:
        def facts(self) -> dict[str, object]:
            return {**source().facts(), "num_classes": 9}

        def load(self, say: Any) -> Any:
            train, test = source().load(say)
            return replace(train), test

    with pytest.raises(AssertionError, match="out of range"):
        check_data(Wrong)
