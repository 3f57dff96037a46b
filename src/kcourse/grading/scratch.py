"""A worker's scratch folder, as the trusted process handles it: nothing in it is believed.

All of it is the learner's to shape: a million files, folders that cannot be listed or are nested
without end, links that lead elsewhere. So it is walked through open folders, no link is followed,
and everything has a cap.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

MAX_BYTES = 512 << 20
#: What one file may hold: a limit of the process.
MAX_FILE = 64 << 20
MAX_FILES = 20_000
#: What an answer may leave for the verifier.
MAX_LEFT_BYTES = 64 << 20
MAX_LEFT_FILES = 200
MAX_DEPTH = 16

PREFIX = "kcourse-worker-"


class Unfit(Exception):
    """What is in the folder cannot be used; the message says why."""


class Scratch:
    """A new folder in ``parent`` (default: where temporary files go); ``remove`` it after use."""

    def __init__(self, parent: Path | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._given = 0

    def overfull(self, process: int) -> str | None:
        """Return what is too much in the folder, or ``None``.

        Files that ``process`` holds open, or in memory, are counted although they have no name any
        more; the latter, whose size cannot be seen, as if they were as large as may be.
        """
        files = used = 0
        try:
            for status in _everything(self.path):
                files += 1
                used += status.st_blocks * 512
                if files > MAX_FILES:
                    return f"It made more than {MAX_FILES} files."
                if used > MAX_BYTES:
                    break
        except OSError as error:  # nothing but mischief makes such a folder
            return f"It made a folder that cannot be read: {error.strerror}."
        used += sum(status.st_blocks * 512 for status in _nameless(process))
        used += MAX_FILE * len(self._mapped(process))
        return f"It wrote more than {MAX_BYTES >> 20} MiB to files." if used > MAX_BYTES else None

    def _mapped(self, process: int) -> set[bytes]:
        """Return the numbers of the removed files of this folder that a process has in memory."""
        try:
            lines = Path(f"/proc/{process}/maps").read_bytes().splitlines()
        except OSError:
            return set()
        place = b" " + os.fsencode(self.path) + b"/"
        return {line.split()[4] for line in lines if line.endswith(b"(deleted)") and place in line}

    def take(self, name: str) -> dict[str, bytes]:
        """Return the contents of all files below the folder ``name``, by their path in it.

        Raises ``Unfit`` for what is neither file nor folder, and for what is too much.
        """
        taken: dict[str, bytes] = {}
        with _opened(self.path, None) as here, _opened(name, here) as folder:
            _take(folder, "", taken, 0)
        return taken

    def put(self, files: Mapping[str, bytes]) -> str:
        """Write files, as ``take`` returned them, to a new folder; return its name.

        Raises ``Unfit`` if something else is in their place.
        """
        self._given += 1
        name = f"given-{self._given}"
        with _opened(self.path, None) as here, _made(name, here) as folder:
            try:
                for path, content in sorted(files.items()):
                    _put(folder, path.split("/"), content)
            except OSError as error:
                raise Unfit(f"Its files cannot be handed over: {error.strerror}.") from None
        return name

    def remove(self) -> None:
        """Remove the folder, whatever was made of it."""
        with contextlib.suppress(OSError, RecursionError):
            shutil.rmtree(self.path)
        if self.path.exists():  # nested too deep, or without the right to list it
            for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
                subprocess.run([*command, "--", self.path], stderr=subprocess.DEVNULL)


def _everything(folder: Path) -> Iterator[os.stat_result]:
    """Yield the status of all that is below a folder; stops at what cannot be listed."""
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    yield entry.stat(follow_symlinks=False)


def _nameless(process: int) -> Iterator[os.stat_result]:
    """Yield the status of the files that a process has open and that are in no folder."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{process}/fd"):
            with contextlib.suppress(OSError):
                status = os.stat(entry.path)
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                    yield status


@contextlib.contextmanager
def _opened(name: str | Path, folder: int | None) -> Iterator[int]:
    """Open a folder inside an open folder; a link is refused."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        raise Unfit(f"The folder {Path(name).name} cannot be read: {error.strerror}.") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _made(name: str, folder: int) -> Iterator[int]:
    """Make a folder inside an open folder, unless it is there, and open it."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=folder)
    with _opened(name, folder) as made:
        os.fchmod(made, 0o755)
        yield made


def _take(folder: int, above: str, taken: dict[str, bytes], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Unfit(f"Its folders are nested more than {MAX_DEPTH} deep.")
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        path = above + name
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            with _opened(name, folder) as inner:
                _take(inner, f"{path}/", taken, depth + 1)
        elif stat.S_ISREG(status.st_mode):
            taken[path] = _content(folder, name, MAX_LEFT_BYTES - sum(map(len, taken.values())))
            if len(taken) > MAX_LEFT_FILES:
                raise Unfit(f"There are more than {MAX_LEFT_FILES} files.")
        else:
            raise Unfit(f"{path!r:.200} is neither a file nor a folder.")


def _content(folder: int, name: str, room: int) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        with open(os.open(name, flags, dir_fd=folder), "rb") as file:
            data = file.read(room + 1)
    except OSError as error:
        raise Unfit(f"The file {name!r:.200} cannot be read: {error.strerror}.") from None
    if len(data) > room:
        raise Unfit(f"Its files have more than {MAX_LEFT_BYTES >> 20} MiB.")
    return data


def _put(folder: int, parts: list[str], content: bytes) -> None:
    name, *below = parts
    if below:
        with _made(name, folder) as inner:
            _put(inner, below, content)
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(name, flags, dir_fd=folder), "wb") as file:
        os.fchmod(file.fileno(), 0o644)  # whatever the umask: who reads it may be another user
        file.write(content)
