"""Put one exercise back to its stub; the answer goes into the history."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from kcourse import exercises
from kcourse.errors import KcourseError
from kcourse.files import write_text
from kcourse.lessons import exercise_name, lesson_of
from kcourse.workspace.layout import (
    Workspace,
    locate,
    new_id,
    notebook_text,
    read_notebook,
    with_ids,
)


def reset(name: str, workspace: Path | None = None) -> str:
    """Put the cell of exercise ``name`` back to its stub and return what was done.

    No other cell changes. A cell that was deleted is put back, above its check.
    """
    exercise = exercises.get(name)
    place = locate(workspace)
    key = place.key_of(lesson_of(exercise.chapter, exercise.topic))
    stub = _stub(place, key, name) if key else None
    if key is None or stub is None:
        raise KcourseError(
            f"Your workspace does not have the exercise {name!r} yet. `kcourse update` brings it."
        )
    path = place.copy_of(key)
    if not path.exists():
        raise KcourseError(
            f"{path} is missing, so {name!r} has no cell to put back. "
            f"For a fresh lesson, copy {place.base_of(key)} there."
        )
    notebook = with_ids(read_notebook(path))
    cells: list[NotebookNode] = notebook.cells
    index = _index(cells, name)
    if index is None:
        _insert(cells, name, stub)
        _write(path, notebook)
        return f"The cell of {name} was missing from {path} and is back, with the stub.{_RELOAD}"
    old = cells[index]
    if (old.cell_type, old.source) == (stub.cell_type, stub.source):
        return f"{name} already is at its stub; nothing was changed."
    kept = place.keep(f"{name}.py", old.source.rstrip() + "\n")
    stub["id"] = old["id"]
    cells[index] = stub
    _write(path, notebook)
    return f"{name} is back at its stub in {path}. Your answer was kept as {kept}.{_RELOAD}"


_RELOAD = " If the lesson is open, choose File, Reload Notebook from Disk."


def _stub(place: Workspace, key: str, name: str) -> NotebookNode | None:
    """Return the exercise's cell as delivered, not run."""
    for cell in read_notebook(place.base_of(key)).cells:
        if exercise_name(cell) == name:
            stub = nbformat.from_dict(cell)
            stub.outputs, stub.execution_count = [], None
            return stub
    return None


def _index(cells: list[NotebookNode], name: str) -> int | None:
    """Return where the exercise's cell is; its own id counts more than the marker line."""
    for index, cell in enumerate(cells):
        if cell["id"] == f"exercise-{name}":
            return index
    for index, cell in enumerate(cells):
        if exercise_name(cell) == name:
            return index
    return None


def _insert(cells: list[NotebookNode], name: str, stub: NotebookNode) -> None:
    """Put the stub above the exercise's check, or at the end if that is gone too."""
    ids = [cell["id"] for cell in cells]
    if stub.get("id") in {None, *ids}:
        stub["id"] = new_id(set(ids))
    check = f"check-{name}"
    cells.insert(ids.index(check) if check in ids else len(cells), stub)


def _write(path: Path, notebook: NotebookNode) -> None:
    try:
        write_text(path, notebook_text(notebook))
    except OSError as error:
        raise KcourseError(f"{path} cannot be written: {error.strerror or error}.") from error
