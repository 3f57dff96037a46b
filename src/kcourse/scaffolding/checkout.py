"""The checkout of the course: where the files of a lesson are, and which names are free."""

from __future__ import annotations

import builtins
import difflib
import keyword
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from kcourse import lessons
from kcourse.errors import KcourseError
from kcourse.lessons import Lesson

_NAMED = re.compile(r'^    name = "(\w+)"', re.MULTILINE)
#: An exercise's name stands in the ids of cells, which have at most 64 letters, and may begin with
#: `first_of_` and the topic. A title stands in lines of at most 100 columns.
_LONGEST_TOPIC, _LONGEST_NAME, _WIDEST_TITLE = 40, 50, 80


@dataclass(frozen=True)
class Checkout:
    """The source tree that this package is run from."""

    root: Path

    @property
    def contents(self) -> Path:
        """The book's table of contents."""
        return self.root / "book" / "_toc.yml"

    def solutions(self, chapter: str, topic: str) -> Path:
        """Return where the solutions of a lesson are."""
        return self.root / "src" / "kcourse" / "solutions" / chapter / f"{topic}.py"

    def exercises(self, chapter: str, topic: str) -> Path:
        """Return where the exercises of a lesson are."""
        return self.root / "src" / "kcourse" / "exercises" / chapter / f"{topic}.py"

    def shown(self, path: Path) -> str:
        """Return a path as one says it in the checkout."""
        return path.relative_to(self.root).as_posix()

    def exercise_names(self) -> set[str]:
        """Return the names of all exercises, read from their source: it may be half written."""
        modules = (self.root / "src" / "kcourse" / "exercises").glob("*/*.py")
        return {
            name for one in modules for name in _NAMED.findall(one.read_text("utf-8", "replace"))
        }


def find() -> Checkout:
    """Return the checkout; raises ``KcourseError`` where the course is only installed."""
    checkout = Checkout(lessons.root().parent)
    if not (checkout.contents.is_file() and (checkout.root / "src" / "kcourse").is_dir()):
        raise KcourseError(
            f"This needs a checkout of the course; the one in {checkout.root} is installed. Clone "
            "the repository, run `make test` in it, and use its .venv/bin/kcourse."
        )
    return checkout


def chapter_of(text: str) -> list[Lesson]:
    """Return the lessons of the chapter called ``tensors`` or ``01_tensors``."""
    chapters: dict[str, list[Lesson]] = {}
    for lesson in lessons.all_lessons():
        chapters.setdefault(lesson.chapter, []).append(lesson)
    for name, found in chapters.items():
        if text.strip("/") in (name, found[0].path.parent.name):
            return found
    raise KcourseError(
        f"There is no chapter {text!r}. The chapters are: {', '.join(chapters)}. "
        "A new chapter is talked over in an issue first."
    )


def lesson_of(text: str) -> Lesson:
    """Return the lesson with this path, key (``01_tensors/04_linear_algebra``) or topic."""
    known = lessons.all_lessons()
    for lesson in known:
        if text in (lesson.key, lesson.topic, lesson.path.stem):
            return lesson
        if Path(text).suffix == ".ipynb" and Path(text).resolve() == lesson.path.resolve():
            return lesson
    names = [name for lesson in known for name in (lesson.topic, lesson.key)]
    near = difflib.get_close_matches(text, names, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Name it like {names[0]!r} or {names[1]!r}."
    raise KcourseError(f"There is no lesson {text!r}. {hint}")


def valid_topic(topic: str) -> str:
    """Return the name of a new lesson, which must be fit for a module and new in the course."""
    if re.match(r"\d\d_", topic):
        raise KcourseError(f"The number of a lesson comes by itself: write {topic[3:]!r}.")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", topic) or keyword.iskeyword(topic):
        raise KcourseError(
            f"{topic!r} cannot be a lesson's name: take lower-case letters, digits and _, as in "
            "'linear_algebra'."
        )
    _must_be_short(topic, _LONGEST_TOPIC)
    for lesson in lessons.all_lessons():
        if lesson.topic == topic:
            raise KcourseError(f"There is a lesson {topic!r} already: {lesson.key}.")
    return topic


def valid_name(name: str, taken: Collection[str]) -> str:
    """Return the name of a new exercise, which a learner gives to a function or class."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or keyword.iskeyword(name):
        raise KcourseError(
            f"{name!r} cannot be an exercise's name: learners give it to their function or class, "
            "as in 'trace_of_product' or 'GatedLinear'."
        )
    _must_be_short(name, _LONGEST_NAME)
    if hasattr(builtins, name):
        raise KcourseError(f"{name!r} has a meaning in Python. Take another name.")
    if name in taken:
        raise KcourseError(
            f"There is an exercise {name!r} already; names are unique over the course."
        )
    return name


def _must_be_short(name: str, longest: int) -> None:
    if len(name) > longest:
        raise KcourseError(f"{name!r} is too long: take at most {longest} letters.")


def valid_title(title: str) -> str:
    """Return a title, which stands in headings, links and Python strings as it is."""
    title = title.strip()
    columns = sum(2 if unicodedata.east_asian_width(one) in "FW" else 1 for one in title)
    # The last range is what Python makes of bytes that are no UTF-8.
    if not title or columns > _WIDEST_TITLE or re.search(r'["\\\n\r\[\]\ud800-\udfff]', title):
        raise KcourseError(
            f"{title!r} cannot be a title: write one line of at most {_WIDEST_TITLE} letters (a "
            'Chinese one counts twice), without ", \\ and square brackets.'
        )
    return title


def title_from(name: str) -> str:
    """Return ``Trace of product`` for ``trace_of_product`` and for ``TraceOfProduct``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ")
    return words[0].upper() + words[1:].lower()
