"""A learner's progress survives crashes, damage and two notebooks at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kcourse import journal
from kcourse.errors import KcourseError


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / journal.MARKER).mkdir()
    return tmp_path


@pytest.fixture
def path(workspace: Path) -> Path:
    return workspace / journal.MARKER / journal.JOURNAL


def test_standing_tells_attempts_hints_and_when_it_was_solved(workspace: Path) -> None:
    for outcome in ("not attempted", "wrong", "raised", "correct", "wrong"):
        journal.record("add", "check", outcome, workspace=workspace)
    journal.record("add", "hint", workspace=workspace)
    journal.record("add", "solution", workspace=workspace)
    journal.record("other", "hint", workspace=workspace)
    standings = journal.standings(workspace)
    add = standings["add"]
    assert (add.attempts, add.hints, add.solution_seen) == (4, 1, True)
    assert (add.solved, add.last_outcome) == (True, "wrong")  # once solved, solved for good
    assert add.solved_at
    assert not standings["other"].solved


def test_two_notebooks_at_once_lose_no_entry(workspace: Path) -> None:
    write = (
        "import sys; from pathlib import Path; from kcourse import journal\n"
        "sys.stdin.readline()\n"
        "for _ in range(200):\n"
        "    journal.record(sys.argv[1], 'check', 'wrong', workspace=Path(sys.argv[2]))\n"
    )
    notebooks = [
        subprocess.Popen(
            [sys.executable, "-c", write, name, str(workspace)], stdin=subprocess.PIPE, text=True
        )
        for name in ("one", "two", "three")
    ]
    for notebook in notebooks:  # all have started: let them go together
        assert notebook.stdin is not None
        notebook.stdin.write("go\n")
        notebook.stdin.flush()
    for notebook in notebooks:
        notebook.communicate()
        assert notebook.returncode == 0
    attempts = {name: s.attempts for name, s in journal.standings(workspace).items()}
    assert attempts == {"one": 200, "two": 200, "three": 200}
    assert journal.unreadable_lines(workspace) == []


def test_crash_at_any_point_of_a_write_costs_at_most_that_entry(
    workspace: Path, path: Path
) -> None:
    journal.record("before", "check", "correct", workspace=workspace)
    whole_before = len(path.read_bytes())
    journal.record("cut_off", "check", "correct", workspace=workspace)
    both = path.read_bytes()
    for length in range(whole_before, len(both)):
        path.write_bytes(both[:length])
        assert journal.standings(workspace)["before"].solved
        journal.record("after", "check", "correct", workspace=workspace)
        standings = journal.standings(workspace)
        assert standings["before"].solved
        assert standings["after"].solved
        assert path.read_bytes().startswith(both[:length])  # nothing is ever deleted


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\n\n",
        b"\x00\x00\xff\xfe\n",
        b"[]\n",
        b"null\n",
        b'{"exercise": "add"}\n',
        b'{"exercise": "add", "event": "check", "outcome": 3}\n',
        b'{"exercise": ["add"], "event": "check"}\n',
        b"[" * 100_000 + b"\n",
        b"<<<<<<< mine\n",
    ],
)
def test_damaged_lines_are_passed_over_and_kept(workspace: Path, path: Path, damage: bytes) -> None:
    journal.record("add", "check", "correct", workspace=workspace)
    path.write_bytes(damage + path.read_bytes() + damage)
    journal.record("subtract", "check", "correct", workspace=workspace)
    assert set(journal.standings(workspace)) == {"add", "subtract"}
    assert path.read_bytes().startswith(damage)
    assert bool(journal.unreadable_lines(workspace)) == bool(damage.strip())


def test_journal_that_cannot_be_written_does_not_stop_a_check(
    workspace: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.mkdir()  # also root cannot write to a folder
    journal.record("add", "check", "correct", workspace=workspace)
    told = capsys.readouterr().err
    assert told.startswith("This was not recorded")
    assert told.count("\n") == 1


def test_journal_that_cannot_be_read_is_one_line(workspace: Path, path: Path) -> None:
    path.mkdir()
    with pytest.raises(KcourseError, match="cannot be read"):
        journal.standings(workspace)


def test_outside_a_workspace_progress_is_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(journal, "_memory", [])
    journal.record("add", "check", "correct")
    assert journal.standings()["add"].solved
    assert list(tmp_path.iterdir()) == []
