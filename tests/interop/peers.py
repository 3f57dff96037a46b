"""Run another grader from ``.peers``, with no settings of the user's in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).parents[2] / ".peers"


def run(*arguments: str, cwd: Path, code: int = 0) -> str:
    """Run ``python`` with ``arguments``, which must end with ``code``; return what it printed."""
    assert PEERS.is_dir(), "The other graders are not installed: run `make peers`."
    home = cwd / ".settings"
    environment = os.environ | {
        "PYTHONPATH": str(PEERS),
        "PATH": os.pathsep.join([str(PEERS / "bin"), os.environ["PATH"]]),  # for alembic
        "JUPYTER_CONFIG_DIR": str(home / "jupyter"),
        "IPYTHONDIR": str(home / "ipython"),
    }
    # ipykernel looks at the first, matplotlib at the second: a kernel is to be as in real life.
    for name in ("PYTEST_CURRENT_TEST", "MPLBACKEND"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout
