"""Every exercise of the course can be graded: confined, its solution earns all its points."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import graded_run
import nbformat
import pytest
from graded_run import Run

from kcourse import exercises, lessons


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with graded_run.open_folder() as made:
        yield made


def test_a_learner_who_gives_every_solution_earns_every_point(folder: Path) -> None:
    for lesson in lessons.all_lessons():
        path = folder / "class" / "ada" / f"{lesson.key}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(lessons.fill_solutions(lesson.notebook), path)
    run = Run(graded_run.REAL, folder / "home")
    code, shown, err = run.finish(
        "grade", folder / "class", "--out", folder / "out", "--threshold", 1
    )
    entry = graded_run.entries(folder / "out")["ada"]
    failed = [one for one in entry["exercises"] if one["status"] != "correct"]
    assert not failed
    assert {one["name"] for one in entry["exercises"]} == exercises.all_exercises().keys()
    assert entry["score"] == entry["max_score"]
    assert code == 0, shown + err
    assert run.nothing_is_left()
