"""All exercises of the course, by chapter and lesson.

Importing this package imports no exercise and no TensorFlow; ``all_exercises`` loads them.
"""

from __future__ import annotations

import difflib
import importlib

from kcourse import lessons
from kcourse.errors import KcourseError
from kcourse.exercise import REGISTRY, Exercise


def all_exercises() -> dict[str, Exercise]:
    """Return every exercise by name, in the order of the course."""
    for lesson in lessons.all_lessons():
        importlib.import_module(f"{__name__}.{lesson.chapter}.{lesson.topic}")
    return REGISTRY


def get(name: str) -> Exercise:
    """Return one exercise; an unknown name raises ``KcourseError`` that names the nearest."""
    exercises = all_exercises()
    if name in exercises:
        return exercises[name]
    near = difflib.get_close_matches(name, exercises, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}?" if near else "`kcourse progress` lists all exercises."
    raise KcourseError(f"There is no exercise named {name!r}. {hint}")
