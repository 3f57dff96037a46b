"""Take the answers, and nothing else, out of a submitted notebook.

What is taken: the cells of the lesson's exercises, and code cells that the learner added or
changed. Outputs, metadata, text, and released cells as they were are left behind. The file is
hostile: its size is capped, links are not followed, and every part's type is checked.
"""

from __future__ import annotations

import json
import logging
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from kcourse.grading.course import Course
from kcourse.lessons import Lesson, exercise_name, is_setup, required

MAX_NOTEBOOK = 32 << 20
#: Characters of a cell. Python can take a minute to parse a hostile one of a megabyte.
MAX_SOURCE = 100_000


class Ungradable(Exception):
    """The file holds no answers that could be graded; the message says why."""


@dataclass(frozen=True)
class OwnCell:
    """A cell that the learner added or changed, and the released cell that it goes with."""

    source: str
    anchor: int


@dataclass
class LessonAnswers:
    """What one notebook answers to one lesson."""

    lesson: Lesson
    answers: dict[str, str] = field(default_factory=dict)
    own: list[OwnCell] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_plain(self) -> dict[str, Any]:
        """Return all that the grade depends on, as plain data."""
        own = [[cell.anchor, cell.source] for cell in self.own]
        return {"lesson": self.lesson.key, "answers": self.answers, "own": own}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], lesson: Lesson) -> LessonAnswers:
        """Return the answers that ``as_plain`` was made of."""
        own = [OwnCell(source, anchor) for anchor, source in plain["own"]]
        return cls(lesson, dict(plain["answers"]), own)

    def untouched(self, name: str) -> bool:
        """Whether the exercise's cell is still the stub."""
        return name in self.answers and _same(self.answers[name], self._stubs[name])

    @property
    def _stubs(self) -> dict[str, str]:
        named = ((exercise_name(cell), cell.source) for cell in self.lesson.notebook.cells)
        return {name: source for name, source in named if name}


