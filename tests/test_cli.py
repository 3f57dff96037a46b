"""The command line answers at once, explains mistakes in one line, and keeps its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kcourse import exercises, journal
from kcourse.solutions import source_of

NAME = next(iter(exercises.all_exercises()))


def kcourse(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from kcourse.cli import main; main()", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "200"},
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty workspace."""
    (tmp_path / journal.MARKER).mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lern"], "There is no command 'lern'. Did you mean 'learn'?"),
        (["zzz"], "There is no command 'zzz'. `kcourse --help` lists the commands."),
        (["check", "--nonsense"], "No such option '--nonsense'"),
        (["hint"], "Missing argument 'NAME'"),
        (["hint", NAME + "x"], f"Did you mean '{NAME}'?"),
        (["hint", NAME], "is not in a kcourse workspace. Make one with `kcourse learn`"),
        (["progress", "--workspace", "nowhere"], "nowhere is not in a kcourse workspace"),
        (["verify", "nowhere.ipynb"], "nowhere.ipynb is no lesson of this course"),
        (["learn", "--port", "99999"], "99999"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], says: str, tmp_path: Path
) -> None:
    done = kcourse(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("kcourse: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from kcourse.cli import kcourse\n"
        "kcourse.main(['--help'], standalone_mode=False)\n"
        "print({'numpy', 'nbformat', 'rich', 'tensorflow', 'IPython'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Learn TensorFlow 2 and Keras 3" in done.stdout
    assert done.stdout.endswith("set()\n")


def test_hints_are_counted_in_the_workspace(workspace: Path) -> None:
    first = kcourse("hint", NAME, cwd=workspace)
    second = kcourse("hint", NAME, cwd=workspace)
    assert "Hint 1 of" in first.stdout
    assert "Hint 2 of" in second.stdout
    assert exercises.get(NAME).hints[1] in second.stdout


def test_the_solution_of_an_open_exercise_needs_a_yes(workspace: Path) -> None:
    refused = kcourse("solution", NAME, cwd=workspace)
    assert refused.returncode == 2
    assert "add --yes" in refused.stderr
    shown = kcourse("solution", NAME, "--yes", cwd=workspace)
    assert shown.returncode == 0
    first_line = source_of(exercises.get(NAME)).splitlines()[0]
    assert first_line[:60] in shown.stdout
    assert journal.standings(workspace)[NAME].solution_seen


def test_progress_is_readable_by_a_machine(workspace: Path) -> None:
    journal.record(NAME, "check", "correct", workspace=workspace)
    done = kcourse("progress", "--json", cwd=workspace)
    report = json.loads(done.stdout)
    assert report["exercises"].keys() == exercises.all_exercises().keys()
    assert report["exercises"][NAME]["solved"] is True


def test_a_damaged_journal_is_told_and_kept(workspace: Path) -> None:
    journal.record(NAME, "check", "correct", workspace=workspace)
    path = workspace / journal.MARKER / journal.JOURNAL
    damaged = path.read_bytes() + b'{"exercise": "x", "ev\n\xff\xfe\n'
    path.write_bytes(damaged)
    done = kcourse("progress", cwd=workspace)
    assert done.returncode == 0
    assert "1 of" in done.stdout
    assert "2 lines of" in done.stderr
    assert "the first is line 2" in done.stderr
    assert path.read_bytes() == damaged


def test_the_doctor_finds_this_environment_sound(tmp_path: Path) -> None:
    done = kcourse("doctor", "--json", cwd=tmp_path)
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    assert findings["tensorflow"]["found"].startswith("2.")
    assert "CPU" in findings["devices"]["found"]
