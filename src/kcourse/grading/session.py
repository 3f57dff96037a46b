"""The trusted side of one worker: start it, put questions with a deadline, end it by SIGKILL.

A worker is believed in nothing but what it shows: its replies are plain data, checked type by
type. Whatever else happens (silence, a crash, a broken frame) is a ``WorkerLost`` with the
outcome it means for the cell or the answer that was being run. A worker that cannot be confined
as it should be, or cannot even run the released setup cell, is a ``WorkerFailed``: no learner's
fault.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import select
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from kcourse.exercise import Observation, ObservationStatus
from kcourse.grading import wire
from kcourse.grading.limits import Limits, environment
from kcourse.grading.scratch import Scratch
from kcourse.grading.server import Server
from kcourse.kernel.errors import Unavailable
from kcourse.kernel.process import WarmProcess
from kcourse.plain import Plain

MAX_OUTPUT = 1 << 20
MAX_ERROR = 4000
MAX_REFUSED = 200
_CHUNK = 1 << 16
_TICK = 0.2
#: How often the scratch folder is looked at while a worker works, in seconds.
_LOOK = 0.5
_OUT_OF_MEMORY = re.compile(r"(MemoryError|_ArrayMemoryError|ResourceExhaustedError)\b")


#: What losing a worker means for what it was doing.
Loss = Literal["timed out", "out of memory", "crashed", "forbidden"]


class WorkerFailed(Exception):
    """The worker did not start, or the released cells do not run in it."""


class WorkerLost(Exception):
    """The worker is gone or useless; ``outcome`` is what this means for what it was doing."""

    def __init__(self, outcome: Loss, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


class Stopped(Exception):
    """The grader was told to stop."""


@dataclass(frozen=True)
class CellResult:
    """What running a cell gave: the error, if any, and the commands that were refused."""

    error: str = ""
    refused: tuple[str, ...] = ()
    #: Set if the worker was lost: what this means for the cell.
    outcome: Loss | None = None


class Capture:
    """The head and the tail of what a worker prints; what is between is dropped."""

    def __init__(self, most: int = MAX_OUTPUT) -> None:
        self._half = most // 2
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, data: bytes) -> None:
        """Take in the next bytes."""
        self.total += len(data)
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        del self._tail[: -self._half]

    def text(self) -> str:
        """Return what was kept, with a line on what was dropped."""
        dropped = self.total - len(self._head) - len(self._tail)
        middle = f"\n… {dropped} bytes dropped …\n".encode() if dropped else b""
        return (self._head + middle + self._tail).decode("utf-8", errors="replace")


class Session:
    """One worker process with a scratch folder of its own; use it as a context manager.

    Once it is ready, ``layers`` are the layers of confinement in force, and ``missing`` is what is
    missing, with the reasons.

    Args:
        limits: see ``Limits``.
        stop: when set (by another thread), the next wait raises ``Stopped``.
        server: forks the worker; without one, the worker is a new process that imports all anew.
        cores: the processors that the worker may use; by default, all.
    """

    def __init__(
        self,
        limits: Limits,
        stop: threading.Event | None = None,
        server: Server | None = None,
        cores: Collection[int] = (),
    ) -> None:
        self.limits = limits
        self._server = server
        self.output = Capture()
        self._stop = stop or threading.Event()
        self._asked = 0
        self._received = bytearray()
        self._looked = time.monotonic()
        self.layers: list[str] = []
        self.missing: list[str] = []
        self.scratch = Scratch(server.folder if server is not None else None)
        self._open: list[int] = []
        #: Becomes readable when the worker ends; Linux alone has this.
        self._ended: int | None = None
        try:
            self._process = self._start(self.scratch.path)
            with contextlib.suppress(AttributeError, ProcessLookupError):
                self._ended = os.pidfd_open(self._process.pid)
                self._open.append(self._ended)
            if cores:
                # At once: threads inherit it, and a worker cannot change it (see ``seccomp``).
                with contextlib.suppress(OSError):  # it has ended, or the system does not allow it
                    os.sched_setaffinity(self._process.pid, cores)
        except BaseException:
            self._clean_up()
            raise

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait_until_ready(self) -> None:
        """Wait for the worker's first frame.

        Raises ``WorkerFailed`` if there is none, or if the worker is not confined as it must be.
        """
        try:
            reply = self._receive(0, b"", self.limits.start)
        except WorkerLost as lost:
            raise WorkerFailed(f"The worker did not start: {lost.reason}\n{self._said()}") from None
        # No learner's code has run in it yet: this can be believed.
        self.layers, self.missing = reply["layers"], reply["missing"]
        if self.missing and self.limits.sandbox == "required":
            raise WorkerFailed(f"Answers cannot be confined here. {'; '.join(self.missing)}.")

    def run_released(self, source: str) -> None:
        """Run a cell of the released lesson that must not fail."""
        try:
            result = self.run(source, seconds=self.limits.start)
        except WorkerLost as lost:
            raise WorkerFailed(f"The setup cell did not run: {lost.reason}") from None
        if result.error:
            raise WorkerFailed(f"The setup cell did not run: {result.error}")

    def run(self, source: str, *, seconds: float) -> CellResult:
        """Run a cell; raises ``WorkerLost`` if it does not end in time or ends the worker."""
        reply = self._ask({"do": "run", "source": source}, seconds)
        error, refused = reply.get("error"), reply.get("refused")
        if type(error) is not str or type(refused) is not list:
            raise _broken("its reply lacks what a reply has")
        if any(type(line) is not str for line in refused):
            raise _broken("its reply lacks what a reply has")
        error = error[:MAX_ERROR]
        if _OUT_OF_MEMORY.match(error):
            raise WorkerLost("out of memory", error)
        return CellResult(error, tuple(line[:MAX_REFUSED] for line in refused[:5]))

    def observe(
        self,
        name: str,
        observer: str,
        inputs: Mapping[str, Plain],
        *,
        seconds: float,
        folder: str = "",
    ) -> Observation:
        """Ask what the answer ``name`` gives on one case; raises ``WorkerLost``.

        ``folder`` is the name of a new folder in the scratch folder, for what the answer saves.
        """
        request = {"do": "observe", "name": name, "source": observer, "folder": folder}
        return self._observed({**request, "inputs": dict(inputs)}, seconds)

    def inspect(
        self,
        inspector: str,
        files: Mapping[str, bytes],
        returned: Plain,
        inputs: Mapping[str, Plain],
        *,
        seconds: float,
    ) -> Observation:
        """Ask, as of a verifier, what ``files`` hold that an answer left; raises ``WorkerLost``."""
        folder = self.scratch.put(files)
        request = {"do": "inspect", "source": inspector, "folder": folder, "returned": returned}
        return self._observed({**request, "inputs": dict(inputs)}, seconds)

    def _observed(self, request: dict[str, Plain], seconds: float) -> Observation:
        reply = self._ask(request, seconds)
        status, error = reply.get("status"), reply.get("error")
        if type(status) is not str or type(error) is not str:
            raise _broken("its reply lacks what a reply has")
        if status not in get_args(ObservationStatus):
            raise _broken("its reply lacks what a reply has")
        error = error[:MAX_ERROR]
        if status == "raised" and _OUT_OF_MEMORY.match(error):
            raise WorkerLost("out of memory", error)
        return Observation(cast(ObservationStatus, status), reply.get("value"), error)

    def close(self) -> None:
        """Kill the worker and all of its process group, and remove its scratch folder."""
        self._sweep()
        self._process.kill()
        self._process.wait()
        self._clean_up()

    def _start(self, scratch: Path) -> subprocess.Popen[bytes] | WarmProcess:
        requests, self._requests = os.pipe()
        self._replies, replies = os.pipe()
        self._output, output = os.pipe()
        self._open = [self._requests, self._replies, self._output]
        for descriptor in self._open:
            os.set_blocking(descriptor, False)
        cpu_seconds = math.ceil(self.limits.start + self.limits.notebook) * (os.cpu_count() or 1)
        most = (self.limits.memory, cpu_seconds, int(self.limits.sandbox != "off"))
        # Not -I: that would ignore PYTHONHASHSEED, without which the order of a learner's set,
        # and so a report, differs from run to run. The environment is ours, so -s -P is as good.
        command = [sys.executable, "-s", "-P", "-m", "kcourse.grading.fresh"]
        command += [str(number) for number in (requests, replies, *most)]
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            if self._server is not None:
                files = [nothing, output, output, requests, replies]
                return self._server.fork(scratch, environment(scratch), most, files)
            return subprocess.Popen(
                command,
                cwd=scratch,
                env=environment(scratch),
                stdin=nothing,
                stdout=output,
                stderr=output,
                pass_fds=(requests, replies),
                start_new_session=True,
            )
        except (OSError, Unavailable) as error:
            raise WorkerFailed(f"The worker did not start: {error}") from None
        finally:
            for descriptor in (nothing, requests, replies, output):
                os.close(descriptor)

    def _ask(self, request: dict[str, Plain], seconds: float) -> dict[str, Plain]:
        self._asked += 1
        frame = wire.pack({"id": self._asked, **request})
        return self._receive(self._asked, frame, seconds)

    def _receive(self, number: int, frame: bytes, seconds: float) -> dict[str, Plain]:
        """Send ``frame`` and return the reply to it; keep what the worker prints meanwhile."""
        deadline = time.monotonic() + seconds
        unsent = memoryview(frame)
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._replies, selectors.EVENT_READ)
            waiting.register(self._output, selectors.EVENT_READ)
            if unsent:
                waiting.register(self._requests, selectors.EVENT_WRITE)
            while True:
                if self._stop.is_set():
                    raise Stopped
                left = deadline - time.monotonic()
                if left <= 0:
                    raise WorkerLost("timed out", f"It did not end within {seconds:g} s.")
                self._look_at_scratch()
                dead = self._poll(0) is not None
                ready = {key.fd for key, _ in waiting.select(0 if dead else min(left, _TICK))}
                if self._output in ready and not self._take_output():
                    waiting.unregister(self._output)
                if self._requests in ready:
                    unsent = unsent[self._write(unsent) :]
                    if not unsent:
                        waiting.unregister(self._requests)
                if self._replies in ready and not self._take_reply():
                    raise self._lost()
                if (reply := self._whole_reply()) is not None:
                    if type(reply) is not dict or not _is(number, reply.get("id")) or unsent:
                        raise _broken("it answers what was not asked")
                    return reply
                if dead and not ready:
                    raise self._lost()

    def _look_at_scratch(self) -> None:
        """End a worker that fills the disk: raises ``WorkerLost``."""
        if time.monotonic() - self._looked > _LOOK:
            if too_much := self.scratch.overfull(self._process.pid):
                raise WorkerLost("crashed", too_much)
            self._looked = time.monotonic()

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._requests, data[:_CHUNK])
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            raise self._lost() from None

    def _take_output(self) -> bool:
        data = os.read(self._output, _CHUNK)
        self.output.add(data)
        return bool(data)

    def _take_reply(self) -> bool:
        data = os.read(self._replies, _CHUNK)
        self._received += data
        return bool(data)

    def _whole_reply(self) -> Plain:
        """Return the next reply if all of it has come, else ``None``."""
        if len(self._received) < wire.HEADER.size:
            return None
        try:
            text, buffers = wire.body_lengths(bytes(self._received[: wire.HEADER.size]))
            middle = wire.HEADER.size + text
            if len(self._received) < middle + buffers:
                return None
            received = bytes(self._received)
            del self._received[: middle + buffers]
            return wire.unpack(
                received[wire.HEADER.size : middle], received[middle : middle + buffers]
            )
        except wire.WireError as error:
            raise _broken(str(error)) from None

    def _lost(self) -> WorkerLost:
        """Say how the worker ended; one that only closed its pipe is ended here."""
        code = self._poll(1)
        if code is None:
            return _broken("it closed its pipe")
        if code == -signal.SIGXCPU:
            return WorkerLost("timed out", "It used up its processor time.")
        if code == -signal.SIGSYS:
            return WorkerLost("forbidden", "It asked the system for what no answer may do.")
        if code < 0:
            return WorkerLost("crashed", f"The process was ended by {_signal_name(-code)}.")
        return WorkerLost("crashed", f"The process ended by itself, with exit code {code}.")

    def _poll(self, seconds: float) -> int | None:
        """Return the worker's exit code, or ``None`` if it does not end within so long."""
        if self._process.returncode is None and self._ended is not None:
            waiting = select.poll()
            waiting.register(self._ended, select.POLLIN)
            if waiting.poll(seconds * 1000):
                self._sweep()  # now, because to ask for the code is to give up the worker's id
        if seconds:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._process.wait(timeout=seconds)
        return self._process.poll()

    def _sweep(self) -> None:
        """Kill the worker's process group, unless its id could be another's by now."""
        process = self._process
        if process.returncode is None and getattr(process, "holds_its_id", True):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)

    def _said(self) -> str:
        with contextlib.suppress(BlockingIOError):
            while self._take_output():
                pass
        return "\n".join(self.output.text().strip().splitlines()[-10:])

    def _clean_up(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)
        self._open = []
        self.scratch.remove()


def _is(number: int, value: Plain) -> bool:
    """Whether a value from the wire is this number, and nothing that compares equal to it."""
    return type(value) is int and value == number


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _broken(why: str) -> WorkerLost:
    return WorkerLost(
        "crashed", f"The process broke its connection to the grader: {why.rstrip('.')}."
    )
