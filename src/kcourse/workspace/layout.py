"""Where things are in a workspace, and how its notebooks are read and written."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from kcourse import __version__, lessons
from kcourse.errors import KcourseError
from kcourse.files import write_text
from kcourse.journal import MARKER, require_workspace
from kcourse.lessons import Lesson

FORMAT = 1


@dataclass(frozen=True)
class Workspace:
    """The folder of one learner."""

    folder: Path

    @property
    def private(self) -> Path:
        """The folder for what the learner need not see."""
        return self.folder / MARKER

    @property
    def state_file(self) -> Path:
        """The file that holds the workspace's format and the course's version."""
        return self.private / "workspace.json"

    @property
    def start_page(self) -> Path:
        """The notebook that JupyterLab opens first."""
        return self.folder / "start.ipynb"

    def copy_of(self, key: str) -> Path:
        """Return the learner's copy of the lesson ``NN_chapter/NN_topic``."""
        return self.folder / f"{key}.ipynb"

    def base_of(self, key: str) -> Path:
        """Return the lesson as last delivered."""
        return self.private / "base" / f"{key}.ipynb"

    def delivered(self) -> dict[str, str]:
        """Return the keys of the lessons delivered so far, by their names without numbers."""
        base = self.private / "base"
        paths = sorted(base.glob("[0-9][0-9]_*/[0-9][0-9]_*.ipynb"))
        keys = (path.relative_to(base).with_suffix("").as_posix() for path in paths)
        return {unnumbered(key): key for key in keys}

    def key_of(self, lesson: Lesson) -> str | None:
        """Return the key under which a lesson was delivered, also if its number changed since."""
        return self.delivered().get(unnumbered(lesson.key))

    def outdated(self) -> Iterator[Lesson]:
        """Yield the lessons that the installed course has in another state than delivered."""
        delivered = self.delivered()
        for lesson in lessons.all_lessons():
            key = delivered.get(unnumbered(lesson.key))
            base, installed = self.base_of(lesson.key), lesson.path.read_bytes()
            if key != lesson.key or base.read_bytes() != installed:
                yield lesson

    def write_state(self) -> None:
        """Record that the workspace is at the installed version of the course."""
        state = {"format": FORMAT, "course_version": __version__}
        write_text(self.state_file, json.dumps(state, indent=2) + "\n")

    def keep(self, name: str, text: str) -> Path:
        """Write ``text`` into a new folder of the history and return the file's path."""
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        path = self.private / "history" / moment / name
        number = 1
        while path.exists():
            number += 1
            path = self.private / "history" / f"{moment}-{number}" / name
        write_text(path, text)
        return path


def unnumbered(key: str) -> str:
    """Return ``chapter/topic`` for ``NN_chapter/NN_topic``: a lesson's name for good."""
    return "/".join(part[3:] for part in key.split("/"))


def locate(folder: Path | None) -> Workspace:
    """Return the workspace that holds ``folder`` (default: the current folder)."""
    return Workspace(require_workspace(folder))


def read_text(path: Path) -> str:
    """Return a file's text with its line ends as they are."""
    return path.read_bytes().decode("utf-8")


def read_notebook(path: Path) -> NotebookNode:
    """Return the notebook in ``path``; if that is none, ``KcourseError`` says so in one line."""
    try:
        text = read_text(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # missing cell ids are put right by who needs them
            notebook = nbformat.reads(text, as_version=4)
            nbformat.validate(with_ids(notebook))
    except FileNotFoundError:
        raise KcourseError(f"{path} is missing.") from None
    except OSError as error:
        raise KcourseError(f"{path} cannot be read: {error.strerror}.") from error
    except Exception as error:  # nbformat raises many kinds on text that is no notebook
        raise KcourseError(f"{path} is not a readable notebook ({_first_line(error)}).") from error
    return notebook


def notebook_text(notebook: NotebookNode) -> str:
    """Return a notebook as text, after checking that it is a valid one."""
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook, version=nbformat.NO_CONVERT)) + "\n"


def with_ids(notebook: NotebookNode) -> NotebookNode:
    """Return a copy in format 4.5, in which each cell has an id of its own."""
    result = nbformat.from_dict(notebook)
    result.nbformat_minor = max(result.nbformat_minor, 5)
    taken: set[str] = set()
    for cell in result.cells:
        if not cell.get("id") or cell["id"] in taken:
            cell["id"] = new_id(taken)
        taken.add(cell["id"])
    return result


def new_id(taken: set[str]) -> str:
    """Return a cell id that is not taken yet."""
    while (fresh := str(nbformat.v4.new_raw_cell()["id"])) in taken:
        pass
    return fresh


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0].rstrip(".:") if lines else type(error).__name__
    return text if len(text) <= 100 else f"{text[:99]}…"
