"""What a lesson says comes before it is read whole, or refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from kcourse import lessons
from kcourse.errors import KcourseError
from kcourse.lessons import Lesson
from kcourse.prerequisites import Before, before, minutes, without_detours

COURSE = lessons.all_lessons()


def lesson(line: str, chapter: str = "02", number: str = "03") -> Lesson:
    """Return a lesson whose first cell has this line."""
    one = Lesson(Path("none.ipynb"), "middle", chapter, "topic", number)
    cell = SimpleNamespace(source=f"# Title\n\nText.\n\n{line}\n\n## Objectives")
    one.__dict__["notebook"] = SimpleNamespace(cells=[cell])
    return one


def small_course() -> list[Lesson]:
    return [
        lesson("", chapter, number) for chapter in ("01", "02") for number in ("01", "02", "03")
    ]


def keys(*places: str) -> tuple[str, ...]:
    return tuple(f"{place[:2]}_middle/{place[3:]}_topic" for place in places)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Python functions", Before()),
        ("gradients (lesson 1)", Before(keys("02/01"))),
        ("lessons 1 and 2 of this chapter, classes", Before(keys("02/01", "02/02"))),
        ("lessons 1 to 2 of this chapter", Before(keys("02/01", "02/02"))),
        ("shapes (chapter 1, lesson 3); loops", Before(keys("01/03"))),
        ("chapter 1, above all shapes", Before((), (1,))),
        ("chapters 1 and 2", Before((), (1, 2))),
        ("[the first](01_topic.ipynb#part)", Before(keys("02/01"))),
        ("[afar](../01_middle/02_topic.ipynb)", Before(keys("01/02"))),
        ("lessons [1](01_topic.ipynb) and [2](02_topic.ipynb)", Before(keys("02/01", "02/02"))),
        ("shapes (chapter 1). No more: chapter 2 goes on alone.", Before((), (1,))),
        ("`tf.function`, lesson 2", Before(keys("02/02"))),
        ("chapter 1, lessons 1 and 2", Before(keys("01/01", "01/02"))),
        ("lesson 1 of chapter 1; lesson 2 of this chapter", Before(keys("01/01", "02/02"))),
        ("Lessons 1, 2, and 3 of chapter 1", Before(keys("01/01", "01/02", "01/03"))),
        ("Chapter 1", Before((), (1,))),
        ("matrices (`x[3]`, lesson 1)", Before(keys("02/01"))),
    ],
)
def test_it_is_read_from_the_words(words: str, expected: Before) -> None:
    line = f"**Time:** about 90 minutes · **Before this:** {words}"
    assert before(lesson(line), small_course()) == expected


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("the first lesson", "'lesson'"),
        ("lesson one of this chapter", "'lesson one of this chapter'"),
        ("lesson 9", "names lesson 9 of chapter 2"),
        ("chapter 7", "names chapter 7"),
        ("[gone](09_gone.ipynb)", "names 02_middle/09_gone"),
        ("lessons 1 to 2 and 3", "'3'"),
        ("chapter 1, lesson 1 and 3", "'3'"),
        ("lessons 1-3", "'lessons 1-3'"),
        ("lesson 1-3", "'3'"),
        ("lesson 1.5", "'5'"),
        ("lesson 1 or 2", "'2'"),
        ("lesson 10", "'lesson 10'"),
        ("lessons 1 and two", "'lessons 1 and two'"),
        ("Lesson one", "'Lesson one'"),
        ("lessons 3 to 1", "'lessons 3 to 1'"),
        ("chapters 2 to 1", "'chapters 2 to 1'"),
        ("lesson 1 (chapter 1)", "'lesson 1'"),
        ("chapter 1 (lesson 1)", "'lesson 1'"),
        ("chapter 1, lesson 1 and lesson 3", "'lesson 3'"),
        ("chapters 1 and 2, lesson 3", "'lesson 3'"),
        ("lessons [1](../01_middle/01_topic.ipynb)", "'lessons …'"),
    ],
)
def test_what_cannot_be_read_is_refused(words: str, said: str) -> None:
    with pytest.raises(KcourseError, match=said):
        before(lesson(f"**Before this:** {words}"), small_course())


def test_a_lesson_that_says_nothing_is_refused() -> None:
    with pytest.raises(KcourseError, match=r"Before this:\*\* lesson 1"):
        before(lesson("Hello"), small_course())
    with pytest.raises(KcourseError, match=r"Time:\*\* about 90 minutes"):
        minutes(lesson("Hello"))


def test_every_lesson_builds_on_earlier_ones_alone_so_there_is_no_circle() -> None:
    order = [one.key for one in COURSE]
    for one in COURSE:
        named = before(one, COURSE)
        assert all(order.index(key) < order.index(one.key) for key in named.lessons), one.key
        assert all(number < int(one.chapter_number) for number in named.chapters), one.key


def test_every_lesson_but_the_first_is_reached_from_another() -> None:
    first, *others = COURSE
    assert before(first, COURSE) == Before()
    for one in others:
        assert before(one, COURSE) != Before(), one.key


def test_every_lesson_takes_between_one_and_three_hours() -> None:
    for one in COURSE:
        assert 60 <= minutes(one) <= 180, one.key


def test_a_detour_is_left_out_and_nothing_else_is() -> None:
    edges = {"d": {"a", "b", "c"}, "c": {"b"}, "b": {"a"}, "a": set(), "e": {"a", "x"}, "x": set()}
    nearest = {"d": {"c"}, "c": {"b"}, "b": {"a"}, "a": set(), "e": {"a", "x"}, "x": set()}
    assert without_detours(edges) == nearest
