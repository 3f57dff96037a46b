"""Find or start the parent, and get a kernel from it, within a deadline."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from kcourse.kernel import IDLE, LIBRARIES, PATIENCE, environment, place
from kcourse.kernel.errors import Unavailable
from kcourse.kernel.place import Peer, Place, receive, send
from kcourse.kernel.process import Request, Stale, WarmProcess, ask

#: A parent that had fewer seconds to answer may be well.
_FAIR = 1.0
#: A parent that is not ready after so many seconds hangs.
_LONGEST_IMPORT = 120.0
_LAUNCHER = "ipykernel_launcher"


@dataclass(frozen=True)
class Kind:
    """Which parent is meant: an interpreter with its options, libraries, and an environment."""

    interpreter: tuple[str, ...] = (sys.executable,)
    libraries: tuple[str, ...] = LIBRARIES
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    idle: float = IDLE

    def place(self) -> Place:
        """Return where such a parent is found."""
        return Place(place.key(self.interpreter, self.libraries, self.env))


def split(command: Sequence[str]) -> tuple[tuple[str, ...], list[str]] | None:
    """Split a kernel's command into the interpreter with its options, and ipykernel's arguments.

    Return ``None`` if it is no command that starts ipykernel.
    """
    try:
        at = command.index("-m")
        if command[at + 1] != _LAUNCHER:
            return None
    except (ValueError, IndexError):
        return None
    python = shutil.which(command[0])
    if python is None:
        return None
    # An option for the debugger's sake, which every parent gets: see ``_Started``.
    options = [option for option in command[1:at] if option != "-Xfrozen_modules=off"]
    return (os.path.abspath(python), *options), [*command[at + 2 :]]


def start(
    kind: Kind, request: Request, streams: Sequence[int], *, patience: float = PATIENCE
) -> WarmProcess:
    """Return a kernel that has begun to live.

    Raises ``Unavailable`` if there is none within ``patience`` seconds; none is left behind then.
    """
    deadline = time.monotonic() + patience
    with kind.place() as where:
        while True:
            connection = _reach(kind, where, deadline)
            asked = time.monotonic()
            try:
                return ask(connection, request, streams, deadline)
            except Stale:
                connection.close()
            except TimeoutError:
                silent = Peer.of(connection).pid
                connection.close()
                if time.monotonic() - asked > _FAIR:
                    where.evict(silent)
                raise Unavailable(
                    f"the parent process did not answer within {patience:g} s"
                ) from None
            except EOFError:
                connection.close()
                raise Unavailable("the parent process ended while it was asked") from None
            except (OSError, ValueError) as error:
                connection.close()
                raise Unavailable(f"the parent process could not be asked: {error}") from None
            except BaseException:
                connection.close()
                raise


def prepare(kind: Kind, *, patience: float) -> None:
    """Have a parent that is ready, even if the last one failed not long ago.

    Raises ``Unavailable`` if there is none within ``patience`` seconds.
    """
    deadline = time.monotonic() + patience
    with kind.place() as where:
        where.forgive()
        while time.monotonic() < deadline:
            _reach(kind, where, deadline).close()
            status = _talk(where, {"do": "status"})
            if status is None:
                where.evict()
            elif status["stale"]:
                _talk(where, {"do": "stop"})
            else:
                return
    raise Unavailable("the parent process does not answer")


def _reach(kind: Kind, where: Place, deadline: float) -> socket.socket:
    """Connect to the parent, which is started first if there is none."""
    started: _Started | None = None
    deaths = 0
    try:
        while True:
            try:
                connection = where.connect(deadline - time.monotonic())
            except Unavailable:
                where.evict()
                raise
            if connection is not None:
                return connection
            if where.holder() is not None:
                if where.seconds_held() > _LONGEST_IMPORT:
                    where.evict()
            elif started is None or started.has_ended():
                if why := where.failure():
                    raise Unavailable(f"the parent process failed: {why}")
                if started is not None:
                    started.close()
                    started = None
                    deaths += 1
                if deaths > 1:  # once may be chance: it had let one that failed go first
                    where.fail("it ended while it imported the libraries")
                    continue
                started = _Started(kind, where.name)
            if time.monotonic() > deadline:
                raise Unavailable("the libraries are still being imported for later kernels")
            time.sleep(0.02)
    finally:
        if started is not None:
            started.close()


class _Started:
    """A parent that was just started, until it is ready or has ended."""

    def __init__(self, kind: Kind, name: str) -> None:
        self._alive, theirs = os.pipe()
        needed = environment.at_import(kind.env)
        try:
            subprocess.run(
                [
                    *(kind.interpreter[0], "-Xfrozen_modules=off", *kind.interpreter[1:]),
                    *("-m", "kcourse.kernel", "--name", name, "--idle", str(kind.idle)),
                    *("--alive", str(theirs), *kind.libraries),
                ],
                # Nothing of this process that its kernels do not need.
                env={"PATH": kind.env.get("PATH", os.defpath), **_runtime(), **needed},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs,),
                timeout=PATIENCE,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            self.close()
            raise Unavailable(f"the parent process could not be started: {error}") from None
        finally:
            os.close(theirs)
        os.set_blocking(self._alive, False)

    def has_ended(self) -> bool:
        """Whether it is ready, has let another have its place, or has failed."""
        try:
            return not os.read(self._alive, 1)
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Hear no more of it."""
        os.close(self._alive)


def _runtime() -> dict[str, str]:
    """Return what decides where the private directory is."""
    return {
        name: value
        for name in ("XDG_RUNTIME_DIR", "TMPDIR", "TEMP", "TMP")
        if (value := os.environ.get(name)) is not None
    }


def parents() -> list[dict[str, Any]]:
    """Return the status of every parent of this user that answers, and the pids of the others."""
    found = []
    for name in place.names():
        with Place(name) as where:
            pid = where.holder()
            if pid is None:
                continue
            status = _talk(where, {"do": "status"})
            with contextlib.suppress(psutil.NoSuchProcess):
                memory = psutil.Process(pid).memory_info().rss
                known = {"name": name, "pid": pid, "ready": status is not None, "memory": memory}
                found.append(known | (status or {}))
    return found


def failures() -> list[str]:
    """Return why parents failed that are not tried again for now."""
    reasons = []
    for name in place.names(place.FAILURE):
        with Place(name) as where:
            if (why := where.failure()) and where.holder() is None:
                reasons.append(why)
    return reasons


def stop(name: str) -> int | None:
    """Stop a parent; return how many kernels live on, ``None`` if it had to be killed."""
    with Place(name) as where:
        pid = where.holder()
        answer = _talk(where, {"do": "stop"})
        if answer is None:
            where.evict()
            return None
        with contextlib.suppress(OSError):
            deadline = time.monotonic() + PATIENCE
            while where.holder() == pid and time.monotonic() < deadline:
                time.sleep(0.01)
        return int(answer["kernels"])


def _talk(where: Place, message: dict[str, str]) -> dict[str, Any] | None:
    """Send a message to a parent and return its answer, or ``None`` if it gives none."""
    try:
        connection = where.connect(PATIENCE)
        if connection is None:
            return None
        with connection:
            connection.settimeout(PATIENCE)
            send(connection, message)
            return receive(connection)[0]
    except (OSError, ValueError, EOFError, Unavailable):
        return None
