"""Run an answer as a learner's kernel would: after its lesson's setup cell, and nothing else."""

from __future__ import annotations

import functools
import itertools
import linecache
from typing import Any

from kcourse import lessons
from kcourse.exercise import Exercise

_COUNTER = itertools.count()


def submission_from(exercise: Exercise, source: str) -> Any:
    """Run ``source`` as the exercise's cell and return what it defines under its name."""
    namespace = dict(_setup_namespace(exercise.chapter, exercise.topic))
    _run(source, exercise.name, namespace)
    return namespace[exercise.name]


@functools.cache
def _setup_namespace(chapter: str, topic: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    cells = {cell.id: cell for cell in lessons.lesson_of(chapter, topic).notebook.cells}
    for name in ("parameters", "setup"):
        _run(cells[name].source, f"{topic}:{name}", namespace)
    return namespace


def _run(source: str, name: str, namespace: dict[str, Any]) -> None:
    # As in a kernel, a cell's source can be found under its own file name: AutoGraph reads it.
    file = f"<{name} {next(_COUNTER)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    # dont_inherit: a kernel knows nothing of this module's `from __future__ import annotations`.
    exec(compile(source, file, "exec", dont_inherit=True), namespace)
