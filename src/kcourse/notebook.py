"""What lessons call: ``check``, ``hint``, ``solution``, ``progress``; and released, ``require``."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np

from kcourse import cards, exercises, journal, lessons
from kcourse.errors import KcourseError
from kcourse.exercise import Exercise, Verdict, assess, observe_here

P = ParamSpec("P")

#: Set while the grader runs a lesson's cells.
GRADING = "KCOURSE_GRADING"


def _shown_as_card(function: Callable[P, cards.Card]) -> Callable[P, None]:
    """Display the card that ``function`` returns; a user's mistake becomes a card as well.

    While an answer is graded nothing is checked, shown or recorded: the grader does that.
    """

    @functools.wraps(function)
    def shown(*args: P.args, **kwargs: P.kwargs) -> None:
        if os.environ.get(GRADING):
            return
        try:
            card = function(*args, **kwargs)
        except KcourseError as error:
            card = cards.mistake(str(error))
        cards.show(card)

    return shown


@_shown_as_card
def check(answer: Any) -> cards.Card:
    """Check your answer to an exercise on fresh random inputs and show the outcome.

    ``answer`` is the function or class you wrote, or the exercise's name.
    """
    return _checked(answer, sys._getframe(2).f_globals)[0]


class NotCorrect(AssertionError):
    """What ``require`` raises: the reason in short, as the card says the rest.

    IPython shows it without a traceback, which would lead into this module.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


def require(answer: Any) -> None:
    """Check an answer as ``check`` does, and raise ``NotCorrect`` unless it is correct.

    For graders that take a cell for failed when it raises, such as nbgrader. They do so as well
    if anything is written to standard error, a mere warning for example: what the answer writes
    there while it is checked goes to standard output instead.
    """
    if os.environ.get(GRADING):
        return
    with _standard_error_as_output():
        card, verdict = _checked(answer, sys._getframe(1).f_globals)
        cards.show(card)
    if not verdict.correct:
        raise NotCorrect(f"{verdict.exercise} is {verdict.outcome}: {verdict.reason}")


@_shown_as_card
def hint(answer: Any) -> cards.Card:
    """Show a hint for an exercise, one more each time you call it."""
    exercise, _ = _resolve(answer, sys._getframe(2).f_globals)
    return cards.hints(exercise, next_hints(exercise))


@_shown_as_card
def solution(answer: Any, *, anyway: bool = False) -> cards.Card:
    """Show the explained solution of an exercise you have solved.

    With ``anyway=True`` it is shown although the exercise is not solved yet.
    """
    exercise, _ = _resolve(answer, sys._getframe(2).f_globals)
    if not anyway and not standing(exercise).solved:
        return cards.not_solved_yet(exercise)
    journal.record(exercise.name, "solution")
    from kcourse.solutions import source_of

    return cards.solution(exercise, source_of(exercise))


@_shown_as_card
def progress() -> cards.Card:
    """Show which exercises of the course you have solved, and where to go on."""
    return cards.progress(lessons.all_lessons(), exercises.all_exercises(), journal.standings())


def check_answer(exercise: Exercise, submission: Any, rng: np.random.Generator) -> Verdict:
    """Observe and judge ``submission`` in this process, which is a learner's own."""
    return assess(exercise, lambda case: observe_here(exercise, submission, case), rng)


def standing(exercise: Exercise, workspace: Path | None = None) -> journal.Standing:
    """Return where the learner stands with ``exercise``."""
    return journal.standings(workspace).get(exercise.name, journal.Standing())


def next_hints(exercise: Exercise, workspace: Path | None = None) -> tuple[str, ...]:
    """Record that one more hint was asked for, and return all hints shown so far."""
    shown = min(standing(exercise, workspace).hints + 1, len(exercise.hints))
    journal.record(exercise.name, "hint", workspace=workspace)
    return exercise.hints[:shown]


def _checked(answer: Any, namespace: Mapping[str, Any]) -> tuple[cards.Card, Verdict]:
    """Check an answer and record the outcome; return the card to show, and the verdict."""
    exercise, submission = _resolve(answer, namespace)
    if submission is None:
        raise KcourseError(
            f"{exercise.name!r} is not defined yet. Run the cell that defines it, then check again."
        )
    verdict = check_answer(exercise, submission, np.random.default_rng())
    journal.record(exercise.name, "check", verdict.outcome)
    return cards.verdict(verdict, exercise), verdict


@contextlib.contextmanager
def _standard_error_as_output() -> Iterator[None]:
    """Send to standard output what is written to standard error, by Python or by a library."""
    stream = sys.stderr
    kept = os.dup(2)
    os.dup2(1, 2)
    # Loggers hold the stream itself, so giving sys.stderr another one would not reach them.
    with contextlib.suppress(AttributeError):  # outside a kernel it may be of a type without room
        stream.write = sys.stdout.write  # type: ignore[method-assign]
    try:
        yield
    finally:
        with contextlib.suppress(AttributeError):
            del stream.write
        os.dup2(kept, 2)
        os.close(kept)


def _resolve(answer: Any, namespace: Mapping[str, Any]) -> tuple[Exercise, Any]:
    """Return the exercise that ``answer`` belongs to, and the object to check.

    A function that was assigned (a lambda, a partial, a ``tf.function``) is known by the
    variable that holds it.
    """
    if isinstance(answer, str):
        return exercises.get(answer), namespace.get(answer)
    registered = exercises.all_exercises()
    for name in registered:
        if namespace.get(name) is answer:
            return registered[name], answer
    own_name = getattr(answer, "__name__", None)
    if isinstance(own_name, str) and callable(answer):
        return exercises.get(own_name), answer
    raise KcourseError(
        f"check, hint and solution take the function you wrote, without calling it; "
        f"got a value of type {type(answer).__name__}. Write check(name), not check(name(...))."
    )
