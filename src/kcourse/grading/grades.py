"""The grades as CSV: ``grades.csv`` for a spreadsheet, ``nbgrader.csv`` for nbgrader's users.

What was not graded is an empty cell, never a zero. No cell can start a formula, whatever a
learner named a folder: such a text gets an apostrophe in front, and every text is quoted, so that
a spreadsheet that separates cells by something else than a comma does not cut it open either.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable

from kcourse.grading.course import Course
from kcourse.grading.showing import DOUBT, Document, reaches

Cell = str | int | float | None

#: What ``nbgrader export`` writes, without ``last_name``, ``first_name`` and ``email``: these are
#: not known here, and as empty cells ``nbgrader db student import`` would erase them in its
#: database. In their place ``id``, which that command needs, repeats ``student_id``.
NBGRADER_COLUMNS = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
    "id",
)
_BYTE_ORDER_MARK = "\ufeff"


def grades(report: Document, course: Course, threshold: float) -> str:
    """Return one line a submission: its score, how it ran, and its points in each exercise.

    The file begins with a byte order mark: without it Excel takes UTF-8 for the code page of the
    machine, and spoils every name that is not in ASCII.
    """
    names = _exercises(report, course)
    lines: list[list[Cell]] = [["id", "status", "score", "max_score", "reached", "sandbox", *names]]
    doubts = any(line.startswith(DOUBT) for line in report["environment"]["sandbox"])
    sandbox = "best effort" if doubts else "required"
    for entry in report["submissions"]:
        reached = None
        if entry["status"] == "graded":
            reached = "yes" if reaches(entry, threshold) else "no"
        points = {exercise["name"]: exercise["points"] for exercise in entry["exercises"]}
        line = [entry[key] for key in ("id", "status", "score", "max_score")]
        lines.append([*line, reached, sandbox, *map(points.get, names)])
    return _BYTE_ORDER_MARK + _csv(lines)


def nbgrader(report: Document, course: Course) -> str:
    """Return one line a chapter and submission, as ``nbgrader export`` does, chapters first.

    An assignment is a chapter, by the name of its folder. ``nbgrader db student import`` reads
    the students from the same file; it takes no byte order mark.
    """
    lines: list[list[Cell]] = [list(NBGRADER_COLUMNS)]
    for chapter, assignment in _assignments(report, course).items():
        for entry in report["submissions"]:
            parts = [one for one in entry["exercises"] if one["chapter"] == chapter]
            score = penalty = most = None
            if parts:
                score = float(sum(one["points"] for one in parts))
                most = float(sum(one["max_points"] for one in parts))
                penalty = 0.0
            name = entry["id"]
            lines.append([assignment, None, None, name, score, penalty, score, most, name])
    return _csv(lines)


def nbgrader_assignments(report: Document, course: Course) -> str:
    """Return the names of the assignments for ``nbgrader db assignment import``.

    They are not in the other file because that command would take its ``id`` for the
    assignment's own. There is no due date, which as an empty cell would erase the one it knows.
    """
    assignments = _assignments(report, course).values()
    return _csv([["name"], *([name] for name in assignments if name)])


def _exercises(report: Document, course: Course) -> list[str]:
    """Return the exercises of the lessons that anybody was graded on, in the course's order."""
    graded = {one["name"] for entry in report["submissions"] for one in entry["exercises"]}
    return [name for lesson in course.lessons for name in lesson.exercises if name in graded]


def _assignments(report: Document, course: Course) -> dict[str, str]:
    """Return the folder of each chapter graded; one without a name if nobody was graded."""
    graded = {one["chapter"] for entry in report["submissions"] for one in entry["exercises"]}
    folders = {lesson.chapter: lesson.path.parent.name for lesson in course.lessons}
    return {name: folder for name, folder in folders.items() if name in graded} or {"": ""}


def _csv(lines: Iterable[Iterable[Cell]]) -> str:
    """Return comma-separated values by RFC 4180; text is quoted and cannot be a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC)
    for line in lines:
        writer.writerow([_harmless(cell) if isinstance(cell, str) else cell for cell in line])
    return buffer.getvalue()


def _harmless(text: str) -> str:
    """Return text that no spreadsheet takes for a formula, not even after a blank or a quote."""
    start = unicodedata.normalize("NFKC", text).lstrip(" '\"")[:1]
    return f"'{text}" if start and start in "=+-−@\t\r\n|%" else text
