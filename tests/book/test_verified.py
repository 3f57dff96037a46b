"""What was measured is told as it was, also where there are several reports."""

from __future__ import annotations

from typing import Any

from kcourse_verified import _circumstances, _row

from kcourse import lessons

LESSON = lessons.all_lessons()[0]
VERSIONS = {"python": "3.11.0", "cores": 2, "tensorflow": "2.20.0", "keras": "3.12.0"}


def entry(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "key": LESSON.key,
        "cells": 9,
        "exercises": 3,
        "backend": "tensorflow",
        "seconds_shipped": 12.34,
        "seconds_solved": 5.0,
        "date": "2026-01-31",
        "scale": "quick",
        "environment": VERSIONS,
    }
    return whole | changes


def test_a_run_on_a_gpu_has_no_time_of_what_was_not_compared() -> None:
    assert _row(LESSON, entry()).endswith("| 9 | 3 | 12.3 s | 5.0 s |")
    assert _row(LESSON, entry(seconds_shipped=None)).endswith("| 9 | 3 | – | 5.0 s |")


def test_what_was_measured_in_one_way_is_one_line() -> None:
    assert list(_circumstances([entry(), entry(backend="jax", environment=dict(VERSIONS))])) == [
        "Measured on 2026-01-31 on a machine with 2 cores, scale `quick`, "
        "with Python 3.11.0, TensorFlow 2.20.0, Keras 3.12.0."
    ]


def test_what_was_measured_in_another_way_has_its_own_line() -> None:
    later = {"python": "3.12.0", "cores": 8, "jax": "0.8.0"}
    other = entry(backend="jax", date="2026-02-01", scale="full", environment=later)
    first, second = _circumstances([entry(), other, other])
    assert first.startswith("Measured on 2026-01-31 (the lessons on TensorFlow) on a machine with")
    assert second == (
        "Measured on 2026-02-01 (the lessons on JAX) on a machine with 8 cores, scale `full`, "
        "with Python 3.12.0, JAX 0.8.0."
    )
