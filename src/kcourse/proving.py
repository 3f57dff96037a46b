"""Run one lesson both ways, and note every problem: as shipped, and with its solutions filled in.

Each run has a process and an empty folder of its own. What was not run counts as failed: a lesson
without cells, a cell that nbval did not report, a check without a verdict.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from kcourse import devices, kernel, lessons, runners
from kcourse.backends import BACKENDS
from kcourse.cards import VERDICT_MIME
from kcourse.kernel.errors import Unavailable
from kcourse.lessons import Lesson
from kcourse.runners import Done

_DEVICES_MIME = "application/vnd.kcourse.devices+json"
#: Put at the end of a lesson: what it ran on. A lesson that computed nothing has no backend.
_WHAT_IT_RAN_ON = f"""
from IPython.display import display
{devices.LOOK}
if seen:
    display({{"{_DEVICES_MIME}": seen}}, raw=True)
"""


@dataclass
class LessonReport:
    """What was measured of one lesson on one backend, and every problem found (none: proved).

    ``devices`` are those that the lesson could use, and ``computed_on`` is the one that an
    operation after its last cell ran on. ``seconds_shipped`` is ``None`` where the stored outputs
    are not compared.
    """

    key: str
    title: str
    cells: int
    exercises: int
    backend: str = BACKENDS[0]
    devices: list[str] = field(default_factory=list)
    computed_on: str = ""
    seconds_shipped: float | None = None
    seconds_solved: float = 0.0
    problems: list[str] = field(default_factory=list)


def run_as_shipped(lesson: Lesson, report: LessonReport, scale: str) -> None:
    """Run nbval on the lesson and note every cell that failed or was not run."""
    started = time.monotonic()
    with _scratch() as folder:
        notebook = folder / lesson.path.name
        notebook.write_bytes(lesson.path.read_bytes())
        outcome = folder / "nbval.xml"
        done = _run(runners.nbval, notebook.name, str(outcome), folder=folder, report=report)
        report.problems += [
            f"as shipped: {problem}" for problem in _nbval_problems(outcome, report, done)
        ]
    report.seconds_shipped = round(time.monotonic() - started, 1)


def _nbval_problems(outcome: Path, report: LessonReport, done: Done) -> list[str]:
    if not outcome.exists():
        return [f"nbval did not run (exit code {done.code}): {_tail(done.said)}"]
    tests = ET.parse(outcome).getroot().findall(".//testcase")
    problems = []
    for test in tests:
        for bad in (*test.findall("failure"), *test.findall("error"), *test.findall("skipped")):
            problems.append(
                f"{test.get('name')}: {_tail(bad.text or bad.get('message') or '', 12)}"
            )
    if not tests or len(tests) != report.cells:
        problems.append(f"{len(tests)} of {report.cells} code cells were run.")
    if done.code and not problems:
        problems.append(f"nbval ended with exit code {done.code}.")
    return problems


def run_with_solutions(lesson: Lesson, report: LessonReport, scale: str) -> None:
    """Run the lesson with solutions by papermill and note every check that is not correct."""
    started = time.monotonic()
    with _scratch() as folder:
        filled, executed = folder / "filled.ipynb", folder / "executed.ipynb"
        notebook = lessons.fill_solutions(lesson.notebook)
        notebook.cells.append(nbformat.v4.new_code_cell(_WHAT_IT_RAN_ON, id="what-it-ran-on"))
        nbformat.write(notebook, filled)
        (folder / "empty").mkdir()
        done = _run(
            runners.papermill,
            *(str(filled), str(executed), str(folder / "empty"), {"SCALE": scale}),
            folder=folder,
            report=report,
        )
        problems = _solved_problems(executed, lesson, done)
        problems += _backend_problems(executed, report)
        report.problems += [f"with solutions: {problem}" for problem in problems]
    report.seconds_solved = round(time.monotonic() - started, 1)


def _solved_problems(executed: Path, lesson: Lesson, done: Done) -> list[str]:
    if done.code:
        return [f"papermill ended with exit code {done.code}: {_tail(done.said, 25)}"]
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


def _backend_problems(executed: Path, report: LessonReport) -> list[str]:
    """Note what the lesson ran on; another backend than the one asked for is a problem."""
    if not executed.exists():
        return []
    for cell in nbformat.read(executed, as_version=4).cells[-1:]:
        for output in cell.get("outputs", []):
            if seen := output.get("data", {}).get(_DEVICES_MIME):
                report.devices = seen["devices"]
                report.computed_on = seen["computed_on"]
                if seen["backend"] != report.backend:
                    return [f"ran on {seen['backend']}, not on {report.backend}."]
    return []


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """Make a folder for one run, removed with all that the run leaves in it."""
    # A process that the lesson started may outlive its kernel by a moment, and still write.
    with tempfile.TemporaryDirectory(prefix="kcourse-verify-", ignore_cleanup_errors=True) as name:
        Path(name, "tmp").mkdir()
        yield Path(name)


def _run(runner: Callable[..., int], *arguments: Any, folder: Path, report: LessonReport) -> Done:
    """Run nbval or papermill in ``folder``, with no settings of the user's in the way.

    Lessons' own temporary folders lie in it too: runners end kernels without their clean-up.
    """
    own = {"IPYTHONDIR": str(folder / "ipython"), "TMPDIR": str(folder / "tmp")}
    own["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return runners.run(
        runner, *arguments, folder=folder, environment=environment(report.backend) | own
    )


def environment(backend: str = BACKENDS[0]) -> dict[str, str]:
    """Return the variables of a run on this backend."""
    variables = os.environ | kernel.variables() | {"JUPYTER_PLATFORM_DIRS": "1"}
    variables["KERAS_BACKEND"] = backend
    variables.pop("MPLBACKEND", None)
    if not kernel.switched_off():
        from kcourse.kernel import place  # not before: it needs what parents need

        # Else a run's own TMPDIR would hide the parent of warm kernels from it.
        with contextlib.suppress(Unavailable):  # each kernel then says why it is not warm
            variables["XDG_RUNTIME_DIR"] = str(place.folder_path().parent)
    return variables


def _tail(text: str, lines: int = 6) -> str:
    plain = re.sub(r"(\x1b|#x1B)\[[0-9;]*m", "", text)
    return "\n".join(plain.strip().splitlines()[-lines:])
