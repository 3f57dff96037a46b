"""The process in which a learner's cells run and their answers are observed. It judges nothing.

Forked by ``server``, or started anew (``fresh``), with two pipes: requests come in by one, replies
go out by the other, as frames (``kcourse.grading.wire``).
It holds neither cases nor expected values, reports nothing but what a cell raised and what an
answer gave, and is ended by SIGKILL. Life cycle, once it is confined: start an IPython shell, say
that it is ready and which layers of confinement are in force, then answer ``run`` and ``observe``
requests until the pipe is closed. A worker that runs no learner's code, but loads what an answer
left in another worker, answers ``inspect`` requests: it is then called a verifier.
"""

from __future__ import annotations
import __future__

import contextlib
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from kcourse.exercise import Observation, explain_error, inspect_case, observe_case
from kcourse.grading import sandbox, wire
from kcourse.plain import Opaque

MAX_ERROR = 4000
#: What is raised where the network is asked for: by Python's libraries, and by Keras, which may
#: find even the folder for its downloads closed.
_NETWORK = re.compile(
    r"(gaierror|URLError|ConnectionError|Exception: URL fetch failure|PermissionError.*\.keras)\b"
)
_OFFLINE = "Answers are graded without a network. Data that needs none is in kcourse.datasets."
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

    def __init__(self, requests: int, replies: int, confinement: sandbox.Confinement) -> None:
        self._confinement = confinement
        self._requests = os.fdopen(requests, "rb")
        self._replies = os.fdopen(replies, "wb")
        self._shell: WorkerShell = WorkerShell.instance()
        self._functions: dict[str, Callable[..., Any]] = {}

    def serve(self) -> None:
        """Say that the worker is ready, then answer until the other side closes the pipe."""
        confinement = {"layers": self._confinement.layers, "missing": self._confinement.missing}
        self._send({"id": 0, **confinement})
        does = {"run": self._run, "observe": self._observe, "inspect": self._inspect}
        while header := self._requests.read(wire.HEADER.size):
            text, buffers = wire.body_lengths(header)
            request = wire.unpack(self._requests.read(text), self._requests.read(buffers))
            reply = does[request["do"]](request)
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
            "error": "" if error is None else _advised(_explain_cell(error)),
            "refused": self._shell.refused[:5],
        }

    def _observe(self, request: dict[str, Any]) -> dict[str, Any]:
        """Call the answer on one case, through the exercise's ``observe``."""
        namespace = self._shell.user_ns
        if request["name"] not in namespace:
            return _reply(Observation("missing"))
        submission = namespace[request["name"]]
        more = {}
        try:
            if request["folder"]:
                more["folder"] = Path(request["folder"]).absolute()
                more["folder"].mkdir()
            observe = self._function(request["source"], "observe")
            return _reply(observe_case(observe, submission, request["inputs"], **more))
        except BaseException as error:  # SystemExit, or an exception whose text cannot be made
            return _reply(Observation("raised", error=_explain(error, submission)))

    def _inspect(self, request: dict[str, Any]) -> dict[str, Any]:
        """Load what an answer left, through the exercise's ``inspect``."""
        folder = Path(request["folder"]).absolute()
        load = self._function(request["source"], "inspect")
        return _reply(inspect_case(load, folder, request["returned"], request["inputs"]))

    def _function(self, source: str, name: str) -> Callable[..., Any]:
        """Return the function that ``source`` defines; it sees nothing but built-in names."""
        if source not in self._functions:
            namespace: dict[str, Any] = {}
            # Its annotations name things that only its own module imports.
            flags = __future__.annotations.compiler_flag
            exec(compile(source, f"<{name}>", "exec", flags, dont_inherit=True), namespace)
            self._functions[source] = namespace[name]
        return self._functions[source]


def _reply(observation: Observation) -> dict[str, Any]:
    reply = {
        "status": observation.status,
        "value": observation.value,
        "error": _advised(observation.error),
    }
    try:
        wire.pack(reply)
    except wire.WireError:
        return reply | {"value": Opaque("(too large to judge)")}
    return reply


def _advised(error: str) -> str:
    """Return an error's text, with advice if it is about the network."""
    return f"{error}\n{_OFFLINE}"[:MAX_ERROR] if _NETWORK.match(error) else error[:MAX_ERROR]


def _explain(error: BaseException, submission: Any = None, filename: str | None = None) -> str:
    """Explain an error whose class may be the learner's and hostile."""
    try:
        return explain_error(error, submission, filename=filename)
    except BaseException:
        return str(type.__getattribute__(type(error), "__name__"))


def _explain_cell(error: BaseException) -> str:
    """Explain what a cell raised, with its line: the cell is the outermost of the shell's files."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        files.append(error.filename)  # the cell itself, if it could not be compiled
    cell = next((name for name in files if name.startswith("<ipython-input")), "<unknown>")
    return _explain(error, filename=cell)


def work(requests: int, replies: int, confinement: sandbox.Confinement) -> NoReturn:
    """Be a worker until the grader closes the pipe of requests.

    Args:
        requests: the pipe to read from.
        replies: the pipe to write to.
        confinement: what this process has confined itself with.
    """
    Worker(requests, replies, confinement).serve()
    os._exit(0)
