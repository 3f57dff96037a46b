"""A course of one lesson and four NumPy exercises: its workers start without TensorFlow."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from kcourse.exercise import Case, Exercise
from kcourse.grading import report
from kcourse.grading.batch import grade_all
from kcourse.grading.course import Course
from kcourse.grading.limits import Limits
from kcourse.grading.submission import find_submissions
from kcourse.lessons import Lesson

SEED = 5
LIMITS = Limits(start=120, cell=60, observation=60, notebook=300)
SHORT = Limits(start=120, cell=3, observation=3, notebook=300, memory=3 << 29)


class _NumpyExercise(Exercise):
    title = "Numbers in `x`"
    points = 1
    see = "Section"
    hints = ("One.", "Two.")
    why = "Because."
    near_misses = ()
    chapter = "sample"
    topic = "numbers"

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        return submission(*inputs.values())

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for rows in (3, 5, 1):
            yield Case({"x": rng.normal(size=(rows, 4)) + 1})


class Doubled(_NumpyExercise):
    name = "doubled"
    points = 2

    def expected(self, x: np.ndarray) -> Any:
        return x + x


class RowSums(_NumpyExercise):
    name = "row_sums"
    points = 3

    def expected(self, x: np.ndarray) -> Any:
        return np.array([sum(row) for row in x])


class Centred(_NumpyExercise):
    name = "centred"

    def expected(self, x: np.ndarray) -> Any:
        return x - x.sum(0) / len(x)


class Spread(_NumpyExercise):
    name = "spread"
    points = 4

    def expected(self, x: np.ndarray) -> Any:
        return x.std(0)


EXERCISES: dict[str, Exercise] = {
    one.name: one for one in (Doubled(), RowSums(), Centred(), Spread())
}
SOLUTIONS = {
    "doubled": "def doubled(x):\n    return 2 * x",
    "row_sums": "def row_sums(x):\n    return x.sum(axis=1)",
    "centred": "def centred(x):\n    return x - x.mean(axis=0)",
    "spread": "def spread(x):\n    return np.sqrt((centred(x) ** 2).mean(axis=0))",
}
POINTS = {name: exercise.points for name, exercise in EXERCISES.items()}
FULL = sum(POINTS.values())


def _released() -> nbformat.NotebookNode:
    cells = [
        new_markdown_cell("# Numbers", id="title"),
        new_code_cell("SEED = 7", id="parameters", metadata={"tags": ["parameters"]}),
        new_code_cell("from kcourse import check\n\nimport numpy as np", id="setup"),
        new_code_cell("FACTOR = 2", id="demo-factor"),
    ]
    for name in EXERCISES:
        stub = f'def {name}(x):\n    raise NotImplementedError("Write your answer here.")'
        cells += [
            new_code_cell(
                f"# EXERCISE {name}\n{stub}",
                id=f"exercise-{name}",
                metadata={"kcourse": {"exercise": name}},
            ),
            new_code_cell(f"check({name})", id=f"check-{name}"),
        ]
    return new_notebook(cells=cells)


def make_course(folder: Path) -> Course:
    """Write the lesson below ``folder`` and return the course."""
    path = folder / "01_sample" / "01_numbers.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(_released(), path)
    lesson = Lesson(path, "sample", "01", "numbers", "01")
    return Course([lesson], EXERCISES, lambda exercise: SOLUTIONS[exercise.name])


def notebook(
    answers: Mapping[str, str | None] | None = None,
    *,
    own: Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """Return a submission as JSON data: all solved, but for ``answers`` (``None``: cell deleted).

    ``own`` are cells that the learner added: the id of the cell before, and the source.
    """
    answers = {**SOLUTIONS, **(answers or {})}
    document: dict[str, Any] = json.loads(json.dumps(_released()))
    kept = []
    for cell in document["cells"]:
        name = cell["id"].removeprefix("exercise-")
        if cell["id"].startswith("exercise-"):
            if answers[name] is None:
                continue
            marker = f"# EXERCISE {name}\n"
            answer = str(answers[name])
            cell["source"] = answer if answer.startswith("%%") else marker + answer
        kept.append(cell)
        for number, (after, source) in enumerate(own):
            if cell["id"] == after:
                added = copy.deepcopy(document["cells"][1])
                kept.append(added | {"id": f"own-{number}", "metadata": {}, "source": source})
    return document | {"cells": kept}


def untouched() -> dict[str, Any]:
    """Return the lesson as it was released."""
    document: dict[str, Any] = json.loads(json.dumps(_released()))
    return document


def write(folder: Path, submissions: Mapping[str, dict[str, Any] | bytes]) -> Path:
    """Make a class folder with one sub-folder a learner, each with one notebook."""
    for learner, content in submissions.items():
        path = folder / learner / "homework.ipynb"
        path.parent.mkdir(parents=True)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        path.write_bytes(data)
    return folder


def grade_folder(
    folder: Path, *, limits: Limits = LIMITS, jobs: int = 1, seed: int = SEED
) -> report.Document:
    """Grade a class folder on the sample course and return the report."""
    course = make_course(folder.parent / "released")
    submissions = find_submissions([folder], course)
    results = grade_all(submissions, course, seed, limits=limits, jobs=jobs)
    return report.document(submissions, results, course, seed)


def grade_one(folder: Path, content: dict[str, Any] | bytes, **options: Any) -> Any:
    """Grade one submission and return its entry in the report."""
    write(folder / "class", {"learner": content})
    (entry,) = grade_folder(folder / "class", **options)["submissions"]
    return entry


def statuses(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the status of each exercise."""
    return {exercise["name"]: exercise["status"] for exercise in entry["exercises"]}


def message(entry: Mapping[str, Any], name: str) -> str:
    """Return the message on one exercise."""
    return next(str(one["message"]) for one in entry["exercises"] if one["name"] == name)


def others_correct(entry: Mapping[str, Any], *names: str) -> bool:
    """Whether every exercise but ``names`` is correct."""
    return {name for name, status in statuses(entry).items() if status != "correct"} <= set(names)
