"""The real nbgrader takes a released chapter, hands it out, and grades what comes back."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import peers
import pytest

from kcourse import exercises, lessons
from kcourse.lessons import exercise_name, fill_solutions, is_setup, marked

LESSON = next(lesson for lesson in lessons.all_lessons() if lesson.topic == "linear_algebra")
POINTS = {f"check-{name}": float(exercises.get(name).points) for name in LESSON.exercises}
# Right, with all the noise that nbgrader takes for a failure.
NOISY = """\
import logging, sys, warnings

@tf.function
def loud(x):
    tf.print("from a graph")
    return x

def spectral_norms(matrices):
    warnings.warn("a warning")
    tf.get_logger().warning("a record")
    print("a line", file=sys.stderr)
    return loud(tf.linalg.norm(matrices, ord=2, axis=(-2, -1)))"""
NEAR_MISS = exercises.get("compress_image").near_misses[0].code
#: Scores by learner and test, from nbgrader's database.
SCORES = """\
import json
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as gradebook:
    print(json.dumps({
        submission.student.id: {
            grade.name: grade.auto_score
            for notebook in submission.notebooks for grade in notebook.grades
        }
        for submission in gradebook.assignment_submissions("tensors")
    }))"""


def hand_in(course: Path, learner: str, notebook: nbformat.NotebookNode) -> Path:
    path = course / "submitted" / learner / "tensors" / LESSON.path.name
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    return path


def in_short(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the notebook of a learner who deleted the lesson's own examples: it runs faster."""
    kept = nbformat.from_dict(notebook)
    kept.cells = [cell for cell in kept.cells if "nbgrader" in cell.metadata]
    assert any(is_setup(cell) for cell in kept.cells)
    return kept


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course of nbgrader with the chapter handed out: solutions cut out, nothing handed in."""
    folder = tmp_path_factory.mktemp("nbgrader")
    arguments = ["release", "--nbgrader", "tensors", "--out", "source/tensors"]
    peers.run("-c", "from kcourse.cli import main; main()", *arguments, cwd=folder)
    peers.run("-m", "nbgrader", "generate_assignment", "tensors", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def handed_out(course: Path) -> nbformat.NotebookNode:
    """The lesson as learners get it from nbgrader."""
    return nbformat.read(course / "release/tensors" / LESSON.path.name, as_version=4)


@pytest.fixture(scope="module")
def scores(course: Path, handed_out: nbformat.NotebookNode) -> dict[str, dict[str, float]]:
    """What nbgrader's autograder gives to three learners, by learner and test."""
    solved = fill_solutions(handed_out)
    hand_in(course, "solved", solved)
    hand_in(course, "untouched", in_short(handed_out))
    one_wrong = in_short(solved)
    for cell in one_wrong.cells:
        if exercise_name(cell) == "spectral_norms":
            cell.source = marked("spectral_norms", NOISY)
        elif exercise_name(cell) == "compress_image":
            cell.source = marked("compress_image", NEAR_MISS)
    hand_in(course, "one wrong", one_wrong)
    lesson = ["tensors", "--notebook", LESSON.path.stem]
    peers.run("-m", "nbgrader", "autograde", *lesson, cwd=course)
    found: dict[str, dict[str, float]] = json.loads(peers.run("-c", SCORES, cwd=course))
    return {
        learner: {name: score for name, score in tests.items() if name in POINTS}
        for learner, tests in found.items()
    }


def test_learners_get_the_stubs_and_no_solution(handed_out: nbformat.NotebookNode) -> None:
    answers = {exercise_name(cell): cell.source for cell in handed_out.cells}
    for name in LESSON.exercises:
        assert answers[name].startswith(f"# EXERCISE {name}\ndef {name}(")
        assert answers[name].endswith("    # YOUR CODE HERE\n    raise NotImplementedError()")


def test_all_solutions_get_all_points(scores: dict[str, dict[str, float]]) -> None:
    assert scores["solved"] == POINTS


def test_a_wrong_answer_loses_its_points_and_a_noisy_right_one_none(
    scores: dict[str, dict[str, float]],
) -> None:
    assert scores["one wrong"] == POINTS | {"check-compress_image": 0}


def test_the_lesson_as_handed_out_gets_no_point(scores: dict[str, dict[str, float]]) -> None:
    assert scores["untouched"] == dict.fromkeys(POINTS, 0)


def test_a_learner_who_validates_reads_which_check_fails_and_why(
    scores: dict[str, dict[str, float]], course: Path
) -> None:
    handed_in = course / "submitted/one wrong/tensors" / LESSON.path.name
    told = peers.run("-m", "nbgrader", "validate", str(handed_in), cwd=course)
    assert "VALIDATION FAILED ON 1 CELL(S)" in told
    assert "NotCorrect: compress_image is wrong: " in told
