"""The report of a grading: ``report.json`` by its JSON Schema, ``summary.md``, and a table.

Whatever a learner wrote is hostile: control characters are made visible and lengths are capped
before a text enters the report; each format then escapes what is special in it. What would
differ from run to run (addresses, scratch folders, seconds unless asked for) is left out, so
that the same submissions and seed give the same bytes.
"""

from __future__ import annotations

import json
import platform
import re
import unicodedata
from collections.abc import Mapping, Sequence
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kcourse import __version__
from kcourse.files import write_text
from kcourse.grading.course import Course
from kcourse.grading.running import LessonResult
from kcourse.grading.session import WorkerFailed
from kcourse.grading.submission import Submission

Document = dict[str, Any]

JSON_NAME = "report.json"
SUMMARY_NAME = "summary.md"
MAX_MESSAGE = 2000
MAX_ID = 200
MAX_NOTES = 20
MAX_SUMMARY_MESSAGE = 300
MAX_SUMMARY_DETAILS = 100
_LIBRARIES = ("tensorflow", "keras", "numpy", "ipython")
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")  # control, format, surrogate, private, separators
_CHANGING = re.compile(r"0x[0-9a-fA-F]{5,}")
_SCRATCH = re.compile(r"[\w./-]*kcourse-worker-\w+")


def document(
    submissions: Sequence[Submission],
    results: Mapping[tuple[str, str], LessonResult | WorkerFailed],
    course: Course,
    seed: int,
    *,
    timings: bool = False,
) -> Document:
    """Return the whole report as plain data, in the order of the submissions."""
    return {
        "schema": 1,
        "seed": seed,
        "environment": {
            "kcourse": __version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in _LIBRARIES},
            "sandbox": [],
        },
        "submissions": [_entry(one, results, course, timings) for one in submissions],
    }


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``report.json``."""
    text = resources.files("kcourse.grading").joinpath("report.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def as_json(report: Document) -> str:
    """Return the report as the text of ``report.json``."""
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def write(report: Document, folder: Path, threshold: float) -> None:
    """Write ``report.json`` and ``summary.md`` to ``folder``."""
    write_text(folder / JSON_NAME, as_json(report))
    write_text(folder / SUMMARY_NAME, summary(report, threshold))


def reaches(entry: Document, threshold: float) -> bool:
    """Whether a submission was graded and has at least this share of the points."""
    if entry["status"] != "graded":
        return False
    score, most = int(entry["score"]), int(entry["max_score"])
    return score >= threshold * most - 1e-9


def clean(text: str, most: int = MAX_MESSAGE) -> str:
    """Return text that is safe to store: control characters visible, capped, the same each run."""
    text = _SCRATCH.sub("~", _CHANGING.sub("0x…", text[: 4 * most]))
    shown = "".join(_visible(character) for character in text.replace("\r\n", "\n"))
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def summary(report: Document, threshold: float) -> str:
    """Return the report as Markdown, fit for the summary of a GitHub job."""
    entries = report["submissions"]
    graded = [entry for entry in entries if entry["status"] == "graded"]
    reached = sum(reaches(entry, threshold) for entry in entries)
    lines = [
        "# Grades",
        "",
        f"{len(graded)} of {len(entries)} submissions graded; "
        f"{reached} reached the threshold of {threshold:.0%}. Seed {report['seed']}. "
        f"Sandbox: {', '.join(report['environment']['sandbox']) or 'none'}.",
        "",
        "| Submission | Score | Result |",
        "| --- | ---: | --- |",
    ]
    lines += [f"| {_code(e['id'])} | {_score(e)} | {_result(e, threshold)} |" for e in entries]
    wanting = [entry for entry in entries if _failed(entry) or entry["reason"] or entry["notes"]]
    for entry in wanting[:MAX_SUMMARY_DETAILS]:
        lines += ["", f"## {_code(entry['id'])}", ""]
        if entry["reason"]:
            lines.append(f"- {_code(entry['reason'])}")
        for exercise in _failed(entry):
            message = f": {_code(exercise['message'])}" if exercise["message"] else ""
            lines.append(f"- {_code(exercise['name'])} – {exercise['status']}{message}")
        lines += [f"- Note: {_code(note)}" for note in entry["notes"]]
    if len(wanting) > MAX_SUMMARY_DETAILS:
        more = len(wanting) - MAX_SUMMARY_DETAILS
        lines += ["", f"Details of {more} more submissions are in {JSON_NAME}."]
    return "\n".join(lines) + "\n"


def print_table(report: Document, threshold: float) -> None:
    """Print one line a submission, and what was wrong if there is only one."""
    console = Console()
    table = Table("submission", "score", "result", title="Grades")
    table.columns[1].justify = "right"
    entries = report["submissions"]
    for entry in entries:
        reason = f": {entry['reason']}" if entry["reason"] else ""
        result = Text(_result(entry, threshold) + reason)
        table.add_row(Text(entry["id"]), _score(entry), result)
    console.print(table)
    for entry in entries if len(entries) == 1 else []:
        for exercise in _failed(entry):
            message = exercise["message"].replace("\n", "\n    ")
            text = Text(f"  {exercise['status']} · {exercise['name']}\n    {message}".rstrip())
            console.print(text, soft_wrap=True)
        for note in entry["notes"]:
            console.print(Text(f"  note · {note}"), soft_wrap=True)


def _entry(
    submission: Submission,
    results: Mapping[tuple[str, str], LessonResult | WorkerFailed],
    course: Course,
    timings: bool,
) -> Document:
    entry: Document = {
        "id": clean(submission.id, MAX_ID).replace("\n", "\\n"),
        "status": "ungradable" if submission.problem else "graded",
        "reason": clean(submission.problem),
        "score": None,
        "max_score": None,
        "seconds": None,
        "notes": [clean(note, MAX_SUMMARY_MESSAGE) for note in submission.notes[:MAX_NOTES]],
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
        entry["notes"] += [clean(note, MAX_SUMMARY_MESSAGE) for note in result.notes]
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


def _failed(entry: Document) -> list[Document]:
    return [exercise for exercise in entry["exercises"] if exercise["status"] != "correct"]


def _score(entry: Document) -> str:
    return "–" if entry["score"] is None else f"{entry['score']} / {entry['max_score']}"


def _result(entry: Document, threshold: float) -> str:
    if entry["status"] != "graded":
        return str(entry["status"])
    return "reached" if reaches(entry, threshold) else "below the threshold"


def _code(text: str) -> str:
    """Return text as inline HTML code, in which Markdown, links and mentions mean nothing."""
    line = " ⏎ ".join(part.strip() for part in text.splitlines() if part.strip())
    if len(line) > MAX_SUMMARY_MESSAGE:
        line = line[: MAX_SUMMARY_MESSAGE - 1] + "…"
    escaped = re.sub(r"[^\w .,;…⏎-]|_", lambda found: f"&#{ord(found[0])};", line)
    return f"<code>{escaped}</code>"


def _visible(character: str) -> str:
    """Return a character, or its escape if it would act on a terminal or hide in a text."""
    if character == "\n" or unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape").decode()
