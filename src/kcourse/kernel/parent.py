"""The parent process: import the libraries once, then fork a kernel whenever one is asked for.

Its life: leave whoever started it, take the lock (or end: another parent has it), import, listen,
answer until it is idle, stale or told to stop. It then gives up its place at once, and only passes
on how its last kernels end. It runs no op, has no thread of its own, and waits in one place.

A request is one JSON object over a connection that stays open for the life of the kernel:
``{"do": "start", …}`` with three or more open files. The answers: ``{"pid": …}`` with a pidfd,
from here; ``{"ready": true}`` or ``{"refused": why}``, from the child; ``{"exit": code}``, from
here. The requester says ``{"do": "keep"}`` once it has what it needs; a kernel that it gave up
before is killed. A kernel that ended is reaped when its connection is closed, so that its process
id is valid until then.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import resource
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcourse.kernel import environment
from kcourse.kernel.child import Birth, live
from kcourse.kernel.errors import NotForkable
from kcourse.kernel.place import LIMITS, Peer, Place, receive, send
from kcourse.kernel.preloading import (
    Origin,
    fork,
    installed,
    name_process,
    preload,
    require_forkable,
)

#: How often a parent looks whether it is still found by its socket, in seconds.
_TICK = 5.0
#: What every kernel imports as it starts, whatever libraries are asked for.
_KERNEL = (
    "kcourse.kernel.app",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.oinspect",
    "IPython.core.pylabtools",
    "IPython.extensions.storemagic",
    "tornado.platform.asyncio",
    "tornado.queues",
)


@dataclass(eq=False)
class _Client:
    """A connection, who is at its other end, and the kernel that was started for it."""

    connection: socket.socket
    process: int
    kernel: _Kernel | None = None


@dataclass(eq=False)
class _Kernel:
    """A forked kernel; ``client`` is ``None`` once nobody waits for its end."""

    pid: int
    process: int
    client: _Client | None
    started: float = field(default_factory=time.time)
    kept: bool = False
    ended: bool = False


class Parent:
    """Answers requests; see the module for its life.

    Args:
        place: where it is found.
        libraries: modules to import.
        idle: seconds without work after which it ends.
        master: the only process that it works for, and ends with; by default, any of the user's.
        farewell: is called last if the master ends before it.
    """

    def __init__(
        self,
        place: Place,
        libraries: list[str],
        *,
        idle: float = math.inf,
        master: int | None = None,
        farewell: Callable[[], None] = lambda: None,
    ) -> None:
        self._place = place
        self._libraries = libraries
        self._idle = idle
        self._master = master
        self._farewell = farewell
        self._noted: dict[str, str | None] = {}
        self._set_by_import: dict[str, str] = {}
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._wakeup = _signals()
        self._clients: set[_Client] = set()
        self._kernels: set[_Kernel] = set()
        self._started = time.time()
        self._used = time.monotonic()

    def prepare(self) -> None:
        """Import the libraries, then listen."""
        packages = installed()  # what changes while it is imported must be noticed
        with environment.noted(self._noted):
            preload(self._libraries)
        keras = sys.modules.get("keras")
        if keras is not None and (backend := keras.config.backend()) != "tensorflow":
            raise NotForkable(f"Keras uses {backend}, and only TensorFlow is known to bear a fork")
        before = environment.at_start()
        self._set_by_import = {
            name: value for name, value in os.environ.items() if before.get(name) != value
        }
        self._origin = Origin(packages)
        require_forkable()
        self._listener = self._place.listen()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._retire)
        if self._master is not None:
            self._selector.register(
                os.pidfd_open(self._master), selectors.EVENT_READ, self._end_with_master
            )
        self._used = time.monotonic()

    def serve(self) -> Birth | None:
        """Answer until there is nothing left to do; in a child, return what it was born to."""
        while self._listener is not None or any(kernel.client for kernel in self._kernels):
            for key, _ in self._selector.select(_TICK):
                if key.fileobj in self._selector.get_map():
                    birth: Birth | None = key.data()
                    if birth is not None:
                        return birth
            if self._listener is not None and (self._is_idle() or not self._place.is_ours()):
                self._retire()
        return None

    def _is_idle(self) -> bool:
        return not self._kernels and time.monotonic() - self._used > self._idle

    def _retire(self) -> None:
        """Give up the place, so that the next kernel gets another parent."""
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
            self._place.clear()
        with contextlib.suppress(BlockingIOError):
            self._wakeup.recv(64)

    def _end_with_master(self) -> None:
        for kernel in self._kernels:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(kernel.process, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PIDFD, kernel.process, os.WEXITED)
        self._place.clear()
        self._farewell()
        os._exit(0)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError:  # no more files can be open: another parent can have some
            self._retire()
            return
        peer = Peer.of(connection)
        if peer.uid != os.getuid() or self._master not in (None, peer.pid):
            connection.close()
            return
        try:
            client = _Client(connection, os.pidfd_open(peer.pid))
        except OSError:  # it has ended already
            connection.close()
            return
        connection.setblocking(False)
        self._clients.add(client)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._hear(client))

    def _hear(self, client: _Client) -> Birth | None:
        """Read a request and do what it asks for."""
        try:
            request, descriptors = receive(client.connection)
        except (OSError, ValueError, EOFError):
            self._forget(client)
            return None
        birth = None
        try:
            match request:
                case {"do": "start", "env": dict()} if not client.kernel and len(descriptors) >= 3:
                    birth = self._start(client, request, descriptors)
                case {"do": "keep"} if client.kernel:
                    client.kernel.kept = True
                case {"do": "status"}:
                    self._tell(client, self._status())
                case {"do": "stop"}:
                    kernels = len(self._kernels)
                    self._retire()
                    self._tell(client, {"stopped": os.getpid(), "kernels": kernels})
                case _:
                    self._forget(client)
        finally:
            if birth is None:
                for descriptor in descriptors:
                    os.close(descriptor)
        return birth

    def _start(
        self, client: _Client, request: dict[str, Any], descriptors: list[int]
    ) -> Birth | None:
        """Fork a kernel, or say why not; in the child, return what it was born to."""
        if self._listener is None:
            self._tell(client, {"stale": "the place has been given up"})
            return None
        # One master's children are all alike, whatever is installed meanwhile.
        if self._master is None and (change := self._origin.change()):
            self._retire()
            self._tell(client, {"stale": change})
            return None
        if differing := self._differs(request["env"]):
            self._tell(client, {"refused": f"{differing} was another at the libraries' import"})
            return None
        self._used = time.monotonic()
        try:
            pid = fork()
        except NotForkable as error:
            self._retire()
            self._tell(client, {"refused": str(error)})
            return None
        except OSError as error:
            self._tell(client, {"refused": f"no process can be forked: {error.strerror}"})
            return None
        if pid == 0:
            return self._hand_over(client, request, descriptors)
        kernel = _Kernel(pid, os.pidfd_open(pid), client)
        client.kernel = kernel
        self._kernels.add(kernel)
        self._selector.register(
            kernel.process, selectors.EVENT_READ, lambda: self._note_end(kernel)
        )
        self._tell(client, {"pid": pid}, [kernel.process])
        return None

    def _differs(self, env: dict[str, str]) -> str | None:
        """Return a variable that the libraries read at their import, and that is another now."""
        settled = environment.at_import(dict.fromkeys(self._noted, ""))  # by the choice of place
        for name, value in self._noted.items():
            if name not in settled and env.get(name) not in (value, self._set_by_import.get(name)):
                return name
        return None

    def _hand_over(self, client: _Client, request: dict[str, Any], descriptors: list[int]) -> Birth:
        """In the child: keep what the kernel needs, and let go of what is the parent's."""
        self._selector.close()
        self._wakeup.close()
        if self._listener is not None:
            self._listener.close()
        self._place.close()
        for other in self._clients - {client}:
            other.connection.close()
        noted = [name for name in self._noted if name not in self._set_by_import]
        noted += environment.READ_FROM_C
        return Birth(
            request,
            descriptors[:3],
            descriptors[3:],
            client.connection,
            client.process,
            self._set_by_import,
            noted,
        )

    def _note_end(self, kernel: _Kernel) -> None:
        """Tell whoever waits for the kernel how it ended, and leave it unreaped until then."""
        info = os.waitid(os.P_PIDFD, kernel.process, os.WEXITED | os.WNOWAIT)
        if info is None:
            return
        kernel.ended = True
        self._used = time.monotonic()
        self._selector.unregister(kernel.process)
        code = info.si_status if info.si_code == os.CLD_EXITED else -info.si_status
        if kernel.client is not None:
            self._tell(kernel.client, {"exit": code})
        self._reap(kernel)

    def _reap(self, kernel: _Kernel) -> None:
        if kernel.ended and kernel.client is None and kernel in self._kernels:
            os.waitid(os.P_PIDFD, kernel.process, os.WEXITED)
            os.close(kernel.process)
            self._kernels.remove(kernel)

    def _tell(self, client: _Client, message: object, descriptors: Sequence[int] = ()) -> None:
        try:
            send(client.connection, message, descriptors)
        except OSError:
            self._forget(client)

    def _forget(self, client: _Client) -> None:
        """Close a connection; its kernel, if it was kept, ends by itself with who started it."""
        if client not in self._clients:
            return
        self._clients.remove(client)
        self._selector.unregister(client.connection)
        client.connection.close()
        os.close(client.process)
        if client.kernel is not None:
            client.kernel.client = None
            if not client.kernel.kept:
                signal.pidfd_send_signal(client.kernel.process, signal.SIGKILL)
            self._reap(client.kernel)

    def _status(self) -> dict[str, Any]:
        kernels = [kernel for kernel in self._kernels if not kernel.ended]
        return {
            "pid": os.getpid(),
            "python": sys.executable,
            "libraries": [name for name in self._libraries if name not in _KERNEL],
            "started": self._started,
            "idle": self._idle,
            "stale": self._origin.change(),
            "kernels": [
                {"pid": one.pid, "started": one.started}
                for one in sorted(kernels, key=lambda one: one.pid)
            ],
        }


