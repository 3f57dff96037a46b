"""What a lesson's first cell says of it: how long it takes, and what comes before it.

The line ``**Time:** about 90 minutes · **Before this:** …`` is written for people. What it names
is read from its words: ``lesson 1``, ``lessons 1 to 3 of this chapter``, ``chapter 2, lesson 1``,
``lesson 1 of chapter 2``, ``chapter 3``, and links to lessons. Whatever else names a lesson or a
chapter, and a number that is left over, is refused rather than overlooked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from posixpath import join, normpath
from typing import NoReturn

from kcourse.errors import KcourseError
from kcourse.lessons import Lesson

_TIME = re.compile(r"\*\*Time:\*\* about (\d+) minutes")
_BEFORE = re.compile(r"\*\*Before this:\*\* (.+)")
_SENTENCE_END = re.compile(r"\.\s+(?=[A-Z])")
_NUMBER_LINK = re.compile(r"\[(\d)\]\([^)/]+\.ipynb\)")
_LINK = re.compile(r"\[[^\]]+\]\(([^)#]+)\.ipynb(?:#[^)]*)?\)")
#: One number after a word, or several after its plural.
_NUMBERS = r"(?P<numbers> \d|s \d to \d|s \d(?:, \d)*,? and \d)\b"


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b{pattern}", re.IGNORECASE)


_ELSEWHERE = (
    _words(rf"chapter (?P<chapter>\d), lesson{_NUMBERS}"),
    _words(rf"lesson{_NUMBERS} of chapter (?P<chapter>\d)\b"),
)
_HERE = _words(rf"lesson{_NUMBERS} of this chapter\b")
_LESSONS = _words(rf"lesson{_NUMBERS}")
_CHAPTERS = _words(rf"chapter{_NUMBERS}")
_ANY_CHAPTER = _words(r"chapters? \d")
_CODE = re.compile(r"`[^`]*`")
_OVERLOOKED = re.compile(r"\b(?:lesson|chapter)s?\b.*|(?<!\w)\d.*", re.IGNORECASE)


@dataclass(frozen=True)
class Before:
    """The lessons, by key, and the whole chapters, by number, that a lesson builds on."""

    lessons: tuple[str, ...] = ()
    chapters: tuple[int, ...] = ()


def minutes(lesson: Lesson) -> int:
    """Return how many minutes the lesson takes, as its first cell says."""
    if found := _TIME.search(_first_cell(lesson)):
        return int(found[1])
    raise KcourseError(
        f"{lesson.key} does not say how long it takes. Write to its first cell: "
        "**Time:** about 90 minutes",
        exit_code=1,
    )


def before(lesson: Lesson, course: Sequence[Lesson]) -> Before:
    """Return what the lesson's first cell names as coming before it, in the order of the course.

    Raises ``KcourseError`` if it names nothing readable, or a lesson that is not in ``course``.
    """
    line = _BEFORE.search(_first_cell(lesson))
    if not line:
        raise KcourseError(
            f"{lesson.key} does not say what comes before it. Write to its first cell: "
            "**Before this:** lesson 1 of this chapter",
            exit_code=1,
        )
    text = said = _NUMBER_LINK.sub(r"\1", _SENTENCE_END.split(line[1])[0])
    places = {(int(one.chapter_number), int(one.number)): one.key for one in course}
    keys = set(places.values())
    named: set[str] = set()
    chapters: set[int] = set()

    def take(pattern: re.Pattern[str]) -> list[re.Match[str]]:
        nonlocal text
        found = list(pattern.finditer(text))
        text = pattern.sub("…", text)  # what stood around it must not become one phrase
        return found

    def numbers_of(found: re.Match[str]) -> list[int]:
        return _spelt(found["numbers"]) or refuse(found[0])  # nothing is from 3 to 1

    def name_lessons(chapter: int, found: re.Match[str]) -> None:
        for number in numbers_of(found):
            named.add(places.get((chapter, number), f"lesson {number} of chapter {chapter}"))

    def refuse(words: str) -> NoReturn:
        raise KcourseError(
            f"{lesson.key}: {words!r} in {said!r} cannot be read as what comes before it. Write "
            "it as 'lesson 1', 'lessons 1 to 3 of this chapter', 'chapter 2, lesson 1' or "
            "'chapter 2', and other numbers in words or as `code`.",
            exit_code=1,
        )

    for link in take(_LINK):
        named.add(normpath(join(lesson.key, "..", link[1])))
    any_chapter = _ANY_CHAPTER.search(text)
    for pattern in _ELSEWHERE:
        for found in take(pattern):
            name_lessons(int(found["chapter"]), found)
    for found in take(_HERE):
        name_lessons(int(lesson.chapter_number), found)
    for found in take(_LESSONS):
        if any_chapter:  # nobody can tell which chapter the lesson is of
            refuse(found[0])
        name_lessons(int(lesson.chapter_number), found)
    for found in take(_CHAPTERS):
        chapters |= set(numbers_of(found))
    if overlooked := _OVERLOOKED.search(_CODE.sub("…", text)):
        refuse(overlooked[0])
    for name in sorted(named - keys) + sorted(
        f"chapter {number}" for number in chapters - {chapter for chapter, _ in places}
    ):
        raise KcourseError(
            f"{lesson.key} names {name} as coming before it, but there is none.", exit_code=1
        )
    return Before(tuple(sorted(named)), tuple(sorted(chapters)))


def without_detours(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the graph without the edges that a longer way replaces; it must have no cycle.

    Args:
        edges: for each node, the nodes that it builds on.
    """

    def behind(node: str) -> set[str]:
        return {far for near in edges.get(node, ()) for far in {near} | behind(near)}

    return {
        node: {near for near in nearest if not any(near in behind(other) for other in nearest)}
        for node, nearest in edges.items()
    }


def _first_cell(lesson: Lesson) -> str:
    return str(lesson.notebook.cells[0].source) if lesson.notebook.cells else ""


def _spelt(numbers: str) -> list[int]:
    """Return the numbers in ``1``, ``1 and 2``, ``1, 2 and 4`` or ``1 to 4``."""
    found = [int(number) for number in re.findall(r"\d", numbers)]
    return list(range(found[0], found[1] + 1)) if " to " in numbers else found
