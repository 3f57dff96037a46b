"""What the terminal shows while notebooks are graded: the latest results and how far it is."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Sequence

from rich import progress
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kcourse.grading.running import LessonResult
from kcourse.grading.session import WorkerFailed
from kcourse.grading.showing import clean
from kcourse.grading.submission import Submission

_LATEST = 8
_MAX_ID = 60


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """Say what is being done as long as the block runs; nothing where stderr is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"{what} …"):
        yield


class Progress:
    """A table of the latest results above a bar, on stderr; nothing where that is no terminal."""

    def __init__(self, submissions: Sequence[Submission]) -> None:
        console = Console(stderr=True)
        self._left = {one.id: len(one.lessons) for one in submissions}
        self._points = {one.id: (0, 0) for one in submissions}
        self._latest: deque[tuple[str, str]] = deque(maxlen=_LATEST)
        self._bar = progress.Progress(
            progress.TextColumn("Grading"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            console=console,
        )
        self._task = self._bar.add_task("", total=sum(self._left.values()))
        self._live = Live(console=console, transient=True, get_renderable=self._shown)
        self._on = console.is_terminal

    def __enter__(self) -> Progress:
        if self._on:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._on:
            self._live.stop()

    def note(self, submission: str, result: LessonResult | WorkerFailed) -> None:
        """Take in that a notebook of a submission is graded."""
        self._bar.advance(self._task)
        self._left[submission] -= 1
        if isinstance(result, WorkerFailed):
            self._latest.append((submission, "grader error"))
            return
        score, most = self._points[submission]
        score += sum(verdict.points for verdict in result.verdicts.values())
        most += sum(verdict.max_points for verdict in result.verdicts.values())
        self._points[submission] = score, most
        if self._left[submission] == 0:
            self._latest.append((submission, f"{score} / {most}"))

    def _shown(self) -> Group:
        table = Table(box=None)
        table.add_column("submission")
        table.add_column("score", justify="right")
        for name, score in self._latest:
            table.add_row(Text(clean(name, _MAX_ID)), score)
        return Group(table, self._bar)
