"""``summary.md``: the report as Markdown, fit for the summary of a GitHub job."""

from __future__ import annotations

import re

from kcourse.grading.showing import Document, failed, reaches, result_of, score_of

MAX_MESSAGE = 300
MAX_DETAILS = 100


def summary(report: Document, threshold: float) -> str:
    """Return a table of the submissions and, for as many as fit, what was wrong."""
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
    lines += [f"| {_code(e['id'])} | {score_of(e)} | {result_of(e, threshold)} |" for e in entries]
    wanting = [entry for entry in entries if failed(entry) or entry["reason"] or entry["notes"]]
    for entry in wanting[:MAX_DETAILS]:
        lines += ["", f"## {_code(entry['id'])}", ""]
        if entry["reason"]:
            lines.append(f"- {_code(entry['reason'])}")
        for exercise in failed(entry):
            message = f": {_code(exercise['message'])}" if exercise["message"] else ""
            lines.append(f"- {_code(exercise['name'])} – {exercise['status']}{message}")
        lines += [f"- Note: {_code(note)}" for note in entry["notes"]]
    if len(wanting) > MAX_DETAILS:
        more = len(wanting) - MAX_DETAILS
        lines += ["", f"Details of {more} more submissions are in report.json."]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    """Return text as inline HTML code, in which Markdown, links and mentions mean nothing."""
    line = " ⏎ ".join(part.strip() for part in text.splitlines() if part.strip())
    if len(line) > MAX_MESSAGE:
        line = line[: MAX_MESSAGE - 1] + "…"
    escaped = re.sub(r"[^\w .,;…⏎-]|_", lambda found: f"&#{ord(found[0])};", line)
    return f"<code>{escaped}</code>"
