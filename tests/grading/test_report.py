"""The report: by its schema, safe wherever it is shown, and what exit code it means."""

from __future__ import annotations

import copy
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import sample_course as sample
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_report import hostile_document

from kcourse.grading import report
from kcourse.grading.batch import grade_all
from kcourse.grading.command import exit_code
from kcourse.grading.course import Course
from kcourse.grading.session import Session, WorkerFailed
from kcourse.grading.showing import shown_ids
from kcourse.grading.submission import find_submissions
from kcourse.grading.summary import _code, summary


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return sample.make_course(tmp_path / "released")


def _checked(document: report.Document) -> report.Document:
    jsonschema.Draft202012Validator.check_schema(report.schema())
    jsonschema.Draft202012Validator(report.schema()).validate(document)
    return document


def test_the_report_holds_the_fields_of_the_contract(course: Course) -> None:
    document = _checked(hostile_document(course))
    assert document["schema"] == 1
    assert document["seed"] == 3
    ada, bob, cyd, dan = document["submissions"]
    assert (ada["id"], ada["score"], ada["max_score"]) == ("ada", sample.FULL, sample.FULL)
    assert (bob["score"], bob["status"]) == (sample.FULL - 7, "graded")
    assert (cyd["score"], cyd["max_score"], cyd["status"]) == (None, None, "ungradable")
    assert (dan["score"], dan["status"]) == (None, "grader error")
    assert ada["exercises"][0] == {
        "name": "doubled",
        "chapter": "sample",
        "status": "correct",
        "points": 2,
        "max_points": 2,
        "message": "",
        "seconds": None,
    }


def test_the_layers_of_confinement_are_in_the_report(course: Course) -> None:
    assert _checked(hostile_document(course))["environment"]["sandbox"] == []
    document = _checked(hostile_document(course, sandbox=("landlock", "seccomp")))
    assert document["environment"]["sandbox"] == ["landlock", "seccomp"]


def test_seconds_are_measured_when_asked_for(course: Course) -> None:
    ada = _checked(hostile_document(course, timings=True))["submissions"][0]
    assert ada["seconds"] == pytest.approx(0.5 * len(sample.EXERCISES))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: one.update(score=0),
        lambda one: one.update(status="failed"),
        lambda one: one.update(extra=1),
        lambda one: one.pop("reason"),
    ],
)
def test_the_schema_refuses_what_looks_like_zero_points(course: Course, spoil: Any) -> None:
    document = copy.deepcopy(hostile_document(course))
    spoil(document["submissions"][2])
    with pytest.raises(jsonschema.ValidationError):
        _checked(document)


