"""`tools/environment.sh` makes `.venv` once, of this folder, this lock and the Python asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Makes environments that are copies of itself, notes what pip is asked for, and is else real.
PYTHON = """#!/bin/sh
case "$*" in
    "-m venv "*)
        mkdir -p .venv/bin
        cp "$0" .venv/bin/python
        echo "command = $0 -m venv $(pwd -P)/.venv" >.venv/pyvenv.cfg ;;
    "-m pip "*) echo "$*" >>.venv/pip ;;
    *) exec {python} "$@" ;;
esac
"""
#: Says that it is Python 3.12 or, where these tests run on that, 3.13.
OTHER = PYTHON.replace(
    "*) exec", """*"print(sys.version_info"*) echo "(3, {minor})" ;;\n    *) exec"""
).replace("{minor}", "13" if sys.version_info[:2] == (3, 12) else "12")


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.format(python=sys.executable))
    path.chmod(0o755)
    return path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "check out"
    (folder / "tools").mkdir(parents=True)
    for name in ("tools/environment.sh", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    program(tmp_path / "bin/python3", PYTHON)
    return folder


def make(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{checkout.parent / 'bin'}:/usr/bin:/bin"
    return subprocess.run(
        ["tools/environment.sh"],
        cwd=checkout,
        env={**os.environ, "PYTHON": "", "PATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_made_once(checkout: Path) -> None:
    done = make(checkout)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Making the environment .venv with Python 3.1")
    again = make(checkout)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_everything_is_installed_by_hash_and_built_by_what_the_lock_has(checkout: Path) -> None:
    make(checkout)
    first, packages, course = (checkout / ".venv/pip").read_text().splitlines()
    for asked, lock in ((first, ".venv/build.lock"), (packages, "requirements.lock")):
        assert {"--require-hashes", "--no-build-isolation", "--no-deps"} <= set(asked.split())
        assert asked.endswith(f"-r {lock}")
    assert {"--no-index", "--no-build-isolation", "--no-deps"} <= set(course.split())
    builders = (checkout / ".venv/build.lock").read_text()
    for line in builders.splitlines():
        assert line.startswith(("setuptools==", "wheel==", "    --hash=sha256:")), line
    assert builders.count("==") == 2


def test_a_changed_lock_updates_it(checkout: Path) -> None:
    make(checkout)
    (checkout / ".venv/kept").touch()
    with (checkout / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert "Making the environment" in make(checkout).stdout
    assert (checkout / ".venv/kept").exists()


@pytest.mark.parametrize("put", [shutil.copytree, shutil.move])
def test_in_another_folder_it_is_made_anew(checkout: Path, put: object) -> None:
    make(checkout)
    elsewhere = checkout.with_name("elsewhere")
    assert callable(put)
    put(checkout, elsewhere)
    assert "Making the environment" in make(elsewhere).stdout
    assert f"{elsewhere}/.venv" in (elsewhere / ".venv/pyvenv.cfg").read_text()
    assert make(elsewhere).stdout == ""


def test_of_another_python_it_is_made_anew(checkout: Path) -> None:
    make(checkout)
    other = program(checkout.parent / "other/python3", OTHER)
    assert "Making the environment" in make(checkout, PYTHON=str(other)).stdout
    assert str(other) in (checkout / ".venv/pyvenv.cfg").read_text()
    assert make(checkout, PYTHON=str(other)).stdout == ""
    assert make(checkout).stdout == ""


def test_a_python_that_is_not_there_is_one_line(checkout: Path) -> None:
    make(checkout)
    done = make(checkout, PYTHON="/nowhere/python3.12")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "Python 3.11, 3.12 or 3.13 is needed, found no /nowhere/python3.12." in done.stderr
    assert make(checkout).stdout == ""
