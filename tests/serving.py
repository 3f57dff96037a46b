"""Start ``kcourse learn`` as a learner does, and end it as one: with Ctrl+C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECONDS = 120


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


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a new user: an empty home and no display."""
    dropped = ("JUPYTER", "XDG_", "IPYTHON", "DISPLAY", "WAYLAND", "BROWSER")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    home.mkdir(exist_ok=True)
    runtime = home / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    return {**kept, "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime)}


def command(*arguments: str) -> list[str]:
    """Return the command line of ``kcourse`` in this Python."""
    return [sys.executable, "-c", "from kcourse.cli import main; main()", *arguments]


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[Served]:
    """Run ``kcourse learn`` in ``folder`` until the block ends."""
    log = folder / "stderr.txt"
    with log.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            command("learn", *arguments),
            cwd=folder,
            env=environment(folder / "home"),
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
        subprocess.run(
            command("kernel", "stop"), env=environment(folder / "home"), check=True
        )  # or the parent of warm kernels would stay as long as any learner's
