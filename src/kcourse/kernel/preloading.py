"""Import libraries once and fork from there safely: for warm kernels and the grader's workers.

TensorFlow survives a fork as long as it was only imported. Once an op has run, its thread pool
exists and every child hangs on its first op; once CUDA is initialised, no child can use the GPU.
So each fork first makes sure of both, and the child makes sure that it has one thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
import types
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from kcourse.kernel.errors import NotForkable

#: The exit code of a child that is not alone in its process.
MORE_THREADS = 70
#: A process that has initialised CUDA holds one of these open.
_GPU_DEVICES = ("/dev/nvidia", "/dev/kfd")


def preload(libraries: Sequence[str]) -> None:
    """Import the libraries and keep the collector from touching (so copying) their memory."""
    for name in libraries:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def require_forkable() -> None:
    """Raise ``NotForkable`` if an op has run in this process, or if it has opened a GPU."""
    context = sys.modules.get("tensorflow.python.eager.context")
    if context is not None and context.context()._context_handle is not None:
        raise NotForkable("TensorFlow has run an op, so children of this process would hang")
    if device := next(filter(_is_gpu, open_files().values()), None):
        raise NotForkable(f"{device} is open, so children of this process could not use the GPU")


def _is_gpu(path: str) -> bool:
    return path.startswith(_GPU_DEVICES)


def open_files() -> dict[int, str]:
    """Return what each open file descriptor of this process is, as the system names it."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one that listed the folder is closed again
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def fork() -> int:
    """Fork; return the child's process id in the parent, and 0 in a child that starts afresh.

    A child that has more than one thread ends at once, with code ``MORE_THREADS``.

    Raises:
        NotForkable: a rule of safe forking is broken; no child was made.
        OSError: the system allows no further process.
    """
    require_forkable()
    flush()
    with warnings.catch_warnings():
        # Python 3.12 warns of threads: those here are idle pools that re-make themselves.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        if len(os.listdir("/proc/self/task")) != 1:
            os._exit(MORE_THREADS)
        _reset_interpreter()
    return pid


def flush() -> None:
    """Write out what Python and C still hold for stdout and stderr; a fork would double it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def _reset_interpreter() -> None:
    """Undo what a process inherits that a freshly started interpreter would have made anew."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):  # those that the C library keeps to itself
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    random.seed()
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()
    if process := sys.modules.get("multiprocessing.process"):
        process.current_process().authkey = os.urandom(32)
    with contextlib.suppress(AttributeError):  # until Python sees to it itself
        threading.main_thread()._set_native_id()  # type: ignore[attr-defined]
    sys.modules["__main__"] = types.ModuleType("__main__")
    importlib.invalidate_caches()


def name_process(name: str) -> None:
    """Set the name that ``ps`` and ``top`` show (at most 15 bytes)."""
    Path("/proc/self/comm").write_text(name, encoding="ascii")


def set_environment(environment: dict[str, str]) -> None:
    """Take on another environment, and what is derived from one."""
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    time.tzset()


def close_all_but(kept: Iterable[int]) -> None:
    """Close every file descriptor except stdin, stdout, stderr and those in ``kept``."""
    start = 3
    for descriptor in sorted(kept):
        os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, os.sysconf("SC_OPEN_MAX"))


class Origin:
    """What the modules of this process were read from, and whether any of it has changed since."""

    def __init__(self, packages: frozenset[str] | None = None) -> None:
        self._files = {name: _signature(name) for name in self._sources()}
        self._figures = _settings_of_figures()
        self._installed = installed() if packages is None else packages

    @staticmethod
    def _sources() -> set[str]:
        """Return the files: of modules, the interpreter, and settings that are read at import."""
        files = {
            module.__file__
            for module in list(sys.modules.values())
            if isinstance(getattr(module, "__file__", None), str)
        }
        files |= {sys.executable, str(Path(sys.prefix, "pyvenv.cfg"))}
        if settings := _settings_of_figures():
            files.add(settings)
        home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
        files.add(os.path.join(home, "keras.json"))
        return {name for name in files if name}

    def change(self) -> str | None:
        """Return what has changed since, in words, or ``None``."""
        for name, signature in self._files.items():
            if _signature(name) != signature:
                return f"{name} has changed"
        if (settings := _settings_of_figures()) != self._figures:
            return f"{settings} is new"
        if installed() != self._installed:
            return "other packages are installed"
        return None


def _settings_of_figures() -> str | None:
    """Return the file that matplotlib would read now."""
    matplotlib = sys.modules.get("matplotlib")
    return None if matplotlib is None else str(matplotlib.matplotlib_fname())


def _signature(name: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(name)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def installed() -> frozenset[str]:
    """Return the names, with version, of the installed packages."""
    found: set[str] = set()
    for folder in sys.path:
        with contextlib.suppress(OSError):
            found |= {name for name in os.listdir(folder) if name.endswith(".dist-info")}
    return frozenset(found)
