"""How a worker confines itself, once and for good, before the first byte of a learner's code runs.

Each layer stands alone and is put on whatever becomes of the others:

- *limits*: address space, processor time, size of a file, open files, no core dump;
- *namespaces* for users, network and IPC, where the system allows them: a bonus;
- *Landlock*: read the interpreter, its libraries and a few facts of the system, but neither
  exercises nor solutions; read and write the scratch folder; no network; no signals to others;
- *user*: root becomes a user that nobody else is;
- *seccomp*: see ``seccomp``.

What could be put on and what is missing is returned; the trusted process decides what this means.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import kcourse
from kcourse.grading import seccomp
from kcourse.grading.scratch import MAX_FILE

MAX_OPEN = 256
#: TensorFlow starts some for each processor.
MAX_THREADS = 1024
#: What ``begin`` takes, in this order on a command line.
ARGUMENTS = ("memory", "cpu_seconds", "confined")
#: From here on, each worker of root's has a number of its own as user and group.
_FIRST_USER = 0x70000000
_NOBODY = 65534
#: Before this version Landlock lets truncate a file that may only be read.
_LEAST_LANDLOCK = 3
#: Folders of which an answer may read no more than this, although they lie among what it may.
_SECRETS = ("exercises", "solutions")
_NO_SECRET = "__init__.py"
_SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
    *("/etc/localtime", "/usr/share/zoneinfo", "/usr/share/fonts", "/usr/local/share/fonts"),
    *("/etc/fonts", "/usr/share/fontconfig", "/usr/share/mime"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat"),
    *("/proc/sys/vm/overcommit_memory", "/sys/devices/system"),
    *("/dev/zero", "/dev/random", "/dev/urandom"),
)
# linux/sched.h, linux/prctl.h, linux/capability.h
_NEW_USER, _NEW_NETWORK, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
_PR_SET_DUMPABLE, _PR_SET_KEEPCAPS = 4, 8
_CAPABILITIES_3 = 0x20080522
_READ_ANYTHING = 1 << 2  # CAP_DAC_READ_SEARCH


@dataclass
class Confinement:
    """The layers in force, for the report, and what is missing, with the reason."""

    layers: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


class LayerMissing(Exception):
    """A layer cannot be put on; the message says why."""


def prepare() -> None:
    """Do once, before a process forks workers, what each of them would have to do."""
    with contextlib.suppress(LayerMissing):
        _landlock_version()  # looks for the C library with the help of other programs


def begin(memory: int, cpu_seconds: int, confined: int) -> Confinement:
    """Confine this process to its current folder, or only limit it if ``confined`` is 0.

    The other arguments are those of ``confine``.
    """
    if confined:
        return confine(Path.cwd(), memory, cpu_seconds)
    limit_resources(memory, cpu_seconds)
    return Confinement()


def confine(scratch: Path, memory: int, cpu_seconds: int) -> Confinement:
    """Put every layer on this process that can be had.

    Args:
        scratch: the only folder that it may write to.
        memory: bytes of address space.
        cpu_seconds: seconds of processor time.
    """
    result = Confinement()
    if (threads := _threads()) != 1:
        result.missing.append(f"one thread: there are {threads}, and all but one stay unconfined")
    readable = _readable()
    root = os.geteuid() == 0
    counted_apart = root  # whether the system will count this process's threads by themselves
    libc = ctypes.CDLL(None, use_errno=True)

    def put_on(layer: Callable[[], str], *, bonus: bool = False) -> None:
        try:
            result.layers.append(layer())
        # A function that the C library lacks (AttributeError): this is no Linux.
        except (LayerMissing, seccomp.SeccompMissing, OSError, AttributeError) as error:
            if not bonus:
                result.missing.append(f"{layer.__name__.strip('_')}: {error}")

    def limits() -> str:
        limit_resources(memory, cpu_seconds)
        return "limits"

    def namespaces() -> str:
        nonlocal counted_apart
        _call(libc.unshare, _NEW_NETWORK | _NEW_IPC | (0 if root else _NEW_USER))
        counted_apart = True
        return "namespaces (network, IPC)" if root else "namespaces (user, network, IPC)"

    def landlock() -> str:
        return _landlock(readable, scratch)

    def user() -> str:
        if root:
            _become_nobody(libc, scratch, [*readable, scratch])
        else:
            _keep_capabilities(libc, 0)  # those that a namespace gave
        if counted_apart:
            resource.setrlimit(resource.RLIMIT_NPROC, (MAX_THREADS, MAX_THREADS))
        # So that the grader can see which files are open: see ``scratch``.
        _call(libc.prctl, _PR_SET_DUMPABLE, 1, 0, 0, 0)
        return "own user" if root else "ordinary user"

    def system_calls() -> str:
        seccomp.install()
        return "seccomp"

    put_on(limits)
    put_on(namespaces, bonus=True)
    put_on(landlock)
    put_on(user)
    put_on(system_calls)
    return result


def _threads() -> int:
    """Return how many threads this process has; where that is not known, there is no sandbox."""
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    return 1


def limit_resources(memory: int, cpu_seconds: int) -> None:
    """Cap what the operating system gives this process; a limit it does not know is left out."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: MAX_FILE,
        resource.RLIMIT_NOFILE: MAX_OPEN,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: cpu_seconds,
    }
    for kind, most in limits.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def _landlock(readable: Mapping[Path, bool], scratch: Path) -> str:
    """Allow reading what is ``readable``, and nearly everything in the scratch folder."""
    version = _landlock_version()
    import landlockpy

    file, folder = landlockpy.AccessFS.READ_FILE, landlockpy.AccessFS.READ_DIR
    write = landlockpy.AccessFS.WRITE_FILE
    with landlockpy.Ruleset(
        scoped=landlockpy.Scope.SIGNAL | landlockpy.Scope.ABSTRACT_UNIX_SOCKET
    ) as rules:
        for path, whole in readable.items():
            kind = folder if path.is_dir() else landlockpy.AccessFS.NONE
            rules.allow_path(path, kind | file if whole else kind)
        rules.allow_path("/dev/null", file | write)
        special = landlockpy.AccessFS.EXECUTE | landlockpy.AccessFS.MAKE_CHAR
        special |= landlockpy.AccessFS.MAKE_BLOCK | landlockpy.AccessFS.MAKE_SOCK
        rules.allow_path(scratch, rules.handled_fs & ~special)
        rules.restrict()
    return f"Landlock {version}"


