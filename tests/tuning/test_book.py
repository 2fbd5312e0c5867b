"""The book of trials: nothing is lost when a process dies, and never are there more trials than asked for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from recipelab.core.errors import RunError, UserError
from recipelab.tuning import book as book_module
from recipelab.tuning import storage as storage_module
from recipelab.tuning.book import Book, origin
from recipelab.tuning.storage import alone, answering, url_of

Make = Callable[..., Book]


def make_book(folder: Path, **options: object) -> Book:
    values: dict[str, object] = {"directions": ["maximize"], "limit": 4, **options}
    return Book(folder, url_of(folder), "search", **values)  # type: ignore[arg-type]


def sampler(*entropy: int) -> RandomSampler:
    return RandomSampler(seed=entropy[0])


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with make_book(tmp_path) as made:
        yield made


def taken(book: Book) -> optuna.Trial:
    trial = book.take(sampler)
    assert trial is not None
    trial.suggest_float("x", 0, 1)
    return trial


def states(book: Book) -> list[TrialState]:
    return [trial.state for trial in book.trials()]


def test_there_are_as_many_trials_as_asked_for(book: Book):
    for _ in range(4):
        book.finish(taken(book), [0.5], "", 1.0)
    assert book.take(sampler) is None
    assert book.over()
    assert len(book.trials()) == 4


def test_a_crashed_trial_is_repeated_with_the_same_parameters_and_counts_once(book: Book):
    first = taken(book)
    assert book.crash(first, "ended by signal 9")
    assert states(book) == [TrialState.FAIL, TrialState.WAITING]
    assert book.begun() == 1
    again = taken(book)
    assert again.params == first.params
    assert book.origin_of(again) == first.number
    assert not book.crash(again, "ended by signal 9"), "once is enough"
    assert states(book) == [TrialState.FAIL, TrialState.FAIL]
    assert [origin(t) for t in book.latest()] == [0]
    assert book.latest()[0].user_attrs["reason"] == "ended by signal 9"


def test_stops_do_not_count_as_crashes(book: Book):
    for _ in range(5):
        book.put_back(taken(book), "stopped")
    assert book.crash(taken(book), "ended by signal 9")
    assert book.begun() == 1


def test_a_failed_trial_is_not_repeated(book: Book):
    book.fail(taken(book), "the loss is not finite")
    assert states(book) == [TrialState.FAIL]


def _take_and_die(folder: str) -> None:
    with make_book(Path(folder)) as made:
        taken(made)
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_process_had_is_taken_over_at_once(tmp_path: Path):
    process = multiprocessing.get_context("spawn").Process(target=_take_and_die, args=(str(tmp_path),))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    with make_book(tmp_path) as book:
        assert states(book) == [TrialState.RUNNING]
        lost = book.trials()[0]
        again = taken(book)
        assert again.params == lost.params
        assert states(book) == [TrialState.FAIL, TrialState.RUNNING]
        assert len(list((tmp_path / "workers").iterdir())) == 1


def test_what_a_living_process_has_is_left_to_it(tmp_path: Path):
    with make_book(tmp_path) as one, make_book(tmp_path) as other:
        first = taken(one)
        second = taken(other)
        assert {first.number, second.number} == {0, 1}
        assert states(one) == [TrialState.RUNNING] * 2


def test_a_process_elsewhere_is_gone_after_a_time_without_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for module in (book_module, storage_module):
        monkeypatch.setattr(module, "GRACE_SECONDS", 1)
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    url = url_of(tmp_path)
    make = {"directions": ["maximize"], "limit": 4}
    with Book(tmp_path / "here", url, "s", **make) as here, Book(tmp_path / "there", url, "s", **make) as there:  # type: ignore[arg-type]
        lost = taken(there)
        there._stop.set()
        assert states(here) == [TrialState.RUNNING]
        time.sleep(2.5)
        assert taken(here).params == lost.params
        assert states(here) == [TrialState.FAIL, TrialState.RUNNING]
        there.finish(lost, [1.0], "", 1.0)  # too late, and no harm
        assert states(here)[0] is TrialState.FAIL


def test_many_that_ask_at_once_get_no_trial_too_many(tmp_path: Path):
    """Ten threads with a book each, four trials: each trial has one taker."""
    books = [make_book(tmp_path) for _ in range(10)]
    got: list[int] = []

    def work(book: Book) -> None:
        with book:
            while (trial := book.take(sampler)) is not None:
                got.append(trial.number)
                book.finish(trial, [0.0], "", None)

    threads = [threading.Thread(target=work, args=(book,)) for book in books]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [0, 1, 2, 3]
    assert len(books[0].study.trials) == 4


def test_a_trial_too_many_of_another_machine_is_no_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where turns cannot be taken, the storage's numbers decide."""
    with make_book(tmp_path, limit=1) as book, make_book(tmp_path, limit=1) as other:
        monkeypatch.setattr(other, "begun", lambda: 0)  # it looked before the first had asked
        book.finish(taken(book), [0.1], "", None)
        assert other.take(sampler) is None
        assert len(book.trials()) == 1
        assert book.over()


def test_another_search_of_the_same_name_is_refused(tmp_path: Path):
    book = make_book(tmp_path)
    kept = book.define({"space": {"x": "1"}, "metric": "accuracy", "pinned": {"threads": 1}})
    assert kept["pinned"] == {"threads": 1}
    again = make_book(tmp_path).define({"space": {"x": "1"}, "metric": "accuracy", "pinned": {"threads": 2}})
    assert again["pinned"] == {"threads": 1}
    with pytest.raises(UserError, match="began with another space"):
        make_book(tmp_path).define({"space": {"x": "2"}, "metric": "accuracy", "pinned": {}})
    with pytest.raises(UserError, match="other metrics"):
        make_book(tmp_path, directions=["minimize"])


def test_a_storage_that_cannot_be_opened_says_so(tmp_path: Path):
    with pytest.raises(UserError, match="cannot be opened: unable to open"):
        Book(tmp_path, "sqlite:////nowhere/at/all/search.db", "search", directions=["maximize"], limit=1)


def test_the_place_of_one_that_lost_its_storage_stays_so_that_the_next_finds_its_trials(tmp_path: Path):
    told = pytest.raises(RunError, match=r"(?s)does not answer: gone.*the same command goes on")
    with told, answering(), make_book(tmp_path) as book:
        lost = taken(book)
        raise StorageInternalError("commit") from OSError("gone")
    with make_book(tmp_path) as book:
        assert taken(book).params == lost.params
        assert states(book) == [TrialState.FAIL, TrialState.RUNNING]


def test_a_turn_ends_with_its_owner(tmp_path: Path):
    order = []

    def second() -> None:
        with alone(tmp_path):
            order.append("second")

    with alone(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
