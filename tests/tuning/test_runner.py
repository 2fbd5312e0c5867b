"""The runner with processes that only pretend: each way in which a trial can end is told to the book as what it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from recipelab.core.errors import UserError
from recipelab.records.record import Record
from recipelab.tuning import runner as module
from recipelab.tuning.book import Book
from recipelab.tuning.objective import Goal, Objective
from recipelab.tuning.pruners import make_pruner
from recipelab.tuning.runner import DONE, FAILED, USER_ERROR, Runner, Running
from recipelab.tuning.space import read_space
from recipelab.tuning.storage import url_of

Script = Callable[[Running, int], Any]
PARAMS = read_space({"x": "uniform(0,1)"}, {})
OBJECTIVE = Objective((Goal("accuracy", True, "val_raw_accuracy"),))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLL_SECONDS", "LOOK_SECONDS", "BUSY_SECONDS"):
        monkeypatch.setattr(module, name, 0.0)


class Process:
    """Appends an evaluation to its record at every poll; ends with a code after the last, or when stopped."""

    def __init__(self, one: Running, curve: list[float], code: int, **result: Any) -> None:
        self.curve, self.code, self.result, self.stopped = list(curve), code, result, False
        self.record: Record | None = None
        if curve:
            found = module.newest(one.folder)
            self.record = Record.create(one.folder, "run") if found is None else found
            self.record.lock()

    def poll(self) -> int | None:
        if self.record is not None and self.curve and not self.stopped:
            step = len(self.record.metrics.rows()) + 1
            self.record.metrics.append({"epoch": step, "step": step, "val_raw_accuracy": self.curve.pop(0)})
            return None
        if self.record is not None:
            ending = {"status": "interrupted"} if self.stopped or self.code < 0 else self.result
            self.record.update_result(**ending)
            self.record.unlock()
        return 143 if self.stopped else self.code

    def stop(self) -> None:
        self.stopped = True


def good(one: Running, curve: list[float]) -> Process:
    return Process(one, curve, DONE, status="finished", seconds=1.0)


@pytest.fixture
def search(tmp_path: Path) -> Callable[..., tuple[Book, list[Any]]]:
    def run(script: Script, limit: int = 1, pruner: Any = "none", **options: Any) -> tuple[Book, list[Any]]:
        made = make_pruner(pruner if isinstance(pruner, str) else pruner["name"], pruner)
        book = Book(tmp_path, url_of(tmp_path), "s", directions=["maximize"], limit=limit, pruner=made)
        told: list[Any] = []
        started: list[int] = []

        def start(one: Running) -> Any:
            started.append(one.trial.number)
            return script(one, len(started))

        options.setdefault("words", lambda drawn: (f"x={drawn['x']}",))
        with book:
            Runner(
                book, PARAMS, OBJECTIVE, lambda *entropy: RandomSampler(seed=entropy[0]), start=start,
                tell=lambda event, trial, text: told.append((event, text)), **options,
            ).run()  # fmt: skip
        return book, told

    return run


def states(book: Book) -> list[TrialState]:
    return [trial.state for trial in book.trials()]


def test_a_finished_trial_has_the_value_of_its_last_evaluation(search: Callable[..., Any]):
    book, told = search(lambda one, n: good(one, [0.2, 0.9, 0.7]))
    assert book.trials()[0].values == [0.7]
    assert list(book.trials()[0].intermediate_values.items()) == [(1, 0.2), (2, 0.9), (3, 0.7)]
    assert [event for event, _ in told] == ["start", "finished"]


def test_a_pruned_trial_is_stopped_and_its_record_says_why(search: Callable[..., Any]):
    pruner = {"name": "median", "n_startup_trials": 1}
    curves = [[0.5, 0.6, 0.7], [0.1, 0.2, 0.9]]
    book, _ = search(lambda one, n: good(one, curves[n - 1]), limit=2, pruner=pruner)
    assert states(book) == [TrialState.COMPLETE, TrialState.PRUNED]
    assert book.trials()[1].intermediate_values == {1: 0.1}
    record = module.newest(book.folder / "trials" / "0001")
    assert record is not None
    assert record.status() == "interrupted"
    assert record.result()["reason"] == "pruned at evaluation 1, at 0.1, by Median"


def test_a_killed_process_is_begun_again_in_the_same_record(search: Callable[..., Any]):
    book, told = search(lambda one, n: Process(one, [0.1], -9) if n == 1 else good(one, [0.5]))
    assert states(book) == [TrialState.FAIL, TrialState.COMPLETE]
    assert [event for event, _ in told] == ["start", "crashed", "again", "finished"]
    assert book.trials()[1].intermediate_values == {1: 0.1, 2: 0.5}
    assert len(list((book.folder / "trials" / "0000").iterdir())) == 1


@pytest.mark.parametrize(
    ("process", "reason"),
    [
        (lambda one, n: Process(one, [0.1], FAILED, status="failed", reason="the loss is not finite"), "not finite"),
        (lambda one, n: Process(one, [], USER_ERROR), "what was printed"),
        (lambda one, n: good(one, [float("nan")]), "no finite number"),
        (lambda one, n: Process(one, [], -9), "signal 9"),
    ],
)
def test_a_trial_that_comes_to_nothing_fails_with_its_reason(process: Script, reason: str, search: Callable[..., Any]):
    book, _ = search(process, said=lambda one: "what was printed")
    assert set(states(book)) == {TrialState.FAIL}
    assert book.begun() == 1
    assert reason in book.latest()[0].user_attrs["reason"]


def test_a_combination_that_cannot_be_ends_no_search(search: Callable[..., Any]):
    calls: list[float] = []

    def words(drawn: Mapping[str, Any]) -> tuple[str, ...]:
        calls.append(drawn["x"])
        if len(calls) == 1:
            raise UserError("these two cannot go together")
        return ()

    book, _ = search(lambda one, n: good(one, [0.5]), limit=2, words=words)
    assert states(book) == [TrialState.FAIL, TrialState.COMPLETE]
    assert book.trials()[0].user_attrs["reason"] == "these two cannot go together"


def test_a_busy_record_is_waited_for(search: Callable[..., Any]):
    book, told = search(lambda one, n: Process(one, [], 75) if n < 3 else good(one, [0.5]))
    assert states(book) == [TrialState.COMPLETE]
    assert [event for event, _ in told] == ["start", "finished"]


def test_a_stop_puts_back_what_runs(search: Callable[..., Any], tmp_path: Path):
    looks = iter([False, False, True])
    book, _ = search(lambda one, n: good(one, [0.1] * 9), limit=3, stop=lambda: next(looks))
    assert states(book) == [TrialState.FAIL, TrialState.WAITING]
    (path,) = (tmp_path / "trials" / "0000").iterdir()
    assert json.loads((path / "result.json").read_text())["status"] == "interrupted"


def test_no_trial_begins_when_the_time_is_up(search: Callable[..., Any]):
    book, _ = search(lambda one, n: good(one, [0.5]), over=lambda: True)
    assert book.trials() == []


def test_no_more_at_once_than_slots(search: Callable[..., Any]):
    alive: list[int] = []
    most: list[int] = []

    def script(one: Running, n: int) -> Process:
        process = good(one, [0.1, 0.2])
        alive.append(n)
        most.append(len(alive))
        poll = process.poll

        def ended() -> int | None:
            code = poll()
            if code is not None:
                alive.remove(n)
            return code

        process.poll = ended  # type: ignore[method-assign]
        return process

    book, _ = search(script, limit=5, slots=2)
    assert max(most) == 2
    assert states(book) == [TrialState.COMPLETE] * 5


def test_what_a_condition_asks_for_is_drawn_only_then():
    params = read_space({"mix": ["none", "mixup"]}, {"mix=mixup": {"mix.alpha": "uniform(0.1,1)"}})
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    for _ in range(8):
        drawn = module.draw(study.ask(), params, frozenset())
        assert ("mix.alpha" in drawn) == (drawn["mix"] == "mixup")
