"""What a run has graded so far, kept beside its reports, so that an interrupted run goes on.

The folder ``.kcourse`` in the folder of the reports holds ``run.json`` (what the grades depend on)
and one file for each notebook that was graded, named by its content: a notebook is graded once,
whoever handed it in. Files are written whole or not at all, by one process, which holds a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from kcourse.errors import GRADER_FAILED, KcourseError
from kcourse.files import write_text
from kcourse.grading.answers import LessonAnswers
from kcourse.grading.running import LessonResult

_FOLDER = ".kcourse"
_RUN = "run.json"
_RESULTS = "results"
_WRITTEN = "written.json"
_ASIDE = "reports"
_LOCK = "lock"


class Store:
    """The results of one run; made by ``opened``."""

    def __init__(self, folder: Path, run: Mapping[str, Any]) -> None:
        self._out = folder.parent
        self._written = folder / _WRITTEN
        self._aside = folder / _ASIDE
        self._folder = folder / _RESULTS
        #: Seed of the cases.
        self.seed = int(run["seed"])

    def get(self, given: LessonAnswers) -> LessonResult | None:
        """Return the result of a notebook that was graded before, else ``None``."""
        try:
            return LessonResult.from_plain(json.loads(self._path(given).read_bytes()))
        except (OSError, ValueError, TypeError, KeyError):
            return None  # it is graded anew

    def put(self, given: LessonAnswers, result: LessonResult) -> None:
        """Keep the result of a notebook."""
        with _writing(self._out, exit_code=GRADER_FAILED):
            write_text(self._path(given), json.dumps(result.as_plain()))

    def publish(self, texts: Mapping[str, str]) -> None:
        """Write the reports, and remove those that the run wrote before and does not write now.

        All are written aside first: a run that is killed leaves all of them or, as good as
        certainly, none.
        """
        with _writing(self._out, exit_code=GRADER_FAILED):
            shutil.rmtree(self._aside, ignore_errors=True)
            for name, text in texts.items():
                write_text(self._aside / name, text)
            known = {*_read(self._written), *texts}
            # Noted before it is done, so that the next time knows of it.
            write_text(self._written, json.dumps(dict.fromkeys(sorted(known))))
            for name in texts:
                (self._out / name).parent.mkdir(exist_ok=True)
                (self._aside / name).replace(self._out / name)
            for name in known - texts.keys():
                (self._out / name).unlink(missing_ok=True)
            shutil.rmtree(self._aside, ignore_errors=True)
            write_text(self._written, json.dumps(dict.fromkeys(texts)))

    def _path(self, given: LessonAnswers) -> Path:
        content = json.dumps(given.as_plain(), sort_keys=True).encode()
        return self._folder / f"{hashlib.sha256(content).hexdigest()}.json"


@contextlib.contextmanager
def opened(out: Path, run: Mapping[str, Any], *, seed: int | None, force: bool) -> Iterator[Store]:
    """Yield the store of the run whose reports go to ``out``; the folder is made if need be.

    Args:
        out: the folder of the reports. One that holds something else is refused.
        run: all that the grades depend on, but for the seed and what was handed in.
        seed: seed of the cases; ``None``: that of the run so far, or a fresh one.
        force: forget another run, and write into a folder that holds something else.

    Raises:
        KcourseError: the folder cannot be used; the message says why and what to do.
    """
    with contextlib.ExitStack() as stack:
        with _writing(out):
            folder = out / _FOLDER
            out.mkdir(parents=True, exist_ok=True)
            others = any(path.name != _FOLDER for path in out.iterdir())
            if others and not _read(folder / _RUN) and not force:
                raise KcourseError(
                    f"--out {out} is not empty. Name a new folder, or write into it with --force."
                )
            folder.mkdir(exist_ok=True)
            _take(stack.enter_context((folder / _LOCK).open("w")), out)
            before = {} if force else _read(folder / _RUN)
            store = Store(folder, _begin(folder, out, before, run, seed))
        yield store


@contextlib.contextmanager
def _writing(out: Path, exit_code: int = 2) -> Iterator[None]:
    """Make it one line for the user if the folder cannot be written to."""
    try:
        yield
    except OSError as error:
        raise KcourseError(
            f"Reports cannot be written to {out}: {error.strerror}.", exit_code=exit_code
        ) from None


def _begin(
    folder: Path,
    out: Path,
    before: Mapping[str, Any],
    run: Mapping[str, Any],
    seed: int | None,
) -> Mapping[str, Any]:
    """Go on with the run that there was ``before``, or begin one; return it."""
    if isinstance(before.get("seed"), int):
        now = {**run, "seed": before["seed"] if seed is None else seed}
        differing = [name for name in now if now[name] != before.get(name)]
        if not differing:
            return now
        name = differing[0]
        was = "" if name == "course" else f" ({before.get(name)}, now {now[name]})"
        raise KcourseError(
            f"--out {out} holds the reports of a run with another {name}{was}. "
            "Name a new folder, or grade all anew with --force."
        )
    shutil.rmtree(folder / _RESULTS, ignore_errors=True)
    begun = {**run, "seed": secrets.randbelow(2**32) if seed is None else seed}
    write_text(folder / _RUN, json.dumps(begun, indent=2) + "\n")
    return begun


def _read(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_bytes())
        if isinstance(found, dict):
            return found
    return {}


def _take(lock: IO[str], out: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise KcourseError(
            f"Another `kcourse grade` writes to {out} at this moment. Wait for it, or name "
            "another folder."
        ) from None