def main() -> None:
    """Be the parent process; the options are for ``client`` alone."""
    parser = argparse.ArgumentParser(prog="python -m kcourse.kernel")
    parser.add_argument("--name", required=True)
    parser.add_argument("--idle", type=float, required=True)
    parser.add_argument("--alive", type=int, required=True)  # open as long as this gets ready
    parser.add_argument("libraries", nargs="*")
    given = parser.parse_args()
    if os.fork():  # whoever started this need not wait for its end
        os._exit(0)
    os.setsid()
    os.umask(0o077)
    place = Place(given.name)
    if not place.acquire():
        os._exit(0)
    own, birth = os.getpid(), None
    try:
        _settle(place.open_log())
        parent = Parent(place, [*_KERNEL, *given.libraries], idle=given.idle)
        try:
            parent.prepare()
        except BaseException as error:  # the next one would fail in the same way
            place.fail(f"{type(error).__name__}: {error}")
            raise
        os.close(given.alive)
        birth = parent.serve()
    except BaseException:
        traceback.print_exc()
        if os.getpid() != own:  # a child: what is in the place is not its to clear
            os._exit(1)
    else:
        if birth is not None:
            live(birth)
    place.clear()
    os._exit(0)


def _settle(log: int) -> None:
    """Read nothing, write to the log, take as many files as may be, and have a name in ``ps``."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(log)
    for limit in LIMITS:  # those of the first requester are for its own kernels
        _, most = resource.getrlimit(limit)
        if limit != resource.RLIMIT_STACK:  # which counted when this process started
            resource.setrlimit(limit, (most, most))
    name_process("kcourse-warm")


def _signals() -> socket.socket:
    """Return a socket that becomes readable when this process is asked to end."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.detach())
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return ours
