"""Grade many notebooks at the same time, and keep each result as soon as it is there."""

from __future__ import annotations

import os
import queue
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kcourse import kernel
from kcourse.grading.answers import LessonAnswers
from kcourse.grading.course import Course
from kcourse.grading.limits import Limits, environment
from kcourse.grading.progress import Progress
from kcourse.grading.running import LessonResult, grade_lesson
from kcourse.grading.server import Server
from kcourse.grading.session import Stopped, WorkerFailed
from kcourse.grading.store import Store
from kcourse.grading.submission import Submission

Result = LessonResult | WorkerFailed
#: By the id of the submission and the key of the lesson.
Results = Mapping[tuple[str, str], Result]


def grade_all(
    submissions: Sequence[Submission],
    course: Course,
    seed: int,
    *,
    limits: Limits,
    jobs: int = 1,
    only: Collection[str] | None = None,
    server: Server | None = None,
    store: Store | None = None,
) -> Results:
    """Grade each notebook of each submission.

    Args:
        submissions: what was handed in.
        course: what it is graded against.
        seed: seed of the cases.
        limits: of time and memory.
        jobs: notebooks graded at the same time.
        only: exercises to observe; by default, all.
        server: forks the workers; by default, one of this call's own.
        store: holds the results of notebooks that were graded before, and takes the others'.
    """
    stop = threading.Event()
    processors = Processors(jobs)

    def grade(given: LessonAnswers) -> Result:
        with processors.share() as cores:
            return graded(
                given,
                course,
                seed,
                limits=limits,
                stop=stop,
                server=server,
                cores=cores,
                only=only,
            )

    with worker_server(course, limits, server) as server, ThreadPoolExecutor(jobs) as pool:
        try:
            return collect(submissions, lambda given: pool.submit(grade, given), store)
        except BaseException:
            stop.set()  # every worker is killed before this returns
            pool.shutdown(cancel_futures=True)
            raise


class Processors:
    """The processors of this machine, dealt out to jobs.

    A worker has those of its job alone: a thousand threads of one starve no other, whatever the
    system thinks is fair.
    """

    def __init__(self, jobs: int) -> None:
        self._shares: queue.SimpleQueue[frozenset[int]] = queue.SimpleQueue()
        try:
            cores = sorted(os.sched_getaffinity(0))
        except AttributeError:  # this is no Linux
            cores = []
        for job in range(jobs):
            self._shares.put(frozenset(cores[job::jobs] or cores[job % max(1, len(cores)) :][:1]))

    @contextmanager
    def share(self) -> Iterator[frozenset[int]]:
        """Yield a job's processors; there are as many shares as jobs."""
        cores = self._shares.get()
        try:
            yield cores
        finally:
            self._shares.put(cores)


def graded(given: LessonAnswers, course: Course, seed: int, **options: Any) -> Result:
    """Grade one notebook as ``grade_lesson`` does; what goes wrong costs this notebook alone."""
    try:
        return grade_lesson(given, course, seed, **options)
    except WorkerFailed as failure:
        return failure
    except Stopped:
        raise
    except Exception as error:
        return WorkerFailed(f"The grader failed: {type(error).__name__}: {error}")


def collect(
    submissions: Sequence[Submission],
    submit: Callable[[LessonAnswers], Future[Result]],
    store: Store | None,
) -> Results:
    """Have each notebook graded by ``submit``, unless ``store`` has its result."""
    results: dict[tuple[str, str], Result] = {}
    with Progress(submissions) as progress:
        waiting: dict[Future[Result], tuple[str, LessonAnswers]] = {}
        for submission in submissions:
            for given in submission.lessons:
                known = store.get(given) if store is not None else None
                if known is None:
                    waiting[submit(given)] = submission.id, given
                else:
                    results[submission.id, given.lesson.key] = known
                    progress.note(submission.id, known)
        for future in as_completed(waiting):
            name, given = waiting[future]
            result = results[name, given.lesson.key] = future.result()
            if store is not None and isinstance(result, LessonResult):
                store.put(given, result)
            progress.note(name, result)
    order = [(one.id, given.lesson.key) for one in submissions for given in one.lessons]
    return {name: results[name] for name in order}


@contextmanager
def worker_server(
    course: Course, limits: Limits, server: Server | None = None
) -> Iterator[Server | None]:
    """Yield what forks workers for the course's lessons; ``None`` where nothing can be forked."""
    if server is not None or kernel.switched_off():
        yield server
        return
    folder = Path(tempfile.gettempdir())
    with Server(course.libraries(), environment(folder), patience=limits.start) as started:
        yield started
