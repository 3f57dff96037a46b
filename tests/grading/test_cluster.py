"""Grading on a Dask cluster: a real scheduler and real workers on loopback, and what may go wrong.

The scheduler is one of this file's own; its workers hold the course itself.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import psutil
import pytest
from command_line import kcourse

from kcourse import exercises, lessons
from kcourse.errors import KcourseError
from kcourse.grading import canaries, cluster, remote
from kcourse.grading.answers import LessonAnswers
from kcourse.grading.course import Course
from kcourse.grading.session import WorkerFailed
from kcourse.grading.showing import DOUBT

SECONDS = 60
LESSON = lessons.all_lessons()[0]
GIVEN = LessonAnswers(LESSON)


def until(done: Callable[[], Any]) -> Any:
    """Wait for something to be true, and return it."""
    deadline = time.monotonic() + SECONDS
    while not (found := done()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


class Dask:
    """A scheduler and workers, in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(file))
        until(lambda: file.exists() and file.read_text(encoding="utf-8").endswith("}"))
        self.address: str = json.loads(file.read_text(encoding="utf-8"))["address"]

    def worker(self, *options: str) -> psutil.Process:
        """Start a worker."""
        folder = str(self._folder / f"worker-{len(self._processes)}")
        return self._start("worker", self.address, "--local-directory", folder, *options)

    def _start(self, *arguments: str) -> psutil.Process:
        command = [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1"]
        with (self._folder / f"log-{len(self._processes)}").open("wb") as log:
            process = subprocess.Popen([*command, "--no-dashboard"], stdout=log, stderr=log)
        self._processes.append(process)
        return psutil.Process(process.pid)

    def close(self) -> None:
        """Kill all; nothing of theirs may be left."""
        running = [process for process in self._processes if process.poll() is None]
        below = [one for process in running for one in tree(psutil.Process(process.pid))]
        for process in self._processes:
            process.kill()
            process.wait()
        psutil.wait_procs(below, timeout=SECONDS)
        assert not [one for one in below if alive(one)]


def tree(process: psutil.Process) -> list[psutil.Process]:
    """Return all processes below one."""
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def graders(process: psutil.Process) -> list[psutil.Process]:
    """Return the processes that run answers for a Dask worker: children of its server."""
    found = []
    for one in tree(process):
        try:
            if "kcourse.grading.server" in one.parent().cmdline():
                found.append(one)
        except (psutil.NoSuchProcess, AttributeError):
            continue
    return found


def alive(process: psutil.Process) -> bool:
    """Whether a process runs."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    (tmp_path / "dask").mkdir()
    started = Dask(tmp_path / "dask")
    yield started
    started.close()


def homework(folder: Path) -> Path:
    """Make a class: solved, untouched, nearly right, one that crashes; each takes its time."""
    solved = lessons.fill_solutions(LESSON.notebook)
    nearly = nbformat.from_dict(LESSON.notebook)
    for cell in nearly.cells:
        if name := lessons.exercise_name(cell):
            cell.source = lessons.marked(name, exercises.get(name).near_misses[0].code)
    cases = [solved, LESSON.notebook, nearly] * 3
    for number, case in enumerate(cases):
        notebook = nbformat.from_dict(case)
        own = f"import os, time\ntime.sleep(1)\nnumber = {number}"
        own += "\nos._exit(3)" if number == 4 else ""
        notebook.cells.insert(4, nbformat.v4.new_code_cell(own))
        (folder / f"learner-{number}").mkdir(parents=True)
        nbformat.write(notebook, folder / f"learner-{number}" / "homework.ipynb")
    return folder


@contextmanager
def command(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command line in a process of its own."""
    start = [sys.executable, "-c", "from kcourse.cli import main; main()", "grade", *arguments]
    process = subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def client(task: Future[str] | None = None) -> Any:
    """Return what looks like a client of a cluster that has one task."""
    executor = SimpleNamespace(submit=lambda *_: task)
    return SimpleNamespace(get_executor=lambda **_: executor)


def results(out: Path) -> int:
    """Return how many notebooks are graded so far."""
    return len(list((out / ".kcourse" / "results").glob("*.json")))


def reports(out: Path) -> dict[str, bytes]:
    """Return all the reports by name."""
    paths = [path for path in out.rglob("*") if path.is_file()]
    named = {str(path.relative_to(out)): path.read_bytes() for path in paths}
    return {name: data for name, data in named.items() if not name.startswith(".kcourse")}


def test_the_report_is_the_same_although_a_worker_is_killed_and_the_run_is_interrupted(
    dask: Dask,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work = str(homework(tmp_path / "class"))
    out = tmp_path / "cluster"
    doomed = dask.worker("--no-nanny", "--nthreads", "1")
    other = dask.worker("--nthreads", "2")
    arguments = [work, "--seed", "3", "--out", str(out), "--dask", dask.address]

    with command(*arguments) as first:
        until(lambda: first.poll() is not None or (results(out) and graders(doomed)))
        below = tree(doomed)
        doomed.kill()
        until(lambda: not any(alive(process) for process in below))
        known = results(out)
        until(lambda: first.poll() is not None or results(out) > known)
        first.send_signal(signal.SIGTERM)
        said = first.communicate(timeout=SECONDS)
    assert (first.returncode, said) == (130, ("", "\nkcourse: stopped.\n"))
    until(lambda: not graders(other))
    assert known < results(out) < 9

    with command(*arguments) as second:
        shown, said_at_last = second.communicate(timeout=2 * SECONDS)
    assert (second.returncode, said_at_last) == (0, "")
    assert "learner-8" in shown

    here = tmp_path / "here"
    local = ["grade", work, "--seed", "3", "--out", str(here), "--jobs", "2"]
    assert kcourse(local, monkeypatch, capsys)[0] == 0
    assert reports(out) == reports(here)
    document = json.loads((here / "report.json").read_text(encoding="utf-8"))
    statuses = [
        {exercise["status"] for exercise in entry["exercises"]} for entry in document["submissions"]
    ]
    assert {"correct"} in statuses
    assert {"not attempted"} in statuses


def test_a_worker_with_another_course_is_refused_before_it_gets_an_answer(
    dask: Dask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = dask.worker("--nthreads", "1")
    mine = Course.installed().fingerprint()
    monkeypatch.setattr(Course, "fingerprint", lambda self: "another-course")
    arguments = ["grade", str(LESSON.path), "--dask", dask.address]
    code, out, err = kcourse(arguments, monkeypatch, capsys)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "The Dask worker tcp://127.0.0.1:" in err
    assert f"Its course is {mine}, but another-course where the report is made" in err
    assert not graders(worker)


def test_without_a_worker_the_wait_ends(
    dask: Dask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 1.0)
    arguments = ["grade", str(LESSON.path), "--dask", dask.address]
    code, out, err = kcourse(arguments, monkeypatch, capsys)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "has had no worker for 1 s" in err

    with cluster.connected(dask.address) as real, cluster._Cluster(real, {}) as workers:
        promise = workers.submit(GIVEN)
        with pytest.raises(KcourseError, match="has had no worker for 1 s"):
            promise.result(SECONDS)


def test_a_scheduler_that_is_lost_ends_the_run(dask: Dask) -> None:
    with cluster.connected(dask.address) as real, cluster._Cluster(real, {}) as workers:
        promise = workers.submit(GIVEN)
        dask.scheduler.kill()
        with pytest.raises(KcourseError, match="connection to the Dask scheduler is lost"):
            promise.result(SECONDS)


@pytest.mark.parametrize(
    "address",
    ["", "10.0.0.5", "tcp://10.0.0.5", "tcp://h:x", "tcp://h:0", "nfs://h:1", ":1", "a\x1b:1"],
)
def test_an_address_that_is_none_is_refused_at_once(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["grade", str(LESSON.path), "--dask", address]
    code, out, err = kcourse(arguments, monkeypatch, capsys)
    assert (code, out) == (2, "")
    assert err.endswith(f"such as tcp://10.0.0.5:8786; got {address!r}.\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(("scheme", "listens"), [("tcp", False), ("tcp", True), ("tls", True)])
def test_a_scheduler_that_does_not_answer_is_one_line(
    scheme: str,
    listens: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cluster, "CONNECT", 1.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        address = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
        arguments = ["grade", str(LESSON.path), "--dask", address, "--out", str(tmp_path / "out")]
        code, out, err = kcourse(arguments, monkeypatch, capsys)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert f"There is no Dask scheduler at {address}: " in err
    assert not (tmp_path / "out").exists()


def test_without_dask_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, out, err = kcourse(
        ["grade", str(LESSON.path), "--dask", "127.0.0.1:1"], monkeypatch, capsys
    )
    assert (code, out) == (2, "")
    assert err == "kcourse: --dask needs Dask: pip install 'kcourse[dask]'.\n"


def test_jobs_are_the_clusters_own_matter(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["grade", str(LESSON.path), "--dask", "127.0.0.1:1", "--jobs", "4"]
    code, _, err = kcourse(arguments, monkeypatch, capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "--jobs is for this machine" in err


def test_a_worker_without_a_sandbox_gets_no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def prove(*_: object) -> canaries.Proof:
        raise KcourseError("Answers cannot be confined here.", exit_code=3)

    monkeypatch.setattr(canaries, "prove", prove)
    grader = remote._Grader(Course.installed(), {"kcourse": "1"})
    monkeypatch.setattr(remote, "_server", lambda: None)
    monkeypatch.setattr(remote, "_grader", lambda: grader)
    asked = {"about": {"kcourse": "1"}, "id": "a run", "limits": {}}
    graded: list[object] = []
    worker: Any = SimpleNamespace(address="tcp://worker:1")
    reply = remote._reply(worker, json.dumps(asked), lambda *given: graded.append(given) or {})
    assert not graded
    with pytest.raises(KcourseError, match=r"worker tcp://worker:1 cannot be used\. .* confined"):
        cluster._Cluster(client(), {})._heard(reply)


def test_a_notebook_with_which_many_workers_end_is_the_graders_error() -> None:
    from distributed.scheduler import KilledWorker

    task: Future[str] = Future()
    task.set_exception(KilledWorker("grade", Any, 3))
    result = cluster._Cluster(client(task), {}).submit(GIVEN).result(0)
    assert isinstance(result, WorkerFailed)
    assert str(result) == "Too many Dask workers ended while they had it: 4."


def test_sandboxes_that_differ_are_told_apart() -> None:
    layers = ("limits", "Landlock 6", "seccomp")
    assert cluster.together({layers}) == list(layers)
    doubt = f"{DOUBT}an answer can connect"
    assert cluster.together({layers, ("limits", "seccomp", doubt)}) == [
        "limits",
        "Landlock 6 (on some workers)",
        "seccomp",
        doubt,
    ]
    assert cluster.together(set()) == []
