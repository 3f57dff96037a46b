"""The CSV files: read back as written, no formula, and what is not graded is never a zero."""

from __future__ import annotations

import csv
import io
import unicodedata
from typing import Any

import pytest
import sample_course as sample
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_report import hostile_document

from kcourse.grading import grades
from kcourse.grading.course import Course
from kcourse.grading.showing import DOUBT

EXERCISES = list(sample.EXERCISES)
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1+1",
    "＋1",
    "－1",
    "＠A1",
    "﹦1",
    " =1",
    '"=1',
    "'=1",
    "|cmd",
]
any_text = st.text() | st.sampled_from(FORMULAS)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return sample.make_course(tmp_path_factory.mktemp("course"))


def _document(course: Course, identity: str) -> dict[str, Any]:
    """A report in which the ungraded submission has this id."""
    document = hostile_document(course, "x")
    document["submissions"][2]["id"] = identity
    return document


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))


def test_one_line_a_submission_with_its_points_in_each_exercise(course: Course) -> None:
    ada, bob, cyd, dan = _rows(grades.grades(_document(course, "cyd"), course, 0.5))
    assert list(ada) == ["id", "status", "score", "max_score", "reached", "sandbox", *EXERCISES]
    assert list(ada.values()) == [
        "ada",
        "graded",
        "10",
        "10",
        "yes",
        "required",
        "2",
        "3",
        "1",
        "4",
    ]
    assert list(bob.values()) == [
        "bob x",
        "graded",
        "3",
        "10",
        "no",
        "required",
        "0",
        "3",
        "0",
        "0",
    ]
    assert list(cyd.values()) == ["cyd", "ungradable", *[""] * 3, "required", *[""] * 4]
    assert list(dan.values()) == ["dan", "grader error", *[""] * 3, "required", *[""] * 4]


def test_grades_of_a_sandbox_that_lacks_something_say_so(course: Course) -> None:
    document = _document(course, "cyd")
    document["environment"]["sandbox"] = ["limits", f"{DOUBT}landlock: none"]
    rows = _rows(grades.grades(document, course, 0.5))
    assert {row["sandbox"] for row in rows} == {"best effort"}


def test_lines_end_as_the_standard_says_and_excel_sees_that_it_is_utf8(course: Course) -> None:
    text = grades.grades(_document(course, "李雷 é"), course, 0.5)
    assert text.encode().startswith(b"\xef\xbb\xbf")
    lines = text.split("\r\n")
    assert lines[-1] == ""
    assert "\n" not in "".join(lines)
    assert _rows(text)[2]["id"] == "李雷 é"


@pytest.mark.parametrize("identity", FORMULAS)
def test_a_name_that_would_be_a_formula_is_text(course: Course, identity: str) -> None:
    shown = _rows(grades.grades(_document(course, identity), course, 0.5))[2]["id"]
    assert shown == f"'{identity}"


@settings(deadline=None)
@given(any_text, any_text)
def test_no_cell_begins_a_formula_and_different_ids_stay_different(
    course: Course, one: str, other: str
) -> None:
    document = _document(course, one)
    document["submissions"][3]["id"] = other
    for text in (grades.grades(document, course, 0.5), grades.nbgrader(document, course)):
        cells = [cell for row in _rows(text) for cell in row.values()]
        for cell in cells:
            start = unicodedata.normalize("NFKC", cell).lstrip(" \"'")[:1]
            assert cell.startswith("'") or start not in set("=+-@\t\r\n"), cell
    third, fourth = (row["id"] for row in _rows(grades.grades(document, course, 0.5))[2:])
    assert (third == fourth) == (one == other)
    assert third.removeprefix("'") == one.removeprefix("'") or third == f"'{one}"


@settings(deadline=None)
@given(st.text())
def test_a_name_stays_one_cell_where_semicolons_separate_cells(course: Course, name: str) -> None:
    text = grades.grades(_document(course, f"{name};=1+1"), course, 0.5).removeprefix("\ufeff")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    assert all(len(row) == 1 for row in rows)


def test_nbgraders_columns_hold_chapters_students_and_scores(course: Course) -> None:
    ada, bob, cyd, dan = _rows(grades.nbgrader(_document(course, "cyd"), course))
    assert tuple(ada) == grades.NBGRADER_COLUMNS
    assert ada == dict.fromkeys(grades.NBGRADER_COLUMNS, "") | {
        "assignment": "01_sample",
        "student_id": "ada",
        "raw_score": "10.0",
        "late_submission_penalty": "0.0",
        "score": "10.0",
        "max_score": "10.0",
        "id": "ada",
    }
    assert bob["score"] == "3.0"
    for ungraded in (cyd, dan):
        assert [ungraded[name] for name in ("raw_score", "score", "max_score")] == ["", "", ""]
        assert ungraded["assignment"] == "01_sample"


def test_nbgraders_importer_finds_its_key_in_the_first_bytes(course: Course) -> None:
    text = grades.nbgrader(_document(course, "cyd"), course)
    assert text.startswith('"assignment"')
    assert not {"first_name", "last_name", "email", "name"} & set(grades.NBGRADER_COLUMNS)
    assert grades.nbgrader_assignments(_document(course, "x"), course) == (
        '"name"\r\n"01_sample"\r\n'
    )


def test_students_are_listed_even_if_nobody_was_graded(course: Course) -> None:
    document = _document(course, "cyd")
    document["submissions"] = document["submissions"][2:]
    assert [row["id"] for row in _rows(grades.nbgrader(document, course))] == ["cyd", "dan"]
    assert grades.nbgrader_assignments(document, course) == '"name"\r\n'
    assert list(_rows(grades.grades(document, course, 0.5))[0])[-1] == "sandbox"
