"""A private directory for the sockets of each test, and nothing left of it afterwards."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import kernels
import psutil
import pytest

from kcourse.kernel import client


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip these tests, and say so, where there are no warm kernels to test."""
    if not sys.platform.startswith("linux"):
        here = Path(__file__).parent
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="kernels are forked on Linux only"))


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give this test a directory of its own for sockets; stop the parents in it at the end."""
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.delenv("KCOURSE_WARM", raising=False)
    yield folder
    for parent in client.parents():
        client.stop(parent["name"])
    _, alive = psutil.wait_procs(kernels.processes(folder), timeout=10)
    for process in alive:
        process.kill()
    assert not alive, f"processes were left: {alive}"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder in which parents and kernels of this test find modules."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for all that kernels leave: connection files and temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)  # forget the one that was found before
    return folder
