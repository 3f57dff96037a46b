"""The course's own proof: every lesson runs, as shipped and with its solutions filled in.

As shipped, nbval runs each cell and compares its outputs with the stored ones. With solutions,
papermill runs the lesson and every check must say ``correct``. ``proving`` runs one lesson; here
lessons are chosen, run side by side, and reported.

The stored outputs are TensorFlow's on a CPU: other backends draw other random numbers, and a GPU
rounds otherwise. There a lesson is run with its solutions, so its checks and the assertions in it
must hold.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from kcourse import devices, kernel, lessons
from kcourse.backends import BACKENDS
from kcourse.devices import DEVICES
from kcourse.errors import KcourseError
from kcourse.files import write_text
from kcourse.kernel.command import prepare
from kcourse.kernel.errors import Unavailable
from kcourse.lessons import Lesson
from kcourse.proving import LessonReport, environment, run_as_shipped, run_with_solutions
from kcourse.storing import store_outputs

_LIBRARIES = ("tensorflow", "jax", "torch", "keras", "numpy", "jupyterlab", "nbval", "papermill")


def verify(
    notebooks: Sequence[Path],
    *,
    scale: str = "quick",
    device: str = DEVICES[0],
    backends: Sequence[str] = (),
    jobs: int | None = None,
    report: Path | None = None,
    store: bool = False,
    as_json: bool = False,
) -> int:
    """Prove the given lessons (default: all); return 0 if every one is proved, else 1."""
    backends = list(dict.fromkeys(backends)) or [BACKENDS[0]]
    chosen = _choose(notebooks)
    _require("nbval", "papermill", "pytest")
    if store:
        if backends != [BACKENDS[0]]:
            raise KcourseError(f"--store keeps the outputs of {BACKENDS[0]}; leave --backend out.")
        for lesson in chosen:
            store_outputs(lesson.path)
            print(f"{lesson.key}: outputs stored.")
        return 0
    jobs = jobs or os.cpu_count() or 1
    reports: list[LessonReport] = []
    tasks: list[tuple[Lesson, LessonReport, Callable[[Lesson, LessonReport, str], None]]] = []
    for backend in backends:
        entries = [(one, _entry(one, backend)) for one in _on_backend(backend, chosen)]
        reports += [entry for _, entry in entries]
        compared = [run_as_shipped] if backend == BACKENDS[0] and device != "gpu" else []
        # The last lessons take longest, so they come first: no core is idle at the end.
        # A lesson's two runs are apart: side by side, their clusters would be in each other's way.
        for way in (*compared, run_with_solutions):
            tasks += [(lesson, entry, way) for lesson, entry in reversed(entries)]
    for backend in backends:
        devices.require(device, backend, environment(backend))
    if BACKENDS[0] in backends:
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
    for lesson, entry, run in tasks:
        if run is run_with_solutions:
            entry.problems += devices.problems(device, lesson, entry)
    result = _summary(reports, scale, device)
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


def _on_backend(backend: str, chosen: Sequence[Lesson]) -> list[Lesson]:
    """Return those of the lessons that can run on this backend, which must be installed."""
    if backend == BACKENDS[0]:
        return list(chosen)
    if find_spec(backend) is None:
        raise KcourseError(
            f"--backend {backend}: {backend} is not installed: pip install 'kcourse[{backend}]'.",
            exit_code=1,
        )
    fit = [lesson for lesson in chosen if not lesson.needs_tensorflow]
    if not fit:
        raise KcourseError(
            f"--backend {backend}: {chosen[0].key} imports TensorFlow and runs on nothing else. "
            "Choose lessons that import Keras alone, such as those of 03_models."
        )
    return fit


def _entry(lesson: Lesson, backend: str) -> LessonReport:
    return LessonReport(
        lesson.key,
        lesson.title,
        cells=sum(cell.cell_type == "code" for cell in lesson.notebook.cells),
        exercises=len(lesson.exercises),
        backend=backend,
    )


def _require(*packages: str) -> None:
    for package in packages:
        if _version(package) is None:
            raise KcourseError(
                f"`kcourse verify` needs {package}: pip install 'kcourse[verify]'.",
                exit_code=1,
            )


def _warm_up() -> None:
    """Have the parent of warm kernels ready before the first lesson, so that all are warm."""
    if not kernel.switched_off():
        with contextlib.suppress(Unavailable):  # each kernel then says why it is not warm
            prepare(environment())


def _summary(reports: Sequence[LessonReport], scale: str, device: str) -> dict[str, Any]:
    return {
        "schema": 1,
        "date": datetime.now(UTC).date().isoformat(),
        "scale": scale,
        "device": device,
        "environment": {
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            **{name: version for name in _LIBRARIES if (version := _version(name))},
        },
        "lessons": [asdict(entry) for entry in reports],
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _print_table(reports: Sequence[LessonReport]) -> None:
    console = Console()
    backends = list(dict.fromkeys(entry.backend for entry in reports))
    several = len(backends) > 1
    title = "Lessons: seconds as shipped (nbval) and solved (papermill)"
    table = Table(title=title if several else f"{title}, {backends[0]}")
    table.add_column("lesson", overflow="fold")
    if several:
        table.add_column("backend")
    for heading in ("cells", "checks", "shipped", "solved", "proved"):
        table.add_column(heading, justify="right")
    for entry in reports:
        table.add_row(
            entry.key,
            *([entry.backend] if several else []),
            str(entry.cells),
            str(entry.exercises),
            "" if entry.seconds_shipped is None else f"{entry.seconds_shipped:.1f}",
            f"{entry.seconds_solved:.1f}",
            "no" if entry.problems else "yes",
        )
    console.print(table)
    for entry in reports:
        for problem in entry.problems:
            where = f"{entry.key} ({entry.backend})"
            console.print(f"{where}: {problem}", markup=False, highlight=False, soft_wrap=True)
