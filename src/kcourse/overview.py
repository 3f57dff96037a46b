"""How far a learner is: what is solved of some exercises, and which one comes next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kcourse.exercise import Exercise
from kcourse.journal import Standing
from kcourse.lessons import Lesson


@dataclass(frozen=True)
class Tally:
    """How many exercises are solved of how many, and the same in points."""

    solved: int
    total: int
    points: int
    max_points: int


def is_solved(name: str, standings: Mapping[str, Standing]) -> bool:
    """Whether the learner has solved the exercise ``name``."""
    return name in standings and standings[name].solved


def tally(
    names: Sequence[str], exercises: Mapping[str, Exercise], standings: Mapping[str, Standing]
) -> Tally:
    """Count what is solved of the exercises ``names``."""
    solved = [name for name in names if is_solved(name, standings)]
    points, most = (sum(exercises[name].points for name in some) for some in (solved, names))
    return Tally(len(solved), len(names), points, most)


def next_open(
    lessons: Iterable[Lesson], standings: Mapping[str, Standing]
) -> tuple[Lesson, str] | None:
    """Return the first exercise that is not solved, with its lesson; ``None`` if all are."""
    for lesson in lessons:
        for name in lesson.exercises:
            if not is_solved(name, standings):
                return lesson, name
    return None
