"""A stored lesson holds the outputs of a run, readable ids, and nothing of this machine."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from kcourse.errors import KcourseError
from kcourse.storing import name_cells, store_outputs

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def written(path: Path, *cells: NotebookNode) -> Path:
    notebook = new_notebook(cells=list(cells), metadata={"kernelspec": KERNEL, "author": "me"})
    nbformat.write(notebook, path)
    return path


def test_outputs_are_written_and_nothing_of_this_machine(tmp_path: Path) -> None:
    old = new_code_cell("1 + 1", id="sum", metadata={"execution": {"a": "b"}})
    path = written(tmp_path / "lesson.ipynb", new_code_cell("x = 1", id="x"), old)
    store_outputs(path)
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[1].outputs[0].data == {"text/plain": "2"}
    assert [cell.execution_count for cell in notebook.cells] == [1, 2]
    assert notebook.metadata == {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    assert notebook.cells[1].metadata == {}


def test_the_progress_of_whoever_stores_is_not_stored(tmp_path: Path) -> None:
    calls = (new_code_cell(source) for source in ("from kcourse import progress", "progress()"))
    path = written(tmp_path / "lesson.ipynb", *calls)
    store_outputs(path)
    assert nbformat.read(path, as_version=4).cells[1].outputs == []


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; print('oh', file=sys.stderr)", "wrote to stderr: oh"),
    ],
)
def test_a_lesson_that_fails_is_left_as_it_was(tmp_path: Path, source: str, says: str) -> None:
    path = written(tmp_path / "lesson.ipynb", new_code_cell(source, id="broken"))
    before = path.read_bytes()
    with pytest.raises(KcourseError, match=says):
        store_outputs(path)
    assert path.read_bytes() == before


def test_cells_of_an_exercise_get_the_ids_that_the_course_knows() -> None:
    stub, check = (
        new_code_cell("# EXERCISE twice\ndef twice(x): ..."),
        new_code_cell("check(twice)"),
    )
    named = name_cells(new_notebook(cells=[stub, check, new_code_cell("check(twice)")]))
    assert [cell.id for cell in named.cells[:2]] == ["exercise-twice", "check-twice"]
    assert named.cells[0].metadata.kcourse == {"exercise": "twice"}
    assert len({cell.id for cell in named.cells}) == 3


def test_random_ids_become_readable_and_chosen_ones_stay() -> None:
    cells = [
        new_markdown_cell("## Two Norms, compared by eye", id="1f0c2a3b"),
        new_code_cell("x = 1", id="2b6f7a50-5a0b-4f6e-9d29-0123456789ab"),
        new_code_cell("x = 2", id="3b6f7a50-5a0b-4f6e-9d29-0123456789ab"),
        new_markdown_cell("张量", id="4f0c2a3b"),
        new_code_cell("y = 1", id="chosen"),
    ]
    named = name_cells(new_notebook(cells=cells))
    assert [cell.id for cell in named.cells] == [
        "two-norms-compared-by",
        "x",
        "x-2",
        "cell",
        "chosen",
    ]
    nbformat.validate(named)
