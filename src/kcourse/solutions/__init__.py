"""What learners are asked to write: one plain, excellent answer to each exercise.

A solution uses only what its lesson's setup cell imports, so that its source can stand in the
lesson's exercise cell as it is.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path
from typing import Any

from kcourse.exercise import Exercise


def solution_of(exercise: Exercise) -> Any:
    """Return the function or class that solves ``exercise`` (imports TensorFlow)."""
    return getattr(importlib.import_module(_module_name(exercise)), exercise.name)


def source_of(exercise: Exercise) -> str:
    """Return the solution's source as it would stand in the lesson, without running it."""
    spec = importlib.util.find_spec(_module_name(exercise))
    if spec is None or spec.origin is None:
        raise LookupError(f"{exercise.name} has no module of solutions.")
    text = Path(spec.origin).read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == exercise.name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    raise LookupError(f"{spec.origin} defines no solution named {exercise.name!r}.")


def _module_name(exercise: Exercise) -> str:
    return f"{__name__}.{exercise.chapter}.{exercise.topic}"
