"""Bring a workspace to the installed version of the course without losing the learner's work."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import click
from nbformat import NotebookNode

from kcourse import __version__, lessons
from kcourse.errors import KcourseError
from kcourse.files import write_text
from kcourse.lessons import Lesson
from kcourse.workspace.creating import deliver, mend_state
from kcourse.workspace.layout import (
    Workspace,
    locate,
    notebook_text,
    read_notebook,
    read_text,
    unnumbered,
)
from kcourse.workspace.merging import Choice, merge, open_choices

Status = Literal["added", "updated", "unchanged", "left out", "dropped", "unreadable"]


@dataclass(frozen=True)
class Result:
    """What was done with one lesson, and which cells the learner has to choose between."""

    lesson: str
    status: Status
    remark: str = ""
    kept: str = ""
    choices: list[Choice] = field(default_factory=list)


def update(workspace: Path | None = None, *, as_json: bool = False) -> int:
    """Merge the installed lessons into the workspace and print what was done.

    Returns 1 if a choice is left to the learner or a notebook could not be read, else 0.
    """
    place = locate(workspace)
    try:
        for remark in mend_state(place):
            click.echo(remark, err=True)
        results = [_dropped(place, key) for key in _gone(place)]
        results += [_update_lesson(place, lesson) for lesson in lessons.all_lessons()]
        place.write_state()
    except OSError as error:
        raise KcourseError(
            f"The workspace {place.folder} cannot be updated: {error.strerror or error}."
        ) from error
    if as_json:
        report = {"course_version": __version__, "lessons": [asdict(result) for result in results]}
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        for line in _report(results):
            click.echo(line)
    return int(any(result.choices or result.status == "unreadable" for result in results))


def _update_lesson(place: Workspace, lesson: Lesson) -> Result:
    """Bring one lesson to its installed version; the base follows when the copy is written."""
    key, text = lesson.key, read_text(lesson.path)
    old_key = place.key_of(lesson)
    if old_key is None and deliver(place, key, text):
        return Result(key, "added")
    copy = place.copy_of(key)
    if old_key is not None and old_key != key:
        _renumber(place, old_key, key)
    if not copy.exists():
        write_text(place.base_of(key), text)
        remark = f"You deleted it. To have it again, copy {place.base_of(key)} to {copy}."
        return Result(key, "left out", remark)
    try:
        local = read_notebook(copy)
    except KcourseError as error:
        return Result(key, "unreadable", f"{error} It was left as it is.")
    base = place.base_of(key)
    if base.exists() and base.read_bytes() == text.encode():
        return Result(key, "unchanged", choices=open_choices(local))
    merged = merge(_read_base(base), local, lesson.notebook)
    kept = ""
    if merged != local:
        kept = str(place.keep(f"{key}.ipynb", read_text(copy)))
        write_text(copy, notebook_text(merged))
    write_text(place.base_of(key), text)
    return Result(key, "updated" if kept else "unchanged", kept=kept, choices=open_choices(merged))


def _read_base(path: Path) -> NotebookNode | None:
    try:
        return read_notebook(path)
    except KcourseError:
        return None  # lost or damaged: what differs is then left to the learner to choose


def _renumber(place: Workspace, old_key: str, key: str) -> None:
    """Follow a lesson to its new number; its base goes last, so that a break is picked up."""
    copy, base = place.copy_of(old_key), place.base_of(old_key)
    if copy.exists() and not place.copy_of(key).exists():
        place.copy_of(key).parent.mkdir(parents=True, exist_ok=True)
        copy.rename(place.copy_of(key))
    if copy.exists():
        base.unlink()  # a file of the learner's own is in the way: both files stay
    else:
        place.base_of(key).parent.mkdir(parents=True, exist_ok=True)
        base.rename(place.base_of(key))


def _gone(place: Workspace) -> list[str]:
    """Return the keys of delivered lessons that the course does not have any more."""
    present = {unnumbered(lesson.key) for lesson in lessons.all_lessons()}
    return [key for name, key in place.delivered().items() if name not in present]


def _dropped(place: Workspace, key: str) -> Result:
    """Forget a lesson that the course dropped; the learner's copy stays."""
    base = place.base_of(key)
    place.keep(f"{key}.ipynb", base.read_bytes().decode("utf-8", "replace"))
    base.unlink()
    return Result(key, "dropped", "The course no longer has it. Your copy stays.")


def _report(results: list[Result]) -> list[str]:
    """Return what a learner reads: one line a lesson that is not as before, then what to do."""
    lines = []
    for result in results:
        if result.status != "unchanged":
            parts = [f"{result.lesson}: {result.status}.", result.remark]
            parts += [f"The state before is {result.kept}."] if result.kept else []
            lines.append(" ".join(part for part in parts if part))
    choices = [(result.lesson, choice) for result in results for choice in result.choices]
    if choices:
        lines.append("Yours to choose (each cell has a note below it; delete the note when done):")
        why = {
            "changed": "you changed it and the course has a new version",
            "removed": "you changed it and the course no longer has it",
        }
        lines += [
            f"  {lesson}: cell {choice.cell}: {why[choice.kind]}" for lesson, choice in choices
        ]
    if any(result.status == "updated" for result in results):
        lines.append("If such a lesson is open, choose File, Reload Notebook from Disk.")
    if not lines:
        lines.append(f"Everything is as in the installed course ({__version__}).")
    return lines
