"""Run the real ``kcourse grade`` in a process of its own, and look at what it leaves behind."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil

from kcourse import lessons

SECONDS = 60
REAL = (str(Path(sys.executable).with_name("kcourse")),)


def with_course(name: str, folder: Path) -> tuple[str, ...]:
    """Return the real command, but for its course: that of a module here, made in ``folder``."""
    return (sys.executable, str(Path(__file__).with_name("sample_grade.py")), name, str(folder))


@contextmanager
def open_folder() -> Iterator[Path]:
    """Yield a new folder that any user may enter and write to: nothing but a sandbox protects it.

    Pytest's own folders may be entered by this user alone, which would protect them as well.
    """
    folder = Path(tempfile.mkdtemp(prefix="kcourse-attacked-"))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)  # however deep it is


@dataclass
class Run:
    """One run of the command. ``home`` is its folder for temporary files, which no other has."""

    command: Sequence[str]
    home: Path
    environment: Mapping[str, str] | None = None
    before: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        self.home.mkdir()
        self.home.chmod(0o777)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start the command."""
        return subprocess.Popen(
            [*self.command, *map(str, arguments)],
            env={**os.environ, **(self.environment or {}), "TMPDIR": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=self.before,
        )

    def finish(self, *arguments: object, seconds: float = 540) -> tuple[int, str, str]:
        """Run the command to its end; return its exit code and what it printed."""
        with self.start(*arguments) as process:
            try:
                out, err = process.communicate(timeout=seconds)
            finally:
                process.kill()
        return process.returncode, out, err

    def processes(self) -> list[psutil.Process]:
        """Return the server and the workers of this run that are alive."""
        found = []
        for process in psutil.process_iter():
            try:
                known = [*process.cmdline(), process.cwd()]
                if process.status() != psutil.STATUS_ZOMBIE:
                    found += [process for text in known if f"{self.home}/" in text][:1]
            except psutil.Error:
                continue
        return found

    def nothing_is_left(self) -> bool:
        """Whether all processes end, and all temporary files go, within a minute."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if not self.processes() and not any(self.home.iterdir()):
                return True
            time.sleep(0.1)
        return False


def state(*places: Path) -> dict[str, tuple[Any, ...]]:
    """Return what can be changed of all files and folders below ``places``."""
    found: dict[str, tuple[Any, ...]] = {}
    waiting = list(places)
    while waiting:
        path = waiting.pop()
        status = path.lstat()
        content = ""
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_dir():
            waiting += path.iterdir()
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        owner = (status.st_mode, status.st_uid, status.st_gid, status.st_nlink)
        found[str(path)] = (*owner, status.st_mtime_ns, content)
    # Python's own, written by whoever imports first:
    caches = {name for name in found if "__pycache__" in name}
    caches |= {str(Path(name).parent) for name in caches}
    return {name: what for name, what in found.items() if name not in caches}


def entries(out: Path) -> dict[str, Any]:
    """Return what ``report.json`` says of each submission."""
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return {entry["id"]: entry for entry in report["submissions"]}


def statuses(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the status of each exercise."""
    return {one["name"]: one["status"] for one in entry["exercises"]}


def message(entry: Mapping[str, Any], name: str) -> str:
    """Return the message on one exercise."""
    return next(str(one["message"]) for one in entry["exercises"] if one["name"] == name)


def lesson(topic: str) -> lessons.Lesson:
    """Return a lesson of the installed course."""
    return next(one for one in lessons.all_lessons() if one.topic == topic)


def answered(
    topic: str, answers: Mapping[str, str], *, solved: Sequence[str], own: str = ""
) -> str:
    """Return a notebook with ``answers``, the course's own to ``solved``, and stubs elsewhere.

    ``own`` is the source of a cell that the learner added after the setup cell.
    """
    notebook = nbformat.from_dict(lesson(topic).notebook)
    right = lessons.fill_solutions(notebook)
    for cell, filled in zip(notebook.cells, right.cells, strict=True):
        name = lessons.exercise_name(cell)
        if name in solved:
            cell.source = filled.source
        if name in answers:
            cell.source = lessons.marked(name, answers[name])
    if own:
        place = next(n for n, cell in enumerate(notebook.cells) if cell.id == "setup") + 1
        notebook.cells.insert(place, nbformat.v4.new_code_cell(own))
    return nbformat.writes(notebook)
