"""What a worker may use: time, memory, what confines it, and the environment it starts with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH")
#: Whether workers must be confined, should be, or need not be (the learner's own machine).
Sandbox = Literal["required", "best-effort", "off"]


@dataclass(frozen=True)
class Limits:
    """How long things may take, in seconds, and how a worker is confined.

    ``memory`` is the address space that a worker gets, in bytes.
    """

    start: float = 180.0
    cell: float = 60.0
    observation: float = 60.0
    notebook: float = 600.0
    memory: int = 4 << 30
    sandbox: Sandbox = "required"

    @classmethod
    def for_timeout(cls, seconds: float, sandbox: Sandbox = "required") -> Limits:
        """Return the limits for ``seconds`` a cell and ten times as long a notebook."""
        notebook = max(cls.notebook, 10 * seconds)
        return cls(cell=seconds, observation=seconds, notebook=notebook, sandbox=sandbox)


def environment(scratch: Path) -> dict[str, str]:
    """Return all that a worker knows of the grader's environment: nothing secret."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {
        "LANG": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "IPYTHONDIR": str(scratch / ".ipython"),
        "MPLBACKEND": "agg",
        "PYTHONHASHSEED": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",  # exercises are small, and CUDA needs more address space
        "KCOURSE_GRADING": "1",
        # The same on every machine: with a thread and a heap for each of many processors, sums are
        # rounded in another order, and the address space is used up before an answer has begun.
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        **dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"),
        "MALLOC_ARENA_MAX": "2",
    }
