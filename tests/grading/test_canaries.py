"""What no answer may do is tried for real before each run, and what succeeds is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kcourse.errors import KcourseError
from kcourse.grading import canaries
from kcourse.grading.limits import Limits, environment
from kcourse.grading.server import Server

UNCONFINED = Limits(start=120, sandbox="off")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with Server(["numpy"], environment(folder), patience=120) as forking:
        yield forking


def test_in_the_sandbox_nothing_succeeds(server: Server) -> None:
    proof = canaries.prove(Limits(start=120), server)
    assert proof.doubts == []
    assert proof.shown() == list(proof.layers)
    assert {"limits", "seccomp"} <= set(proof.layers)


def test_without_it_the_canary_sings(server: Server) -> None:
    # That it can do all this shows that the test above is one that could fail.
    doubts = canaries.prove(UNCONFINED, server).doubts
    for deed in (
        *("read a file of the grader", "read a solution", "read the grader's environment"),
        *("write outside its folder", "remove a file of the grader", "connect"),
        *("make a socket for datagrams", "fork", "start a program", "signal the grader"),
        "change the mode or the time of a file of the grader",
    ):
        assert f"an answer can {deed}" in doubts


def test_what_succeeds_although_the_sandbox_is_required_ends_the_run(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canaries, "_try", lambda *_: ["connect", "fork"])
    with pytest.raises(KcourseError, match="does not hold: an answer can connect, fork") as ended:
        canaries.prove(Limits(start=120), server)
    assert ended.value.exit_code == 3
    proof = canaries.prove(Limits(start=120, sandbox="best-effort"), server)
    assert proof.shown()[-2:] == [
        "best effort: an answer can connect",
        "best effort: an answer can fork",
    ]


def test_a_worker_that_cannot_be_had_is_exit_code_3(tmp_path: Path) -> None:
    with (
        Server(["no_such_library"], environment(tmp_path), patience=60) as broken,
        pytest.raises(KcourseError, match="No module named 'no_such_library'") as ended,
    ):
        canaries.prove(Limits(), broken)
    assert ended.value.exit_code == 3


def test_a_canary_that_dies_is_no_proof(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for cell, says in (
        ("import os\nos._exit(0)", "was lost: The process ended by itself"),
        ("canary = 7", "did not run: TypeError"),
        ("def canary(**inputs):\n    return 'all is well'", "did not run"),
    ):
        monkeypatch.setattr(canaries, "_CELL", cell)
        with pytest.raises(KcourseError, match=says) as ended:
            canaries.prove(Limits(start=120), server)
        assert ended.value.exit_code == 3


def test_nothing_is_left_of_the_test(server: Server) -> None:
    canaries.prove(Limits(start=120), server)
    assert not [path for path in server.folder.iterdir() if path.name.startswith("kcourse-")]
