"""The parts of the book that are taken from the course itself, so that nothing is written twice.

``{lessons}`` lists the lessons, ``{solutions} CHAPTER`` explains every registered exercise of a
chapter, ``{changes}`` shows the table of changes that ``kcourse audit`` applies, and
``{verification}`` shows what ``kcourse verify`` measured. Each writes MyST markdown, which is
parsed in place.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from kcourse import exercises, lessons
from kcourse.backends import BACKENDS
from kcourse.exercise import Exercise
from kcourse.lessons import Lesson
from kcourse.migration import table
from kcourse.migration.table import Change
from kcourse.solutions import source_of

_CHANGES_HEADING = "## What changed since the notes"
_TIME = re.compile(r"\*\*Time:\*\* (about \d+ minutes)")
_MEASURED_WITH = {
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


class _Generated(SphinxDirective):
    """A directive whose content is markdown that ``lines`` yields."""

    def lines(self) -> Iterator[str]:
        """Yield blocks of markdown; headings start at level 2."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Parse the markdown as if it stood on the page in the directive's place."""
        text = "\n\n".join(self.lines())
        container = nodes.Element()
        source = self.get_source_info()[0]
        self.state.nested_parse(
            StringList(text.splitlines(), source=source), 0, container, match_titles=True
        )
        return list(container.children)


class Lessons(_Generated):
    """All lessons in order, each with the time it takes."""

    def lines(self) -> Iterator[str]:
        """Yield a heading and a numbered list for each chapter."""
        for number, chapter in groupby(lessons.all_lessons(), lambda one: one.chapter_number):
            its_own = list(chapter)
            yield f"### Chapter {int(number)}: {its_own[0].chapter.replace('_', ' ')}"
            yield "\n".join(f"1. {_link(lesson)}{_time_needed(lesson)}" for lesson in its_own)


def _time_needed(lesson: Lesson) -> str:
    found = _TIME.search("\n".join(cell.source for cell in lesson.notebook.cells[:1]))
    return f" ({found[1]})" if found else ""


class Solutions(_Generated):
    """Every exercise of a chapter: its solution, why it is so, and common wrong answers."""

    required_arguments = 1

    def lines(self) -> Iterator[str]:
        """Yield a section a lesson, and in it one an exercise, in the order of the course."""
        registered = exercises.all_exercises()
        for lesson in lessons.all_lessons():
            if lesson.chapter == self.arguments[0]:
                yield f"## {_text(lesson.title)}"
                for name in lesson.exercises:
                    yield from _solution(registered[name])


def _solution(exercise: Exercise) -> Iterator[str]:
    points = "1 point" if exercise.points == 1 else f"{exercise.points} points"
    yield f"(solution-{exercise.name})="
    yield f"### {_text(exercise.title)}"
    yield f"{{ref}}`The exercise in its lesson <exercise-{exercise.name}>` · {points}"
    yield _python(source_of(exercise))
    yield _text(exercise.why)
    for number, alternative in enumerate(exercise.alternatives, start=1):
        count = f" {number}" if len(exercise.alternatives) > 1 else ""
        yield f"<details><summary>Another right answer{count}</summary>"
        yield _python(alternative)
        yield "</details>"
    yield ":::{rubric} Common wrong answers\n:heading-level: 4\n:::"
    for miss in exercise.near_misses:
        # A list keeps each wrong answer and its reason together.
        item = f"{_python(miss.code)}\n\n{_text(miss.because)}"
        yield "1. " + textwrap.indent(item, "   ").strip()


class Changes(_Generated):
    """The table of changes, lesson by lesson, with a link to what each lesson says itself."""

    def lines(self) -> Iterator[str]:
        """Yield a section a lesson, and in it a box a change."""
        for lesson in lessons.all_lessons():
            if not _has_section_on_changes(lesson):
                raise self.error(f"{lesson.key} has no section {_CHANGES_HEADING!r}.")
            anchor = _CHANGES_HEADING.removeprefix("## ").lower().replace(" ", "-")
            yield f"## {_text(lesson.title)}"
            yield (
                f"The lesson says [in its own words](lessons/{lesson.key}.ipynb#{anchor}) what the "
                "notes got wrong and what has changed."
            )
            for change in table.changes():
                if change.lesson == lesson.key:
                    yield from _change(change)


