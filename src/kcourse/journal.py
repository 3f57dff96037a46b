"""A learner's progress: an append-only journal in the workspace.

Each check, hint and look at a solution is one JSON line in ``.kcourse/progress.jsonl``, added
by a single ``write`` to a file opened for appending. So two open notebooks never overwrite each
other's entries, and a crash in the middle of a write costs at most that one line: reading skips
what is not a whole entry and the next write starts on a line of its own. Outside a workspace
progress is kept in memory, for the life of the kernel.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from kcourse.errors import KcourseError

MARKER = ".kcourse"
JOURNAL = "progress.jsonl"

EventKind = Literal["check", "hint", "solution"]


@dataclass
class Standing:
    """Where a learner stands with one exercise."""

    solved: bool = False
    attempts: int = 0
    hints: int = 0
    solution_seen: bool = False
    last_outcome: str = ""
    solved_at: str = ""


_memory: list[dict[str, str]] = []


def find_workspace(start: Path | None = None) -> Path | None:
    """Return the workspace that holds ``start`` (default: the current folder), or ``None``."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / MARKER).is_dir():
            return folder
    return None


def require_workspace(folder: Path | None = None) -> Path:
    """Return the workspace that holds ``folder`` (default: the current one), or raise."""
    workspace = find_workspace(folder)
    if workspace is None:
        where = "The current folder" if folder is None else f"{folder}"
        raise KcourseError(
            f"{where} is not in a kcourse workspace. Make one with `kcourse learn`, go there, "
            "or name it with --workspace."
        )
    return workspace


def record(
    exercise: str, event: EventKind, outcome: str = "", *, workspace: Path | None = None
) -> None:
    """Add one event; ``outcome`` is that of a check.

    The journal's lines hold no learner code, only names, outcomes and times (UTC).
    """
    entry = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "exercise": exercise,
        "event": event,
        "outcome": outcome,
    }
    workspace = workspace or find_workspace()
    if workspace is None:
        _memory.append(entry)
        return
    path = workspace / MARKER / JOURNAL
    try:
        _append(path, json.dumps(entry, sort_keys=True))
    except OSError as error:  # a full disk is no reason to withhold the outcome of a check
        message = f"This was not recorded: {path} cannot be written ({error.strerror or error})."
        print(message, file=sys.stderr)


def _append(path: Path, line: str) -> None:
    line += "\n"
    if not _ends_with_newline(path):
        line = "\n" + line  # the last writer was cut off: leave its half line behind
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def standings(workspace: Path | None = None) -> dict[str, Standing]:
    """Return the standing of each exercise that was touched so far."""
    result: dict[str, Standing] = {}
    for entry in _entries(workspace or find_workspace()):
        standing = result.setdefault(entry["exercise"], Standing())
        if entry["event"] == "hint":
            standing.hints += 1
        elif entry["event"] == "solution":
            standing.solution_seen = True
        elif entry["event"] == "check":
            standing.last_outcome = entry.get("outcome", "")
            standing.attempts += entry.get("outcome") != "not attempted"
            if standing.last_outcome == "correct" and not standing.solved:
                standing.solved = True
                standing.solved_at = entry.get("time", "")
    return result


def unreadable_lines(workspace: Path) -> list[int]:
    """Return the numbers of the journal's lines that hold no entry (they are never deleted)."""
    return [number for number, entry in _numbered_entries(workspace) if entry is None]


def _entries(workspace: Path | None) -> list[dict[str, str]]:
    if workspace is None:
        return list(_memory)
    return [entry for _, entry in _numbered_entries(workspace) if entry is not None]


def _numbered_entries(workspace: Path) -> list[tuple[int, dict[str, str] | None]]:
    try:
        text = (workspace / MARKER / JOURNAL).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise KcourseError(
            f"Your progress cannot be read from {workspace / MARKER / JOURNAL}: "
            f"{error.strerror or error}."
        ) from error
    lines = enumerate(text.split("\n"), start=1)
    return [(number, _parse(line)) for number, line in lines if line.strip()]


def _parse(line: str) -> dict[str, str] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not all(isinstance(v, str) for v in entry.values()):
        return None
    return entry if {"exercise", "event"} <= entry.keys() else None


def _ends_with_newline(path: Path) -> bool:
    try:
        with path.open("rb") as journal:
            journal.seek(0, os.SEEK_END)
            if journal.tell() == 0:
                return True
            journal.seek(-1, os.SEEK_END)
            return journal.read(1) == b"\n"
    except FileNotFoundError:
        return True
