"""Where a parent and those who want a kernel from it meet: a directory that is the user's alone.

For each kind of parent there is a socket, there once it is ready, and a lock, which the parent
holds as long as it lives: the system grants it to one process only, releases it whatever way that
process ends, and tells who holds it. All is reached through one open directory, whose owner and
mode were checked, so nobody can exchange it between the check and the use.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import hashlib
import json
import os
import resource
import signal
import socket
import stat
import struct
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import platformdirs

from kcourse.kernel import environment
from kcourse.kernel.errors import Unavailable

_FLOCK = "@hhqqi0q"  # struct flock: type, whence, start, length, process id
_CREDENTIALS = "3i"  # struct ucred: process, user and group id
_BACKLOG = 128
#: Room for a request with a large environment; the system may grant less.
MAX_MESSAGE = 1 << 20
#: How many open files go with a message at most.
MAX_FILES = 8
#: Files of one kind of parent end so.
SOCKET, LOCK, LOG, FAILURE = ".socket", ".lock", ".log", ".failed"
#: A parent that failed is not tried again for so many seconds.
_RETRY_AFTER = 600.0


def folder_path() -> Path:
    """Return the user's private directory for sockets, whether it exists or not."""
    try:
        return _folder_path(make=False)
    except OSError as error:
        raise Unavailable(f"there is no private directory for a socket: {error}") from None


def _folder_path(*, make: bool) -> Path:
    """Return its path; make it, and what it lies in, for this user alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a missing XDG_RUNTIME_DIR: the next best is taken
        return platformdirs.user_runtime_path("kcourse", appauthor=False, ensure_exists=make)


def open_folder() -> int:
    """Open the private directory, made if need be; return a descriptor for it.

    Raises ``Unavailable`` if it could be anybody else's.
    """
    path = folder_path()
    try:
        with contextlib.suppress(FileExistsError):
            _folder_path(make=True)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise Unavailable(f"{path} cannot be used: {error.strerror or error}") from None
    found = os.fstat(folder)
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        os.close(folder)
        raise Unavailable(f"{path} does not belong to this user alone")
    return folder


def key(interpreter: Sequence[str], libraries: Sequence[str], env: Mapping[str, str]) -> str:
    """Return the name of the kind of parent that may fork kernels for this process.

    It stands for all that a kernel cannot change after the fork: the interpreter and its options,
    the libraries, variables read at import, and what the system lets this process do.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    python, *options = interpreter
    kind = [
        [os.path.dirname(python), os.path.realpath(python), options],  # whatever name it goes by
        list(libraries),
        environment.at_import(env),
        [os.getuid(), os.getgid(), sorted(os.getgroups())],
        [os.readlink(entry.path) for entry in sorted(os.scandir("/proc/self/ns"), key=_name)],
        [line for line in status.splitlines() if line.startswith(("Cap", "NoNewPrivs", "Seccomp"))],
        [resource.getrlimit(limit)[1] for limit in LIMITS],
        os.getpriority(os.PRIO_PROCESS, 0),
        sorted(os.sched_getaffinity(0)),  # libraries count processors when they are imported
    ]
    return hashlib.sha256(json.dumps(kind).encode()).hexdigest()[:16]


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


#: The resource limits that this system knows.
LIMITS = sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")})


@dataclass(frozen=True)
class Peer:
    """The process at the other end of a connection, as the system names it."""

    pid: int
    uid: int

    @classmethod
    def of(cls, connection: socket.socket) -> Peer:
        """Return who connected, or for a client's end, who listens."""
        size = struct.calcsize(_CREDENTIALS)
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        pid, uid, _ = struct.unpack(_CREDENTIALS, raw)
        return cls(pid, uid)


