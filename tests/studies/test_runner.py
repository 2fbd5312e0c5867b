"""The runner over launchers that only pretend: what is missing runs, what failed is tried again."""

from types import SimpleNamespace

import pytest

from recipelab.core.task import BUSY, DONE, FAILED
from recipelab.studies import runner as module
from recipelab.studies.forks import Fork
from recipelab.studies.plan import Plan, Trajectory, parents_first
from recipelab.studies.runner import Runner
from recipelab.studies.state import Standing


def trajectory(name, fork=None):
    arm = SimpleNamespace(name=name)
    return Trajectory(name, (SimpleNamespace(arm=arm, seed=0),), (), ("raw",), fork)


class World:
    """Records and a launcher in memory: `script` says how each start of a trajectory ends."""

    def __init__(self, script, slots=1):
        self.script, self.slots = {name: list(codes) for name, codes in script.items()}, slots
        self.finished, self.kept, self.started, self.running = set(), {}, [], 0
        self.most = 0
        self.stopped = False

    def standing(self, folder, one):
        done = one.name in self.finished
        return Standing(begun=done, finished=done, kept=frozenset(self.kept.get(one.name, ())))

    def start(self, task):
        self.started.append(task)
        self.running += 1
        self.most = max(self.most, self.running)
        code = self.script[task].pop(0)
        return SimpleNamespace(poll=lambda: self._end(task, code), stop=self._stop)

    def _end(self, name, code):
        if code is None:
            return -15 if self.stopped else None
        if code == DONE:
            self.finished.add(name)
        self.running -= 1
        return code

    def _stop(self):
        self.stopped = True

    def close(self):
        pass


@pytest.fixture
def run(monkeypatch, tmp_path):
    def go(world, trajectories, **options):
        monkeypatch.setattr(module, "standing", world.standing)
        monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
        monkeypatch.setattr(module, "BUSY_SECONDS", 0.0)
        told = []
        made = Runner(
            tmp_path, Plan((), parents_first(trajectories)), world, lambda t: t.name,
            tell=lambda event, t, reason: told.append((event, t.name)), **options,
        )  # fmt: skip
        return made.run(), told

    return go


def test_everything_runs_once_and_no_more_than_slots_at_once(run):
    world = World({name: [DONE] for name in "abcde"}, slots=2)
    outcome, _ = run(world, [trajectory(name) for name in "abcde"])
    assert sorted(world.started) == list("abcde")
    assert sorted(outcome.finished) == list("abcde")
    assert world.most <= 2


def test_what_is_finished_does_not_run_again(run):
    world = World({"a": [], "b": [DONE]})
    world.finished.add("a")
    outcome, told = run(world, [trajectory("a"), trajectory("b")])
    assert world.started == ["b"]
    assert ("there", "a") in told
    assert sorted(outcome.finished) == ["a", "b"]


def test_a_failure_is_kept_and_the_rest_goes_on(run):
    world = World({"a": [FAILED], "b": [DONE]})
    outcome, _ = run(world, [trajectory("a"), trajectory("b")])
    assert (outcome.finished, list(outcome.failed)) == (["b"], ["a"])


def test_a_failure_is_tried_again_as_often_as_asked(run):
    world = World({"a": [FAILED, -9, DONE]})
    outcome, told = run(world, [trajectory("a")], retry=2)
    assert outcome.finished == ["a"]
    assert [event for event, _ in told].count("again") == 2


def test_what_another_process_has_is_waited_for_and_costs_no_try(run):
    world = World({"a": [BUSY, BUSY, DONE]})
    assert run(world, [trajectory("a")])[0].finished == ["a"]


def test_success_without_a_finished_record_is_a_failure(run):
    world = World({"a": [0]})
    world._end = lambda name, code: code  # says done, and has left nothing
    assert "a" in run(world, [trajectory("a")])[0].failed


def test_a_fork_waits_for_its_parents_checkpoint(run):
    world = World({"parent": [DONE], "child": [DONE]}, slots=2)
    run(world, [trajectory("child", Fork("parent", 5, 10)), trajectory("parent")])
    assert world.started == ["parent", "child"]


def test_a_fork_of_a_failed_parent_is_trained_whole(run):
    world = World({"parent": [FAILED], "child": [DONE]})
    outcome, _ = run(world, [trajectory("parent"), trajectory("child", Fork("parent", 5, 10))])
    assert (outcome.finished, list(outcome.failed)) == (["child"], ["parent"])


def test_a_stop_stops_what_runs_and_leaves_the_rest(run):
    world = World({"a": [None], "b": [DONE]})
    stops = iter([False, False, True, True])
    outcome, _ = run(world, [trajectory("a"), trajectory("b")], stop=lambda: next(stops))
    assert world.stopped
    assert sorted(outcome.waiting) == ["a", "b"]
    assert not outcome.finished
