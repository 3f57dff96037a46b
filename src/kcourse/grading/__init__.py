"""Grade submissions: run the answers in processes of their own, judge them outside these.

Three parts, kept apart by what they trust. The *trusted process* (``command``, ``submission``,
``answers``, ``running``, ``runner``, ``report``) reads notebooks as data, makes the cases,
judges and reports. A *worker* (``worker``) runs a learner's cells and shows what the answers
give. The *wire* (``wire``, ``session``) between them carries plain data with caps and deadlines.

A worker has a process group, an environment, a scratch folder and resource limits of its own,
but it is not confined yet: learner code could read files (the solutions among them), start
processes or use the network. Until it is, grade only people you trust; every report says so in
``environment.sandbox``, the list of layers in force.

Importing this package imports none of its parts: a worker must not load what it may not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["grade"]


def grade(
    paths: Sequence[Path],
    *,
    out: Path | None = None,
    threshold: float = 0.0,
    jobs: int = 1,
    seed: int | None = None,
    timeout: float = 60.0,
    due: Sequence[str] = (),
    timings: bool = False,
    as_json: bool = False,
) -> int:
    """Grade the submissions at ``paths`` and return the exit code; see ``command.grade``."""
    from kcourse.grading import command

    return command.grade(
        paths,
        out=out,
        threshold=threshold,
        jobs=jobs,
        seed=seed,
        timeout=timeout,
        due=due,
        timings=timings,
        as_json=as_json,
    )
