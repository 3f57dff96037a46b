"""The lessons: where they are, in what order, and what their cells mean.

A lesson is ``NN_chapter/NN_topic.ipynb``. Each exercise has a cell for the answer, known by its
id ``exercise-NAME``, else by ``metadata.kcourse.exercise``, else by the first line
``# EXERCISE NAME``; and a cell with id ``check-NAME`` that checks it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kcourse.errors import KcourseError

if TYPE_CHECKING:
    from nbformat import NotebookNode  # its import takes 1.5 s of CPU

_NUMBERED = re.compile(r"(?P<number>\d\d)_(?P<name>[a-z0-9_]+)")
_TENSORFLOW = re.compile(r"^\s*(import|from) tensorflow\b", re.MULTILINE)
_HIDES_GPUS = re.compile(r"""^tf\.config\.set_visible_devices\(\[\], ["']GPU["']\)""", re.MULTILINE)
_MARKER = re.compile(r"#\s*EXERCISE\s+(?P<name>\w+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Lesson:
    """One lesson notebook of the installed course."""

    path: Path
    chapter: str
    chapter_number: str
    topic: str
    number: str

    @property
    def key(self) -> str:
        """The path relative to the lessons' root, without suffix: ``01_tensors/01_topic``."""
        return f"{self.chapter_number}_{self.chapter}/{self.number}_{self.topic}"

    @cached_property
    def notebook(self) -> NotebookNode:
        """The lesson as shipped."""
        import nbformat

        return nbformat.read(self.path, as_version=4)

    @cached_property
    def _sources(self) -> list[tuple[dict[str, Any], str]]:
        """The cells and their sources, for what is asked of all lessons at once."""
        try:
            cells = json.loads(self.path.read_bytes())["cells"]
        except (ValueError, KeyError, TypeError):
            raise KcourseError(
                f"{self.path} is not a notebook. Mend it, or get it back from git."
            ) from None
        return [(cell, "".join(cell["source"])) for cell in cells]

    @cached_property
    def title(self) -> str:
        """The text of the lesson's first heading."""
        for cell, source in self._sources:
            if cell["cell_type"] == "markdown" and (found := re.match(r"#\s+(.+)", source)):
                return found[1].strip()
        return self.topic.replace("_", " ")

    @cached_property
    def exercises(self) -> list[str]:
        """The names of the lesson's exercises, in order."""
        names = (_exercise_name(cell, source) for cell, source in self._sources)
        return [name for name in names if name]

    @cached_property
    def needs_tensorflow(self) -> bool:
        """Whether it imports TensorFlow itself; else it runs on every backend of Keras."""
        return self._has_code(_TENSORFLOW)

    @cached_property
    def hides_gpus(self) -> bool:
        """Whether it computes on the CPU wherever it runs, because it shows logical CPUs."""
        return self._has_code(_HIDES_GPUS)

    def _has_code(self, pattern: re.Pattern[str]) -> bool:
        return any(
            pattern.search(source) for cell, source in self._sources if cell["cell_type"] == "code"
        )


def root() -> Path:
    """Return the folder of the lessons: inside an installed package, else the source tree's."""
    packaged = Path(__file__).parent / "notebooks"
    source = Path(__file__).parents[2] / "notebooks"
    for folder in (packaged, source):
        if folder.is_dir():
            return folder
    raise KcourseError(f"The lessons are missing: neither {packaged} nor {source} is a folder.")


def all_lessons() -> list[Lesson]:
    """Return all lessons in the order of the course."""
    lessons = []
    for path in sorted(root().glob("[0-9][0-9]_*/[0-9][0-9]_*.ipynb")):
        chapter, topic = _NUMBERED.fullmatch(path.parent.name), _NUMBERED.fullmatch(path.stem)
        if chapter and topic:
            lessons.append(
                Lesson(path, chapter["name"], chapter["number"], topic["name"], topic["number"])
            )
    return lessons


def lesson_of(chapter: str, topic: str) -> Lesson:
    """Return the lesson that an exercise with this chapter and topic belongs to."""
    for lesson in all_lessons():
        if (lesson.chapter, lesson.topic) == (chapter, topic):
            return lesson
    raise KcourseError(f"There is no lesson {topic!r} in chapter {chapter!r}.")


def exercise_name(cell: NotebookNode) -> str | None:
    """Return the exercise whose answer this cell holds, or ``None``."""
    return _exercise_name(cell, cell.source)


def _exercise_name(cell: Mapping[str, Any], source: str) -> str | None:
    if cell["cell_type"] != "code":
        return None
    if cell.get("id", "").startswith("exercise-"):
        return str(cell["id"]).removeprefix("exercise-")
    named = cell["metadata"].get("kcourse", {})
    if isinstance(named, dict) and isinstance(named.get("exercise"), str):
        return str(named["exercise"])
    marker = _MARKER.match(source.lstrip())
    return marker["name"] if marker else None


def marked(name: str, source: str) -> str:
    """Return the source of an answer with the marker line of its exercise on top."""
    return f"# EXERCISE {name}\n{source.strip()}\n".rstrip()


def required(name: str) -> str:
    """Return the source of an exercise's check where a lesson is released for nbgrader."""
    # Imported where it is called: a learner's cell may have given its name to something.
    return f"from kcourse.notebook import require\n\nrequire({name})"


def fill_solutions(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of a lesson in which every exercise cell holds the course's solution."""
    import nbformat

    from kcourse import exercises, solutions

    filled = nbformat.from_dict(notebook)
    for cell in filled.cells:
        if name := exercise_name(cell):
            cell.source = marked(name, solutions.source_of(exercises.get(name)))
    return filled


def is_setup(cell: NotebookNode) -> bool:
    """Whether a released cell prepares the namespace in which every answer runs."""
    return cell.id in ("parameters", "setup")
