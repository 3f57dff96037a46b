"""The report of a grading: ``report.json`` by its JSON Schema, and all its other forms.

``document`` makes the report as plain data; every form is made of it and of what the course says.
Text of a learner's is safe to store from the start, and each form escapes what is special in it.
The same submissions and seed give the same bytes: seconds, which differ, are left out unless
asked for.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata, resources
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kcourse import __version__
from kcourse.grading import feedback, grades, identical
from kcourse.grading.course import Course
from kcourse.grading.junit import junit
from kcourse.grading.running import LessonResult
from kcourse.grading.session import WorkerFailed
from kcourse.grading.showing import (
    Document,
    clean,
    failed,
    reaches,
    result_of,
    score_of,
    shown_ids,
)
from kcourse.grading.submission import Submission
from kcourse.grading.summary import summary

__all__ = ["Document", "as_json", "clean", "document", "forms", "print_table", "reaches", "schema"]

JSON_NAME = "report.json"
SUMMARY_NAME = "summary.md"
JUNIT_NAME = "junit.xml"
GRADES_NAME = "grades.csv"
FEEDBACK_NAME = "feedback"
IDENTICAL_NAME = "identical.json"
NBGRADER_NAME = "nbgrader.csv"
NBGRADER_ASSIGNMENTS_NAME = "nbgrader-assignments.csv"
MAX_NOTE = 300
MAX_NOTES = 20
_LIBRARIES = ("tensorflow", "keras", "numpy", "ipython")


def document(
    submissions: Sequence[Submission],
    results: Mapping[tuple[str, str], LessonResult | WorkerFailed],
    course: Course,
    seed: int,
    *,
    sandbox: Sequence[str] = (),
    timings: bool = False,
) -> Document:
    """Return the whole report as plain data, in the order of the submissions.

    Args:
        submissions: what was handed in.
        results: the result of each notebook, by submission id and lesson key.
        course: what it was graded against.
        seed: seed of the cases.
        sandbox: layers of confinement that were in force.
        timings: put measured seconds into the report.
    """
    ids = shown_ids(one.id for one in submissions)
    return {
        "schema": 1,
        "seed": seed,
        "environment": {**versions(), "sandbox": list(sandbox)},
        "submissions": [_entry(one, ids[one.id], results, course, timings) for one in submissions],
    }


def versions() -> dict[str, str]:
    """Return the versions of all that a grade may depend on."""
    return {
        "kcourse": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in _LIBRARIES},
    }


def schema(name: str = "report") -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``report.json`` or of ``identical.json``."""
    text = resources.files("kcourse.grading").joinpath(f"{name}.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def as_json(report: Document) -> str:
    """Return the report as the text of ``report.json``."""
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def forms(
    report: Document,
    threshold: float,
    *,
    course: Course,
    submissions: Sequence[Submission],
    nbgrader: bool = False,
) -> dict[str, str]:
    """Return all forms of the report: the text of each file, by its name.

    Args:
        report: what ``document`` returned.
        threshold: share of the points, 0 to 1, that everybody is to reach.
        course: what was graded against.
        submissions: what was handed in, for the list of identical answers.
        nbgrader: what nbgrader and the readers of its export take, too.
    """
    texts = {
        JSON_NAME: as_json(report),
        SUMMARY_NAME: summary(report, threshold),
        JUNIT_NAME: junit(report),
        GRADES_NAME: grades.grades(report, course, threshold),
    }
    if nbgrader:
        texts[NBGRADER_NAME] = grades.nbgrader(report, course)
        texts[NBGRADER_ASSIGNMENTS_NAME] = grades.nbgrader_assignments(report, course)
    texts[IDENTICAL_NAME] = as_json(identical.find(submissions, course))
    pages = feedback.pages(report, course, threshold)
    return texts | {f"{FEEDBACK_NAME}/{name}": page for name, page in pages}


def print_table(report: Document, threshold: float) -> None:
    """Print one line a submission, and what was wrong if there is only one."""
    console = Console()
    table = Table("submission", "score", "result", title="Grades")
    table.columns[1].justify = "right"
    entries = report["submissions"]
    for entry in entries:
        reason = f": {entry['reason']}" if entry["reason"] else ""
        result = Text(result_of(entry, threshold) + reason)
        table.add_row(Text(entry["id"]), score_of(entry), result)
    console.print(table)
    for entry in entries if len(entries) == 1 else []:
        for exercise in failed(entry):
            message = exercise["message"].replace("\n", "\n    ")
            text = Text(f"  {exercise['status']} · {exercise['name']}\n    {message}".rstrip())
            console.print(text, soft_wrap=True)
        for note in entry["notes"]:
            console.print(Text(f"  note · {note}"), soft_wrap=True)


def _entry(
    submission: Submission,
    shown_id: str,
    results: Mapping[tuple[str, str], LessonResult | WorkerFailed],
    course: Course,
    timings: bool,
) -> Document:
    entry: Document = {
        "id": shown_id,
        "status": "ungradable" if submission.problem else "graded",
        "reason": clean(submission.problem),
        "score": None,
        "max_score": None,
        "seconds": None,
        "notes": [clean(note, MAX_NOTE) for note in submission.notes[:MAX_NOTES]],
        "exercises": [],
    }
    for given in submission.lessons:
        result = results[submission.id, given.lesson.key]
        if isinstance(result, WorkerFailed):
            return entry | {
                "status": "grader error",
                "reason": clean(str(result)),
                "exercises": [],
                "notes": [],
            }
        entry["notes"] += [clean(note, MAX_NOTE) for note in result.notes]
        for name, verdict in result.verdicts.items():
            entry["exercises"].append(
                {
                    "name": name,
                    "chapter": course.exercises[name].chapter,
                    "status": verdict.outcome,
                    "points": verdict.points,
                    "max_points": verdict.max_points,
                    "message": clean(verdict.message),
                    "seconds": round(result.seconds.get(name, 0.0), 3) if timings else None,
                }
            )
    if entry["status"] == "graded":
        entry["score"] = sum(exercise["points"] for exercise in entry["exercises"])
        entry["max_score"] = sum(exercise["max_points"] for exercise in entry["exercises"])
        if timings:
            total = sum(exercise["seconds"] for exercise in entry["exercises"])
            entry["seconds"] = round(total, 3)
    return entry
