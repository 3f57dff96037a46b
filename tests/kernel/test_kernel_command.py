"""``kcourse kernel`` and the doctor: what they say of warm kernels, what they start and stop."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import command_line
import kernels
import psutil
import pytest

from kcourse import kernel
from kcourse.kernel import client, command

Kcourse = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kcourse(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kcourse:
    """Run ``kcourse`` with arguments; return exit code, stdout and stderr."""
    return lambda *arguments: command_line.kcourse(arguments, monkeypatch, capsys)


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``kcourse kernel start`` import what is imported in a moment."""
    let_start_import(kernels.LIGHT, monkeypatch)


def let_start_import(libraries: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    full = client.Kind
    monkeypatch.setattr(client, "Kind", lambda **given: full(libraries=libraries, **given))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a parent that hangs no longer than need be."""
    monkeypatch.setattr(client, "PATIENCE", 2.0)


def parsed(result: tuple[int, str, str]) -> dict[str, Any]:
    """Return what was printed as JSON by a command that went well."""
    code, out, err = result
    assert (code, err) == (0, "")
    return json.loads(out)


def assert_one_line(result: tuple[int, str, str], code: int, says: str) -> None:
    assert result[0] == code
    assert result[1] == ""
    assert result[2].startswith("kcourse: ")
    assert result[2].count("\n") == 1
    assert says in result[2]


def test_without_a_parent_there_is_none_to_show_and_none_to_stop(
    runtime: Path, kcourse: Kcourse
) -> None:
    assert kcourse("kernel", "status") == (
        0,
        "No parent process runs; the first kernel starts one.\n",
        "",
    )
    assert parsed(kcourse("kernel", "status", "--json")) == {
        "switched_off": None,
        "parents": [],
        "failures": [],
        "fallback": None,
    }
    assert kcourse("kernel", "stop") == (0, "There was no parent process to stop.\n", "")
    assert parsed(kcourse("kernel", "stop", "--json")) == {"stopped": []}


def test_start_imports_the_libraries_for_the_kernels_to_come_and_starts_one_parent_only(
    runtime: Path, kcourse: Kcourse
) -> None:
    for _ in range(2):
        code, out, err = kcourse("kernel", "start")
        assert (code, err) == (0, "")
        assert "is ready: 0 kernels, 0 minutes old" in out
        assert ", ".join(kernel.LIBRARIES) in out
        assert out.count("\n") == 1
    (parent,) = parsed(kcourse("kernel", "status", "--json"))["parents"]
    with kernels.running(kernel.LIBRARIES) as running:
        assert running.is_warm
        assert psutil.Process(running.process.pid).ppid() == parent["pid"]
        assert running.value("'tensorflow' in __import__('sys').modules") == "True"


def test_status_tells_of_each_parent_and_its_kernels(runtime: Path, kcourse: Kcourse) -> None:
    with (
        kernels.running() as first,
        kernels.running() as second,
        kernels.running(("decimal", "fractions")) as other,
    ):
        (parent, another) = sorted(
            parsed(kcourse("kernel", "status", "--json"))["parents"],
            key=lambda parent: parent["libraries"],
        )
        assert (parent["libraries"], parent["ready"]) == (["decimal"], True)
        assert [one["pid"] for one in parent["kernels"]] == sorted(
            [first.process.pid, second.process.pid]
        )
        assert parent["memory"] > 0
        assert [one["pid"] for one in another["kernels"]] == [other.process.pid]
        code, out, err = kcourse("kernel", "status")
        assert (code, err) == (0, "")
        assert out.count("\n") == 2
        assert f"The parent process {parent['pid']} is ready: 2 kernels, " in out
        assert f"The parent process {another['pid']} is ready: 1 kernel, " in out


@pytest.mark.parametrize("as_json", [False, True])
def test_kernels_run_on_after_stop_and_the_next_one_starts_a_new_parent(
    as_json: bool, runtime: Path, kcourse: Kcourse
) -> None:
    with kernels.running() as running:
        running.run("x = 6")
        (parent,) = client.parents()
        if as_json:
            stopped = {"pid": parent["pid"], "killed": False, "kernels": 1}
            assert parsed(kcourse("kernel", "stop", "--json")) == {"stopped": [stopped]}
        else:
            assert kcourse("kernel", "stop") == (
                0,
                f"The parent process {parent['pid']} was stopped; 1 kernel of it runs on.\n",
                "",
            )
        assert client.parents() == []
        assert running.value("x * 7") == "42"
        with kernels.running() as later:
            assert later.is_warm
            (new,) = client.parents()
            assert new["pid"] != parent["pid"]
        running.restart()
        assert running.is_warm


def test_a_parent_that_hangs_is_told_and_stop_kills_it_but_not_its_kernels(
    runtime: Path, kcourse: Kcourse, impatient: None
) -> None:
    with kernels.running() as running:
        (parent,) = client.parents()
        pid = parent["pid"]
        os.kill(pid, signal.SIGSTOP)
        code, out, err = kcourse("kernel", "status")
        assert (code, err) == (0, "")
        assert out == f"The parent process {pid} is not ready yet, or does not answer.\n"
        (shown,) = parsed(kcourse("kernel", "status", "--json"))["parents"]
        assert (shown["pid"], shown["ready"]) == (pid, False)
        assert kcourse("kernel", "stop") == (
            0,
            f"The parent process {pid} did not answer and was killed.\n",
            "",
        )
        kernels.until(lambda: not psutil.pid_exists(pid))
        assert client.parents() == []
        assert running.value("6 * 7") == "42"


def test_start_replaces_a_parent_that_hangs(
    runtime: Path, kcourse: Kcourse, light: None, impatient: None
) -> None:
    assert kcourse("kernel", "start")[0] == 0
    (parent,) = client.parents()
    os.kill(parent["pid"], signal.SIGSTOP)
    code, out, err = kcourse("kernel", "start")
    assert (code, err) == (0, "")
    assert "is ready" in out
    (new,) = client.parents()
    assert new["ready"]
    assert new["pid"] != parent["pid"]


def test_status_tells_of_a_parent_whose_libraries_have_changed_and_start_replaces_it(
    runtime: Path, kcourse: Kcourse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "changing_library.py"
    library.touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    let_start_import((library.stem,), monkeypatch)
    assert kcourse("kernel", "start")[0] == 0
    (parent,) = client.parents()
    library.write_text("VERSION = 2\n", encoding="utf-8")
    code, out, err = kcourse("kernel", "status")
    assert (code, err) == (0, "")
    assert out.startswith(
        f"The parent process {parent['pid']} gives way to a new one, as {library} has changed: "
    )
    code, out, err = kcourse("kernel", "start")
    assert (code, err) == (0, "")
    assert "is ready" in out
    (new,) = client.parents()
    assert new["pid"] != parent["pid"]


def test_a_library_that_cannot_be_imported_is_told_in_one_line(
    runtime: Path, kcourse: Kcourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_start_import(("no_such_library",), monkeypatch)
    assert_one_line(kcourse("kernel", "start"), 1, "No module named 'no_such_library'")
    assert client.parents() == []


def test_a_parent_that_failed_is_told_until_another_one_starts(
    runtime: Path, kcourse: Kcourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = runtime.parent / "broken_library.py"
    broken.write_text("raise ImportError('it is broken')")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    let_start_import(("broken_library",), monkeypatch)
    assert_one_line(kcourse("kernel", "start"), 1, "it is broken")
    told = "A parent process failed: ImportError: it is broken."
    assert told in kcourse("kernel", "status")[1]
    assert parsed(kcourse("kernel", "status", "--json"))["failures"] == [told[25:-1]]

    broken.write_text("")

    assert "is ready" in kcourse("kernel", "start")[1]
    assert told not in kcourse("kernel", "status")[1]


def test_switched_off_is_told_and_nothing_is_started_but_what_runs_can_be_stopped(
    runtime: Path, kcourse: Kcourse, light: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KCOURSE_WARM", "0")
    off = "Warm kernels are off: KCOURSE_WARM=0 is set."
    assert kcourse("kernel", "status") == (0, f"{off}\n", "")
    status = parsed(kcourse("kernel", "status", "--json"))
    assert status == {
        "switched_off": "KCOURSE_WARM=0 is set",
        "parents": [],
        "failures": [],
        "fallback": None,
    }
    assert_one_line(
        kcourse("kernel", "start"), 1, "There are no warm kernels: KCOURSE_WARM=0 is set."
    )
    assert command.finding() == off
    assert kcourse("kernel", "stop") == (0, "There was no parent process to stop.\n", "")
    assert kernels.processes(runtime) == []

    monkeypatch.delenv("KCOURSE_WARM")
    assert kcourse("kernel", "start")[0] == 0
    (parent,) = client.parents()
    monkeypatch.setenv("KCOURSE_WARM", "0")
    code, out, _ = kcourse("kernel", "status")
    assert code == 0
    assert out.startswith(f"{off}\nThe parent process {parent['pid']} is ready")
    assert kcourse("kernel", "stop") == (
        0,
        f"The parent process {parent['pid']} was stopped.\n",
        "",
    )


@pytest.mark.parametrize("trouble", ["open to others", "a plain file"])
def test_a_private_directory_that_is_not_one_is_told_in_one_line(
    trouble: str, runtime: Path, kcourse: Kcourse
) -> None:
    folder = runtime / "kcourse"
    if trouble == "a plain file":
        folder.touch()
    else:
        folder.mkdir()
        folder.chmod(0o755)
    for what in ("start", "status", "stop"):
        assert_one_line(kcourse("kernel", what), 1, f"Kernels start the ordinary way: {folder} ")
    assert command.finding().startswith(f"Kernels start the ordinary way: {folder} ")
    if trouble == "a plain file":
        folder.unlink()  # nothing is started in it, so nothing is to be stopped
    else:
        assert list(folder.iterdir()) == []
        folder.rmdir()


def test_the_doctor_tells_of_parents_and_why_a_kernel_was_not_warm_until_one_is(
    runtime: Path, kcourse: Kcourse, tmp_path: Path
) -> None:
    def said() -> str:
        found = json.loads(kcourse("doctor", "--json")[1])
        (warm,) = (one for one in found if one["name"] == "warm kernel")
        assert warm["ok"]
        return str(warm["found"])

    assert said() == "No parent process runs; the first kernel starts one."
    own = tmp_path / "own"
    own.mkdir()
    (own / "matplotlibrc").touch()
    with kernels.running(cwd=str(own)) as running:
        assert not running.is_warm
        assert "started the ordinary way" in said()
        assert f"{own} has a matplotlibrc of its own." in said()
        text = kcourse("doctor")[1]
        (line,) = (one for one in text.splitlines() if "warm kernel" in one)
        assert line.startswith("ok ")
        assert f"{own} has a matplotlibrc of its own." in line
    with kernels.running() as running:
        assert running.is_warm
        assert "is ready: 1 kernel" in said()
        assert "ordinary way" not in said()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "A command is missing. `kcourse kernel --help` lists them."),
        (["statu"], "There is no command 'statu'. Did you mean 'status'?"),
        (["zzz"], "There is no command 'zzz'. `kcourse kernel --help` lists the commands."),
        (["status", "now"], "Got unexpected extra argument (now)"),
        (["start", "--json"], "No such option '--json'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], says: str, kcourse: Kcourse
) -> None:
    assert_one_line(kcourse("kernel", *arguments), 2, says)


def test_help_lists_the_three_commands_each_with_a_whole_sentence(kcourse: Kcourse) -> None:
    code, out, err = kcourse("kernel", "--help")
    assert (code, err) == (0, "")
    listed = out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == ["start", "status", "stop"]
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)
