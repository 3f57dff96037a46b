"""Merge a lesson's new version into the learner's copy, cell by cell.

The base is the lesson as last delivered. Cells are the same if their ids are; where a tool has
changed or dropped the ids, nbdime's alignment of similar cells finds them again.

- Changed by one side only: that side's cell. Its place is the course's, unless the learner
  moved cells: then the learner's order holds.
- Changed by both, or changed by the learner and removed by the course: the learner's cell stays
  and a note is put below it, which shows the course's new version. The learner chooses, and
  deletes the note.
- Added by the learner: stays below the cell it stood below. Deleted by the learner: stays away.
- Outputs belong to the source they came from: the learner's stay with a source that stayed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import nbformat
from nbdime.diffing.notebooks import diff_notebooks
from nbformat import NotebookNode

from kcourse.lessons import exercise_name
from kcourse.workspace.layout import new_id, with_ids

Kind = Literal["changed", "removed"]


@dataclass(frozen=True)
class Choice:
    """A cell that the learner changed, and what the course did to it."""

    cell: str
    kind: Kind


_CHANGED = (
    "> **The course has a new version of this cell; yours stays above.** Take over what you "
    "want from the new version, then delete this note."
)
_REMOVED = (
    "> **The course no longer has this cell; yours stays above,** because you changed it. "
    "Keep or delete it, then delete this note."
)


def merge(base: NotebookNode | None, local: NotebookNode, remote: NotebookNode) -> NotebookNode:
    """Return the learner's notebook ``local`` with the course's changes from base to remote.

    Without a base (it was lost), each cell that differs is left to the learner to choose.
    """
    remote = with_ids(remote)
    base = with_ids(base) if base is not None else nbformat.v4.new_notebook()
    local = _identified(base, with_ids(local))
    olds, ours, theirs = _by_id(base), _by_id(local), _by_id(remote)
    cells: list[NotebookNode] = []
    notes: dict[str, NotebookNode] = {}
    for key in _order(list(olds), list(ours), list(theirs)):
        cell, kind = _merge_cell(olds.get(key), ours.get(key), theirs.get(key))
        if cell is not None:
            cells.append(cell)
        if kind is not None:
            notes[key] = _note(key, kind, theirs.get(key))
    merged = nbformat.from_dict(local)
    merged.nbformat_minor = max(local.nbformat_minor, remote.nbformat_minor)
    merged.metadata = _merge_dict(base.metadata, local.metadata, remote.metadata)
    merged.cells = _with_notes(cells, notes)
    return merged


def open_choices(notebook: NotebookNode) -> list[Choice]:
    """Return what updates left to the learner to choose and is not chosen yet."""
    return [
        Choice(choice["cell"], choice["kind"])
        for cell in notebook.cells
        if (choice := _choice(cell)) is not None
    ]


def _merge_cell(
    old: NotebookNode | None, mine: NotebookNode | None, new: NotebookNode | None
) -> tuple[NotebookNode | None, Kind | None]:
    """Return the merged cell, if there is one, and what is left to the learner to choose."""
    if mine is None:
        return (new, None) if old is None else (None, None)
    if new is None:
        if old is None:
            return mine, None
        return (None, None) if _content(mine) == _content(old) else (mine, "removed")
    metadata = _merge_dict(old.metadata if old else {}, mine.metadata, new.metadata)
    if _content(mine) == _content(new):
        never_run = old is not None and _results(mine) == _results(old)
        return _with(new if never_run else mine, metadata), None
    if old is not None and _content(mine) == _content(old):
        return _with(new, metadata), None
    unchanged = old is not None and _content(new) == _content(old)
    return _with(mine, metadata), None if unchanged else "changed"


def _with(cell: NotebookNode, metadata: dict[str, Any]) -> NotebookNode:
    result = nbformat.from_dict(cell)
    result.metadata = nbformat.from_dict(metadata)
    return result


def _content(cell: NotebookNode) -> tuple[Any, ...]:
    return cell.cell_type, cell.source, cell.get("attachments") or {}


def _results(cell: NotebookNode) -> tuple[Any, ...]:
    return cell.get("execution_count"), cell.get("outputs")


def _merge_dict(old: Any, mine: Any, new: Any) -> NotebookNode:
    """Take the course's entries; where the learner's side changed one, that holds."""
    changed = {key for key in {*old, *mine} if old.get(key) != mine.get(key)}
    result = {key: value for key, value in new.items() if key not in changed}
    result |= {key: mine[key] for key in mine if key in changed}
    return nbformat.from_dict(result)


def _order(old: list[str], mine: list[str], new: list[str]) -> list[str]:
    """Return all ids of both sides in one order (see the module's text)."""
    present = set(mine)
    moved = [key for key in mine if key in set(old)] != [key for key in old if key in present]
    first, second = (mine, new) if moved else (new, mine)
    order = list(first)
    before: str | None = None
    for key in second:
        if key not in order:
            order.insert(0 if before is None else order.index(before) + 1, key)
        before = key
    return order


def _by_id(notebook: NotebookNode) -> dict[str, NotebookNode]:
    return {cell["id"]: cell for cell in notebook.cells}


def _identified(base: NotebookNode, local: NotebookNode) -> NotebookNode:
    """Give back to the learner's cells the ids that a tool changed or dropped.

    An answer is known by the name of its exercise, however little is left of the stub.
    """
    known, present = _by_id(base), _by_id(local)
    lost = [cell for cell in base.cells if cell["id"] not in present]
    strangers = [cell for cell in local.cells if cell["id"] not in known and not _choice(cell)]
    answers = {name: cell for cell in reversed(strangers) if (name := exercise_name(cell))}
    for old in lost:
        if (name := exercise_name(old)) in answers:
            answers[name]["id"] = old["id"]
    found = _by_id(local)
    lost = [cell for cell in lost if cell["id"] not in found]
    strangers = [cell for cell in strangers if cell["id"] not in known]
    for old, mine in _aligned(lost, strangers):
        mine["id"] = old["id"]
    return local


def _aligned(
    before: list[NotebookNode], after: list[NotebookNode]
) -> Iterator[tuple[NotebookNode, NotebookNode]]:
    """Yield the pairs that nbdime finds similar enough to be one cell, changed."""

    def bare(cells: list[NotebookNode]) -> NotebookNode:
        # Ids out of the way, and no outputs: nbdime is to compare the sources.
        kept = [
            {"cell_type": cell.cell_type, "source": cell.source, "metadata": {}} for cell in cells
        ]
        for cell in kept:
            if cell["cell_type"] == "code":
                cell |= {"outputs": [], "execution_count": None}
        return nbformat.from_dict(
            {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": kept}
        )

    if not (before and after):
        return
    removed, added = set[int](), dict[int, int]()
    for change in diff_notebooks(bare(before), bare(after)):
        for step in change.diff if change.key == "cells" else []:
            if step.op == "addrange":
                added[step.key] = len(step.valuelist)
            elif step.op == "removerange":
                removed |= set(range(step.key, step.key + step.length))
    j = 0
    for i, old in enumerate(before):
        j += added.get(i, 0)
        if i not in removed:
            yield old, after[j]
            j += 1


def _note(key: str, kind: Kind, new: NotebookNode | None) -> NotebookNode:
    """Return the cell that tells of a choice left to the learner.

    The course's code is shown as text, not as a code cell: running the whole notebook must
    not put a stub in the place of the learner's answer.
    """
    if new is None:
        text = _REMOVED
    elif new.cell_type == "code":
        longest = max((len(run) for run in re.findall("`+", new.source)), default=0)
        fence = "`" * max(3, longest + 1)
        text = f"{_CHANGED}\n\n{fence}python\n{new.source}\n{fence}"
    else:
        text = f"{_CHANGED}\n\n{new.source}"
    cell = nbformat.v4.new_markdown_cell(text)
    choice = {"cell": key, "kind": kind, "digest": _digest(text)}
    cell.metadata["kcourse"] = {"choice": choice}
    if new is not None and new.get("attachments"):
        cell["attachments"] = new["attachments"]
    return cell


def _with_notes(cells: list[NotebookNode], notes: dict[str, NotebookNode]) -> list[NotebookNode]:
    """Put each note below its cell, in the place of an older one that the learner left alone."""
    result = []
    taken = {cell["id"] for cell in cells}
    for cell in cells:
        choice = _choice(cell)
        if choice and choice["cell"] in notes and _digest(cell.source) == choice.get("digest"):
            continue
        result.append(cell)
        if (note := notes.get(cell["id"])) is not None:
            note["id"] = new_id(taken)
            taken.add(note["id"])
            result.append(note)
    return result


def _choice(cell: NotebookNode) -> dict[str, Any] | None:
    named = cell.metadata.get("kcourse")
    choice = named.get("choice") if isinstance(named, dict) else None
    whole = isinstance(choice, dict) and choice.get("kind") in get_args(Kind) and "cell" in choice
    return choice if whole else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
