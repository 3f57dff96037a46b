"""What is solved is counted, and the first exercise that is not comes next."""

from __future__ import annotations

from kcourse import exercises, lessons
from kcourse.journal import Standing
from kcourse.overview import Tally, next_open, tally

REGISTERED = exercises.all_exercises()
LESSON = lessons.all_lessons()[0]
FIRST, SECOND = LESSON.exercises[:2]


def test_only_what_is_solved_counts() -> None:
    standings = {FIRST: Standing(solved=True), SECOND: Standing(attempts=3)}
    one, both = REGISTERED[FIRST].points, REGISTERED[FIRST].points + REGISTERED[SECOND].points
    assert tally([FIRST, SECOND], REGISTERED, standings) == Tally(1, 2, one, both)
    assert tally([], REGISTERED, standings) == Tally(0, 0, 0, 0)


def test_the_first_open_exercise_comes_next() -> None:
    course = lessons.all_lessons()
    assert next_open(course, {}) == (LESSON, FIRST)
    assert next_open(course, {FIRST: Standing(solved=True)}) == (LESSON, SECOND)
    done = {name: Standing(solved=True) for name in LESSON.exercises}
    assert next_open([LESSON], done) is None
