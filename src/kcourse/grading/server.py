"""The worker server: libraries imported once, by a process that forks a worker when asked to.

``Server`` is the trusted side: it starts the process when the first worker is needed and ends it.
The process itself knows nothing that a worker may not know: it gets the workers' clean
environment, imports libraries but no exercises, and runs nobody's code. It works for the grader
alone, and ends with it. All of its mechanism is the warm kernel's (``kcourse.kernel``).
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from kcourse.grading import sandbox
from kcourse.kernel.child import Birth, begin
from kcourse.kernel.errors import Unavailable
from kcourse.kernel.parent import Parent
from kcourse.kernel.place import Place
from kcourse.kernel.process import Request, WarmProcess, ask

_NAME = "workers"
_WORKER = "kcourse.grading.worker"


class Server:
    """Forks workers for this process; use it as a context manager.

    Args:
        libraries: modules that workers will need.
        environment: the environment of the server; a worker's may differ in where things lie.
        patience: how long an import of the libraries, or a fork, may take in seconds.
    """

    def __init__(
        self, libraries: Sequence[str], environment: Mapping[str, str], *, patience: float
    ) -> None:
        self._libraries = libraries
        self._environment = environment
        self._patience = patience
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        #: For the workers' scratch folders; the server removes it if the grader is killed.
        self.folder = Path(tempfile.mkdtemp(prefix="kcourse-workers-"))
        self.folder.chmod(0o711)  # a worker may be another user, who must reach its own folder

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fork(
        self, scratch: Path, environment: Mapping[str, str], limits: Sequence[int], files: list[int]
    ) -> WarmProcess:
        """Return a worker that is alive.

        Args:
            scratch: the worker's folder.
            environment: the worker's environment.
            limits: how the worker confines itself, as ``sandbox.begin`` takes it.
            files: stdin, stdout and stderr, then the pipes of requests and replies.

        Raises:
            Unavailable: no worker can be forked; the message says why.
        """
        deadline = time.monotonic() + self._patience
        arguments = [str(limit) for limit in limits]
        request = Request([], arguments, str(scratch), environment)
        with self._lock:
            connection = self._connect(deadline)
        try:
            return ask(connection, request, files, deadline)
        except (OSError, EOFError, ValueError) as error:
            connection.close()
            raise Unavailable(f"the worker server gives no worker: {error!r}") from None
        except BaseException:
            connection.close()
            raise

    def _connect(self, deadline: float) -> socket.socket:
        """Connect to the server; start it if it does not run."""
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            self._start()
        assert self._process is not None
        with Place(_NAME, os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)) as place:
            while (connection := place.connect(deadline - time.monotonic())) is None:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise Unavailable(f"the worker server did not start: {self._said()}")
                time.sleep(0.02)
        return connection

    def _start(self) -> None:
        # Not -I: see ``session``.
        command = [sys.executable, "-s", "-P", "-m", "kcourse.grading.server"]
        command += [str(self.folder), str(os.getpid()), *self._libraries]
        home = {"HOME": str(self.folder), "TMPDIR": str(self.folder)}
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**self._environment, **home},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _said(self) -> str:
        log = self.folder / "log"
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def main() -> None:
    """Be the server; the options are for ``Server`` alone."""
    parser = argparse.ArgumentParser(prog="python -m kcourse.grading.server")
    parser.add_argument("folder", type=Path)
    parser.add_argument("master", type=int)
    parser.add_argument("libraries", nargs="*")
    given = parser.parse_args()
    place = Place(_NAME, os.open(given.folder, os.O_RDONLY | os.O_DIRECTORY))
    parent = Parent(
        place,
        [_WORKER, *given.libraries],
        master=given.master,
        farewell=lambda: shutil.rmtree(given.folder, ignore_errors=True),
    )
    try:
        parent.prepare()
    except BaseException:
        if os.getppid() != given.master:  # the grader was killed meanwhile: nobody reads the log
            shutil.rmtree(given.folder, ignore_errors=True)
        raise
    sandbox.prepare()
    birth = parent.serve()
    if birth is not None:
        work(birth)


def work(birth: Birth) -> NoReturn:
    """In the child: be a worker until the grader closes the pipe of requests."""
    begin(birth)
    from kcourse.grading import worker

    os.close(birth.requester)
    confinement = sandbox.begin(*map(int, birth.request["arguments"]))
    requests, replies = birth.files
    worker.work(requests, replies, confinement)


if __name__ == "__main__":
    main()
