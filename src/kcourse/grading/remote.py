"""A Dask worker as a grader: what ``cluster`` has it do, with text in and text out.

What takes seconds to make (the course, a server with TensorFlow) is made once in a process and
kept: it may grade many notebooks, several of them at the same time. The server ends with it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kcourse.errors import KcourseError
from kcourse.grading import canaries, report
from kcourse.grading.answers import LessonAnswers
from kcourse.grading.batch import Processors, graded, worker_server
from kcourse.grading.course import Course
from kcourse.grading.limits import Limits
from kcourse.grading.server import Server
from kcourse.grading.session import Stopped, WorkerFailed

if TYPE_CHECKING:
    from distributed import Worker

_PROOFS = 16
_LOCK = threading.Lock()
_AT_EXIT = contextlib.ExitStack()


@dataclass(frozen=True)
class _Grader:
    """What this process grades with, and what must be the same where the report is made."""

    course: Course
    about: Mapping[str, str]


def about(course: Course) -> dict[str, str]:
    """Return what must be the same on all machines that grade one class."""
    return {"course": course.fingerprint(), **report.versions()}


async def prove(run: str, dask_worker: Worker) -> str:
    """Reply what the sandbox of ``dask_worker`` has proved, or why it cannot be used."""
    return await asyncio.to_thread(_reply, dask_worker, run, lambda grader, asked: {})


def grade(asked: str) -> str:
    """Grade a notebook; reply with its result, too, or why there is none."""
    from distributed import get_worker

    worker = get_worker()
    return _reply(worker, asked, functools.partial(_grade, worker))


def _reply(
    worker: Worker, text: str, work: Callable[[_Grader, Mapping[str, Any]], dict[str, Any]]
) -> str:
    asked = json.loads(text)
    try:
        with _LOCK:
            grader = _grader()
            _require_same(grader.about, asked["about"])
            sandbox = _proved(asked["id"], Limits(**asked["limits"]))
        reply = {"sandbox": sandbox, **work(grader, asked)}
    except (KcourseError, OSError) as error:
        reply = {"worker": worker.address, "refused": str(error)}
    return json.dumps(reply)


def _grade(worker: Worker, grader: _Grader, asked: Mapping[str, Any]) -> dict[str, Any]:
    given = asked["given"]
    try:
        with _processors(worker.state.nthreads).share() as cores:
            result = graded(
                LessonAnswers.from_plain(given, grader.course.lesson(given["lesson"])),
                grader.course,
                asked["seed"],
                limits=Limits(**asked["limits"]),
                stop=_Unwanted(worker),
                server=_server(),
                cores=cores,
            )
    except Stopped as stopped:
        return {"failed": str(stopped)}
    if isinstance(result, WorkerFailed):
        return {"failed": str(result)}
    return {"result": result.as_plain()}


@functools.cache
def _processors(threads: int) -> Processors:
    return Processors(threads)


@functools.cache
def _grader() -> _Grader:
    course = Course.installed()
    # Taken now: if the package is replaced later on, this process still is what it was.
    return _Grader(course, about(course))


@functools.cache
def _server() -> Server | None:
    atexit.register(_AT_EXIT.close)
    return _AT_EXIT.enter_context(worker_server(_grader().course, Limits()))


@functools.lru_cache(_PROOFS)
def _proved(run: str, limits: Limits) -> list[str]:
    """Test the sandbox once a run."""
    return canaries.prove(limits, _server()).shown()


def _require_same(here: Mapping[str, str], there: Mapping[str, str]) -> None:
    for name, wanted in there.items():
        if (found := here.get(name)) != wanted:
            raise KcourseError(
                f"Its {name} is {found}, but {wanted} where the report is made: install the same "
                "kcourse and libraries on both, and start the worker again."
            )


class _Unwanted(threading.Event):
    """Is set once nobody waits for the task that this thread runs: its run was interrupted."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._tasks, self._key = worker.state.tasks, worker.get_current_task()

    def is_set(self) -> bool:
        """Whether Dask has given the task up."""
        task = self._tasks.get(self._key)
        return task is None or task.state == "cancelled"
