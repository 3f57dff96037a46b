"""Ask a parent for a process, and hold on to what it forked, as Jupyter and the grader do."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kcourse.kernel import place
from kcourse.kernel.errors import Unavailable
from kcourse.kernel.place import receive, send

#: Stands for what cannot be known: how a kernel ended that outlived the parent.
_UNKNOWN_END = 1


@dataclass(frozen=True)
class Request:
    """What a kernel takes from the process that asks for it, as it goes over the connection."""

    command: list[str]
    arguments: list[str]
    cwd: str
    env: Mapping[str, str]
    independent: bool = False
    umask: int = field(default_factory=lambda: _umask())
    ignored: list[int] = field(default_factory=lambda: _ignored_signals())
    limits: list[tuple[int, int]] = field(
        default_factory=lambda: [(limit, resource.getrlimit(limit)[0]) for limit in place.LIMITS]
    )


class Stale(Exception):
    """The parent has given up its place because something it imported has changed."""


def ask(
    connection: socket.socket, request: Request, streams: Sequence[int], deadline: float
) -> WarmProcess:
    """Ask a parent for a process and wait until it has taken on what was asked.

    Raises ``Unavailable``, ``TimeoutError`` at the deadline, or ``EOFError`` if the parent goes.
    """
    process: WarmProcess | None = None
    ready = False
    send(connection, {"do": "start", **asdict(request)}, streams)
    try:
        while process is None or not ready:  # the child may be faster than the parent
            connection.settimeout(max(deadline - time.monotonic(), 0.01))
            answer, descriptors = receive(connection)
            match answer:
                case {"pid": int(pid)} if len(descriptors) == 1:
                    process = WarmProcess(pid, descriptors[0], connection)
                case {"ready": True}:
                    ready = True
                case {"stale": _}:
                    raise Stale
                case {"refused": why}:
                    raise Unavailable(str(why))
                case {"exit": code}:
                    raise Unavailable(f"the new process ended with code {code}")
                case _:
                    raise ValueError(f"its answer was {answer!r:.200}")
        send(connection, {"do": "keep"})
        connection.setblocking(False)
        return process
    except BaseException:
        if process is not None:
            process.kill()
            process.close()
        raise


class WarmProcess:
    """A forked kernel, with the part of ``subprocess.Popen`` that Jupyter uses.

    ``returncode`` is ``None`` while it lives, then its exit code, negative for a signal. Of a
    kernel that outlived the parent it is not known, and 1.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, process: int, connection: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._process = process
        self._connection: socket.socket | None = connection

    @property
    def holds_its_id(self) -> bool:
        """Whether ``pid`` is certainly its own: the parent reaps it when it is let go of."""
        return self._connection is not None

    def poll(self) -> int | None:
        """Return the exit code, or ``None`` while the kernel lives."""
        if self.returncode is None:
            self._look(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the kernel's end; raises ``subprocess.TimeoutExpired``."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._look(left)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel; one that has ended gets none."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, number)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Let go of the kernel, as Popen does when it is dropped; the parent reaps it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process >= 0:
            os.close(self._process)
            self._process = -1

    def __del__(self) -> None:
        self.close()

    def _look(self, seconds: float | None) -> None:
        """Wait for news of the kernel's end for so long."""
        waiting = select.poll()
        # The parent tells how a kernel ended; without it, only that it ended can be seen.
        source = self._process if self._connection is None else self._connection.fileno()
        waiting.register(source, select.POLLIN)
        if not waiting.poll(None if seconds is None else seconds * 1000):
            return
        if self._connection is None:
            self._end(_UNKNOWN_END)
            return
        try:
            news, _ = receive(self._connection)
        except BlockingIOError:
            return
        except (OSError, ValueError, EOFError):  # the parent has gone
            self._connection.close()
            self._connection = None
            return
        if isinstance(code := news.get("exit"), int):
            self._end(code)

    def _end(self, code: int) -> None:
        self.returncode = code
        self.close()


def _ignored_signals() -> list[int]:
    """Return the signals that a program started from here would ignore, as after ``nohup``."""
    python = {signal.SIGPIPE, signal.SIGXFSZ}  # ignored by Python itself, wherever it starts
    return [
        int(number)
        for number in signal.valid_signals() - python
        if signal.getsignal(number) is signal.SIG_IGN
    ]


def _umask() -> int:
    """Return this process's umask, which is read from the system: setting it would be a race."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o022
