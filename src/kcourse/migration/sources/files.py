"""Find the files to audit, and decode them."""

from __future__ import annotations

import io
import os
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from kcourse.errors import KcourseError

Kind = Literal["module", "notebook", "text"]

#: What is read, by the end of the file's name.
KINDS: dict[str, Kind] = {".py": "module", ".ipynb": "notebook", ".md": "text", ".txt": "text"}
_SUFFIXES = f"{', '.join([*KINDS][:-1])} or {[*KINDS][-1]}"

#: Folders of other people's code, which nobody means when they name the folder above.
_LEFT_OUT = {"__pycache__", "node_modules", "site-packages"}


class Unreadable(KcourseError):
    """One file cannot be read; the others can."""


def find_files(paths: Iterable[Path | str]) -> Iterator[Path]:
    """Yield each file to audit once: those named, and those in the folders named.

    A folder that cannot be listed is yielded too, for ``read`` to say so.
    """
    seen: set[str] = set()
    for path in map(Path, paths):
        found = False
        for file in _files_of(path):
            found = True
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                yield file
        if not found:
            raise KcourseError(
                f"{path}: there is no {_SUFFIXES} file in this folder; name one that has some"
            )


def _files_of(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from _walk(path)
    elif not path.exists():
        raise KcourseError(f"{path}: no such file or folder; check the spelling of the path")
    elif not path.is_file():
        raise KcourseError(f"{path}: neither a file nor a folder; name a {_SUFFIXES} file")
    elif kind_of(path) is None:
        raise KcourseError(wrong_kind(path))
    else:
        yield path


def kind_of(path: Path) -> Kind | None:
    """Return what a file is, ``None`` if it is not read."""
    return KINDS.get(path.suffix.lower())


def wrong_kind(path: Path) -> str:
    """Say that a file is not read."""
    return f"{path}: cannot audit this kind of file; name a {_SUFFIXES} file"


def _walk(top: Path) -> Iterator[Path]:
    """Yield the files in a folder, and the folders in it that cannot be listed."""
    closed: list[Path] = []
    walk = os.walk(top, onerror=lambda error: closed.append(Path(error.filename)))
    for folder, names, files in walk:
        names[:] = sorted(name for name in names if not _is_left_out(Path(folder, name)))
        for name in sorted(files):
            file = Path(folder, name)
            if not name.startswith(".") and kind_of(file) and file.is_file():
                yield file
    yield from closed


def _is_left_out(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in _LEFT_OUT:
        return True
    return os.path.exists(folder / "pyvenv.cfg")  # noqa: PTH110, Path.exists() may raise


def decode(path: Path, data: bytes) -> tuple[str, str]:
    """Return the text of a file's bytes, and the encoding that it is in."""
    try:
        if kind_of(path) == "module":
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        else:
            encoding = "utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8"
        return data.decode(encoding), encoding
    except (SyntaxError, LookupError, ValueError) as error:
        # A codec's message may quote the bytes; which encoding was tried is all that helps.
        reason = error.msg if isinstance(error, SyntaxError) else ""
        known = re.search(r"unknown encoding: [\w.-]+", reason or "")
        said = known.group() if known else "not in UTF-8, or in the encoding that it declares"
        raise Unreadable(f"{path}: cannot be decoded ({said}); save it as UTF-8") from None
