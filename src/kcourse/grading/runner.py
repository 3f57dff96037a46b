"""Run cells and observe answers in a worker that is replaced, and brought up to date, when lost."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from kcourse.exercise import Case, Exercise, Observation, method_source, unusable
from kcourse.grading.answers import LessonAnswers
from kcourse.grading.limits import Limits
from kcourse.grading.scratch import Unfit
from kcourse.grading.server import Server
from kcourse.grading.session import CellResult, Session, WorkerLost
from kcourse.lessons import is_setup
from kcourse.plain import Plain, to_plain


@dataclass(frozen=True)
class Cell:
    """A cell to run; ``exercise`` is set for the cell that answers one."""

    source: str
    exercise: str = ""


@dataclass
class Budget:
    """The limits, a sign to stop, who forks workers, on which processors, and until when.

    The clock starts when the first worker is ready: the import of TensorFlow is no learner's.
    """

    limits: Limits
    stop: threading.Event
    server: Server | None = None
    cores: Collection[int] = ()
    deadline: float = math.inf

    def start(self) -> None:
        """Start the clock, unless it runs already."""
        if self.deadline == math.inf:
            self.deadline = time.monotonic() + self.limits.notebook

    def seconds(self, most: float) -> float:
        """Return how long the next request may take."""
        return max(0.0, min(most, self.deadline - time.monotonic()))

    def used_up(self) -> WorkerLost | None:
        """Return what it means that the time is over, or ``None`` if it is not."""
        if time.monotonic() < self.deadline:
            return None
        return WorkerLost(
            "timed out", f"The {self.limits.notebook:g} s for one notebook were used up."
        )


class Runner:
    """Runs cells and observes answers in a worker; replaces a lost one and replays the good cells.

    Use it as a context manager: the worker is gone when the block is left.
    """

    def __init__(self, given: LessonAnswers, budget: Budget) -> None:
        self.budget = budget
        self.setup = [cell.source for cell in given.lesson.notebook.cells if is_setup(cell)]
        self.good: list[Cell] = []
        self.observed = False
        self._session: Session | None = None
        self._verifier: Session | None = None

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()
        self._drop_verifier()

    def run(self, cell: Cell) -> CellResult:
        """Run a cell; a cell that costs the worker its life is not run again."""
        try:
            result = self._ready().run(cell.source, seconds=self._cell_seconds())
        except WorkerLost as lost:
            lost = self._bury(lost)
            return CellResult(lost.reason, outcome=lost.outcome)
        self.good.append(cell)
        return result

    def observer(self, exercise: Exercise) -> Callable[[Case], Observation]:
        """Return the function that observes the exercise's answer on a case."""
        source = method_source(exercise.observe)
        names = (f"saved-{number}" for number in itertools.count(1))
        self.observed = False
        self._drop_verifier()  # what one answer did to it is of no concern to the next

        def observe(case: Case) -> Observation:
            inputs = {name: to_plain(value) for name, value in case.inputs.items()}
            folder = f"{exercise.name}-{next(names)}" if exercise.inspect else ""
            try:
                session = self._ready()
                seconds = self._seconds()
                observation = session.observe(
                    exercise.name, source, inputs, seconds=seconds, folder=folder
                )
                self.observed = True
            except WorkerLost as lost:
                lost = self._bury(lost)
                return Observation(lost.outcome, error=lost.reason)
            if exercise.inspect is None or observation.status != "returned":
                return observation
            try:
                files = session.scratch.take(folder)
            except Unfit as error:
                return unusable(str(error))
            return self._inspect(method_source(exercise.inspect), files, observation.value, inputs)

        return observe

    def _inspect(
        self, source: str, files: Mapping[str, bytes], returned: Plain, inputs: Mapping[str, Plain]
    ) -> Observation:
        """Load what an answer left where no learner's code has run."""
        try:
            if self._verifier is None:
                self._verifier = self._new_session()
            return self._verifier.inspect(source, files, returned, inputs, seconds=self._seconds())
        except (WorkerLost, Unfit) as problem:
            self._drop_verifier()
            return unusable(str(problem))

    def _drop_verifier(self) -> None:
        if self._verifier is not None:
            self._verifier.close()
            self._verifier = None

    def _new_session(self) -> Session:
        budget = self.budget
        session = Session(budget.limits, budget.stop, budget.server, budget.cores)
        try:
            session.wait_until_ready()
        except BaseException:
            session.close()
            raise
        return session

    def _ready(self) -> Session:
        """Return a worker in which the setup cell and all good cells have run."""
        while self._session is None:
            if used_up := self.budget.used_up():
                raise used_up
            self._session = self._new_session()
            for source in self.setup:
                self._session.run_released(source)
            self.budget.start()
            for cell in list(self.good):
                try:
                    self._session.run(cell.source, seconds=self._cell_seconds())
                except WorkerLost:  # it was good before: drop it, so that this comes to an end
                    self.good.remove(cell)
                    self._drop()
                    break
        return self._session

    def _cell_seconds(self) -> float:
        return self.budget.seconds(self.budget.limits.cell)

    def _seconds(self) -> float:
        return self.budget.seconds(self.budget.limits.observation)

    def _bury(self, lost: WorkerLost) -> WorkerLost:
        """End what is left of the worker; a deadline met for want of time says so."""
        self._drop()
        return (self.budget.used_up() or lost) if lost.outcome == "timed out" else lost

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
