"""Run one lesson's answers in workers, case by case, and judge here what comes back.

The learner's cells run in the order of the lesson, and each answer is observed where the lesson
checks it. A cell or an answer that kills its worker costs only itself: the next one gets a fresh
worker in which the good cells are replayed. Two answers get a second look before they are
settled: one that lacked a name is observed again at the end and, if need be, with the whole
lesson run; one that uses another exercise's wrong answer is observed with the course's own.
"""

from __future__ import annotations

import ast
import threading
import time
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from kcourse.exercise import Exercise, Verdict, assess
from kcourse.grading.answers import LessonAnswers
from kcourse.grading.course import Course
from kcourse.grading.limits import Limits
from kcourse.grading.runner import Budget, Cell, Runner
from kcourse.grading.server import Server
from kcourse.grading.session import CellResult, Stopped, WorkerFailed
from kcourse.lessons import exercise_name, is_setup

#: A notebook can ask for more refused commands than anybody wants to read.
MAX_NOTES = 20


@dataclass(frozen=True)
class Look:
    """The place at which an exercise's answer is observed."""

    exercise: str


@dataclass
class LessonResult:
    """The verdicts on one lesson, the seconds each took, and what should be known of them."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def as_plain(self) -> dict[str, Any]:
        """Return the result as plain data, for a file or another machine."""
        verdicts = [asdict(verdict) for verdict in self.verdicts.values()]
        return {"verdicts": verdicts, "seconds": self.seconds, "notes": self.notes}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> LessonResult:
        """Return the result that ``as_plain`` was made of."""
        verdicts = [Verdict(**entry) for entry in plain["verdicts"]]
        return cls(
            {verdict.exercise: verdict for verdict in verdicts},
            dict(plain["seconds"]),
            list(plain["notes"]),
        )


def grade_lesson(
    given: LessonAnswers,
    course: Course,
    seed: int,
    *,
    limits: Limits,
    stop: threading.Event | None = None,
    server: Server | None = None,
    cores: Collection[int] = (),
    only: Collection[str] | None = None,
) -> LessonResult:
    """Observe and judge the answers to one lesson (or to ``only`` some of its exercises).

    The cases of an exercise depend on the seed and its name alone, so its verdict is the same
    whatever else is graded. Raises ``WorkerFailed`` if no worker can be had.
    """
    names = [name for name in given.lesson.exercises if only is None or name in only]
    if unknown := [name for name in names if name not in course.exercises]:
        raise WorkerFailed(f"The course does not define {unknown[0]}, which its lesson asks for.")
    result = LessonResult()
    for name in names:
        if verdict := _without_running(name, given, course.exercises[name]):
            result.verdicts[name] = verdict
            result.seconds[name] = 0.0
    if len(result.verdicts) == len(names):
        return result
    budget = Budget(limits, stop or threading.Event(), server, cores)
    grading = _Grading(given, course, seed, budget, result)
    grading.first_look([name for name in names if name not in result.verdicts])
    for name in names:
        grading.second_chance(name)
    result.verdicts = {name: result.verdicts[name] for name in names}
    return result


def plan(
    given: LessonAnswers, *, whole: bool = False, instead: Mapping[str, str] | None = None
) -> Iterator[Cell | Look]:
    """Yield what to run and where to look, in the order of the lesson, after its setup cell.

    Args:
        given: the answers.
        whole: run the released cells as well, not only the learner's.
        instead: sources that take the place of answers.
    """
    released = [cell for cell in given.lesson.notebook.cells if cell.cell_type == "code"]
    start = max((number for number, cell in enumerate(released) if is_setup(cell)), default=-1)
    own: dict[int, list[str]] = {}
    for cell in given.own:
        own.setdefault(max(cell.anchor, start), []).append(cell.source)
    answers = {**given.answers, **(instead or {})}
    yield from (Cell(source) for source in own.get(start, []))
    for number, cell in enumerate(released[start + 1 :], start + 1):
        name = exercise_name(cell)
        if name:
            if name in answers:
                yield Cell(answers[name], name)
        elif cell.id.startswith("check-"):
            yield Look(cell.id.removeprefix("check-"))
        elif whole:
            yield Cell(cell.source)
        yield from (Cell(source) for source in own.get(number, []))


def _without_running(name: str, given: LessonAnswers, exercise: Exercise) -> Verdict | None:
    """Return the verdict on an exercise that the learner left alone, as far as can be seen."""
    if given.own or (name in given.answers and not given.untouched(name)):
        return None
    if name in given.answers:
        return Verdict(name, "not attempted", 0, exercise.points, "The stub is as it was.")
    return _missing(name, given, exercise)


def _missing(name: str, given: LessonAnswers, exercise: Exercise) -> Verdict:
    if name in given.answers:
        reason = f"The cell of {name} does not define {name}."
    else:
        reason = f"The cell of {name} is not in the notebook."
    return Verdict(name, "missing", 0, exercise.points, reason)


class _Grading:
    """Grades one lesson's answers: see ``grade_lesson``."""

    def __init__(
        self, given: LessonAnswers, course: Course, seed: int, budget: Budget, result: LessonResult
    ) -> None:
        self.given = given
        self.course = course
        self.seed = seed
        self.budget = budget
        self.result = result

    def first_look(self, names: Collection[str]) -> None:
        """Run the learner's cells and observe each answer where the lesson checks it."""
        ran: dict[str, CellResult] = {}
        with Runner(self.given, self.budget) as runner:
            waiting = list(names)
            for step in plan(self.given):
                if not waiting and not any(map(self._lacked_something, names)):
                    break
                started = time.monotonic()
                if isinstance(step, Cell):
                    outcome = runner.run(step)
                    self._note_refused(outcome)
                    if step.exercise:
                        ran[step.exercise] = outcome
                elif step.exercise in waiting:
                    waiting.remove(step.exercise)
                    self._look(runner, step.exercise, ran.get(step.exercise))
                name = step.exercise
                took = time.monotonic() - started
                self.result.seconds[name] = self.result.seconds.get(name, 0.0) + took
            for name in (*waiting, *(name for name in names if self._lacked_something(name))):
                self._look(runner, name, ran.get(name), again=True)

    def second_chance(self, name: str) -> None:
        """Observe an answer once more where it may be wrong through another cell's fault."""
        verdict = self.result.verdicts[name]
        if verdict.correct or verdict.outcome in ("not attempted", "missing", "timed out"):
            return
        lacked = verdict.reason.startswith("NameError")
        instead = {
            other: self.course.solution(self.course.exercises[other])
            for other in sorted(self._used_by(name))
            if other in self.given.lesson.exercises
            and not (other in self.result.verdicts and self.result.verdicts[other].correct)
        }
        if not lacked and not instead:
            return
        started = time.monotonic()
        with Runner(self.given, self.budget) as runner:
            ran = None
            for step in plan(self.given, whole=lacked, instead=instead):
                if isinstance(step, Cell):
                    outcome = runner.run(step)
                    ran = outcome if step.exercise == name else ran
            second = self._assess(runner, name, ran)
        self.result.seconds[name] = self.result.seconds.get(name, 0.0) + time.monotonic() - started
        if second.correct:
            self.result.verdicts[name] = second
            why = f"the course's own {', '.join(instead)}" if instead else "the whole lesson run"
            self.result.notes.append(f"{name} was judged with {why}.")

    def _look(
        self, runner: Runner, name: str, ran: CellResult | None, *, again: bool = False
    ) -> None:
        verdict = self._assess(runner, name, ran)
        if not again or verdict.correct or name not in self.result.verdicts:
            self.result.verdicts[name] = verdict

    def _assess(self, runner: Runner, name: str, ran: CellResult | None) -> Verdict:
        """Judge an answer, given what running its cell gave (``None``: it has no cell)."""
        exercise = self.course.exercises[name]
        if ran is not None and ran.outcome is not None:
            return Verdict(name, ran.outcome, 0, exercise.points, ran.error)
        rng = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
        try:
            with np.errstate(all="ignore"):  # the learner's numbers may be anything
                verdict = assess(exercise, runner.observer(exercise), rng)
        except (WorkerFailed, Stopped):
            raise
        except Exception as error:
            if not runner.observed:
                raise WorkerFailed(
                    f"{name} has no cases: {type(error).__name__}: {error}"
                ) from error
            # Nobody may stop the grading of a class by what an answer gives; but it is noted.
            self.result.notes.append(f"The judge of {name} failed: {type(error).__name__}: {error}")
            reason = "What came back is not what the exercise asks for."
            return Verdict(name, "wrong", 0, exercise.points, reason)
        if verdict.outcome != "missing":
            return verdict  # although the cell may have raised, once it had defined the answer
        if ran is not None and ran.error:
            return Verdict(name, "raised", 0, exercise.points, ran.error)
        return _missing(name, self.given, exercise)

    def _lacked_something(self, name: str) -> bool:
        """Whether a cell further down may hold what an answer lacked when it was observed."""
        verdict = self.result.verdicts.get(name)
        return (
            verdict is not None
            and bool(self.given.own)
            and (
                verdict.outcome in ("not attempted", "missing")
                or verdict.reason.startswith("NameError")
            )
        )

    def _used_by(self, name: str) -> set[str]:
        """Return the other exercises whose names an answer mentions."""
        try:
            tree = ast.parse(self.given.answers.get(name, ""))
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return set()
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        return names.intersection(self.given.lesson.exercises) - {name}

    def _note_refused(self, outcome: CellResult) -> None:
        for line in outcome.refused:
            if line not in self.result.notes and len(self.result.notes) < MAX_NOTES:
                self.result.notes.append(line)
