"""The cells of a lesson mean what they should, also when ids or metadata were lost."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from kcourse import exercises, lessons
from kcourse.solutions import source_of


def named(source: str, cell_id: str = "abc", **metadata: object) -> str | None:
    return lessons.exercise_name(new_code_cell(source, id=cell_id, metadata=metadata))


def test_the_cell_id_comes_first() -> None:
    other = {"exercise": "other"}
    assert named("# EXERCISE third", "exercise-first", kcourse=other) == "first"


def test_then_the_metadata() -> None:
    assert named("# EXERCISE third", kcourse={"exercise": "second"}) == "second"


def test_then_the_marker_on_the_first_line() -> None:
    assert named("\n# EXERCISE third\ndef third(): ...") == "third"


@pytest.mark.parametrize(
    "source", ["x = 1\n# EXERCISE third", "# EXERCISE", "# exercises third", "", "# EXERCISE a b"]
)
def test_other_cells_hold_no_answer(source: str) -> None:
    assert named(source) is None


@pytest.mark.parametrize("metadata", [None, "text", {"exercise": 3}, []])
def test_strange_metadata_is_no_name(metadata: object) -> None:
    assert named("x = 1", kcourse=metadata) is None


def test_text_holds_no_answer() -> None:
    assert lessons.exercise_name(new_markdown_cell("# EXERCISE x", id="exercise-x")) is None


def test_lessons_come_in_the_order_of_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "root", lambda: tmp_path)
    for name in ("02_b/01_x", "01_a/02_y", "01_a/01_z", "01_a/notes", "drafts/01_w"):
        path = tmp_path / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = [(lesson.key, lesson.chapter, lesson.topic) for lesson in lessons.all_lessons()]
    assert found == [
        ("01_a/01_z", "a", "z"),
        ("01_a/02_y", "a", "y"),
        ("02_b/01_x", "b", "x"),
    ]


def test_solutions_are_filled_into_a_copy() -> None:
    lesson = lessons.all_lessons()[0]
    before = nbformat.writes(lesson.notebook)
    filled = lessons.fill_solutions(lesson.notebook)
    for name in lesson.exercises:
        cell = next(cell for cell in filled.cells if lessons.exercise_name(cell) == name)
        assert source_of(exercises.get(name)).strip() in cell.source
        assert cell.source.startswith(f"# EXERCISE {name}\n")
    assert nbformat.writes(lesson.notebook) == before
