"""What the terminal shows while a class is graded."""

from __future__ import annotations

import sys

import pytest
from rich.console import Console

from kcourse.exercise import Verdict
from kcourse.grading import progress
from kcourse.grading.answers import LessonAnswers
from kcourse.grading.progress import Progress
from kcourse.grading.running import LessonResult
from kcourse.grading.session import WorkerFailed
from kcourse.grading.submission import Submission
from kcourse.lessons import all_lessons

LESSONS = tuple(LessonAnswers(lesson) for lesson in all_lessons()[:2])
CLASS = [
    Submission("ada", LESSONS),
    Submission("bob\x1b[31m", LESSONS[:1]),
    Submission("cyd", problem="There is no notebook."),
]
RESULT = LessonResult({"a": Verdict("a", "correct", 3, 3), "b": Verdict("b", "wrong", 0, 2)})


def shown(running: Progress) -> str:
    console = Console(width=80, record=True, file=sys.stderr)
    console.print(running._shown())
    return console.export_text()


def test_a_submission_appears_with_its_points_once_all_of_it_is_graded() -> None:
    running = Progress(CLASS)
    running.note("ada", RESULT)
    assert "1/3" in shown(running)
    assert "ada" not in shown(running)
    running.note("ada", RESULT)
    assert "6 / 10" in shown(running)
    running.note("bob\x1b[31m", WorkerFailed("no memory"))
    text = shown(running)
    assert "3/3" in text
    assert "bob\\x1b[31m" in text  # a name cannot act on the terminal
    assert "grader error" in text


def test_the_latest_of_a_long_class_are_shown() -> None:
    many = [Submission(f"learner-{number:03}", LESSONS[:1]) for number in range(300)]
    running = Progress(many)
    for one in many:
        running.note(one.id, RESULT)
    text = shown(running)
    assert "learner-299" in text
    assert text.count("learner-") == 8


def test_where_there_is_no_terminal_nothing_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress.waiting("Waiting"), Progress(CLASS) as running:
        running.note("ada", RESULT)
    assert capsys.readouterr() == ("", "")


def test_in_a_terminal_it_is_shown_and_taken_away_again(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(force_terminal=True, width=80, record=True, file=sys.stderr)
    monkeypatch.setattr(progress, "Console", lambda **_: terminal)
    with Progress(CLASS) as running:
        running.note("bob\x1b[31m", RESULT)
    assert "3 / 5" in terminal.export_text()
    with progress.waiting("Testing the sandbox"):
        pass
    assert "Testing the sandbox …" in terminal.export_text()
