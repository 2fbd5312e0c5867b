"""What has to be said with every table that it touches: how the runs behind it were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from recipelab.core.plain import at
from recipelab.reports.material import OneRun

NAMED = 3
"""Runs that are named; more are counted."""


def doubts(runs: Sequence[OneRun]) -> list[str]:
    """Sentences on mixed execution, the protocol, the lockbox and what is not finished; none where all is well."""
    return [*_execution(runs), *_protocol(runs), *_lockbox(runs), *_unfinished(runs)]


def mixed(runs: Sequence[OneRun]) -> bool:
    """Whether the runs were not all executed in one way."""
    return len({run.result.get("fingerprint") for run in runs}) > 1


def _execution(runs: Sequence[OneRun]) -> list[str]:
    if not mixed(runs):
        return []
    found = Counter(str(run.result.get("fingerprint") or "unknown")[:10] for run in runs)
    ways = ", ".join(f"{count} as {name}" for name, count in found.most_common())
    return [f"Mixed execution fingerprints: the runs were not executed alike ({ways}); differences may be of machines."]


def _protocol(runs: Sequence[OneRun]) -> list[str]:
    which = [run for run in runs if run.result.get("protocol") == "test_as_val"]
    return [f"Protocol test_as_val: selection saw the test split ({_names(which, runs)})."] if which else []


def _lockbox(runs: Sequence[OneRun]) -> list[str]:
    which = [run for run in runs if isinstance(opened := at(run.result, "lockbox", "opened"), int) and opened > 1]
    return [f"The test split was opened more than once ({_names(which, runs)})."] if which else []


def _unfinished(runs: Sequence[OneRun]) -> list[str]:
    which = [run for run in runs if run.status != "finished"]
    return [f"Not finished, and so without results: {_names(which, runs)}."] if which else []


def _names(which: Sequence[OneRun], runs: Sequence[OneRun]) -> str:
    if len(which) == len(runs) > 1:
        return f"all {len(runs)} runs"
    if len(which) <= NAMED:
        return ", ".join(one.name for one in which)
    return f"{len(which)} of {len(runs)} runs, such as {which[0].name}"
