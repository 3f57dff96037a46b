"""The command ``kcourse check``: check the answers in a workspace, once or whenever one changes.

Answers run in workers, as when they are graded, so that an endless loop ends as ``timed out``
and a crash harms nothing. Outcomes are recorded in the workspace's journal, as those of the
checks in a lesson are.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import textwrap
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
import watchfiles

from kcourse import exercises, journal
from kcourse.errors import GRADER_FAILED, KcourseError
from kcourse.exercise import Verdict
from kcourse.grading.answers import LessonAnswers, Ungradable, normal, read_cells, take_answers
from kcourse.grading.batch import grade_all, worker_server
from kcourse.grading.command import ended_like_an_interrupt, require_posix
from kcourse.grading.course import Course
from kcourse.grading.limits import Limits
from kcourse.grading.report import clean
from kcourse.grading.server import Server
from kcourse.grading.session import WorkerFailed
from kcourse.grading.submission import Submission
from kcourse.lessons import Lesson

#: A learner's own answers on a learner's own machine, where the lesson runs them as well.
LIMITS = Limits.for_timeout(30, sandbox="off")
_SIGNS = {"correct": ("✓", "green"), "wrong": ("✗", "red"), "not attempted": ("○", None)}
_UNTRIED = ("not attempted", "missing")
_DEBOUNCE_MS = 400
_RESCAN_MS = 2000
#: A file this young may change again without a change of its time stamp.
_FRESH_S = 2.0


@dataclass
class Checked:
    """The verdicts on the chosen exercises, and the notebooks that could not be read."""

    verdicts: list[Verdict] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def all_correct(self) -> bool:
        """Whether every chosen exercise was read and is correct."""
        return not self.problems and all(verdict.correct for verdict in self.verdicts)


def check(
    names: Sequence[str], *, workspace: Path | None, watch: bool = False, as_json: bool = False
) -> int:
    """Check exercises of the workspace (default: all) and print the outcomes.

    Returns 0 if all are correct, else 1. With ``watch``, checks each answer again when its
    source changes, until Ctrl+C; returns 0 then.
    """
    require_posix()
    home = journal.require_workspace(workspace)
    chosen = [exercises.get(name).name for name in names] or list(exercises.all_exercises())
    course = Course.installed()
    with ended_like_an_interrupt():
        if watch:
            return _watch(home, course, chosen, as_json=as_json)
        checked = check_exercises(home, course, chosen)
    _print(checked, as_json=as_json)
    return 0 if checked.all_correct else 1


def check_exercises(
    home: Path,
    course: Course,
    names: Collection[str],
    *,
    limits: Limits = LIMITS,
    server: Server | None = None,
) -> Checked:
    """Read, run, judge and record the answers to the exercises ``names`` in a workspace."""
    given, problems = [], []
    for lesson in _lessons_of(names, course):
        try:
            given.append(_read(home, lesson))
        except Ungradable as problem:
            problems.append(f"{lesson.key}: {problem}")
    checked = check_answers(home, course, given, names, limits=limits, server=server)
    checked.problems = problems
    return checked


def check_answers(
    home: Path,
    course: Course,
    given: Sequence[LessonAnswers],
    names: Collection[str],
    *,
    limits: Limits = LIMITS,
    server: Server | None = None,
) -> Checked:
    """Run, judge and record the answers ``given`` to the exercises ``names``."""
    checked = Checked()
    jobs = min(len(given), os.cpu_count() or 1) or 1
    everything = [Submission("workspace", tuple(given))]
    seed = secrets.randbelow(2**32)
    results = grade_all(
        everything, course, seed, limits=limits, jobs=jobs, only=names, server=server
    )
    for result in results.values():
        if isinstance(result, WorkerFailed):
            raise KcourseError(f"The answers could not be run: {result}", exit_code=GRADER_FAILED)
        checked.verdicts += result.verdicts.values()
    for verdict in checked.verdicts:
        if verdict.outcome not in _UNTRIED:
            journal.record(verdict.exercise, "check", verdict.outcome, workspace=home)
    return checked


class AnswerTracker:
    """Knows the source of each answer, and so which of them really changed.

    Editors rewrite a whole notebook every few seconds, for outputs or for nothing. A notebook
    that cannot be read is half written: it is looked at again at the next event.
    """

    def __init__(self, home: Path, course: Course, names: Collection[str]) -> None:
        self._home = home
        self._names = names
        self._lessons = _lessons_of(names, course)
        self._stamps: dict[str, tuple[int, int, int]] = {}
        self._sources: dict[str, str] = {}
        self.changed()

    def changed(self) -> tuple[list[str], list[LessonAnswers]]:
        """Return the exercises whose answer changed since the last call, and their notebooks."""
        names, notebooks = [], []
        for lesson in self._lessons:
            try:
                status = _place(self._home, lesson).stat()
                stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
                fresh = time.time() - status.st_mtime < _FRESH_S
                if stamp == self._stamps.get(lesson.key) and not fresh:
                    continue
                given = _read(self._home, lesson)
            except (OSError, Ungradable):
                continue
            self._stamps[lesson.key] = stamp
            sources = {
                name: _fingerprint(source)
                for name, source in given.answers.items()
                if name in self._names
            }
            differing = [name for name in sources if sources[name] != self._sources.get(name)]
            if differing:
                names += differing
                notebooks.append(given)
            self._sources |= sources
        return names, notebooks


def changes(
    home: Path, tracker: AnswerTracker, stop: threading.Event | None = None
) -> Iterator[tuple[list[str], list[LessonAnswers]]]:
    """Yield what the tracker finds changed, whenever it does, until ``stop`` is set.

    Looks again every two seconds without an event: not every file system sends them.
    """
    events = watchfiles.watch(
        home,
        watch_filter=lambda _, path: path.endswith(".ipynb"),
        debounce=_DEBOUNCE_MS,
        rust_timeout=_RESCAN_MS,
        yield_on_timeout=True,
        stop_event=stop,
    )
    for _ in events:
        names, notebooks = tracker.changed()
        if names:
            yield names, notebooks


def _watch(home: Path, course: Course, names: Sequence[str], *, as_json: bool) -> int:
    # A shell that starts this in the background sets Ctrl+C to be ignored, but a watch needs it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tracker = AnswerTracker(home, course, names)
    try:
        with worker_server(course, LIMITS) as server:  # one for all: TensorFlow is imported once
            checked = check_exercises(home, course, names, server=server)
            _print(checked, as_json=as_json)
            click.echo(
                f"Watching {home}. Save a lesson to check what you changed; Ctrl+C ends.", err=True
            )
            for changed, notebooks in changes(home, tracker):
                checked = check_answers(home, course, notebooks, changed, server=server)
                _print(checked, as_json=as_json)
    except KeyboardInterrupt:
        click.echo("Stopped watching.", err=True)
    return 0


def _lessons_of(names: Collection[str], course: Course) -> list[Lesson]:
    return [lesson for lesson in course.lessons if any(name in names for name in lesson.exercises)]


def _place(home: Path, lesson: Lesson) -> Path:
    return home / f"{lesson.key}.ipynb"


def _read(home: Path, lesson: Lesson) -> LessonAnswers:
    return take_answers(read_cells(_place(home, lesson)), lesson)


def _fingerprint(source: str) -> str:
    return hashlib.sha256(normal(source).encode(errors="surrogatepass")).hexdigest()


def _print(checked: Checked, *, as_json: bool) -> None:
    if as_json:
        entries = [asdict(verdict) for verdict in checked.verdicts]
        click.echo(json.dumps({"exercises": entries, "problems": checked.problems}))
        return
    for verdict in checked.verdicts:
        click.echo(_describe(verdict))
    for problem in checked.problems:
        click.echo(f"kcourse: {clean(problem)}", err=True)
    verdicts = checked.verdicts
    correct = sum(verdict.correct for verdict in verdicts)
    untried = sum(verdict.outcome in _UNTRIED for verdict in verdicts)
    points, most = sum(v.points for v in verdicts), sum(v.max_points for v in verdicts)
    line = f"{correct} of {len(verdicts)} correct, {points} of {most} points"
    click.echo(f"{line}, {untried} not attempted." if untried else f"{line}.")


def _describe(verdict: Verdict) -> str:
    """Return the outcome as text: one line, and the message if there is something to mend."""
    sign, colour = _SIGNS.get(verdict.outcome, ("!", "yellow"))
    head = click.style(f"{sign} {verdict.outcome}", fg=colour, bold=True)
    lines = [f"{head} · {verdict.exercise} · {verdict.points} of {verdict.max_points} points"]
    if not verdict.correct and verdict.outcome != "not attempted":
        lines.append(textwrap.indent(clean(verdict.message), "    "))
        lines.append(f"    For a hint: kcourse hint {verdict.exercise}")
    return "\n".join(lines)
