"""The benchmark of the solutions runs and its ways agree; no time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "solutions.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_every_solution_is_timed_beside_what_gives_the_same() -> None:
    done = run("--rounds", "1", "--examples", "2000", "--epochs", "1", "--json")
    assert done.returncode == 0, done.stderr
    seconds = json.loads(done.stdout)["seconds"]
    ours = [next(iter(ways)) for ways in seconds.values()]
    assert {"ks_statistic", "StreamingKS", "focal_loss", "PlainAdam", "train_like_fit"} == {*ours}
    assert all(len(ways) > 1 and min(ways.values()) > 0 for ways in seconds.values())


def test_a_number_that_makes_no_sense_is_refused() -> None:
    done = run("--rounds", "0")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("--rounds 0: give a whole number above 0.")