@settings(deadline=None)
@given(st.text())
def test_cleaned_text_can_be_stored_and_shown_and_is_capped(text: str) -> None:
    shown = report.clean(text, 50)
    assert len(shown) <= 50
    shown.encode()
    kinds = {unicodedata.category(character) for character in shown if character != "\n"}
    assert kinds.isdisjoint({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


@settings(deadline=None)
@given(st.lists(st.text(min_size=1) | st.sampled_from(["a", "a\n", "a\\n", "a (2)"]), unique=True))
def test_ids_stay_different_when_they_are_made_safe(ids: list[str]) -> None:
    shown = shown_ids(ids)
    assert list(shown) == ids
    assert len(set(shown.values())) == len(ids)
    assert all(one and "\n" not in one and one == report.clean(one) for one in shown.values())


def test_an_id_is_shown_as_it_is_even_if_it_looks_like_an_address() -> None:
    assert shown_ids(["0xdeadbeef"]) == {"0xdeadbeef": "0xdeadbeef"}


def test_what_differs_from_run_to_run_is_left_out() -> None:
    text = "<f at 0x7f00deadbeef> in /tmp/kcourse-worker-ab_12/x.txt"
    assert report.clean(text) == "<f at 0x…> in ~/x.txt"


def test_a_learners_text_means_nothing_in_the_summary(course: Course) -> None:
    text = summary(hostile_document(course), 0.5)
    codes = re.findall(r"<code>(.*?)</code>", text)
    assert any("alert" in code for code in codes)
    for code in codes:
        plain = re.sub(r"&#\d+;", "", code)
        assert not re.search(r"[<>`*|@\[\]()~\\_:/!\"'#&]", plain), code
    outside = re.sub(r"<code>.*?</code>", "", text)
    for fragment in ("alert", "bold", "@all", "\x1b", "\u202e"):
        assert fragment not in outside
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == 2 + 4


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_any_text_keeps_the_summary_in_its_form(text: str) -> None:
    code = _code(report.clean(text))
    assert re.fullmatch(r"<code>(\w|[ .,;…⏎-]|&#\d+;)*</code>", code)
    assert "\n" not in code


def test_the_summary_of_a_large_class_stays_short(course: Course) -> None:
    document = hostile_document(course, text="x" * 10_000)
    document["submissions"] = document["submissions"] * 1000
    assert len(summary(document, 0.5)) < 1 << 20


def test_the_table_prints_a_learners_markup_as_it_is(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    document = hostile_document(course, text="[red]x[/red]")
    report.print_table(document, 0.5)
    out = capsys.readouterr().out
    assert "[red]x[/red]" in out
    assert "ada" in out


@pytest.mark.parametrize(
    ("ids", "threshold", "code"),
    [
        ([0], 1.0, 0),
        ([0, 1], 0.2, 0),
        ([0, 1], 0.3, 0),
        ([0, 1], 0.31, 1),
        ([0, 2], 0.0, 1),
        ([0, 3], 0.0, 3),
    ],
)
def test_the_exit_code_says_whether_everybody_reached_the_threshold(
    course: Course, ids: list[int], threshold: float, code: int
) -> None:
    document = hostile_document(course)
    document["submissions"] = [document["submissions"][number] for number in ids]
    assert exit_code(document, threshold) == code


def test_a_worker_that_does_not_start_is_the_graders_error_and_exit_code_3(
    tmp_path: Path, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    folder = sample.write(tmp_path / "class", {"ada": sample.notebook(), "bob": b""})
    submissions = find_submissions([folder], course)
    results = grade_all(submissions, course, 0, limits=sample.LIMITS)
    document = _checked(report.document(submissions, results, course, 0))
    ada, bob = document["submissions"]
    assert (ada["status"], ada["score"], bob["status"]) == ("grader error", None, "ungradable")
    assert "The worker did not start" in ada["reason"]
    assert exit_code(document, 0.0) == 3


def test_a_setup_cell_that_fails_is_the_graders_error(tmp_path: Path, course: Course) -> None:
    lesson = course.lessons[0]
    next(cell for cell in lesson.notebook.cells if cell.id == "setup").source = "1 / 0"
    folder = sample.write(tmp_path / "class", {"ada": sample.notebook()})
    (failure,) = grade_all(
        find_submissions([folder], course), course, 0, limits=sample.LIMITS
    ).values()
    assert isinstance(failure, WorkerFailed)
    assert "ZeroDivisionError" in str(failure)


def test_a_stopped_grading_leaves_no_worker(
    tmp_path: Path, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Session] = []
    begin = Session.wait_until_ready

    def remembered(session: Session) -> None:
        started.append(session)
        begin(session)
        if len(started) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Session, "wait_until_ready", remembered)
    folder = sample.write(
        tmp_path / "class",
        {name: sample.notebook({"doubled": "while True: pass"}) for name in ("ada", "bob")},
    )
    submissions = find_submissions([folder], course)
    with pytest.raises(KeyboardInterrupt):
        grade_all(submissions[::-1], course, 0, limits=sample.LIMITS, jobs=2)
    assert len(started) == 2
    assert all(session._process.poll() is not None for session in started)
    assert not any(session.scratch.path.exists() for session in started)


def test_the_report_is_json_that_any_reader_takes(course: Course) -> None:
    text = report.as_json(hostile_document(course))
    assert json.loads(text.encode())["schema"] == 1


def test_every_form_of_the_report_has_a_name_and_the_same_text_each_time(
    tmp_path: Path, course: Course
) -> None:
    folder = sample.write(tmp_path / "class", {"ada": sample.notebook(), "bob": b""})
    submissions = find_submissions([folder], course)
    document = hostile_document(course)
    names, again = (
        report.forms(document, 0.5, course=course, submissions=submissions, nbgrader=True)
        for _ in range(2)
    )
    assert list(names.items()) == list(again.items())
    assert set(names) == {
        *("report.json", "summary.md", "junit.xml", "grades.csv", "identical.json"),
        *("nbgrader.csv", "nbgrader-assignments.csv", "feedback/ada.html", "feedback/dan.html"),
        *(name for name in names if name.startswith(("feedback/bob-", "feedback/cyd-"))),
    }
    assert sum(name.startswith("feedback/") for name in names) == 4


def test_without_nbgrader_nothing_is_written_for_it(course: Course) -> None:
    names = report.forms(hostile_document(course), 0.5, course=course, submissions=[])
    assert not [name for name in names if name.startswith("nbgrader")]
