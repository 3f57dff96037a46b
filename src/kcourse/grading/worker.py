"""The process in which a learner's cells run and their answers are observed. It judges nothing.

Started by ``kcourse.grading.session`` as ``python -m kcourse.grading.worker``, with two pipes:
requests come in by one, replies go out by the other, as frames (``kcourse.grading.wire``).
It holds neither cases nor expected values, reports nothing but what a cell raised and what an
answer gave, and is ended by SIGKILL. Life cycle: limit its resources, start an IPython shell,
say ``ready``, then answer ``run`` and ``observe`` requests until the pipe is closed.
"""

from __future__ import annotations
import __future__

import argparse
import contextlib
import os
import resource
import sys
import traceback
from collections.abc import Callable
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from kcourse.exercise import Observation, explain_error, observe_case
from kcourse.grading import wire
from kcourse.plain import Opaque

MAX_FILE = 64 << 20
MAX_ERROR = 4000
_SCRIPTS = frozenset(
    {"script", "bash", "sh", "perl", "ruby", "python", "python2", "python3", "pypy"}
)


class WorkerShell(InteractiveShell):  # type: ignore[misc]
    """An IPython shell that starts no other program, shows no traceback and never exits."""

    def __init__(self, **kwargs: Any) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.cache_size = 0
        config.InteractiveShell.colors = "nocolor"
        super().__init__(config=config, **kwargs)
        self.refused: list[str] = []

    def system(self, cmd: str) -> None:
        """Refuse ``!command`` and ``%pip``; the rest of the cell runs."""
        self._refuse(cmd)

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> list[str]:
        """Refuse ``x = !command``."""
        self._refuse(cmd)
        return []

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        """Refuse ``%%bash`` and its like; run any other cell magic."""
        if magic_name in _SCRIPTS:
            return self._refuse(f"%%{magic_name}")
        return super().run_cell_magic(magic_name, line, cell)

    def _refuse(self, command: str) -> None:
        first = command.strip().partition("\n")[0].replace(sys.executable, "python")
        message = f"Shell commands are not run when an answer is graded: {first[:100]}"
        print(message, file=sys.stderr)
        self.refused.append(message)

    def enable_gui(self, gui: str | None = None) -> None:
        """Need no event loop for ``%matplotlib``: figures are drawn and dropped."""

    def ask_exit(self) -> None:
        """Go on after ``exit()`` and ``quit()``: what the cell defined so far counts."""

    def showtraceback(self, *args: Any, **kwargs: Any) -> None:
        """Show nothing: what was raised is reported."""

    def showsyntaxerror(self, *args: Any, **kwargs: Any) -> None:
        """Show nothing: what was raised is reported."""


class Worker:
    """Answers the requests of one session."""

    def __init__(self, requests: int, replies: int) -> None:
        self._requests = os.fdopen(requests, "rb")
        self._replies = os.fdopen(replies, "wb")
        self._shell: WorkerShell = WorkerShell.instance()
        self._observers: dict[str, Callable[..., Any]] = {}

    def serve(self) -> None:
        """Say that the worker is ready, then answer until the other side closes the pipe."""
        self._send({"id": 0})
        while header := self._requests.read(wire.HEADER.size):
            text, buffers = wire.body_lengths(header)
            request = wire.unpack(self._requests.read(text), self._requests.read(buffers))
            reply = self._run(request) if request["do"] == "run" else self._observe(request)
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):  # the learner may have closed or replaced it
                    stream.flush()
            self._send({"id": request["id"], **reply})

    def _send(self, reply: dict[str, Any]) -> None:
        self._replies.write(wire.pack(reply))
        self._replies.flush()

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a cell; say what it raised, if anything, and which commands were refused."""
        self._shell.refused.clear()
        try:
            result = self._shell.run_cell(request["source"], store_history=True)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as escaped:
            error = escaped
        return {
            "error": "" if error is None else _explain_cell(error),
            "refused": self._shell.refused[:5],
        }

    def _observe(self, request: dict[str, Any]) -> dict[str, Any]:
        """Call the answer on one case, through the exercise's ``observe``."""
        namespace = self._shell.user_ns
        if request["name"] not in namespace:
            return _reply(Observation("missing"))
        submission = namespace[request["name"]]
        try:
            observe = self._observer(request["source"])
            return _reply(observe_case(observe, submission, request["inputs"]))
        except BaseException as error:  # SystemExit, or an exception whose text cannot be made
            return _reply(Observation("raised", error=_explain(error, submission)))

    def _observer(self, source: str) -> Callable[..., Any]:
        """Return the function that ``source`` defines; it sees nothing but built-in names."""
        if source not in self._observers:
            namespace: dict[str, Any] = {}
            # Its annotations name things that only its own module imports.
            flags = __future__.annotations.compiler_flag
            exec(compile(source, "<observe>", "exec", flags, dont_inherit=True), namespace)
            self._observers[source] = namespace["observe"]
        return self._observers[source]


def _reply(observation: Observation) -> dict[str, Any]:
    reply = {
        "status": observation.status,
        "value": observation.value,
        "error": observation.error[:MAX_ERROR],
    }
    try:
        wire.pack(reply)
    except wire.WireError:
        return reply | {"value": Opaque("(too large to judge)")}
    return reply


def _explain(error: BaseException, submission: Any = None, filename: str | None = None) -> str:
    """Explain an error whose class may be the learner's and hostile."""
    try:
        return explain_error(error, submission, filename=filename)[:MAX_ERROR]
    except BaseException:
        return str(type.__getattribute__(type(error), "__name__"))


def _explain_cell(error: BaseException) -> str:
    """Explain what a cell raised, with its line: the cell is the outermost of the shell's files."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        files.append(error.filename)  # the cell itself, if it could not be compiled
    cell = next((name for name in files if name.startswith("<ipython-input")), "<unknown>")
    return _explain(error, filename=cell)


def limit_resources(memory: int, cpu_seconds: int) -> None:
    """Cap what the operating system gives this process; a limit it does not know is left out."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: MAX_FILE,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: cpu_seconds,
    }
    for kind, most in limits.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def main() -> None:
    """Read what the session passes on the command line, and serve it."""
    parser = argparse.ArgumentParser()
    for name in ("requests", "replies", "memory", "cpu_seconds"):
        parser.add_argument(name, type=int)
    given = parser.parse_args()
    limit_resources(given.memory, given.cpu_seconds)
    for descriptor in (given.requests, given.replies):
        os.set_inheritable(descriptor, False)
    Worker(given.requests, given.replies).serve()
    os._exit(0)


if __name__ == "__main__":
    main()
