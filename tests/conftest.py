"""What all tests share: lessons' namespaces and the exercises by name."""

from __future__ import annotations

import functools
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from kcourse import lessons
from kcourse.exercise import Exercise


@functools.cache
def _setup_namespace(chapter: str, topic: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    cells = {cell.id: cell for cell in lessons.lesson_of(chapter, topic).notebook.cells}
    for name in ("parameters", "setup"):
        exec(compile(cells[name].source, f"<{topic}:{name}>", "exec", dont_inherit=True), namespace)
    return namespace


def submission_from(exercise: Exercise, source: str) -> Any:
    """Run ``source`` as the exercise's cell, after its lesson's setup cell alone."""
    namespace = dict(_setup_namespace(exercise.chapter, exercise.topic))
    exec(compile(source, f"<{exercise.name}>", "exec", dont_inherit=True), namespace)
    return namespace[exercise.name]
