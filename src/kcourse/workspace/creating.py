"""Make a workspace, or go on in one; nothing of the learner's is ever overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kcourse import __version__, lessons
from kcourse.errors import KcourseError
from kcourse.files import write_text
from kcourse.journal import MARKER, find_workspace
from kcourse.workspace.layout import FORMAT, Workspace, read_text, unnumbered


def create(folder: Path) -> tuple[Workspace, list[str]]:
    """Make or resume the workspace in ``folder``; return it and what the learner should know.

    Lessons that were never delivered are added. Those that the learner changed, deleted or
    that the course changed since are left as they are: the last is a task for ``update``.
    """
    folder = folder.expanduser().absolute()
    workspace = Workspace(folder)
    _refuse_if_not_ours(workspace)
    try:
        workspace.private.mkdir(parents=True, exist_ok=True)
        remarks = mend_state(workspace)
        delivered = workspace.delivered()
        for lesson in lessons.all_lessons():
            if unnumbered(lesson.key) not in delivered:
                deliver(workspace, lesson.key, read_text(lesson.path))
        if not workspace.state_file.exists():
            workspace.write_state()
    except OSError as error:
        raise KcourseError(
            f"{folder} cannot be used as a workspace: {error.strerror or error}. "
            "Choose a folder that you may write to."
        ) from error
    outdated = sum(1 for _ in workspace.outdated())
    if outdated:
        are = "lesson differs" if outdated == 1 else "lessons differ"
        remarks.append(
            f"{outdated} {are} from the installed course ({__version__}). "
            "`kcourse update` brings what is new and keeps what you wrote."
        )
    return workspace, remarks


def deliver(workspace: Workspace, key: str, text: str) -> bool:
    """Put a lesson where the learner works, unless something is there; return whether it was.

    The learner's copy comes first: if this is cut off between the two files, the next call
    finds a copy without a base and goes on from there.
    """
    copy, base = workspace.copy_of(key), workspace.base_of(key)
    if not copy.exists():
        write_text(copy, text)
    elif copy.read_bytes() != text.encode():
        return False
    write_text(base, text)
    return True


def _refuse_if_not_ours(workspace: Workspace) -> None:
    folder = workspace.folder
    outer = find_workspace(folder.parent)
    if outer is not None:
        raise KcourseError(
            f"{folder} is inside the workspace {outer}. Resume that one with "
            f"`kcourse learn {outer}`, or choose a folder outside it."
        )
    try:
        if workspace.private.is_dir() or not folder.exists():
            return
        if not folder.is_dir():
            raise KcourseError(f"{folder} is a file. Choose a new folder for your workspace.")
        if any(folder.iterdir()):
            raise KcourseError(
                f"{folder} is not empty and is not a workspace (it has no folder {MARKER}). "
                "Choose a new or an empty folder."
            )
    except OSError as error:
        raise KcourseError(
            f"{folder} cannot be used as a workspace: {error.strerror or error}."
        ) from error


def mend_state(workspace: Workspace) -> list[str]:
    """Set an unreadable state file aside, and refuse a workspace of a later format."""
    path = workspace.state_file
    if not path.exists():
        return []
    state = _parse(path)
    if state is None:
        aside = path.with_name("workspace.broken.json")
        number = 1
        while aside.exists():
            number += 1
            aside = path.with_name(f"workspace.broken-{number}.json")
        path.rename(aside)
        return [f"{path} could not be read. It was kept as {aside.name} and made anew."]
    if state["format"] > FORMAT:
        raise KcourseError(
            f"{workspace.folder} was made by a newer kcourse (workspace format "
            f"{state['format']}; this one knows {FORMAT}). Upgrade kcourse."
        )
    return []


def _parse(path: Path) -> dict[str, Any] | None:
    try:
        state = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    known = isinstance(state, dict) and isinstance(state.get("format"), int)
    return state if known else None
