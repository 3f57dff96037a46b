"""The proof, before any learner's code runs, that a worker cannot do what no answer may do.

A worker like all others gets a cell that tries it for real: to read a secret, to connect, to start
a process, … What succeeds is named, and nothing is graded (unless the user takes what there is).
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kcourse
from kcourse.errors import GRADER_FAILED, KcourseError
from kcourse.exercise import method_source
from kcourse.grading.limits import Limits
from kcourse.grading.server import Server
from kcourse.grading.session import Session, WorkerFailed, WorkerLost
from kcourse.grading.showing import DOUBT

_SECONDS = 60.0
_SECRET = "what only the grader may read\n"
_NAME = "canary"
_ADVICE = (
    "Grade on Linux 6.2 or newer with Landlock switched on, or, if you trust everybody who handed "
    "in, with --sandbox=best-effort."
)

#: What the canary runs. Each attempt raises an ``OSError`` (or a ``MemoryError``) if it is refused.
_CELL = """
def canary(secret, solution, folder, port, pid, memory):
    import ctypes, mmap, os, socket, subprocess
    libc = ctypes.CDLL(None, use_errno=True)

    def call(function, *arguments):
        if function(*arguments) < 0:
            raise OSError(ctypes.get_errno(), "refused")

    def fork():
        if os.fork() == 0:
            os._exit(0)
        os.wait()

    attempts = {
        "read a file of the grader": lambda: open(secret).read(),
        "read a solution": lambda: open(solution).read(),
        "read the grader's environment": lambda: open(f"/proc/{pid}/environ").read(),
        "write outside its folder": lambda: open(os.path.join(folder, "written"), "w").close(),
        "remove a file of the grader": lambda: os.remove(os.path.join(folder, "remove")),
        "connect": lambda: socket.create_connection(("127.0.0.1", port), timeout=5).close(),
        "make a socket for datagrams": lambda: socket.socket(type=socket.SOCK_DGRAM).close(),
        "fork": fork,
        "start a program": lambda: subprocess.run(["true"]),
        "signal the grader": lambda: os.kill(pid, 0),
        "trace a process": lambda: call(libc.ptrace, 0, 0, 0, 0),
        "make a namespace": lambda: call(libc.unshare, 0x10000000),
        "take all the memory it asks for": lambda: mmap.mmap(-1, memory).close(),
    }
    done = []
    for name, attempt in attempts.items():
        try:
            attempt()
        except (OSError, MemoryError):
            continue
        done.append(name)
    for change in (lambda: os.chmod(secret, 0o600), lambda: os.utime(secret, (0, 0))):
        try:
            change()  # it may be said to be done: the grader looks
        except OSError:
            pass
    return done
"""


@dataclass(frozen=True)
class Proof:
    """The layers in force, and in words what is not as it should be."""

    layers: Sequence[str]
    doubts: Sequence[str]

    def shown(self) -> list[str]:
        """Return what a report says of the sandbox."""
        return [*self.layers, *(f"{DOUBT}{doubt}" for doubt in self.doubts)]


def prove(limits: Limits, server: Server | None) -> Proof:
    """Try in a worker what no answer may do, and return what there is.

    Raises ``KcourseError`` with exit code 3 if something is missing or succeeds although the
    sandbox is required, or if no worker can be had.
    """
    try:
        with Session(limits, server=server) as session:
            session.wait_until_ready()
            done = _try(session, limits, server.folder if server is not None else None)
            doubts = [*session.missing, *(f"an answer can {deed}" for deed in done)]
            proof = Proof(session.layers, doubts)
    except WorkerFailed as failure:
        advice = f" {_ADVICE}" if "confined" in str(failure) else ""
        raise KcourseError(f"{failure}{advice}", exit_code=GRADER_FAILED) from None
    except WorkerLost as lost:
        raise KcourseError(
            f"The test of the sandbox was lost: {lost.reason}", exit_code=GRADER_FAILED
        ) from None
    if done and limits.sandbox == "required":
        raise KcourseError(
            f"The sandbox does not hold: an answer can {', '.join(done)}. {_ADVICE}",
            exit_code=GRADER_FAILED,
        )
    return proof


def _try(session: Session, limits: Limits, place: Path | None) -> list[str]:
    """Return what the canary could do; what it may not touch is put into ``place``."""
    package = Path(kcourse.__file__).resolve().parent
    solution = min(package.glob("solutions/*/[a-z]*.py"))
    temporary = tempfile.TemporaryDirectory(prefix="kcourse-canary-", dir=place)
    with temporary as name, socket.socket() as listener:
        folder = Path(name)
        folder.chmod(0o777)  # so that nothing but the sandbox prevents anything
        secret, remove = folder / "secret", folder / "remove"
        for file in (secret, remove):
            file.write_text(_SECRET, encoding="utf-8")
            file.chmod(0o644)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        before = secret.stat()
        inputs = {
            "secret": str(secret),
            "solution": str(solution),
            "folder": str(folder),
            "port": listener.getsockname()[1],
            "pid": os.getpid(),
            "memory": limits.memory,
        }
        ran = session.run(_CELL, seconds=_SECONDS)
        observation = session.observe(_NAME, method_source(observe), inputs, seconds=_SECONDS)
        done = observation.value
        if ran.error or observation.status != "returned" or type(done) is not list:
            raise WorkerFailed(
                f"The test of the sandbox did not run: {ran.error or observation.error}"
            )
        after = secret.stat()
    if (after.st_mode, after.st_mtime_ns) != (before.st_mode, before.st_mtime_ns):
        done.append("change the mode or the time of a file of the grader")
    return [str(deed) for deed in done]


def observe(submission: Any, **inputs: Any) -> Any:
    """Call the canary; sent to the worker as source, like every exercise's."""
    return submission(**inputs)
