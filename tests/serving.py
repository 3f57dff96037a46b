"""Start ``kcourse learn`` as a learner does, and end it as one: with Ctrl+C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kernels

SECONDS = 120


@dataclass(frozen=True)
class Api:
    """The REST interface of a Jupyter server: where it is, and the token that opens it."""

    base: str
    token: str

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send a request; return the parsed answer, ``None`` if it is empty."""
        request = urllib.request.Request(
            f"{self.base}api/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def start_kernel(self) -> str:
        """Start a kernel ``python3``; return its identifier."""
        return str(self.ask("POST", "kernels", {"name": "python3"})["id"])

    def kernels(self) -> list[str]:
        """Return the identifiers of the kernels that run."""
        return [kernel["id"] for kernel in self.ask("GET", "kernels")]


@dataclass
class Served:
    """A running ``kcourse learn``: its address, and after the end its exit code and stderr."""

    address: str
    process: subprocess.Popen[str]
    log: Path

    def interrupt(self) -> int:
        """Press Ctrl+C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=SECONDS)

    @property
    def api(self) -> Api:
        """The server's REST interface."""
        parts = urlsplit(self.address)
        return Api(f"{parts.scheme}://{parts.netloc}/", parts.query.removeprefix("token="))


def environment(home: Path, **variables: str) -> dict[str, str]:
    """Return the environment of a new user: an empty home and no display."""
    dropped = ("JUPYTER", "KCOURSE", "XDG_", "IPYTHON", "DISPLAY", "WAYLAND", "BROWSER")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    home.mkdir(exist_ok=True)
    runtime(home).mkdir(mode=0o700, exist_ok=True)
    return {
        **kept,
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(runtime(home)),
        # Servers wait longer for a warm kernel than 5 s: the machine may be busy with other tests.
        "JUPYTER_CONFIG_PATH": str(Path(__file__).parent / "jupyter"),
        **variables,
    }


def runtime(home: Path) -> Path:
    """Return where a user's sockets lie, and by which the user's processes are told."""
    return home / "runtime"


def command(*arguments: str) -> list[str]:
    """Return the command line of ``kcourse`` in this Python."""
    return [sys.executable, "-c", "from kcourse.cli import main; main()", *arguments]


def leave_nothing(home: Path) -> None:
    """Stop the parent of warm kernels, which a learner's would stay a while; no kernel may stay."""

    def nothing_left() -> bool:
        if not kernels.processes(runtime(home)):
            return True
        subprocess.run(
            command("kernel", "stop"), env=environment(home), stdout=subprocess.PIPE, check=True
        )
        return not kernels.processes(runtime(home))  # a parent just started may come after it

    kernels.until(nothing_left, SECONDS)


@contextmanager
def served(folder: Path, *arguments: str, **variables: str) -> Iterator[Served]:
    """Run ``kcourse learn`` in ``folder`` until the block ends."""
    home = folder / "home"
    log = folder / "stderr.txt"
    with log.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            command("learn", *arguments),
            cwd=folder,
            env=environment(home, **variables),
            stdout=subprocess.PIPE,
            stderr=stderr,
            encoding="utf-8",
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()  # ends at once if the process does
        found = re.fullmatch(r"Open (http://\S+)\n", line)
        assert found, f"printed {line!r} and logged {log.read_text(encoding='utf-8')!r}"
        yield Served(found[1], process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=SECONDS)
        process.stdout.close()
        leave_nothing(home)
