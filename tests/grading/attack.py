"""What an attack is: the source of one exercise's cell, and what the grader says of it.

``@OUTSIDE@``, ``@CLASS@``, ``@OUT@``, ``@PACKAGE@`` and ``@SOURCE@`` stand for a folder of
somebody's files, the class folder, the folder of the reports, the package, and the folder that
holds it; ``@MARK@`` is a name that no other run uses. Attacks are named by the id of the case, or
by ``own`` where the case is of our invention.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

#: The exercise whose cell attacks, and two right answers: one before it is observed, one after.
ATTACKED = "drop_channel_axis"
SOLVED = ("nhwc_to_nchw", "pairwise_distances")
TOPIC = "shapes_arithmetic_broadcasting"

_NEEDS = """
import ctypes, fcntl, glob, mmap, os, signal, socket, subprocess, sys, threading, time
from pathlib import Path
libc = ctypes.CDLL(None, use_errno=True)
done, tried = [], 0

def system(result):
    if result in (-1, None):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
"""


@dataclass(frozen=True)
class Attack:
    """What a cell does, which statuses are right for its exercise, and what the message says."""

    source: str
    status: tuple[str, ...] = ("raised",)
    says: str = ""


def attempts(*sources: str) -> Attack:
    """Return an attack that tries each source; the grader must hear that none was done."""
    cell = _NEEDS
    for source in sources:
        body = textwrap.indent(source.strip(), "    ")
        cell += f"tried += 1\ntry:\n{body}\nexcept Exception:\n    pass\nelse:\n"
        cell += f"    done.append({source.strip()[:60]!r})\n"
    cell += f"\ndef {ATTACKED}(images):\n"
    cell += "    raise RuntimeError(f'{tried} tried, done: {done}')\n"
    return Attack(cell, says=f"{len(sources)} tried, done: []")


def quiet(source: str, status: tuple[str, ...] = ("wrong",)) -> Attack:
    """Return an attack that may seem to succeed; its answer is wrong."""
    return Attack(
        f"{_NEEDS}{source}\n\ndef {ATTACKED}(images):\n    return images * 0 - 1\n", status
    )


def inside(source: str, status: tuple[str, ...] = ("raised",), says: str = "") -> Attack:
    """Return an attack that happens when the answer is called."""
    body = textwrap.indent(source.strip(), "    ")
    return Attack(f"{_NEEDS}\ndef {ATTACKED}(images):\n{body}\n", status, says)
