"""What a released check calls: it shows the card, and raises unless the answer is correct."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from kcourse import exercise, exercises
from kcourse.exercise import Case, Exercise
from kcourse.notebook import NotCorrect, require


class Doubled(Exercise):
    name = "doubled"
    title = "Doubled"
    points = 2
    see = "Section"
    hints = ("One.", "Two.")
    why = "Because."
    near_misses = ()

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        yield Case({"x": rng.normal(size=4)})

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        return submission(*inputs.values())

    def expected(self, x: np.ndarray) -> Any:
        return x + x


@pytest.fixture(autouse=True)
def _one_exercise(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    exercises.all_exercises()
    monkeypatch.setitem(exercise.REGISTRY, "doubled", Doubled())
    monkeypatch.chdir(tmp_path)


def test_a_right_answer_shows_its_card_and_raises_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def doubled(x: np.ndarray) -> Any:
        return 2 * x

    require(doubled)
    assert "✓ correct · doubled · 2 of 2 points" in capsys.readouterr().out


def test_a_wrong_answer_shows_its_card_and_raises_the_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def doubled(x: np.ndarray) -> Any:
        return x[:2]

    with pytest.raises(NotCorrect, match=r"doubled is wrong: .*shape"):
        require(doubled)
    assert "✗ wrong · doubled" in capsys.readouterr().out


def test_a_stub_raises_that_it_was_not_attempted() -> None:
    def doubled(x: np.ndarray) -> Any:
        raise NotImplementedError

    with pytest.raises(NotCorrect, match="doubled is not attempted"):
        require(doubled)


def test_what_an_answer_writes_to_standard_error_is_no_reason_to_fail_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    noise = logging.StreamHandler(sys.stderr)  # holds the stream, as TensorFlow's does

    def doubled(x: np.ndarray) -> Any:
        warnings.warn("a warning", stacklevel=1)
        noise.emit(logging.makeLogRecord({"msg": "a record"}))
        print("a line", file=sys.stderr)
        os.write(2, b"a library\n")
        return 2 * x

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_: print(message, file=sys.stderr)
        require(doubled)
    print("after", file=sys.stderr)
    os.write(2, b"really\n")
    out, err = capfd.readouterr()
    for line in ("a warning", "a record", "a line", "a library"):
        assert line in out
    assert sorted(err.split()) == ["after", "really"]


def test_ipython_shows_the_reason_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell()
    shell.user_ns["require"] = require
    shell.run_cell("def doubled(x):\n    return x[:2]\n\nrequire(doubled)")
    shown = capsys.readouterr().out
    assert "NotCorrect: doubled is wrong: " in shown
    assert "Traceback" not in shown


def test_while_the_grader_runs_a_lesson_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KCOURSE_GRADING", "1")
    require(None)