class Place:
    """The socket, the lock and the log of one kind of parent. Close it after use."""

    def __init__(self, name: str, folder: int | None = None) -> None:
        self.name = name
        self._folder = open_folder() if folder is None else folder
        self._lock: int | None = None
        self._bound: tuple[int, int, int] | None = None

    def close(self) -> None:
        """Close what is open here, which gives up the lock if it is held."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def path(self) -> Path:
        """Where the socket is, for people to read."""
        return folder_path() / f"{self.name}{SOCKET}"

    # What a client does

    def connect(self, seconds: float) -> socket.socket | None:
        """Connect to the parent; return ``None`` if none listens.

        Raises ``Unavailable`` if something else is in the place of its socket, if somebody else
        listens there, or if it takes no connection within ``seconds``.
        """
        found = self._stat(SOCKET)
        if found is None:
            return None
        if not stat.S_ISSOCK(found.st_mode):
            raise Unavailable(f"{self.path} is no socket")
        if found.st_uid != os.getuid():
            raise Unavailable(f"{self.path} belongs to another user")
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        deadline = time.monotonic() + seconds
        try:
            connection.settimeout(max(seconds, 0.01))
            while True:
                try:
                    connection.connect(self._address)
                    break
                except BlockingIOError:  # as many as may wait do so already
                    if time.monotonic() > deadline:
                        raise TimeoutError from None
                    time.sleep(0.02)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_MESSAGE)
            if Peer.of(connection).uid != os.getuid():
                raise Unavailable(f"another user listens on {self.path}")
        except (ConnectionRefusedError, FileNotFoundError):
            connection.close()  # left behind by a parent that was killed
            return None
        except TimeoutError:
            connection.close()
            raise Unavailable("the parent process takes no connection") from None
        except OSError as error:
            connection.close()
            raise Unavailable(f"{self.path} takes no connection: {error.strerror}") from None
        except BaseException:
            connection.close()
            raise
        return connection

    def holder(self) -> int | None:
        """Return the process that holds the lock, or ``None``; raises ``Unavailable``."""
        try:
            lock = self._open(LOCK, os.O_RDWR)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"{self.path.with_suffix(LOCK)}: {error.strerror}") from None
        try:
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(lock, fcntl.F_GETLK, asked))
        finally:
            os.close(lock)
        return pid if kind != fcntl.F_UNLCK else None

    def seconds_held(self) -> float:
        """Return for how long the lock has been held, if it is."""
        found = self._stat(LOCK)
        return time.time() - found.st_mtime if found else 0.0

    def failure(self) -> str | None:
        """Return why the last parent failed, if that was not long ago."""
        found = self._stat(FAILURE)
        if found is None or time.time() - found.st_mtime > _RETRY_AFTER:
            return None
        with open(self._open(FAILURE, os.O_RDONLY), encoding="utf-8") as file:
            return file.read()

    def forgive(self) -> None:
        """Let a parent be tried at once, although the last one failed."""
        self._unlink(FAILURE)

    def evict(self, silent: int | None = None) -> None:
        """Kill the parent, which does not answer, and clear its place; its kernels live on.

        If ``silent`` says which process it was that did not answer, another one is spared.
        """
        pid = self.holder()
        if silent is not None and pid not in (None, silent):
            return
        if pid is not None:
            with contextlib.suppress(OSError):
                process = os.pidfd_open(pid)
                try:
                    if self.holder() == pid:  # and not another that got its number since
                        signal.pidfd_send_signal(process, signal.SIGKILL)
                finally:
                    os.close(process)
        with contextlib.suppress(OSError):  # not even a file: the parent will say so
            self._unlink(SOCKET)

    # What the parent does

    def acquire(self) -> bool:
        """Take the lock for the life of this process; return whether it was free."""
        while True:
            lock = self._open(LOCK, os.O_RDWR | os.O_CREAT)
            os.utime(lock)
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                return False
            found = self._stat(LOCK)
            if found is not None and os.path.samestat(found, os.fstat(lock)):
                self._lock = lock
                return True
            os.close(lock)  # its last holder removed the file before this one was locked

    def listen(self) -> socket.socket:
        """Bind the socket, in the place of whatever an earlier parent left, and listen."""
        self._unlink(SOCKET)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(self._address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        self._bound = self._identity()
        self.forgive()
        return listener

    def fail(self, reason: str) -> None:
        """Leave word of why there can be no parent."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(self._open(FAILURE, flags), "w", encoding="utf-8") as file:
            file.write(reason)

    def is_ours(self) -> bool:
        """Whether the socket in the directory is still the one that ``listen`` made."""
        return self._bound is not None and self._identity() == self._bound

    def open_log(self) -> int:
        """Open the log, empty, for writing."""
        return self._open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)

    def clear(self) -> None:
        """Remove what the parent made, then let the next one have the lock."""
        if self.is_ours():
            self._unlink(SOCKET)
        self._bound = None
        if self._lock is not None:  # or else it was cleared before: the rest is the next one's
            found = self._stat(LOCK)
            if found is not None and os.path.samestat(found, os.fstat(self._lock)):
                self._unlink(LOG)
                self._unlink(LOCK)
            os.close(self._lock)
            self._lock = None

    # One directory for all of it

    @property
    def _address(self) -> str:
        """The socket's address, by way of the open directory: short, whatever its path."""
        return f"/proc/self/fd/{self._folder}/{self.name}{SOCKET}"

    def _open(self, ending: str, flags: int) -> int:
        return os.open(f"{self.name}{ending}", flags | os.O_NOFOLLOW, 0o600, dir_fd=self._folder)

    def _stat(self, ending: str) -> os.stat_result | None:
        try:
            return os.stat(f"{self.name}{ending}", dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _identity(self) -> tuple[int, int, int] | None:
        found = self._stat(SOCKET)
        # The number of a removed file is another's at once; the time that it was made is not.
        return None if found is None else (found.st_dev, found.st_ino, found.st_mtime_ns)

    def _unlink(self, ending: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.name}{ending}", dir_fd=self._folder)


def names(ending: str = LOCK) -> list[str]:
    """Return the names of parents by what they left in the private directory."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(path.stem for path in folder_path().iterdir() if path.suffix == ending)
    return []


def send(connection: socket.socket, message: object, descriptors: Sequence[int] = ()) -> None:
    """Send one message, with open files if need be; the other end receives it whole or not."""
    socket.send_fds(connection, [json.dumps(message).encode()], list(descriptors))


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive one message and its open files.

    Raises ``EOFError`` if the other end is gone, and ``ValueError`` for what is no message.
    """
    files = array.array("i")
    # Not socket.recv_fds, which forgets the flags that it is given.
    raw, extra, flags, _ = connection.recvmsg(
        MAX_MESSAGE, socket.CMSG_LEN(MAX_FILES * files.itemsize), socket.MSG_CMSG_CLOEXEC
    )
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            files.frombytes(data[: len(data) - len(data) % files.itemsize])
    descriptors = files.tolist()
    try:
        if not raw:
            raise EOFError
        try:
            message = json.loads(raw)
        except RecursionError:
            message = None
        if not isinstance(message, dict) or flags & socket.MSG_TRUNC:
            raise ValueError("a message is no JSON object")
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return message, descriptors
