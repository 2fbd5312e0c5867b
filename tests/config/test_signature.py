"""The signature of a target as a schema: which keys, of what type, which are facts, what a default may be."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pytest
import torch
from annotated_types import Ge, Le, Len
from torch import Tensor, nn

from recipelab.config.signature import MISSING, fill, plain, schema_of, validate
from recipelab.core.errors import UserError


class Model:
    def __init__(self, *, num_classes: int, width: int = 4, rate: Annotated[float, Ge(0), Le(1)] = 0.5) -> None: ...


class Positional:
    def __init__(self, num_classes: int, width: int = 4): ...


class Open:
    def __init__(self, *, width: int = 4, **more: Any) -> None: ...


class Untyped:
    def __init__(self, depth, width=4): ...


class Lenient:  # as much code of others is written
    def __init__(
        self,
        *,
        weights: str = None,  # type: ignore[assignment]
        scale: float = 1,
        sizes: tuple[int, int] = (3, 5),
        pairs: list[tuple[int, float]] = [],  # noqa: B006
        norm: type[nn.Module] = nn.BatchNorm2d,
        lr: float | Tensor = 0.1,
    ) -> None: ...


class Unseen:
    def __init__(self, *, width: NotDefinedAnywhere = 4) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@dataclasses.dataclass(kw_only=True)
class Data:
    sizes: list[int] = dataclasses.field(default_factory=lambda: [1, 2])
    count: int


def schedule(timeline: object, *, warmup: str = "0st") -> None: ...


def filled(target: Any, node: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return fill("slot", node or {}, schema_of(target), what=target.__name__, **options)


def test_keyword_and_positional_parameters_are_keys():
    for target in (Model, Positional):
        schema = schema_of(target)
        assert schema.parameters["num_classes"].default == MISSING
        assert schema.parameters["width"].default == 4
        assert not schema.open
    assert filled(Positional, {"num_classes": 3}) == {"num_classes": 3, "width": 4}


def test_parameters_that_the_loop_supplies_are_no_keys():
    assert list(schema_of(schedule, supplied=1).parameters) == ["warmup"]


def test_a_dataclass_has_its_factories_defaults():
    assert filled(Data, {"count": 1}) == {"sizes": [1, 2], "count": 1}


def test_unknown_keys():
    with pytest.raises(UserError) as caught:
        filled(Model, {"num_classes": 1, "widht": 3})
    assert str(caught.value) == (
        "slot.widht is not an option of Model\n  did you mean: slot.width\n  options: num_classes, width, rate"
    )
    with pytest.raises(UserError, match="it takes none"):
        filled(object, {"a": 1})


def test_any_key_is_taken_by_kwargs_and_the_named_ones_are_still_checked():
    assert filled(Open, {"depth": 3}) == {"width": 4, "depth": 3}
    with pytest.raises(UserError, match="slot.width='x': should be a valid integer"):
        filled(Open, {"width": "x", "depth": 3})


def test_facts_are_injected_by_name_where_the_signature_has_them():
    facts = {"num_classes": 10, "input_channels": 3, "width": None}
    assert filled(Model, facts=facts) == {"num_classes": 10, "width": 4, "rate": 0.5}
    assert filled(Open, facts=facts) == {"width": 4}
    assert filled(Model, {"num_classes": "???"}, facts=facts)["num_classes"] == 10
    assert filled(Model, {"num_classes": 10}, facts=facts)["num_classes"] == 10
    with pytest.raises(UserError, match="slot.num_classes=7 contradicts the data, which say 10; leave it out"):
        filled(Model, {"num_classes": 7}, facts=facts)


def test_facts_to_come_may_stay_away():
    assert filled(Model, later={"num_classes"}) == {"width": 4, "rate": 0.5}
    assert filled(Model, {"num_classes": 3}, later={"num_classes"})["num_classes"] == 3


@pytest.mark.parametrize("node", [{}, {"num_classes": "???"}])
def test_what_is_required(node: dict[str, Any]):
    with pytest.raises(UserError, match="slot.num_classes is required: give slot.num_classes=VALUE"):
        filled(Model, node)


def test_parameters_without_a_type_take_anything():
    assert filled(Untyped, {"depth": {"a": [1]}, "width": "x"}) == {"depth": {"a": [1]}, "width": "x"}
    assert filled(Unseen, {"width": "x"}) == {"width": "x"}


def test_a_default_is_always_right_and_may_be_said():
    assert filled(Lenient)["weights"] is None
    assert filled(Lenient, {"weights": None})["weights"] is None
    with pytest.raises(UserError, match="slot.weights=3: should be a valid string"):
        filled(Lenient, {"weights": 3})


def test_a_recipe_says_the_same_whether_a_default_is_said_or_not():
    nothing, all_said = filled(Lenient), filled(Lenient, plain(filled(Lenient)))
    assert nothing == all_said
    assert type(nothing["scale"]) is type(all_said["scale"]) is float


def test_a_default_that_yaml_cannot_hold_is_left_to_the_target():
    assert "norm" not in filled(Lenient)


def test_a_list_is_a_tuple_where_one_is_asked_for():
    assert filled(Lenient)["sizes"] == (3, 5)
    assert filled(Lenient, {"sizes": [7, 9]})["sizes"] == (7, 9)
    assert filled(Lenient, {"pairs": [[1, 2], [3, 4.5]]})["pairs"] == [(1, 2.0), (3, 4.5)]
    with pytest.raises(UserError, match=r"slot.sizes=\[1, 2, 3\]: should be a valid tuple"):
        filled(Lenient, {"sizes": [1, 2, 3]})


def test_a_type_that_cannot_be_checked_is_the_targets_business():
    assert filled(Lenient, {"lr": "much"})["lr"] == "much"


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (3, int, 3),
        (3, float, 3.0),
        (True, bool, True),
        (None, int | None, None),
        (None, Any, None),
        ("auto", bool | Literal["auto"], "auto"),
        ([1, 2], list[int], [1, 2]),
        ([0.5, 0.9], Annotated[Sequence[float], Len(2, 2)], [0.5, 0.9]),
        ({"a": 1}, dict[str, int], {"a": 1}),
    ],
)
def test_values_of_the_right_type(value: object, annotation: Any, expected: object):
    found = validate("k", value, annotation)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "annotation", "message"),
    [
        ("abc", int, "k='abc': should be a valid integer"),
        (20.5, int, "k=20.5: should be a valid integer"),
        (20.0, int, "k=20.0: should be a valid integer"),
        (True, int, "k=True: should be a valid integer"),
        (True, float, "k=True: should be a valid number"),
        (1, bool, "k=1: should be a valid boolean"),
        ("3", int, "k='3': should be a valid integer"),
        (3, str, "k=3: should be a valid string"),
        (None, int, "k=None: should be a valid integer"),
        ("Kaiming", Literal["kaiming", "default"], "should be 'kaiming' or 'default'\n  did you mean: kaiming"),
        ("of", bool | Literal["auto"], "k='of': should be a valid boolean or should be 'auto'"),
        (2, Annotated[float, Le(1)], "k=2: should be less than or equal to 1"),
        (-1, Annotated[int, Ge(0)], "k=-1: should be greater than or equal to 0"),
        ([1, "x"], list[int], "should be a valid integer"),
        (3, list[int], "k=3: should be a valid list"),
        (float("nan"), Annotated[float, Ge(0)], "k=nan: should be a finite number"),
        (float("inf"), float, "k=inf: should be a finite number"),
        ([1.0, float("inf")], list[float], "k=inf: should be a finite number"),
    ],
)
def test_values_of_the_wrong_type(value: object, annotation: Any, message: str):
    with pytest.raises(UserError) as caught:
        validate("k", value, annotation)
    assert message in str(caught.value)


def test_plain_is_as_yaml_gives_it_back_and_shares_nothing():
    inner = [1, (2, 3)]
    found = plain({"a": inner, "b": inner, "c": torch.float32})
    assert found == {"a": [1, [2, 3]], "b": [1, [2, 3]], "c": torch.float32}
    assert found["a"] is not found["b"]
