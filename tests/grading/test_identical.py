"""Identical answers: found however they are dressed up, and never more said than is known."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import jsonschema
import pytest
import sample_course as sample
from hypothesis import given, settings
from hypothesis import strategies as st

from kcourse.grading import identical, report
from kcourse.grading.answers import LessonAnswers
from kcourse.grading.course import Course
from kcourse.grading.submission import Submission

ANSWER = """\
def spread(x):
    centre = x.mean(axis=0)
    total = 0
    for row in x:
        difference = row - centre
        total = total + difference * difference
    if total is None:
        raise ValueError("nothing")
    return np.sqrt(total / len(x))
"""
COPIES = {
    "formatting": ANSWER.replace(" = ", "  =  ").replace("    ", "  "),
    "comments": "# mine\n" + ANSWER.replace("total = 0", "total = 0  # start"),
    "a docstring": ANSWER.replace(
        "    centre", '    """Return it."""\n    "and more"\n    centre', 1
    ),
    "annotations": ANSWER.replace("(x):", "(x: np.ndarray) -> np.ndarray:").replace(
        "total = 0", "total: int = 0"
    ),
    "other names": ANSWER.replace("centre", "m").replace("total", "s").replace("row", "total"),
    "another parameter": re.sub(r"\bx\b", "values", ANSWER),
    "magics": "%%time\n" + ANSWER,
    "passes": ANSWER.replace("    total = 0", "    pass\n    total = 0"),
}
OTHERS = {
    "another constant": ANSWER.replace("total = 0", "total = 1"),
    "another function": ANSWER.replace("np.sqrt", "np.exp"),
    "another order": ANSWER.replace("row - centre", "centre - row"),
    "another name of the library": ANSWER.replace("np.", "numpy."),
    "other attributes": ANSWER.replace(".mean", ".sum"),
}
HOSTILE = [
    *["def f(:", "\x00", "\ud800", "(" * 90_000, "-" * 9000 + "1", "a" + ".b" * 4500],
    *["x = " + "0x" + "f" * 9000, "a;" * 4900, "1 if 1 else " * 800 + "1", "'\\d'"],
    *[
        "x" * 1_000_000,
        "lambda: " * 1200 + "1",
        "%",
        "!ls",
        "f'{",
        "x=1\n%time x",
        "[" * 150,
        "\x1c",
    ],
    "".join(" " * depth + "if 1:\n" for depth in range(99)),
    "a" + "[0]" * 600 + " = 1",
    "1" + "+1" * 900,
]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return sample.make_course(tmp_path_factory.mktemp("course"))


def _submissions(course: Course, answers: dict[str, dict[str, str]]) -> list[Submission]:
    lesson = course.lessons[0]
    return [Submission(name, (LessonAnswers(lesson, given),)) for name, given in answers.items()]


def _groups(course: Course, answers: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    found = identical.find(_submissions(course, answers), course)
    jsonschema.Draft202012Validator(report.schema("identical")).validate(found)
    groups: list[dict[str, Any]] = found["groups"]
    return groups


def _stub(course: Course, name: str) -> str:
    cells = course.lessons[0].notebook.cells
    return str(next(cell.source for cell in cells if cell.id == f"exercise-{name}"))


@pytest.mark.parametrize("dress", COPIES)
def test_a_copy_is_found_in_spite_of(dress: str, course: Course) -> None:
    assert COPIES[dress] != ANSWER
    (group,) = _groups(course, {"bob": {"spread": COPIES[dress]}, "ada": {"spread": ANSWER}})
    assert group["submissions"] == ["ada", "bob"]
    assert (group["exercise"], group["evidence"], group["published"]) == ("spread", "strong", None)


@pytest.mark.parametrize("difference", OTHERS)
def test_an_answer_is_not_a_copy_with(difference: str, course: Course) -> None:
    assert OTHERS[difference] != ANSWER
    assert _groups(course, {"a": {"spread": OTHERS[difference]}, "b": {"spread": ANSWER}}) == []


def test_a_class_is_renamed_like_a_function(course: Course) -> None:
    one = "class Helper:\n    def run(self, a):\n        return a\n\ndef spread(x):\n    Helper()"
    other = one.replace("Helper", "Tool").replace("run", "go").replace("self, a", "me, b")
    other = other.replace("return a", "return b")
    assert identical.fingerprint(one, "spread") == identical.fingerprint(other, "spread")


def test_the_exercises_own_name_is_kept(course: Course) -> None:
    one, other = "def spread(x):\n    return x", "def sprad(x):\n    return x"
    assert identical.fingerprint(one, "spread") != identical.fingerprint(other, "spread")


@pytest.mark.parametrize("change", [str, lambda stub: stub + "\n# later", lambda stub: "", "{}\n "])
def test_untouched_and_emptied_cells_are_left_out(course: Course, change: Any) -> None:
    change = change if callable(change) else change.format
    source = change(_stub(course, "spread"))
    assert _groups(course, {"a": {"spread": source}, "b": {"spread": source}}) == []


def test_published_answers_are_marked_and_weak(course: Course) -> None:
    exercise = copy.copy(course.exercises["doubled"])
    alternative = "def doubled(x):\n    return x + x"
    type(exercise).alternatives = (alternative,)
    solution = sample.SOLUTIONS["doubled"].replace("x", "value")
    answers = {name: {"doubled": solution} for name in "ab"}
    answers |= {name: {"doubled": alternative} for name in "cd"}
    try:
        found = [(one["published"], one["evidence"]) for one in _groups(course, answers)]
    finally:
        type(exercise).alternatives = ()
    assert sorted(found) == [("alternative", "weak"), ("solution", "weak")]


def test_a_long_published_answer_is_weak_evidence_too(course: Course) -> None:
    public = Course(course.lessons, course.exercises, lambda exercise: ANSWER)
    (group,) = _groups(public, {"a": {"spread": ANSWER}, "b": {"spread": ANSWER}})
    assert (group["published"], group["evidence"]) == ("solution", "weak")
    assert group["nodes"] >= identical.WEAK_NODES


def test_a_short_answer_is_weak_evidence(course: Course) -> None:
    short = "def doubled(x):\n    return x * 3"
    (group,) = _groups(course, {"a": {"doubled": short}, "b": {"doubled": short}})
    assert (group["published"], group["evidence"]) == (None, "weak")


def test_groups_are_sorted_whatever_the_order_of_the_submissions(course: Course) -> None:
    short = "def doubled(x):\n    return x * 3"
    answers = {name: {"doubled": short, "spread": ANSWER} for name in ("b", "c", "a")}
    answers |= {name: {"doubled": short + "0"} for name in ("e", "d")}
    groups = _groups(course, answers)
    assert groups == _groups(course, dict(reversed(answers.items())))
    assert [(one["evidence"], one["exercise"]) for one in groups] == [
        ("strong", "spread"),
        ("weak", "doubled"),
        ("weak", "doubled"),
    ]
    assert [one["submissions"] for one in groups] == [["a", "b", "c"], ["a", "b", "c"], ["d", "e"]]


def test_ids_are_those_of_the_report(course: Course) -> None:
    (group,) = _groups(course, {"a\x1b": {"spread": ANSWER}, "b": {"spread": ANSWER}})
    assert group["submissions"] == ["a\\x1b", "b"]


def test_what_is_ungradable_is_in_no_group(course: Course) -> None:
    assert identical.find([Submission("a", problem="?"), Submission("b", problem="?")], course) == {
        "schema": 1,
        "groups": [],
    }


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_source_is_compared_all_the_same(course: Course, source: str) -> None:
    answers = {"a": {"spread": source}, "b": {"spread": source + "\n"}, "c": {"spread": ANSWER}}
    groups = _groups(course, answers | {"d": {"spread": ANSWER}})
    assert ["c", "d"] in [group["submissions"] for group in groups]
    json.dumps(groups).encode()


@settings(deadline=None)
@given(st.text())
def test_any_text_is_identical_to_itself_with_blank_lines_below(text: str) -> None:
    found = identical.fingerprint(text, "f")
    assert found.nodes >= 0
    assert identical.fingerprint(f"{text}\n\n", "f") == found


@settings(deadline=None)
@given(st.lists(st.sampled_from(["x", "y", "total", "é", "np"]), min_size=3, max_size=3))
def test_one_name_for_two_things_is_not_two_names(names: list[str]) -> None:
    first, second, third = names
    source = f"def f({first}):\n    {second} = {first} + 1\n    return {third} * {second}"
    plain = "def f(a):\n    b = a + 1\n    return {} * b"
    same = identical.fingerprint(source, "f") == identical.fingerprint(plain.format("a"), "f")
    assert same == (first == third and first != second)


def test_the_terminal_is_told_how_many_groups_there_are(course: Course) -> None:
    def told(answers: dict[str, dict[str, str]]) -> str:
        return identical.remark(identical.find(_submissions(course, answers), course))

    assert told({"a": {"spread": ANSWER}}) == "no identical answers"
    one = {name: {"spread": ANSWER} for name in "ab"}
    assert told(one) == "1 group of identical answers, 1 of note"
    short = {name: {"spread": ANSWER, "doubled": "def doubled(x):\n    return 3"} for name in "ab"}
    assert told(short) == "2 groups of identical answers, 1 of note"
