"""The command ``kcourse grade``: find, grade, report, and say the result by the exit code."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from kcourse import kernel
from kcourse.errors import KcourseError
from kcourse.grading import report
from kcourse.grading.answers import LessonAnswers
from kcourse.grading.course import Course
from kcourse.grading.running import LessonResult, grade_lesson
from kcourse.grading.server import Server
from kcourse.grading.session import Limits, WorkerFailed, environment
from kcourse.grading.submission import Submission, find_submissions

BELOW, FAILED = 1, 3
NOT_CONFINED = "Answers run without a sandbox yet: grade only people you trust."


def grade(
    paths: Sequence[Path],
    *,
    out: Path | None,
    threshold: float,
    jobs: int,
    seed: int | None,
    timeout: float,
    due: Sequence[str],
    timings: bool,
    as_json: bool,
) -> int:
    """Grade the submissions at ``paths`` and show or write the report.

    Args:
        paths: notebooks, workspaces, or class folders with one sub-folder a learner.
        out: folder for ``report.json`` and ``summary.md``; must be new or empty.
        threshold: share of the points, 0 to 1, that everybody is to reach.
        jobs: notebooks graded at the same time.
        seed: seed of the cases; ``None`` draws one, which the report holds.
        timeout: seconds for one cell and for one case of an exercise.
        due: lessons that each submission must hold; without it, those that it holds count.
        timings: put measured seconds into the report, which then differs from run to run.
        as_json: print the report instead of a table.

    Returns:
        0 if all were graded and reached the threshold; 1 if someone did not, or handed in what
        cannot be graded; 3 if a worker could not do its work.
    """
    require_posix()
    if not 0 <= threshold <= 1:
        raise KcourseError(f"--threshold is a share of the points, 0 to 1; got {threshold:g}.")
    course = Course.installed()
    lessons = [course.lesson(name) for name in due]
    if out is not None:
        _make_empty(out)
    submissions = find_submissions(paths, course, lessons)
    if seed is None:
        seed = secrets.randbelow(2**32)
    limits = Limits.for_timeout(timeout)
    with ended_like_an_interrupt():
        results = grade_all(submissions, course, seed, limits=limits, jobs=jobs)
    document = report.document(submissions, results, course, seed, timings=timings)
    if out is not None:
        report.write(document, out, threshold)
    if as_json:
        print(report.as_json(document), end="")
    else:
        report.print_table(document, threshold)
        if out is not None:
            print(f"Written: {out / report.JSON_NAME} and {out / report.SUMMARY_NAME}.")
    print(NOT_CONFINED, file=sys.stderr)
    return exit_code(document, threshold)


def exit_code(document: report.Document, threshold: float) -> int:
    """Return the exit code that a report's submissions mean."""
    statuses = [entry["status"] for entry in document["submissions"]]
    if "grader error" in statuses:
        return FAILED
    reached = (report.reaches(entry, threshold) for entry in document["submissions"])
    return 0 if all(reached) else BELOW


def grade_all(
    submissions: Sequence[Submission],
    course: Course,
    seed: int,
    *,
    limits: Limits,
    jobs: int = 1,
    only: Collection[str] | None = None,
    server: Server | None = None,
) -> Mapping[tuple[str, str], LessonResult | WorkerFailed]:
    """Grade each notebook of each submission; results are by submission id and lesson key.

    With ``only``, no other exercises are observed. Workers are forked by ``server``, or by one of
    this call's own.
    """
    tasks = [(submission.id, given) for submission in submissions for given in submission.lessons]
    stop = threading.Event()

    def one(given: LessonAnswers) -> LessonResult | WorkerFailed:
        try:
            return grade_lesson(
                given, course, seed, limits=limits, stop=stop, server=server, only=only
            )
        except WorkerFailed as failure:
            return failure

    console = Console(stderr=True)
    results: dict[tuple[str, str], LessonResult | WorkerFailed] = {}
    with (
        worker_server(course, limits, server) as server,
        ThreadPoolExecutor(jobs) as pool,
        Progress(console=console, disable=not console.is_terminal, transient=True) as bar,
    ):
        running = bar.add_task("Running answers", total=len(tasks))
        futures = [pool.submit(one, given) for _, given in tasks]
        try:
            for (name, given), future in zip(tasks, futures, strict=True):
                results[name, given.lesson.key] = future.result()
                bar.advance(running)
        except BaseException:
            stop.set()  # every worker is killed before this returns
            pool.shutdown(cancel_futures=True)
            raise
    return results


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


def require_posix() -> None:
    """Raise ``KcourseError`` where workers cannot be had."""
    if os.name != "posix":
        raise KcourseError(
            "Answers are run in processes of their own on Linux and macOS only; on Windows use "
            "WSL, or the checks inside the lessons, which work everywhere."
        )


@contextmanager
def ended_like_an_interrupt() -> Iterator[None]:
    """Make a request to terminate end the block like Ctrl+C, so that no worker is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _make_empty(folder: Path) -> None:
    """Make the folder of the reports; one that holds something is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        occupied = any(folder.iterdir())
    except OSError as error:
        raise KcourseError(f"Reports cannot be written to {folder}: {error.strerror}.") from None
    if occupied:
        raise KcourseError(f"--out {folder} is not empty. Name a new folder, or empty this one.")