def read_cells(path: Path) -> list[NotebookNode]:
    """Return the code cells of a notebook; raises ``Ungradable``."""
    try:
        document = json.loads(_read_file(path).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Ungradable(f"{path.name} is not UTF-8 text.") from None
    except (ValueError, RecursionError) as error:
        raise Ungradable(f"{path.name} is not a notebook: {error}.") from None
    if type(document) is not dict or type(document.get("nbformat")) is not int:
        raise Ungradable(f"{path.name} is not a notebook: it is JSON without `nbformat`.")
    if not 1 <= document["nbformat"] <= 4:
        raise Ungradable(f"{path.name} has notebook format {document['nbformat']}; 4 is known.")
    if document["nbformat"] < 4:
        document = _upgrade(document, path.name)
    cells = document.get("cells")
    if type(cells) is not list:
        raise Ungradable(f"{path.name} is not a notebook: it has no list of cells.")
    return list(_code_cells(cells, path.name))


def lesson_of(cells: list[NotebookNode], path: Path, course: Course) -> Lesson | None:
    """Return the lesson that a notebook belongs to, by its exercise cells, else by its name.

    Returns ``None`` for a notebook of something else; raises ``Ungradable`` if cells and name
    say different things.
    """
    home = {name: lesson for lesson in course.lessons for name in lesson.exercises}
    names = (exercise_name(cell) for cell in cells)
    found = Counter(home[name].key for name in names if name in home).most_common()
    by_key = {lesson.key: lesson for lesson in course.lessons}
    named = next((lesson for lesson in course.lessons if lesson.path.stem == path.stem), None)
    if not found:
        return named
    best = [key for key, count in found if count == found[0][1]]
    if named is not None and named.key in best:
        return named
    if len(best) > 1:
        raise Ungradable(f"{path.name} holds exercises of several lessons: {', '.join(best)}.")
    if named is not None:
        raise Ungradable(f"{path.name} is named like {named.key}, but its exercises are {best[0]}.")
    return by_key[best[0]]


def take_answers(cells: list[NotebookNode], lesson: Lesson) -> LessonAnswers:
    """Sort a notebook's code cells into answers, the learner's own cells, and what is ignored."""
    taken = LessonAnswers(lesson)
    released = [cell for cell in lesson.notebook.cells if cell.cell_type == "code"]
    by_id = {cell.id: number for number, cell in enumerate(released)}
    by_source = {normal(cell.source): number for number, cell in enumerate(released)}
    place = {name: number for number, cell in enumerate(released) if (name := exercise_name(cell))}
    chosen = _answer_cells(cells, lesson)
    anchor = 0
    for position, cell in enumerate(cells):
        name = exercise_name(cell)
        _note_metadata(cell, taken)
        if name and position == chosen.get(name):
            taken.answers[name] = cell.source
            anchor = place[name]
            continue
        if name and name not in place:
            taken.notes.append(f"The lesson has no exercise {name!r}: no points for it.")
        number = by_id.get(cell.get("id")) if name not in place else None
        if number is None:
            number = by_source.get(normal(cell.source))
        if number is not None:
            anchor = number
            if _same(cell.source, released[number].source):
                continue
            if is_fixed(released[number]):
                cell_id = released[number].id
                if _same(cell.source, required(cell_id.removeprefix("check-"))):
                    continue
                taken.notes.append(
                    f"The cell {cell_id!r} differs from the released one, which ran."
                )
                continue
        if cell.source.strip():
            taken.own.append(OwnCell(cell.source, anchor))
    return taken


def is_fixed(cell: NotebookNode) -> bool:
    """Whether a released cell is one that a learner cannot replace: parameters, setup, a check."""
    return is_setup(cell) or cell.id.startswith("check-")


def _answer_cells(cells: list[NotebookNode], lesson: Lesson) -> dict[str, int]:
    """Return the position of each exercise's cell: by id, else by metadata, else by marker."""
    best: dict[str, tuple[int, int]] = {}
    for position, cell in enumerate(cells):
        name = exercise_name(cell)
        if name not in lesson.exercises:
            continue
        if cell.get("id") == f"exercise-{name}":
            rank = 0
        else:
            rank = 1 if cell.metadata.get("kcourse") else 2
        if name not in best or rank <= best[name][0]:
            best[name] = (rank, position)  # of several alike, the last one counts
    return {name: position for name, (_, position) in best.items()}


def _note_metadata(cell: NotebookNode, taken: LessonAnswers) -> None:
    settings = cell.metadata.get("kcourse")
    if isinstance(settings, dict) and (extra := sorted(settings.keys() - {"exercise"})):
        taken.notes.append(f"Metadata in a cell was ignored: {', '.join(extra)}.")


def _read_file(path: Path) -> bytes:
    """Read a regular file of bounded size; a link, a pipe or a device is refused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Ungradable(f"{path.name} cannot be read: {error.strerror}.") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Ungradable(f"{path.name} is not a file.")
        data = file.read(MAX_NOTEBOOK + 1)
    if len(data) > MAX_NOTEBOOK:
        most = MAX_NOTEBOOK >> 20
        raise Ungradable(f"{path.name} is too large: over {most} MiB. Clear its outputs.")
    if not data.strip():
        raise Ungradable(f"{path.name} is empty.")
    return data


def _upgrade(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Convert an older notebook format to format 4."""
    log = logging.getLogger("traitlets")
    before, log.disabled = log.disabled, True  # it would log that a cell has no id
    try:
        upgraded: dict[str, Any] = nbformat.convert(nbformat.from_dict(document), 4)
    except Exception as error:
        raise Ungradable(
            f"{name} has notebook format {document['nbformat']} and cannot be converted "
            f"({type(error).__name__}: {error})."
        ) from None
    finally:
        log.disabled = before
    return upgraded


def _code_cells(cells: list[Any], name: str) -> Iterator[NotebookNode]:
    for cell in cells:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            raise Ungradable(f"{name} is not a notebook: a cell's source is not text.")
        if len(source) > MAX_SOURCE:
            raise Ungradable(
                f"{name} is too large: a cell has {len(source)} characters, and "
                f"{MAX_SOURCE} are the most."
            )
        metadata, cell_id = cell.get("metadata"), cell.get("id")
        ours = metadata.get("kcourse") if isinstance(metadata, dict) else None
        yield nbformat.from_dict(
            {
                "cell_type": "code",
                "id": cell_id if isinstance(cell_id, str) else "",
                "metadata": {"kcourse": _texts(ours)} if isinstance(ours, dict) else {},
                "source": source.replace("\r\n", "\n"),
            }
        )


def _texts(settings: dict[str, Any]) -> dict[str, str]:
    """Return a cell's settings without what is no text: it may be nested without end."""
    return {key: value if isinstance(value, str) else "" for key, value in settings.items()}


def normal(source: str) -> str:
    """Return the source without what does not matter: blanks at line ends, blank lines around."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def _same(one: str, other: str) -> bool:
    return normal(one) == normal(other)
