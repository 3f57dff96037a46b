"""Begin a lesson at the end of its chapter: notebook, modules, and its place in the course."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import nbformat

from kcourse.errors import KcourseError
from kcourse.lessons import Lesson
from kcourse.scaffolding.adding import NewExercise, add_exercise
from kcourse.scaffolding.checkout import Checkout
from kcourse.scaffolding.draft import Draft
from kcourse.scaffolding.rendering import cells, render

if TYPE_CHECKING:
    from nbformat import NotebookNode

FIRST_SECTION = "TODO: name the first idea"
_NEXT = re.compile(r"^## Next\n+(?P<text>.*)\Z", re.MULTILINE | re.DOTALL)
_STANDING = " Here is where you stand:"


def begin_lesson(
    draft: Draft,
    checkout: Checkout,
    previous: Lesson,
    *,
    topic: str,
    title: str,
    exercises: Sequence[NewExercise],
) -> Lesson:
    """Begin the lesson that follows ``previous``, the last one of its chapter."""
    number = f"{int(previous.number) + 1:02}"
    path = previous.path.with_name(f"{number}_{topic}.ipynb")
    lesson = replace(previous, path=path, topic=topic, number=number)
    on_all_backends = not previous.needs_tensorflow

    text = render(
        "lesson.md.jinja",
        title=title,
        previous_title=previous.title,
        previous_file=previous.path.name,
        first_section=FIRST_SECTION,
        first_exercise=exercises[0].name,
        next=_hand_on(draft, previous, title, path.name),
        on_all_backends=on_all_backends,
    )
    notebook = nbformat.v4.new_notebook(cells=cells(text), metadata=previous.notebook.metadata)
    draft.create(path, nbformat.writes(notebook) + "\n")
    for file, template in (
        (checkout.solutions(lesson.chapter, topic), "solutions_module.py.jinja"),
        (checkout.exercises(lesson.chapter, topic), "exercises_module.py.jinja"),
    ):
        draft.create(file, render(template, topic=topic) + "\n")
    for new in exercises:
        add_exercise(
            draft, checkout, lesson, new, after=FIRST_SECTION, on_all_backends=on_all_backends
        )
    _enter_into_contents(draft, checkout, previous, lesson)
    return lesson


def _hand_on(draft: Draft, previous: Lesson, title: str, file: str) -> str:
    """Have the lesson before lead to the new one; return what it said came next."""
    notebook: NotebookNode = nbformat.reads(draft.read(previous.path), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := _NEXT.search(cell.source)):
            text = found["text"].strip()
            leads = f"[{title}]({file}): TODO: say in a sentence what comes there."
            stands = _STANDING if text.endswith(_STANDING) else ""
            cell.source = f"{cell.source[: found.start('text')]}{leads}{stands}"
            draft.change(previous.path, nbformat.writes(notebook) + "\n")
            return text if stands else f"{text}{_STANDING}"
    raise KcourseError(f"{previous.key} has no section 'Next', which would lead to the new lesson.")


def _enter_into_contents(
    draft: Draft, checkout: Checkout, previous: Lesson, lesson: Lesson
) -> None:
    text = draft.read(checkout.contents)
    line = re.compile(rf"^.*\blessons/{re.escape(previous.key)}$\n", re.MULTILINE)
    if not (found := line.search(text)):
        raise KcourseError(f"{checkout.shown(checkout.contents)} does not name {previous.key}.")
    own = found[0].replace(previous.key, lesson.key)
    draft.change(checkout.contents, text[: found.end()] + own + text[found.end() :])