def _has_section_on_changes(lesson: Lesson) -> bool:
    return any(
        cell.cell_type == "markdown" and _CHANGES_HEADING in cell.source.splitlines()
        for cell in lesson.notebook.cells
    )


def _change(change: Change) -> Iterator[str]:
    """Yield one entry of the table of changes, in a box that the page's filter can hide."""
    what = f"{change.kind.capitalize()}: {table.KINDS[change.kind]}. Since: {_text(change.since)}."
    fix = " `kcourse audit --fix` rewrites it." if change.fix else ""
    yield f"(change-{change.rule})="
    yield "::::{container} kcourse-change"
    yield f":::{{rubric}} `{change.call}`\n:heading-level: 3\n:::"
    yield f"{what} Rule: `{change.rule}`.{fix}"
    yield f"Today: {_text(change.now)}"
    yield f"Instead: {_text(change.instead)}"
    # Plain text: the colours of so much code would make the page three times as heavy.
    yield "<details><summary>The old code and the new</summary>"
    yield f"````text\n{change.old.strip()}\n````"
    yield f"````text\n{change.new.strip()}\n````"
    yield "</details>"
    yield "::::"


class Verification(_Generated):
    """The time each lesson took when the course was last proved, and with which versions."""

    def lines(self) -> Iterator[str]:
        """Yield the table, or say that this build was not measured."""
        path = self.config.kcourse_verification
        if not path:
            yield ":::{warning}\nThis build of the book was not measured.\n:::"
            return
        report = json.loads(Path(path).read_text(encoding="utf-8"))
        runs = {(entry["key"], entry["backend"]): entry for entry in report["lessons"]}
        course = lessons.all_lessons()
        rows = [
            "| Lesson | Code cells | Exercises | As shipped | With solutions |",
            "|:--|--:|--:|--:|--:|",
        ]
        rows += [_row(lesson, runs[lesson.key, BACKENDS[0]]) for lesson in course]
        yield "\n".join(rows)
        others = [
            _row_of_backend(lesson, runs[lesson.key, backend])
            for lesson in course
            for backend in BACKENDS[1:]
            if (lesson.key, backend) in runs
        ]
        if others:
            yield (
                "Lessons that import Keras alone run on its other backends as well. These draw "
                "other random numbers, so the stored outputs are not compared: every check and "
                "every assertion in the lesson must hold."
            )
            head = ["| Lesson | Backend | Devices | With solutions |", "|:--|:--|:--|--:|"]
            yield "\n".join(head + others)
        environment = report["environment"]
        versions = ", ".join(
            f"{label} {environment[name]}"
            for name, label in _MEASURED_WITH.items()
            if name in environment
        )
        yield (
            f"Measured on {report['date']} on a machine with {environment['cores']} cores, "
            f"scale `{report['scale']}`, with {versions}."
        )


def _row(lesson: Lesson, entry: dict[str, Any]) -> str:
    return (
        f"| {_link(lesson)} | {entry['cells']} | {entry['exercises']} "
        f"| {entry['seconds_shipped']:.1f} s | {entry['seconds_solved']:.1f} s |"
    )


def _row_of_backend(lesson: Lesson, entry: dict[str, Any]) -> str:
    return (
        f"| {_link(lesson)} | {entry['backend']} | {', '.join(entry['devices'])} "
        f"| {entry['seconds_solved']:.1f} s |"
    )


def _link(lesson: Lesson) -> str:
    return f"[{_text(lesson.title)}](lessons/{lesson.key}.ipynb)"


def _python(source: str) -> str:
    return f"````python\n{textwrap.dedent(source).strip()}\n````"


def _text(text: str) -> str:
    """Return plain text as markdown: only what stands between backticks keeps a meaning."""
    parts = " ".join(text.split()).split("`")
    return "`".join(
        part if index % 2 else re.sub(r"([\\*_\[\]<>$#~{}|])", r"\\\1", part)
        for index, part in enumerate(parts)
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives and where the report is."""
    app.add_config_value("kcourse_verification", "", "env", str)
    app.add_directive("lessons", Lessons)
    app.add_directive("solutions", Solutions)
    app.add_directive("changes", Changes)
    app.add_directive("verification", Verification)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
