"""What ``kcourse verify`` measured: a table of all lessons, and a line on each lesson's page.

``{verification}`` shows the table, and ``{verified} LESSON`` the line. Both say so when the book
was built without a measurement. ``build.py`` has seen that the report covers every lesson.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kcourse_markdown import Generated, course, link_to
from sphinx.application import Sphinx

from kcourse.backends import BACKENDS
from kcourse.lessons import Lesson

_LABELS = {
    "python": "Python",
    "tensorflow": "TensorFlow",
    "jax": "JAX",
    "torch": "PyTorch",
    "keras": "Keras",
    "numpy": "NumPy",
    "jupyterlab": "JupyterLab",
    "nbval": "nbval",
    "papermill": "papermill",
}


class _FromReport(Generated):
    def report(self) -> list[dict[str, Any]] | None:
        """Return what was measured, one entry a lesson and backend, or ``None``."""
        path = self.config.kcourse_verification
        return json.loads(Path(path).read_text(encoding="utf-8")) if path else None


class Verified(_FromReport):
    """With what, and when, a lesson was last proved."""

    required_arguments = 1

    def lines(self) -> Iterator[str]:
        """Yield one line; a lesson that runs on several backends tells of each."""
        report = self.report()
        # Lessons are in a folder of their chapter, below that of all lessons.
        how = "[How this is measured](../../verification.md)"
        yield ":::{container} kcourse-verified"
        if report is None:
            yield f"**Not measured:** this copy of the book was built without a proof. {how}."
        else:
            runs = [entry for entry in report if entry["key"] == self.arguments[0]]
            runs.sort(key=lambda entry: BACKENDS.index(entry["backend"]))
            first, *others = [_proof(entry) for entry in runs]
            proved = f"**Last verified** with {first}."
            if others:
                proved += f" Also proved with {' and '.join(others)}."
            yield f"{proved} {how}."
        yield ":::"


def _proof(entry: Mapping[str, Any]) -> str:
    """Return what the lesson ran with, where, and when."""
    names = dict.fromkeys((entry["backend"], "keras"))
    seen = entry["environment"]
    versions = " and ".join(f"{_LABELS[name]} {seen[name]}" for name in names if name in seen)
    on = " on a GPU" if any(device.startswith("gpu") for device in entry["devices"]) else ""
    scale = ", at full scale," if entry["scale"] == "full" else ""
    return f"{versions or _LABELS[entry['backend']]}{on}{scale} on {entry['date']}"


class Verification(_FromReport):
    """The time each lesson took when the course was last proved, and with which versions."""

    def lines(self) -> Iterator[str]:
        """Yield the table, or say that this build was not measured."""
        report = self.report()
        if report is None:
            yield ":::{warning}\nThis build of the book was not measured.\n:::"
            return
        first: dict[str, dict[str, Any]] = {}  # later ones are of another device or backend
        for entry in report:
            if entry["backend"] == BACKENDS[0]:
                first.setdefault(entry["key"], entry)
        rows = [
            "| Lesson | Code cells | Exercises | As shipped | With solutions |",
            "|:--|--:|--:|--:|--:|",
        ]
        rows += [_row(lesson, first[lesson.key]) for lesson in course()]
        yield "\n".join(rows)
        others = [
            _row_of_backend(lesson, entry)
            for lesson in course()
            for entry in sorted(report, key=lambda one: BACKENDS.index(one["backend"]))
            if entry["key"] == lesson.key and entry is not first[lesson.key]
        ]
        if others:
            yield (
                "Lessons were run on other devices and, if they import Keras alone, on its other "
                "backends as well. These draw other random numbers, so the stored outputs are not "
                "compared: every check and every assertion in the lesson must hold."
            )
            head = ["| Lesson | Backend | Devices | With solutions |", "|:--|:--|:--|--:|"]
            yield "\n".join(head + others)
        yield from _circumstances(report)


def _circumstances(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each time, machine and set of versions that lessons were measured with."""
    backends: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in entries:
        seen = entry["environment"]
        versions = ", ".join(
            f"{label} {seen[name]}" for name, label in _LABELS.items() if name in seen
        )
        cores = seen.get("cores", "?")
        how = f"on a machine with {cores} cores, scale `{entry['scale']}`, with {versions}."
        backends[entry["date"], how].add(entry["backend"])
    for (date, how), its_own in backends.items():
        # Where all was measured in one way, there is nothing to tell apart.
        names = " and ".join(_LABELS[name] for name in BACKENDS if name in its_own)
        what = f" (the lessons on {names})" if len(backends) > 1 else ""
        yield f"Measured on {date}{what} {how}"


def _row(lesson: Lesson, entry: dict[str, Any]) -> str:
    return (
        f"| {link_to(lesson)} | {entry['cells']} | {entry['exercises']} "
        f"| {_seconds(entry['seconds_shipped'])} | {_seconds(entry['seconds_solved'])} |"
    )


def _seconds(time: float | None) -> str:
    """On a GPU the stored outputs are not compared, so there is no time of that run."""
    return "–" if time is None else f"{time:.1f} s"


def _row_of_backend(lesson: Lesson, entry: dict[str, Any]) -> str:
    return (
        f"| {link_to(lesson)} | {entry['backend']} | {', '.join(entry['devices'])} "
        f"| {_seconds(entry['seconds_solved'])} |"
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives and where the report is."""
    app.add_config_value("kcourse_verification", "", "env", str)
    app.add_directive("verified", Verified)
    app.add_directive("verification", Verification)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
