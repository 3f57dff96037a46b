"""Outcomes are kept apart, messages name the input, and near misses earn their reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kcourse.exercise import (
    REGISTRY,
    Case,
    Exercise,
    NearMiss,
    Observation,
    Verdict,
    assess,
    explain_error,
    observe_case,
    register,
)
from kcourse.notebook import check_answer


class Doubled(Exercise):
    """A small exercise to try the engine on; it is never registered."""

    name = "doubled"
    title = "Twice"
    points = 2
    see = "Arithmetic"
    hints = ("Think of 2.", "Multiply by 2.")
    why = "Because."
    near_misses = (
        NearMiss("def doubled(x): return x * x", "This is the square.", like=lambda x: x * x),
        NearMiss("def doubled(x): return x[:1]", "Too short.", says="has shape"),
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        yield Case({"x": rng.uniform(3, 4, size=3)}, "three numbers")
        yield Case({"x": np.zeros(0)}, "an empty vector")

    def expected(self, x: np.ndarray) -> Any:
        return np.array([v + v for v in x])


def verdict(answer: Any) -> Verdict:
    return check_answer(Doubled(), answer, np.random.default_rng(0))


def test_a_right_answer_is_correct_and_earns_its_points() -> None:
    result = verdict(lambda x: 2 * x)
    assert (result.outcome, result.points, result.max_points) == ("correct", 2, 2)


def test_a_wrong_answer_names_the_input_what_came_back_and_what_was_expected() -> None:
    result = verdict(lambda x: x + 1)
    assert (result.outcome, result.points) == ("wrong", 0)
    assert result.note == "three numbers"
    assert result.given["x"].startswith("float64 array of shape (3,): [3.")
    assert result.got.startswith("float64 array of shape (3,): [4.")
    assert result.expected.startswith("float64 array of shape (3,): [")
    assert "Every element differs" in result.message


def test_a_near_miss_is_told_its_own_reason() -> None:
    assert verdict(lambda x: x * x).reason == "This is the square."


def test_an_answer_wrong_in_a_later_case_is_wrong() -> None:
    assert verdict(lambda x: 2 * x if x.shape[0] else tf.zeros(1)).note == "an empty vector"


def test_the_stub_is_not_attempted() -> None:
    def doubled(x: Any) -> Any:
        raise NotImplementedError("Write your answer here.")

    assert verdict(doubled).outcome == "not attempted"


def test_a_not_implemented_error_of_a_library_is_raised_not_unattempted() -> None:
    def doubled(x: Any) -> Any:
        raise NotImplementedError("numpy() is only available when eager execution is enabled.")

    assert verdict(doubled).outcome == "raised"


def test_an_error_names_its_type_and_the_learners_line() -> None:
    def doubled(x: Any) -> Any:
        return x + "2"

    result = verdict(doubled)
    assert result.outcome == "raised"
    assert 'return x + "2"' in result.reason
    assert result.note == "three numbers"


def test_tensorflow_messages_are_freed_from_their_framing() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.constant([1.0, 2.0]) + tf.constant([1.0, 2.0, 3.0])
    text = explain_error(caught.value, print)
    assert text == "InvalidArgumentError: Incompatible shapes: [2] vs. [3]"


def test_keras_messages_are_freed_from_their_framing() -> None:
    message = (
        "Exception encountered when calling Dense.call().\n\n\x1b[1mToo few axes.\x1b[0m\n\nAll:"
    )
    assert explain_error(ValueError(message), print) == "ValueError: Too few axes."


def test_an_error_of_a_private_type_is_called_by_the_public_one() -> None:
    class _Unclosed(SyntaxError):
        pass

    assert explain_error(_Unclosed("incomplete input"), print) == "SyntaxError: incomplete input"


def test_an_error_while_tracing_is_explained_with_the_line_that_raised_it() -> None:
    @tf.function
    def answer(x: Any) -> Any:
        return tf.Variable(x)

    with pytest.raises(ValueError, match="in user code") as caught:
        answer(1.0)
    first, second = explain_error(caught.value, answer).splitlines()
    assert first.startswith("ValueError: tf.function only supports singleton tf.Variables")
    assert second.endswith("of your cell: return tf.Variable(x)")


def test_a_decorated_answer_is_checked_as_well() -> None:
    assert verdict(tf.function(lambda x: x + x)).correct


def test_an_answer_cannot_change_the_inputs_it_is_judged_by() -> None:
    inputs = {"x": np.ones(3)}

    def spoil(submission: Any, x: np.ndarray) -> Any:
        x[:] = 7
        return x

    assert observe_case(spoil, None, inputs).value.tolist() == [7, 7, 7]
    assert inputs["x"].tolist() == [1, 1, 1]


def test_judging_stops_at_the_first_case_that_is_not_correct() -> None:
    seen = []

    def observe(case: Case) -> Observation:
        seen.append(case.note)
        return Observation("returned", "nonsense")

    assess(Doubled(), observe, np.random.default_rng(0))
    assert seen == ["three numbers"]


def test_two_exercises_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRY, "doubled", Doubled())
    with pytest.raises(ValueError, match="Two exercises are named 'doubled'"):
        register(Doubled)
