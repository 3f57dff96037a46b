"""What a learner calls in a lesson shows a card, keeps the journal, and never a traceback."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from kcourse import check, exercises, hint, journal, progress, solution
from kcourse.solutions import solution_of, source_of

NAME = next(iter(exercises.all_exercises()))
EXERCISE = exercises.get(NAME)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a fresh, empty workspace."""
    (tmp_path / journal.MARKER).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_a_right_answer_is_shown_and_written_down(capsys: pytest.CaptureFixture[str]) -> None:
    check(solution_of(EXERCISE))
    assert f"✓ correct · {NAME} · {EXERCISE.points} of {EXERCISE.points} points" in shown(capsys)
    assert journal.standings()[NAME].solved


def test_a_wrong_answer_is_shown_with_the_way_to_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    def wrong(*_: Any) -> str:
        return "nonsense"

    wrong.__name__ = NAME
    check(wrong)
    text = shown(capsys)
    assert f"✗ wrong · {NAME}" in text
    assert "'nonsense'" in text
    assert f"hint({NAME})" in text
    assert not journal.standings()[NAME].solved
    assert journal.standings()[NAME].attempts == 1


def test_a_name_stands_for_what_the_learner_defined(capsys: pytest.CaptureFixture[str]) -> None:
    globals()[NAME] = solution_of(EXERCISE)
    try:
        check(NAME)
    finally:
        del globals()[NAME]
    assert "✓ correct" in shown(capsys)


def test_a_function_without_a_name_is_known_by_its_variable(
    capsys: pytest.CaptureFixture[str],
) -> None:
    globals()[NAME] = functools.partial(solution_of(EXERCISE))
    try:
        check(globals()[NAME])
    finally:
        del globals()[NAME]
    assert "✓ correct" in shown(capsys)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (3, "got a value of type int"),
        (NAME, f"'{NAME}' is not defined yet"),
        (NAME + "x", f"Did you mean '{NAME}'?"),
        ("qqqqqqqq", "lists all exercises"),
        (print, "There is no exercise named 'print'"),
    ],
)
def test_a_mistaken_call_is_one_clear_line(
    answer: Any, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check(answer)
    text = shown(capsys)
    assert text.startswith("Not possible: ")
    assert says in text
    assert text.count("\n") == 1


def test_hints_come_one_more_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(1, len(EXERCISE.hints) + 2):
        hint(NAME)
        text = shown(capsys)
        count = min(number, len(EXERCISE.hints))
        assert f"Hint {count} of {len(EXERCISE.hints)}" in text
        assert EXERCISE.hints[count - 1] in text
        assert count == len(EXERCISE.hints) or EXERCISE.hints[count] not in text
    assert "That was the last hint" in text
    assert EXERCISE.see in text


def test_the_solution_asks_for_a_confirmation_until_it_is_solved(
    capsys: pytest.CaptureFixture[str],
) -> None:
    solution(NAME)
    text = shown(capsys)
    assert f"solution({NAME}, anyway=True)" in text
    assert "def " not in text
    solution(NAME, anyway=True)
    text = shown(capsys)
    assert source_of(EXERCISE).strip() in text
    assert EXERCISE.why in text
    journal.record(NAME, "check", "correct")
    solution(NAME)
    assert source_of(EXERCISE).strip() in shown(capsys)


def test_progress_counts_what_is_solved_and_says_where_to_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = list(exercises.all_exercises())
    progress()
    assert f"0 of {len(names)} exercises solved" in shown(capsys)
    journal.record(names[0], "check", "correct")
    progress()
    text = shown(capsys)
    assert f"1 of {len(names)} exercises solved · {EXERCISE.points} of" in text
    assert f"✓ {names[0]}" in text
    assert f"Go on with {names[1]}" in text


def test_nothing_is_shown_or_recorded_while_grading(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KCOURSE_GRADING", "1")
    check(solution_of(EXERCISE))
    assert shown(capsys) == ""
    assert journal.standings() == {}


def test_without_a_workspace_progress_is_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / journal.MARKER).rmdir()
    monkeypatch.setattr(journal, "_memory", [])
    check(solution_of(EXERCISE))
    solution(NAME)
    assert source_of(EXERCISE).strip() in shown(capsys)
    assert list(tmp_path.iterdir()) == []
