"""The first difference is found and told in words; what is alike is accepted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcourse.comparing import difference
from kcourse.plain import Opaque

NAN = float("nan")


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (3, np.array(3)),
        (3.0, 3),
        (np.float32(0.1).item(), 0.1),
        ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]], np.float32)),
        (np.array([1, NAN]), [1.0, NAN]),
        (np.zeros((0, 3)), np.zeros((0, 3), np.float32)),
        ([], np.zeros(0)),
        (True, np.array(True)),
        ({"a": np.ones(2), "b": "x"}, {"b": "x", "a": [1, 1]}),
        (["x", 1.0, None], ["x", 1, None]),
        ([np.ones((2, 1)), np.ones((1, 2))], [np.ones((2, 1)), np.ones((1, 2))]),
        (np.array([1 + 2j]), np.array([1 + 2j])),
    ],
)
def test_these_are_alike(got: Any, expected: Any) -> None:
    assert difference(got, expected) is None


@pytest.mark.parametrize(
    ("got", "expected", "says"),
    [
        (None, np.ones(2), "nothing (None)"),
        (Opaque("function"), np.ones(2), "an object of type function"),
        ("3", 3, "is '3'"),
        (3, "3", "expected '3'"),
        (np.ones(3), np.ones((3, 1)), "has shape (3,), expected (3, 1)"),
        (
            np.array([1.0, 2.0]),
            np.array([1.0, 2.5]),
            "1 element differs; the first, at [1], is 2.0",
        ),
        (np.zeros(2), np.ones(2), "Every element differs"),
        (np.array([1, 0]), np.array([True, False]), "holds numbers (int64), expected booleans"),
        (np.array([True]), np.array([1.0]), "holds booleans"),
        (np.array([1.0]), np.array([NAN]), "is 1.0, expected nan"),
        (2, 3, "is 2, expected 3"),
        ({"a": 1}, {"a": 1, "b": 2}, "lacks the key 'b'"),
        ({"a": 1, "b": 2}, {"a": 1}, "was not asked for: 'b'"),
        ({"a": 1}, {"a": 2}, "'a' is 1, expected 2"),
        (5, {"a": 2}, "expected a dictionary"),
        (["x"], ["x", "y"], "has 1 values, expected 2"),
        (["x", "z"], ["x", "y"], "Value 1 of the result is 'z'"),
        ([1, [2, 3]], np.array([1, 2]), "expected numbers of shape (2,)"),
        (1e-3, 0.0, "is 0.001, expected 0.0"),
        ([2**70, 1], [1, 1], "the first, at [0]"),
        (10**400, 1, "is inf, expected 1"),
    ],
)
def test_the_first_difference_is_named(got: Any, expected: Any, says: str) -> None:
    reason = difference(got, expected)
    assert reason is not None
    assert says in reason
    assert reason.endswith(".")


def test_tolerances_are_those_asked_for() -> None:
    assert difference(1.0, 1.001) is not None
    assert difference(1.0, 1.001, rtol=1e-2) is None
    assert difference(0.0, 0.001, atol=1e-2) is None
