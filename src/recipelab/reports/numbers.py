"""A study's records as figures and tables need them: arms with their levels, runs, and what is proven of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from recipelab.config.identity import flatten
from recipelab.figures.chart import Axis
from recipelab.reports.material import Reading, StudyMaterial
from recipelab.reports.units import PERCENT, unit


@dataclass(frozen=True)
class ArmNumbers:
    """An arm. levels: axis -> level. readings: a run a seed. line: its part of summary.json."""

    name: str
    levels: Mapping[str, str]
    readings: tuple[Reading, ...]
    line: Mapping[str, Any]

    @property
    def values(self) -> list[float]:
        return [reading.value for reading in self.readings]


@dataclass(frozen=True)
class Numbers:
    """A study, read to be drawn."""

    study: StudyMaterial

    @cached_property
    def arms(self) -> list[ArmNumbers]:
        """Those with a result, in the order of the study."""
        levels = self.study.summary.get("levels") or {}
        found = []
        for line in self.study.summary["arms"]:
            readings = tuple(one for one in self.study.readings if one.arm == line["arm"])
            found.append(ArmNumbers(line["arm"], levels.get(line["arm"], {}), readings, line))
        return [arm for arm in found if arm.readings]

    @cached_property
    def axes(self) -> dict[str, list[str]]:
        """Axis -> its levels that have a result, in their order."""
        found: dict[str, list[str]] = {}
        for arm in self.arms:
            for axis, level in arm.levels.items():
                if level not in found.setdefault(axis, []):
                    found[axis].append(level)
        return found

    @property
    def metric(self) -> str:
        return str(self.study.summary["metric"])

    @property
    def split(self) -> str:
        return str(self.study.summary["split"])

    @property
    def higher(self) -> bool:
        return bool(self.study.summary["higher_is_better"])

    @property
    def percent(self) -> bool:
        return is_share(self.metric)

    @property
    def seeds(self) -> int:
        """How many seeds the most measured arm has."""
        return max((len(arm.readings) for arm in self.arms), default=0)

    def axis(self, split: str | None = None) -> Axis:
        """The axis of the study's metric."""
        return metric_axis(self.metric, split or self.split)

    @property
    def confidence(self) -> float:
        """Of every interval of the study."""
        return float(self.study.definition.get("confidence", 0.95))

    def baseline(self, arm: ArmNumbers) -> str:
        return str(self.study.summary["baselines"].get(arm.name, arm.name))

    def told(self, reading: Reading) -> str:
        """What a dot says of a run."""
        value = f"{100 * reading.value:.2f} %" if self.percent else f"{reading.value:.5g}"
        return f"{reading.arm}\nseed {reading.seed}: {self.split} {self.metric} {value}"

    def best(self) -> ArmNumbers:
        """The arm of the best mean."""
        return (max if self.higher else min)(self.arms, key=lambda arm: arm.line["mean"])

    def differing(self) -> dict[str, list[Any]]:
        """Key of the recipe -> its value in each arm's first run, of those that are not the same in all."""
        flat = [flatten(arm.readings[0].run.config) for arm in self.arms]
        keys = dict.fromkeys(key for one in flat for key in one)
        left = ("seed", "output", "data_root", "progress", "select_view", "averaging", "ledger", "result_plot")
        left_keys = ("trainer.checkpoint_at", "trainer.threads")
        shared = [key for key in keys if key.endswith("._target_") or all(key in one for one in flat)]
        found = {
            key: [one.get(key) for one in flat]
            for key in shared
            if key.split(".")[0] not in left and key not in left_keys
        }
        return {key: values for key, values in found.items() if len({str(value) for value in values}) > 1}


def is_share(metric: str) -> bool:
    """Whether a metric is read in percent, in figures as in tables."""
    return unit(metric) is PERCENT


def metric_axis(metric: str, before: str = "") -> Axis:
    """The axis of a metric, in percent where it is a share. before: words of its label, such as the split's name."""
    share = is_share(metric)
    return Axis(f"{before} {metric}{' (%)' if share else ''}".lstrip(), percent=share)


def titled(text: str) -> str:
    """With a capital, as a title has it: a metric's name begins with a small letter."""
    return text[:1].upper() + text[1:]
