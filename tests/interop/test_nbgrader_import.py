"""The real nbgrader imports what ``kcourse grade --format nbgrader`` writes, and loses nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import nbformat
import peers
import pytest

from kcourse import exercises, lessons
from kcourse.lessons import exercise_name, fill_solutions

LESSON = lessons.all_lessons()[0]
FULL = sum(exercises.get(name).points for name in LESSON.exercises)
LEARNERS = ("ada", "broken", "empty", "李雷")
#: Students and assignments, from nbgrader's database.
CONTENT = """\
import json
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as gradebook:
    print(json.dumps({
        "students": {one.id: [one.first_name, one.last_name, one.email]
                     for one in gradebook.students},
        "assignments": [[one.name, str(one.duedate), one.id] for one in gradebook.assignments],
    }))"""
#: What readers of nbgrader's own export see: the types of the columns, and the scores.
READ = """\
import json, pandas
for name in ("grades.csv", "reports/nbgrader.csv"):
    table = pandas.read_csv(name)
    scores = table.set_index("student_id")["score"]
    print(json.dumps([str(scores.dtype), {k: None if pandas.isna(v) else v
                                          for k, v in scores.items()}]))"""


def nbgrader(course: Path, *arguments: str) -> str:
    return peers.run("-m", "nbgrader", *arguments, cwd=course)


def content(course: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(peers.run("-c", CONTENT, cwd=course))
    return found


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course of nbgrader that knows one student and one assignment, and a report of ours."""
    folder = tmp_path_factory.mktemp("nbgrader")
    solved = fill_solutions(LESSON.notebook)
    for cell in solved.cells:
        if exercise_name(cell) == LESSON.exercises[0]:
            cell.source = "def nothing(): ..."
    for learner in LEARNERS:
        path = folder / "class" / learner / LESSON.path.name
        path.parent.mkdir(parents=True)
        nbformat.write(solved if learner == "李雷" else LESSON.notebook, path)
    nbformat.write(fill_solutions(LESSON.notebook), folder / "class/ada" / LESSON.path.name)
    (folder / "class/broken" / LESSON.path.name).write_text("no notebook")
    arguments = ["grade", "class", "--out", "reports", "--format", "nbgrader", "--jobs", "2"]
    main = "from kcourse.cli import main; main()"
    peers.run("-c", main, *arguments, cwd=folder, code=1)  # one is not gradable
    names = ["--first-name=Ada", "--last-name=Lovelace", "--email=ada@example.org"]
    nbgrader(folder, "db", "student", "add", "ada", *names)
    due = "--duedate=2030-01-02 12:00"
    nbgrader(folder, "db", "assignment", "add", LESSON.path.parent.name, due)
    return folder


def test_students_and_assignments_are_imported_and_what_nbgrader_knew_stays(course: Path) -> None:
    before = content(course)
    nbgrader(course, "db", "student", "import", "reports/nbgrader.csv")
    nbgrader(course, "db", "assignment", "import", "reports/nbgrader-assignments.csv")
    after = content(course)
    assert set(after["students"]) == set(LEARNERS)
    assert after["students"]["ada"] == ["Ada", "Lovelace", "ada@example.org"]
    assert after["assignments"] == before["assignments"]
    nbgrader(course, "db", "student", "import", "reports/nbgrader.csv")
    assert content(course) == after


def test_who_reads_the_export_of_nbgrader_can_read_ours(course: Path) -> None:
    nbgrader(course, "export")
    with (course / "grades.csv").open(newline="") as file:
        exported = list(csv.DictReader(file).fieldnames or [])
    with (course / "reports/nbgrader.csv").open(newline="") as file:
        ours = list(csv.DictReader(file).fieldnames or [])
    # An import would erase the names that are not known here.
    names = {"last_name", "first_name", "email"}
    assert ours == [*(name for name in exported if name not in names), "id"]
    theirs, (dtype, scores) = map(json.loads, peers.run("-c", READ, cwd=course).splitlines())
    assert dtype == theirs[0] == "float64"
    lost = exercises.get(LESSON.exercises[0]).points
    assert scores == {"ada": FULL, "broken": None, "empty": 0, "李雷": FULL - lost}
