"""A folder that was built takes the place of an older one: the two are never mixed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from kcourse.errors import KcourseError


def refuse_a_checkout(folder: Path) -> None:
    """A folder is replaced whole: the history in a ``.git`` would be lost with it."""
    if (folder / ".git").exists():
        raise KcourseError(f"{folder} is a git checkout; name another folder.")


def replace(out: Path, made: Path) -> None:
    """Put a copy of ``made`` where ``out`` was; if that fails, ``out`` is what it was."""
    beside = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
        new, old = beside / "new", beside / "old"
        shutil.copytree(made, new)
        new.chmod(0o755)  # a temporary folder is for its owner alone
        if out.exists():
            out.rename(old)
        try:
            new.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
    except OSError as error:
        # A copy of many files tells of each that failed: the last is enough.
        why = error.args[0][-1][-1] if isinstance(error, shutil.Error) else error.strerror
        kept = f" What was there is in {old}." if beside and old.exists() else ""
        raise KcourseError(f"{out} cannot be written: {why}.{kept}") from None
    finally:
        if beside and (out.exists() or not old.exists()):
            shutil.rmtree(beside, ignore_errors=True)
