"""``junit.xml``: well-formed whatever a learner prints, and nothing lost looks passed."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
import sample_course as sample
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_report import hostile_document

from kcourse.grading.course import Course
from kcourse.grading.junit import junit

ILLEGAL = "]]> <!-- & \x00 \x1f \ud800 \ufffe \uffff \ufdd0 \U0001ffff \r \x85 &amp; \"'"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return sample.make_course(tmp_path_factory.mktemp("course"))


def _parsed(text: str) -> Xml.Element:
    """Parse as strictly as anybody does, from the bytes of the file."""
    return Xml.fromstring(text.encode("utf-8"))


def test_each_submission_is_a_suite_and_each_exercise_a_case(course: Course) -> None:
    root = _parsed(junit(hostile_document(course)))
    ada, bob, cyd, dan = root.findall("testsuite")
    assert ada.attrib == {"name": "ada", "tests": "4", "failures": "0", "errors": "0"}
    assert [case.get("name") for case in ada.iter("testcase")] == list(sample.EXERCISES)
    assert [len(case) for case in ada.iter("testcase")] == [0, 0, 0, 0]
    assert [[part.tag for part in case] for case in bob.iter("testcase")] == [
        ["error"],
        [],
        ["failure"],
        ["failure"],
    ]
    assert (bob.get("failures"), bob.get("errors")) == ("2", "1")
    for suite, status in ((cyd, "ungradable"), (dan, "grader error")):
        (case,) = suite.iter("testcase")
        assert (case.get("name"), suite.get("errors")) == ("submission", "1")
        assert [(part.tag, part.get("type")) for part in case] == [("error", status)]
    assert root.attrib == {"name": "kcourse grade", "tests": "10", "failures": "2", "errors": "3"}


def test_each_suite_says_what_confined_its_answers(course: Course) -> None:
    document = hostile_document(course)
    document["environment"]["sandbox"] = ["limits", "seccomp"]
    for suite in _parsed(junit(document)):
        (stated,) = suite.findall("properties/property")
        assert (stated.get("name"), stated.get("value")) == ("sandbox", "limits, seccomp")


@pytest.mark.parametrize(
    ("status", "tag"),
    [
        *[("wrong", "failure"), ("not attempted", "failure"), ("missing", "failure")],
        *[("raised", "error"), ("timed out", "error"), ("out of memory", "error")],
        *[("crashed", "error"), ("forbidden", "error")],
    ],
)
def test_no_exercise_without_its_points_looks_passed_or_skipped(
    course: Course, status: str, tag: str
) -> None:
    document = hostile_document(course)
    document["submissions"][0]["exercises"][0] |= {"status": status, "points": 0}
    (case, *_) = _parsed(junit(document)).iter("testcase")
    assert [(part.tag, part.get("type")) for part in case] == [(tag, status)]


def test_no_two_cases_have_the_same_class_and_name(course: Course) -> None:
    cases = list(_parsed(junit(hostile_document(course))).iter("testcase"))
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)


def test_the_whole_message_is_the_text_and_its_first_line_the_summary(course: Course) -> None:
    document = hostile_document(course, "first\nsecond")
    error = _parsed(junit(document)).find(".//testcase/error")
    assert error is not None
    assert error.get("message") == "first"
    assert (error.text or "").startswith("first\nsecond\nWith")


def test_times_are_there_only_if_they_were_asked_for(course: Course) -> None:
    assert "time" not in re.sub("timed", "", junit(hostile_document(course, "x")))
    ada = _parsed(junit(hostile_document(course, timings=True)))[0]
    assert (ada.get("time"), ada[1].get("time")) == ("2.000", "0.500")


@settings(deadline=None)
@given(st.text(st.characters()) | st.just(ILLEGAL))
def test_any_text_of_a_learner_is_well_formed_and_adds_no_element(
    course: Course, text: str
) -> None:
    document = hostile_document(course, text)
    root = _parsed(junit(document))
    assert len(list(root.iter())) == 1 + 4 * 3 + 10 + 5
    names = [suite.get("name") for suite in root]
    assert names == [re.sub(r"[\t\n\r]", " ", entry["id"]) for entry in document["submissions"]]
    message = document["submissions"][2]["reason"]
    error = root[2].find("testcase/error")
    assert error is not None
    assert (error.text or "") == message


def test_what_a_learner_prints_cannot_leave_its_element(course: Course, tmp_path: Path) -> None:
    text = '"/></error></testcase><testcase name="forged"/>'
    cases = _parsed(junit(hostile_document(course, text))).iter("testcase")
    assert "forged" not in {case.get("name") for case in cases}
