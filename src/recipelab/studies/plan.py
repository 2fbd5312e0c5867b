"""The plan of a study: which trainings it runs, what each serves, and what that saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recipelab.studies.forks import Fork
from recipelab.studies.trajectory import Asked


@dataclass(frozen=True)
class Trajectory:
    """One training to run.

    name: its identity, and the name of its folder. serves: the arms and seeds that are read from it. words: the
    overrides of the `recipelab train` that it is, seed included. views: names that it must carry. renamed: arm -> name
    here of the view that its result is read from, where another arm's average has its own name for it.
    fork: the training whose beginning it takes over, or None. keep: steps at which others fork from it.
    """

    name: str
    serves: tuple[Asked, ...]
    words: tuple[str, ...]
    views: tuple[str, ...]
    fork: Fork | None = None
    keep: tuple[int, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)

    def view_of(self, one: Asked) -> str:
        """The view of this training that an arm's result is read from."""
        return self.renamed.get(one.arm.name, one.view)

    @property
    def title(self) -> str:
        """Short words for a line of progress."""
        first = self.serves[0]
        more = f" and {len(self.serves) - 1} more" if len(self.serves) > 1 else ""
        return f"{first.arm.name}, seed {first.seed}{more}"

    @property
    def share(self) -> float:
        """How much of a whole training it takes."""
        return 1.0 if self.fork is None else 1 - self.fork.step / self.fork.total


@dataclass(frozen=True)
class Plan:
    """Every training of a study, parents before their forks.

    asked: what the study asks for.
    """

    asked: tuple[Asked, ...]
    trajectories: tuple[Trajectory, ...]

    @property
    def equivalents(self) -> float:
        """Whole trainings that the work comes to."""
        return sum(t.share for t in self.trajectories)

    @property
    def saved(self) -> float:
        """Share of the trainings asked for that need not be run."""
        return 1 - self.equivalents / len(self.asked)

    def summary(self) -> str:
        """One line: 75 requested, 15 trajectories, 13.5 training-equivalents, 82 % saved."""
        return (
            f"{len(self.asked)} requested, {len(self.trajectories)} trajectories,"
            f" {self.equivalents:.3g} training-equivalents, {100 * self.saved:.0f} % saved"
        )


def parents_first(trajectories: Sequence[Trajectory]) -> tuple[Trajectory, ...]:
    """The same, every parent before its forks, otherwise in the given order."""
    waiting, done, names = list(trajectories), [], set()
    while waiting:
        ready = [t for t in waiting if t.fork is None or t.fork.parent in names]
        assert ready, "forks cannot go round in a circle"
        for trajectory in ready:
            done.append(trajectory)
            names.add(trajectory.name)
            waiting.remove(trajectory)
    return tuple(done)
