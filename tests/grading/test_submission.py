"""What is taken for a submission, what its id is, and what cannot be graded (F07, F08, F16)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import sample_course as sample

from kcourse.errors import KcourseError
from kcourse.grading import answers
from kcourse.grading.course import Course
from kcourse.grading.submission import Submission, find_submissions
from kcourse.lessons import required


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return sample.make_course(tmp_path / "released")


def _one(course: Course, folder: Path) -> Submission:
    (submission,) = find_submissions([folder], course)
    return submission


RIGHT = json.dumps(sample.notebook()).encode()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (RIGHT[:500], "is not a notebook"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "is not a notebook"),
        (b"\xff\xfe\x00\x01", "is not UTF-8 text"),
        (b"[]", "without `nbformat`"),
        (b'{"nbformat": "4", "cells": []}', "without `nbformat`"),
        (b'{"nbformat": 99, "cells": []}', "notebook format 99"),
        (b'{"nbformat": 3, "worksheets": 7}', "cannot be converted"),
        (b'{"nbformat": 4, "cells": {}}', "no list of cells"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 5}]}', "is not text"),
        (b'{"nbformat": 4, "cells": []}', "no notebook of this course; found: homework.ipynb"),
        (b"[" * 100_000, "is not a notebook"),
    ],
)
def test_what_is_no_notebook_of_the_course_is_ungradable(
    tmp_path: Path, data: bytes, says: str
) -> None:
    entry = sample.grade_one(tmp_path, data)
    assert (entry["status"], entry["score"], entry["max_score"]) == ("ungradable", None, None)
    assert says in entry["reason"]


def test_a_notebook_that_is_too_large_is_ungradable_without_being_read_whole(
    tmp_path: Path, course: Course
) -> None:
    huge = tmp_path / "class" / "huge" / "homework.ipynb"
    huge.parent.mkdir(parents=True)
    with huge.open("wb") as file:
        file.truncate(300 << 20)
    assert "too large: over 32 MiB" in _one(course, tmp_path / "class").problem


def test_a_cell_that_is_too_large_is_ungradable(tmp_path: Path) -> None:
    document = sample.notebook({"doubled": "#" * (answers.MAX_SOURCE + 1)})
    assert "a cell has" in sample.grade_one(tmp_path, document)["reason"]


def test_an_empty_folder_of_a_learner_is_ungradable(tmp_path: Path, course: Course) -> None:
    (tmp_path / "class" / "ada").mkdir(parents=True)
    assert _one(course, tmp_path / "class") == Submission("ada", problem="There is no notebook.")


def test_two_candidates_for_a_lesson_are_ungradable_and_both_named(
    tmp_path: Path, course: Course
) -> None:
    folder = sample.write(tmp_path / "class", {"ada": sample.notebook()})
    (folder / "ada" / "homework-Copy1.ipynb").write_bytes(RIGHT)
    problem = _one(course, folder).problem
    assert "two candidates for 01_sample/01_numbers" in problem
    assert "homework-Copy1.ipynb and homework.ipynb" in problem


def test_a_notebook_without_exercise_cells_is_known_by_its_name(
    tmp_path: Path, course: Course
) -> None:
    path = tmp_path / "class" / "ada" / "01_numbers.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(sample.notebook(dict.fromkeys(sample.SOLUTIONS))))
    (taken,) = _one(course, tmp_path / "class").lessons
    assert taken.answers == {}


def test_a_missing_lesson_that_is_due_is_ungradable(tmp_path: Path, course: Course) -> None:
    folder = sample.write(tmp_path / "class", {"ada": b'{"nbformat": 4, "cells": []}'})
    (submission,) = find_submissions([folder], course, course.lessons)
    assert submission.problem
    (folder / "ada" / "homework.ipynb").write_bytes(RIGHT)
    (submission,) = find_submissions([folder], course, course.lessons)
    assert not submission.problem


def test_an_unknown_lesson_is_answered_with_the_nearest(course: Course) -> None:
    with pytest.raises(KcourseError, match=r"no lesson 'number'\. Did you mean 'numbers'"):
        course.lesson("number")


def test_notebooks_of_something_else_beside_the_lesson_are_noted(
    tmp_path: Path, course: Course
) -> None:
    folder = sample.write(tmp_path / "class", {"ada": sample.notebook()})
    (folder / "ada" / "diary.ipynb").write_text('{"nbformat": 4, "cells": []}')
    submission = _one(course, folder)
    assert not submission.problem
    assert submission.notes == ("diary.ipynb is not of this course and was ignored.",)


@pytest.mark.parametrize("linked", ["file", "folder", "submission"])
def test_links_are_not_followed(tmp_path: Path, course: Course, linked: str) -> None:
    other = sample.write(tmp_path / "elsewhere", {"bob": sample.notebook()}) / "bob"
    ada = tmp_path / "class" / "ada"
    ada.parent.mkdir()
    if linked == "submission":
        ada.symlink_to(other)
    else:
        ada.mkdir()
        target = other / "homework.ipynb" if linked == "file" else other
        (ada / ("homework.ipynb" if linked == "file" else "work")).symlink_to(target)
    submission = _one(course, tmp_path / "class")
    assert submission.lessons == ()
    assert submission.problem


def test_a_pipe_named_like_a_notebook_does_not_block(tmp_path: Path, course: Course) -> None:
    (tmp_path / "class" / "ada").mkdir(parents=True)
    os.mkfifo(tmp_path / "class" / "ada" / "homework.ipynb")
    assert "is not a file" in _one(course, tmp_path / "class").problem


def test_hidden_folders_and_checkpoints_are_not_submissions(tmp_path: Path, course: Course) -> None:
    folder = sample.write(tmp_path / "class", {"ada": sample.notebook()})
    for hidden in (folder / ".git", folder / "ada" / ".ipynb_checkpoints"):
        hidden.mkdir()
        (hidden / "homework-checkpoint.ipynb").write_bytes(RIGHT)
    assert _one(course, folder).id == "ada"


def test_a_workspace_is_one_submission_of_the_lessons_in_their_places(
    tmp_path: Path, course: Course
) -> None:
    workspace = tmp_path / "my-course"
    (workspace / ".kcourse").mkdir(parents=True)
    for name in ("01_sample/01_numbers.ipynb", "01_sample/01_numbers-Copy1.ipynb", "mine.ipynb"):
        (workspace / name).parent.mkdir(exist_ok=True)
        (workspace / name).write_bytes(RIGHT)
    submission = _one(course, workspace)
    assert submission.id == "my-course"
    assert [entry.lesson.key for entry in submission.lessons] == ["01_sample/01_numbers"]
    assert submission.notes == ()


def test_a_class_folder_may_hold_workspaces_and_notebooks(tmp_path: Path, course: Course) -> None:
    folder = tmp_path / "class"
    (folder / "ada" / "my-course" / ".kcourse").mkdir(parents=True)
    place = folder / "ada" / "my-course" / "01_sample" / "01_numbers.ipynb"
    place.parent.mkdir()
    place.write_bytes(RIGHT)
    (folder / "bob.ipynb").write_bytes(RIGHT)
    (folder / "notes.txt").write_text("for the instructor")
    found = find_submissions([folder], course)
    assert [(one.id, len(one.lessons), one.problem) for one in found] == [
        ("ada", 1, ""),
        ("bob", 1, ""),
    ]


def test_notebooks_of_the_same_name_get_ids_of_their_own(tmp_path: Path, course: Course) -> None:
    folder = sample.write(tmp_path, {"ada": sample.notebook(), "bob": sample.notebook()})
    paths = [folder / "ada" / "homework.ipynb", folder / "bob" / "homework.ipynb"]
    found = find_submissions([*paths, paths[0]], course)
    assert [one.id for one in found] == ["homework", "homework (2)"]


def test_odd_characters_in_a_name_are_shown_and_harmless(tmp_path: Path) -> None:
    names = [
        "<b>&|`x`",
        "new\nline",
        "\x1b[2Jwipe",
        "名前",
        "-rf",
        "..hidden",
        os.fsdecode(b"\xff"),
    ]
    folder = sample.write(tmp_path / "class", dict.fromkeys(names, b""))
    entries = sample.grade_folder(folder)["submissions"]
    shown = {entry["id"] for entry in entries}
    assert shown >= {"<b>&|`x`", "new\\nline", "\\x1b[2Jwipe", "名前", "-rf", "\\udcff"}


@pytest.mark.parametrize("kind", ["nothing", "empty folder"])
def test_no_submission_at_all_is_a_mistake_of_the_user(
    tmp_path: Path, course: Course, kind: str
) -> None:
    path = tmp_path / "class"
    if kind == "empty folder":
        path.mkdir()
    with pytest.raises(KcourseError, match=r"nothing to grade at|no submission in") as caught:
        find_submissions([path], course)
    assert caught.value.exit_code == 2


def test_a_check_as_released_for_nbgrader_is_no_news(tmp_path: Path, course: Course) -> None:
    document = sample.notebook()
    for cell in document["cells"]:
        if cell["id"] == "check-doubled":
            cell["source"] = required("doubled")
    sample.write(tmp_path / "class", {"ada": document})
    assert _one(course, tmp_path / "class").notes == ()


def test_a_notebook_that_cannot_be_read_beside_all_that_are_due_is_ignored_and_noted(
    tmp_path: Path, course: Course
) -> None:
    folder = sample.write(tmp_path / "class", {"ada": sample.notebook()})
    (folder / "ada" / "draft.ipynb").write_bytes(RIGHT[:500])
    (taken,) = find_submissions([folder], course, course.lessons)
    assert len(taken.lessons) == 1
    assert taken.notes[0].startswith("Ignored: draft.ipynb is not a notebook")
    (refused,) = find_submissions([folder], course)
    assert refused.problem.startswith("draft.ipynb is not a notebook")
