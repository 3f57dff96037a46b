"""R15: a run that is ended at any moment leaves nothing half done, and goes on where it stopped."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import graded_run
import pytest
import sample_course as sample
from graded_run import SECONDS, Run

#: So many that a run is not over before it is noticed how far it is.
LEARNERS = 30


@dataclass
class Class:
    """A class folder, how it is graded, and the reports of a run that nobody interrupted."""

    folder: Path
    arguments: tuple[object, ...]
    reports: dict[str, bytes]

    def run(self, home: str) -> Run:
        command = graded_run.with_course("sample_course", self.folder / "released")
        return Run(command, self.folder / home)


@pytest.fixture(scope="module")
def handed_in() -> Iterator[Class]:
    with graded_run.open_folder() as folder:
        wrong = {"row_sums": "import time\ndef row_sums(x):\n    time.sleep(0.1)\n    return x"}
        notebooks = {
            f"learner-{number}": sample.notebook(
                {**wrong, "doubled": f"def doubled(x):\n    return 2 * x + {number % 2}"}
            )
            for number in range(LEARNERS)
        }
        for number, document in enumerate(notebooks.values()):
            document["cells"][-1]["source"] += f"\n# notebook {number}"
            document["cells"].append(
                document["cells"][1] | {"id": "own", "source": f"n = {number}"}
            )
        sample.write(folder / "class", notebooks)
        arguments = ("grade", folder / "class", "--seed", 7, "--jobs", 2)
        made = Class(folder, arguments, {})
        code, out, err = made.run("home").finish(*arguments, "--out", folder / "whole")
        assert code == 0, out + err
        made.reports.update(_reports(folder / "whole"))
        yield made


def _reports(out: Path) -> dict[str, bytes]:
    """Return the reports in a folder, by their path; what the run keeps for itself is none."""
    paths = [path for path in out.rglob("*") if path.is_file() and ".kcourse" not in path.parts]
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


def _kept(out: Path) -> dict[str, int]:
    """Return which results a run has kept so far, and when each was written."""
    return {
        path.name: path.stat().st_mtime_ns for path in (out / ".kcourse/results").glob("*.json")
    }


def _end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    assert process.poll() is None, "It was over before it was interrupted."
    process.send_signal(number)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode != 0, out + err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("number", "kept"),
    [(signal.SIGKILL, 0), (signal.SIGKILL, 4), (signal.SIGINT, 4), (signal.SIGTERM, 0)],
)
def test_an_interrupted_run_leaves_no_report_and_goes_on_to_the_same_ones(
    handed_in: Class, number: signal.Signals, kept: int
) -> None:
    name = f"{number.name}-{kept}"
    run, out = handed_in.run(f"home-{name}"), handed_in.folder / name
    process = run.start(*handed_in.arguments, "--out", out)
    deadline = time.monotonic() + SECONDS
    while not run.processes()[1:] or len(_kept(out)) < kept:
        assert time.monotonic() < deadline
    _end(process, number)
    assert _reports(out) == {}
    before = _kept(out)
    assert all(json.loads((out / ".kcourse/results" / name).read_bytes()) for name in before)
    assert run.nothing_is_left()
    code, shown, err = handed_in.run(f"again-{name}").finish(*handed_in.arguments, "--out", out)
    assert code == 0, shown + err
    assert _reports(out) == handed_in.reports
    assert before.items() <= _kept(out).items()


def test_a_run_that_is_killed_as_it_tries_the_sandbox_leaves_nothing(handed_in: Class) -> None:
    run, out = handed_in.run("tried"), handed_in.folder / "tried-out"
    process = run.start(*handed_in.arguments, "--out", out)
    deadline = time.monotonic() + SECONDS
    while not any(path.name.startswith("kcourse-canary-") for path in _folders(run.home)):
        assert time.monotonic() < deadline
    _end(process, signal.SIGKILL)
    assert run.nothing_is_left(), list(run.home.iterdir())


def test_a_run_that_is_killed_as_its_server_starts_leaves_nothing(handed_in: Class) -> None:
    # Its import of TensorFlow takes seconds.
    command = graded_run.with_course("saving_course", handed_in.folder / "other")
    run, out = Run(command, handed_in.folder / "started"), handed_in.folder / "started-out"
    process = run.start(*handed_in.arguments, "--out", out)
    deadline = time.monotonic() + SECONDS
    while not run.processes():
        assert time.monotonic() < deadline
    _end(process, signal.SIGKILL)
    assert run.nothing_is_left(), list(run.home.iterdir())


def _folders(home: Path) -> list[Path]:
    """Return the folders in a folder and in those; they come and go meanwhile."""
    return [path for pattern in ("*", "*/*") for path in home.glob(pattern)]


def test_a_run_that_is_killed_again_and_again_comes_to_the_same_end(handed_in: Class) -> None:
    out, chance = handed_in.folder / "often", random.Random()
    for attempt in range(4):
        run = handed_in.run(f"often-{attempt}")
        process = run.start(*handed_in.arguments, "--out", out)
        time.sleep(chance.uniform(0.1, 3))
        process.kill()
        process.communicate(timeout=SECONDS)
        assert run.nothing_is_left(), list(run.home.rglob("*"))
        assert _reports(out) in ({}, handed_in.reports)
    code, shown, err = handed_in.run("often-whole").finish(*handed_in.arguments, "--out", out)
    assert code == 0, shown + err
    assert _reports(out) == handed_in.reports
