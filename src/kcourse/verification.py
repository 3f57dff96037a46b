"""The course's own proof: every lesson runs, as shipped and with its solutions filled in.

As shipped, nbval runs each cell and compares its outputs with the stored ones. With solutions,
papermill runs the lesson and every check must say ``correct``. Each run has a process and an
empty folder of its own. What was not run counts as failed: a lesson without cells, a cell that
nbval did not report, a check without a verdict.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from kcourse import kernel, lessons
from kcourse.cards import VERDICT_MIME
from kcourse.errors import KcourseError
from kcourse.files import write_text
from kcourse.kernel.command import prepare
from kcourse.kernel.errors import Unavailable
from kcourse.lessons import Lesson
from kcourse.storing import CELL_TIMEOUT_S, store_outputs

_LIBRARIES = ("tensorflow", "keras", "numpy", "jupyterlab", "nbval", "papermill")


@dataclass
class LessonReport:
    """What was measured of one lesson, and every problem found (none if it is proved)."""

    key: str
    title: str
    cells: int
    exercises: int
    seconds_shipped: float = 0.0
    seconds_solved: float = 0.0
    problems: list[str] = field(default_factory=list)


def verify(
    notebooks: Sequence[Path],
    *,
    scale: str = "quick",
    jobs: int | None = None,
    report: Path | None = None,
    store: bool = False,
    as_json: bool = False,
) -> int:
    """Prove the given lessons (default: all); return 0 if every one is proved, else 1."""
    chosen = _choose(notebooks)
    _require("nbval", "papermill", "pytest")
    if store:
        for lesson in chosen:
            store_outputs(lesson.path)
            print(f"{lesson.key}: outputs stored.")
        return 0
    jobs = jobs or os.cpu_count() or 1
    reports = [
        LessonReport(
            lesson.key,
            lesson.title,
            cells=sum(cell.cell_type == "code" for cell in lesson.notebook.cells),
            exercises=len(lesson.exercises),
        )
        for lesson in chosen
    ]
    tasks: list[tuple[Lesson, LessonReport, Callable[[Lesson, LessonReport, str], None]]] = [
        (lesson, entry, run)
        for lesson, entry in zip(chosen, reports, strict=True)
        for run in (_run_as_shipped, _run_with_solutions)
    ]
    _warm_up()
    console = Console(stderr=True)
    with (
        Progress(console=console, disable=not console.is_terminal, transient=True) as bar,
        ThreadPoolExecutor(jobs) as pool,
    ):
        running = bar.add_task("Running lessons", total=len(tasks))
        futures = [pool.submit(run, lesson, entry, scale) for lesson, entry, run in tasks]
        for future in futures:
            future.result()
            bar.advance(running)
    result = _summary(reports, scale)
    if report:
        write_text(report, json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2)) if as_json else _print_table(reports)
    return 1 if any(entry.problems for entry in reports) else 0


def _choose(notebooks: Sequence[Path]) -> list[Lesson]:
    """Return the lessons at the given paths; a folder stands for the lessons below it."""
    known = {lesson.path.resolve(): lesson for lesson in lessons.all_lessons()}
    if not known:
        raise KcourseError(f"There is no lesson in {lessons.root()}.", exit_code=1)
    if not notebooks:
        return list(known.values())
    chosen: list[Lesson] = []
    for path in notebooks:
        where = path.resolve()
        found = [one for at, one in known.items() if at == where or where in at.parents]
        if not found:
            raise KcourseError(
                f"{path} is no lesson of this course; lessons are in {lessons.root()}."
            )
        chosen += [lesson for lesson in found if lesson not in chosen]
    return chosen


def _require(*packages: str) -> None:
    for package in packages:
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            raise KcourseError(
                f"`kcourse verify` needs {package}: pip install 'kcourse[verify]'.",
                exit_code=1,
            ) from None


def _run_as_shipped(lesson: Lesson, report: LessonReport, scale: str) -> None:
    """Run nbval on the lesson and note every cell that failed or was not run."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kcourse-verify-") as scratch:
        folder = Path(scratch)
        notebook = folder / lesson.path.name
        notebook.write_bytes(lesson.path.read_bytes())
        outcome = folder / "nbval.xml"
        command = [
            "pytest",
            "--nbval",
            "--nbval-current-env",
            f"--nbval-cell-timeout={CELL_TIMEOUT_S}",
        ]
        command += ["-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull, "--rootdir=."]
        command += [f"--junitxml={outcome}", notebook.name]
        done = _run_module(command, folder)
        report.problems += [
            f"as shipped: {problem}" for problem in _nbval_problems(outcome, report, done)
        ]
    report.seconds_shipped = round(time.monotonic() - started, 1)


def _nbval_problems(
    outcome: Path, report: LessonReport, done: subprocess.CompletedProcess[str]
) -> list[str]:
    if not outcome.exists():
        return [
            f"nbval did not run (exit code {done.returncode}): {_tail(done.stdout + done.stderr)}"
        ]
    tests = ET.parse(outcome).getroot().findall(".//testcase")
    problems = []
    for test in tests:
        for bad in (*test.findall("failure"), *test.findall("error"), *test.findall("skipped")):
            problems.append(
                f"{test.get('name')}: {_tail(bad.text or bad.get('message') or '', 12)}"
            )
    if not tests or len(tests) != report.cells:
        problems.append(f"{len(tests)} of {report.cells} code cells were run.")
    if done.returncode and not problems:
        problems.append(f"nbval ended with exit code {done.returncode}.")
    return problems


def _run_with_solutions(lesson: Lesson, report: LessonReport, scale: str) -> None:
    """Run the lesson with solutions by papermill and note every check that is not correct."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kcourse-verify-") as scratch:
        folder = Path(scratch)
        filled, executed = folder / "filled.ipynb", folder / "executed.ipynb"
        nbformat.write(lessons.fill_solutions(lesson.notebook), filled)
        (folder / "empty").mkdir()
        command = ["papermill", str(filled), str(executed), "-p", "SCALE", scale]
        command += ["--cwd", str(folder / "empty"), "--no-progress-bar"]
        command += ["--execution-timeout", str(CELL_TIMEOUT_S)]
        done = _run_module(command, folder)
        problems = _solved_problems(executed, lesson, done)
        report.problems += [f"with solutions: {problem}" for problem in problems]
    report.seconds_solved = round(time.monotonic() - started, 1)


def _solved_problems(
    executed: Path, lesson: Lesson, done: subprocess.CompletedProcess[str]
) -> list[str]:
    if done.returncode:
        return [f"papermill ended with exit code {done.returncode}: {_tail(done.stderr, 25)}"]
    notebook = nbformat.read(executed, as_version=4)
    problems = [
        f"cell {cell.id} was not run."
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.strip() and not cell.execution_count
    ]
    verdicts = {
        output.data[VERDICT_MIME]["exercise"]: output.data[VERDICT_MIME]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if VERDICT_MIME in output.get("data", {})
    }
    for name in lesson.exercises:
        if name not in verdicts:
            problems.append(f"{name} was not checked.")
        elif verdicts[name]["outcome"] != "correct":
            problems.append(f"{name} is {verdicts[name]['outcome']}: {verdicts[name]['reason']}")
    if not lesson.exercises:
        problems.append("The lesson has no exercise.")
    return problems


def _run_module(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``python -m command`` in ``folder``, with no settings of the user's in the way."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=_environment() | {"IPYTHONDIR": str(folder / "ipython")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _environment() -> dict[str, str]:
    environment = os.environ | kernel.variables() | {"JUPYTER_PLATFORM_DIRS": "1"}
    environment.pop("MPLBACKEND", None)
    return environment


def _warm_up() -> None:
    """Have the parent of warm kernels ready before the first lesson, so that all are warm."""
    if not kernel.switched_off():
        with contextlib.suppress(Unavailable):  # each kernel then says why it is not warm
            prepare(_environment())


def _tail(text: str, lines: int = 6) -> str:
    plain = re.sub(r"(\x1b|#x1B)\[[0-9;]*m", "", text)
    return "\n".join(plain.strip().splitlines()[-lines:])


def _summary(reports: Sequence[LessonReport], scale: str) -> dict[str, Any]:
    return {
        "schema": 1,
        "date": datetime.now(UTC).date().isoformat(),
        "scale": scale,
        "environment": {
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            **{name: metadata.version(name) for name in _LIBRARIES},
        },
        "lessons": [asdict(entry) for entry in reports],
    }


def _print_table(reports: Sequence[LessonReport]) -> None:
    console = Console()
    table = Table(title="Lessons, as shipped (nbval) and with solutions (papermill)")
    for heading in ("lesson", "cells", "checks", "shipped (s)", "solved (s)", "proved"):
        table.add_column(heading, justify="left" if heading == "lesson" else "right")
    for entry in reports:
        table.add_row(
            entry.key,
            str(entry.cells),
            str(entry.exercises),
            f"{entry.seconds_shipped:.1f}",
            f"{entry.seconds_solved:.1f}",
            "no" if entry.problems else "yes",
        )
    console.print(table)
    for entry in reports:
        for problem in entry.problems:
            console.print(f"{entry.key}: {problem}", markup=False, highlight=False, soft_wrap=True)
