"""Add an exercise to a lesson: cells, solution and ``Exercise``, all still to be written."""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import nbformat

from kcourse.errors import KcourseError
from kcourse.lessons import Lesson, is_setup
from kcourse.scaffolding.checkout import Checkout, title_from
from kcourse.scaffolding.draft import Draft
from kcourse.scaffolding.rendering import render

if TYPE_CHECKING:
    from nbformat import NotebookNode

#: What a skeleton of an exercise uses, beyond the built-in names.
_IMPORTS = (
    ("__future__", "annotations"),
    ("collections.abc", "Iterator"),
    ("typing", "Any"),
    ("numpy", None, "np"),
    ("kcourse.exercise", "Case"),
    ("kcourse.exercise", "Exercise"),
    ("kcourse.exercise", "NearMiss"),
    ("kcourse.exercise", "register"),
)
QUIZ = "Quiz"


@dataclass(frozen=True)
class NewExercise:
    """What is known of an exercise before it is written."""

    name: str
    title: str
    points: int

    @property
    def is_class(self) -> bool:
        """Whether learners write a class, as its name says."""
        return self.name[0].isupper()

    @property
    def class_name(self) -> str:
        """The name of its ``Exercise``."""
        return self.name if self.is_class else title_from(self.name).title().replace(" ", "")


def add_exercise(
    draft: Draft,
    checkout: Checkout,
    lesson: Lesson,
    new: NewExercise,
    *,
    after: str | None = None,
    on_all_backends: bool,
) -> None:
    """Add an exercise at the end of the section ``after`` of a lesson (default: the last one)."""
    notebook = nbformat.reads(draft.read(lesson.path), as_version=4)
    setup = "\n".join(cell.source for cell in notebook.cells if is_setup(cell))
    if re.search(rf"\b{new.name}\b", setup):
        raise KcourseError(f"The setup cell of {lesson.key} uses {new.name!r}. Take another name.")
    see, place = _end_of_section(notebook, lesson, after)
    values = {**vars(new), "is_class": new.is_class, "class_name": new.class_name}
    notebook.cells[place:place] = _cells(new, values)
    draft.change(lesson.path, nbformat.writes(notebook) + "\n")

    path = checkout.solutions(lesson.chapter, lesson.topic)
    text = draft.read(path)
    _must_be_new(new.name, text, checkout.shown(path))
    draft.change(path, _appended(text, render("solution.py.jinja", **values)))

    path = checkout.exercises(lesson.chapter, lesson.topic)
    text = draft.read(path)
    _must_be_new(new.class_name, text, checkout.shown(path))
    rendered = render("exercise.py.jinja", **values, see=see, on_all_backends=on_all_backends)
    draft.change(path, _with_imports(_appended(text, rendered)))


def _end_of_section(notebook: NotebookNode, lesson: Lesson, after: str | None) -> tuple[str, int]:
    """Return the heading of the section, and the index of the first cell behind it."""
    sections: dict[str, int] = {}
    heading = ""
    for index, cell in enumerate(notebook.cells):
        if heading:
            sections[heading] = index
        if cell.cell_type != "markdown":
            continue
        for line in cell.source.splitlines():
            if line.startswith("## "):
                heading = line.removeprefix("## ").strip()
                if heading == QUIZ:
                    return _chosen(sections, lesson, after)
    raise KcourseError(f"{lesson.key} has no section '{QUIZ}', before which exercises stand.")


def _chosen(sections: dict[str, int], lesson: Lesson, after: str | None) -> tuple[str, int]:
    teaching = list(sections)[1:]  # the first says what the reader will be able to do
    if not teaching:
        raise KcourseError(f"{lesson.key} has no section before its quiz to add an exercise to.")
    if after is None:
        after = teaching[-1]
    elif after not in teaching:
        near = difflib.get_close_matches(after, teaching, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(teaching)}."
        raise KcourseError(f"{lesson.key} has no section {after!r}. {hint}")
    return after, sections[after]


def _cells(new: NewExercise, values: dict[str, object]) -> list[NotebookNode]:
    known = {"kcourse": {"exercise": new.name}}
    name = new.name
    return [
        nbformat.v4.new_markdown_cell(render("task.md.jinja", **values), id=f"task-{name}"),
        nbformat.v4.new_code_cell(
            render("stub.py.jinja", **values), id=f"exercise-{name}", metadata=known
        ),
        nbformat.v4.new_code_cell(f"check({name})", id=f"check-{name}"),
    ]


def _must_be_new(name: str, text: str, shown: str) -> None:
    """Raise ``KcourseError`` if the module defines or imports ``name`` already."""
    try:
        taken = _names(text)
    except SyntaxError as error:  # a source that somebody is still writing
        raise KcourseError(
            f"{shown}, line {error.lineno}, is not Python: {error.msg}. Mend it first."
        ) from None
    if name in taken:
        raise KcourseError(f"{shown} has the name {name!r} already. Take another name.")


def _names(text: str) -> set[str]:
    """Return the names of functions, classes and imports of a module."""
    names: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def _appended(text: str, definition: str) -> str:
    return f"{text.rstrip()}\n\n\n{definition}\n"


def _with_imports(text: str) -> str:
    """Return the module with the imports that the skeleton needs; most have them all."""
    there = _names(text)
    missing = [needed for needed in _IMPORTS if there.isdisjoint(needed[1:])]
    if not missing:
        return text
    import libcst
    from libcst.codemod import CodemodContext
    from libcst.codemod.visitors import AddImportsVisitor

    context = CodemodContext()
    for needed in missing:
        AddImportsVisitor.add_needed_import(context, *needed)
    return AddImportsVisitor(context).transform_module(libcst.parse_module(text)).code