def _landlock_version() -> int:
    """Return the version of Landlock; raises ``LayerMissing`` if it has too few rules."""
    try:
        import landlockpy
    except ImportError:
        raise LayerMissing("it is a part of Linux alone") from None
    version = int(landlockpy.abi_version())
    if version == 0:
        raise LayerMissing("this kernel has none, or it is switched off")
    if version < _LEAST_LANDLOCK:
        raise LayerMissing(f"version {_LEAST_LANDLOCK} is needed (Linux 6.2); this is {version}")
    return version


def _readable() -> dict[Path, bool]:
    """Return what a worker may read, and of each whether that is more than a folder's names."""
    roots = [sys.prefix, sys.base_prefix, *sys.path, *_SYSTEM]
    roots += os.environ.get("LD_LIBRARY_PATH", "").split(":")
    package = Path(kcourse.__file__).resolve().parent
    secrets = [package / name for name in _SECRETS]
    found: dict[Path, bool] = {}
    for root in filter(None, roots):
        path = Path(root) if root.startswith("/proc/self") else Path(root).resolve()
        # The whole file system would be one that is named by mistake.
        if path.exists() and path != Path("/"):
            found |= _all_but(path, secrets)
    return found


def _all_but(path: Path, secrets: Sequence[Path]) -> dict[Path, bool]:
    """Return ``path``, or if it holds secrets, its names and whatever else it holds."""
    if path in secrets:
        return {path: False, path / _NO_SECRET: True}
    if not any(secret.is_relative_to(path) for secret in secrets):
        return {path: True}
    found = {path: False}  # imports list a folder before they open a file in it
    for entry in path.iterdir():
        if not entry.is_symlink():  # what it leads to is allowed where it is, or not at all
            found |= _all_but(entry, secrets)
    return found


def _become_nobody(libc: ctypes.CDLL, scratch: Path, needed: Iterable[Path]) -> None:
    """Stop being root. The scratch folder, with what is in it, goes to the new user.

    If the interpreter lies where root alone may enter (such as root's own home), the right to read
    any file is kept: Landlock narrows it down to ``needed``. All other rights of root are gone.
    """
    kept = 0 if all(_open_to_others(path) for path in needed) else _READ_ANYTHING
    _call(libc.prctl, _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    for user in (_FIRST_USER + os.getpid(), _NOBODY):  # a container may know few users
        try:
            for place in (scratch, *scratch.rglob("*")):
                os.chown(place, user, user, follow_symlinks=False)
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            break
        except OSError:
            if user == _NOBODY:
                raise
    _keep_capabilities(libc, kept)


def _open_to_others(path: Path) -> bool:
    """Whether a user who owns nothing may reach and read ``path``."""
    try:
        above = all(folder.stat().st_mode & 0o001 for folder in path.parents)
        return above and bool(path.stat().st_mode & 0o004)
    except OSError:
        return False


def _keep_capabilities(libc: ctypes.CDLL, kept: int) -> None:
    header = struct.pack("=Ii", _CAPABILITIES_3, 0)
    # Effective, permitted and inheritable, of the lower 32 capabilities, then of the upper ones.
    _call(libc.capset, header, struct.pack("=6I", kept, kept, 0, 0, 0, 0))


def _call(function: Callable[..., int], *arguments: object) -> None:
    """Call a function of the C library; raises ``LayerMissing`` if it fails."""
    if function(*arguments) != 0:
        raise LayerMissing(os.strerror(ctypes.get_errno()))
