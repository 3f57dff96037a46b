"""No judge fails over what an answer returns: it says ``Wrong``, whatever came back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from kcourse import exercises
from kcourse.exercise import Exercise, assess, observe_case

ODD: dict[str, Any] = {
    "None": None,
    "a boolean": True,
    "an integer": -1,
    "NaN": math.nan,
    "a complex number": 2j,
    "text": "text",
    "a function": len,
    "an empty list": [],
    "a list of odd things": [None, object(), "text"],
    "an empty dictionary": {},
    "a dictionary": {"value": None},
    "infinity": np.array(math.inf),
    "an empty array": np.zeros((0, 3)),
    "an array of many axes": np.full((2, 3, 4, 5), math.nan, np.float16),
    "an array of booleans": np.ones((1, 1), bool),
}


@pytest.mark.parametrize("exercise", exercises.all_exercises().values(), ids=lambda one: one.name)
def test_an_odd_result_is_not_correct_and_no_judge_fails(exercise: Exercise) -> None:
    outcomes: dict[str, set[str]] = {odd: set() for odd in ODD}
    for case in exercise.cases(np.random.default_rng(0)):
        for odd, value in ODD.items():
            observation = observe_case(exercise.observe, lambda *_, v=value, **__: v, case.inputs)
            one = _OneCase(exercise, case)
            with np.errstate(all="ignore"):
                verdict = assess(one, lambda _, seen=observation: seen, np.random.default_rng(0))
            outcomes[odd].add(verdict.outcome)
    assert [odd for odd, seen in outcomes.items() if seen == {"correct"}] == []


class _OneCase:
    """An exercise with one case: every case is judged, not the first wrong one alone."""

    def __init__(self, exercise: Exercise, case: Any) -> None:
        self._exercise = exercise
        self._case = case

    def cases(self, rng: np.random.Generator) -> list[Any]:
        return [self._case]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exercise, name)
