"""The command ``kcourse grade``: find, grade, report, and say the result by the exit code."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kcourse.errors import GRADER_FAILED, KcourseError
from kcourse.grading import canaries, cluster, identical, remote, report, store
from kcourse.grading.batch import grade_all, worker_server
from kcourse.grading.course import Course
from kcourse.grading.limits import Limits, Sandbox
from kcourse.grading.progress import waiting
from kcourse.grading.showing import DOUBT
from kcourse.grading.submission import Submission, find_submissions

BELOW = 1
MAX_ID = 100


@dataclass(frozen=True)
class Options:
    """What ``kcourse grade`` was told.

    Args:
        out: folder for the reports; a new one, or that of the same run, which goes on.
        force: forget what is in ``out`` of another run, and write even if it holds something else.
        name: the id of the one submission; by default, its folder's or file's name.
        threshold: share of the points, 0 to 1, that everybody is to reach.
        jobs: notebooks graded at the same time.
        seed: seed of the cases; ``None`` draws one, which the report holds.
        timeout: seconds for one cell and for one case of an exercise.
        due: lessons that each submission must hold; without it, those that it holds count.
        sandbox: whether answers must be confined, or as far as can be had.
        format: ``nbgrader`` writes what its importers read, too.
        timings: put measured seconds into the report, which then differs from run to run.
        as_json: print the report instead of a table.
        dask: address of the scheduler of a Dask cluster whose workers grade; by default, this
            machine does.
    """

    out: Path | None = None
    force: bool = False
    name: str | None = None
    threshold: float = 0.0
    jobs: int = 1
    seed: int | None = None
    timeout: float = 60.0
    due: Sequence[str] = ()
    sandbox: Sandbox = "required"
    format: str | None = None
    timings: bool = False
    as_json: bool = False
    dask: str | None = None


def grade(paths: Sequence[Path], options: Options) -> int:
    """Grade the submissions at ``paths`` (notebooks, workspaces, class folders) and report.

    Returns:
        0 if all were graded and reached the threshold; 1 if someone did not, or handed in what
        cannot be graded; 3 if a worker could not do its work.

    Raises:
        KcourseError: an option or a path is not usable (exit code 2), or answers cannot be
            confined (exit code 3).
    """
    require_posix()
    if not 0 <= options.threshold <= 1:
        got = f"{options.threshold:g}"
        raise KcourseError(f"--threshold is a share of the points, 0 to 1; got {got}.")
    if options.format and options.out is None:
        raise KcourseError(f"--format {options.format} writes a file: name a folder with --out.")
    if options.dask is not None and options.jobs != 1:
        raise KcourseError(
            "--jobs is for this machine. With --dask as many notebooks are graded at a time as the "
            "workers have threads."
        )
    course = Course.installed()
    lessons = [course.lesson(name) for name in options.due]
    submissions = _named(find_submissions(paths, course, lessons), options.name)
    limits = Limits.for_timeout(options.timeout, options.sandbox)
    run = {
        **remote.about(course),
        "timeout": options.timeout,
        "sandbox": options.sandbox,
    }
    with contextlib.ExitStack() as stack:
        stack.enter_context(ended_like_an_interrupt())
        client = None
        if options.dask is not None:
            client = stack.enter_context(cluster.connected(options.dask))
        kept = None
        seed = secrets.randbelow(2**32) if options.seed is None else options.seed
        if options.out is not None:
            folder = store.opened(options.out, run, seed=options.seed, force=options.force)
            kept = stack.enter_context(folder)
            seed = kept.seed
        if client is not None:
            results, sandbox = cluster.grade_all(
                client, submissions, course, seed, limits=limits, store=kept
            )
        else:
            with worker_server(course, limits) as server:
                with waiting("Importing TensorFlow and testing the sandbox"):
                    sandbox = canaries.prove(limits, server).shown()
                results = grade_all(
                    submissions,
                    course,
                    seed,
                    limits=limits,
                    jobs=options.jobs,
                    server=server,
                    store=kept,
                )
        document = report.document(
            submissions, results, course, seed, sandbox=sandbox, timings=options.timings
        )
        _show(document, submissions, course, options, kept)
    return exit_code(document, options.threshold)


def _show(
    document: report.Document,
    submissions: Sequence[Submission],
    course: Course,
    options: Options,
    kept: store.Store | None,
) -> None:
    """Write the reports, and print what the user asked for."""
    texts: dict[str, str] = {}
    if kept is not None:
        texts = report.forms(
            document,
            options.threshold,
            course=course,
            submissions=submissions,
            nbgrader=options.format == "nbgrader",
        )
        kept.publish(texts)
    if options.as_json:
        print(report.as_json(document), end="")
    else:
        report.print_table(document, options.threshold)
        if texts:
            names = dict.fromkeys(name.partition("/")[0] for name in texts)
            print(f"Written to {options.out}: {', '.join(names)}.")
            alike = identical.remark(json.loads(texts[report.IDENTICAL_NAME]))
            print(f"{report.IDENTICAL_NAME}: {alike}.")
    for line in document["environment"]["sandbox"]:
        if line.startswith(DOUBT):
            print(f"kcourse: sandbox: {line}", file=sys.stderr)


def _named(submissions: list[Submission], name: str | None) -> list[Submission]:
    """Give the one submission the id that the user chose."""
    if name is None:
        return submissions
    if len(submissions) != 1:
        raise KcourseError(f"--id names one submission; there are {len(submissions)}.")
    if not name.strip() or "/" in name or "\\" in name or not name.isprintable():
        raise KcourseError(f"--id names files of the report: no slash, not empty; got {name!r}.")
    if len(name) > MAX_ID:
        raise KcourseError(f"--id has at most {MAX_ID} characters; got {len(name)}.")
    return [replace(submissions[0], id=name)]


def exit_code(document: report.Document, threshold: float) -> int:
    """Return the exit code that a report's submissions mean."""
    statuses = [entry["status"] for entry in document["submissions"]]
    if "grader error" in statuses:
        return GRADER_FAILED
    reached = (report.reaches(entry, threshold) for entry in document["submissions"])
    return 0 if all(reached) else BELOW


def require_posix() -> None:
    """Raise ``KcourseError`` where workers cannot be had."""
    if os.name != "posix":
        raise KcourseError(
            "Answers are run in processes of their own on Linux and macOS only; on Windows use "
            "WSL, or the checks inside the lessons, which work everywhere."
        )


@contextlib.contextmanager
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
