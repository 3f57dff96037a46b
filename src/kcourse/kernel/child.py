"""A kernel's life after the fork: take on what its requester asked for, be a kernel, end.

What an ordinary kernel gets from the process that starts it (directory, environment, open files,
limits) comes with the request; what it gets from a fresh interpreter was reset by the fork.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import resource
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NoReturn

from kcourse.kernel.place import send
from kcourse.kernel.preloading import close_all_but, flush, name_process, set_environment


@dataclass(frozen=True)
class Birth:
    """All that a child needs to become what it was forked for.

    Args:
        request: see ``process.Request``.
        streams: three open files, to become stdin, stdout and stderr.
        files: further open files that came with the request.
        connection: leads to the requester.
        requester: a pidfd of the requester.
        set_by_import: variables that the libraries set when they were imported.
        read_by_import: names of variables that they read then.
    """

    request: dict[str, Any]
    streams: list[int]
    files: list[int]
    connection: socket.socket
    requester: int
    set_by_import: dict[str, str]
    read_by_import: list[str]


def begin(birth: Birth) -> None:
    """Take on what the requester asked for, and say so to it; end the process if it cannot be."""
    try:
        _take_on(birth)
        send(birth.connection, {"ready": True})  # raises if nobody waits any more
    except BaseException as error:
        with contextlib.suppress(OSError):
            send(birth.connection, {"refused": f"{type(error).__name__}: {error}"})
        os._exit(1)
    birth.connection.close()


def live(birth: Birth) -> NoReturn:
    """Be a kernel from now on, until the process ends."""
    code = 1
    begin(birth)
    try:
        from kcourse.kernel.app import IPKernelApp

        launcher = find_spec("ipykernel_launcher")
        sys.argv = [str(launcher and launcher.origin), *birth.request["arguments"]]
        sys.orig_argv = list(birth.request["command"])
        name_process("kcourse-kernel")
        app = IPKernelApp.instance(
            parent_handle=int(os.environ.get("JPY_PARENT_PID") or 0),
            requester=None if birth.request["independent"] else birth.requester,
            read_by_import=birth.read_by_import,
        )
        app.initialize(birth.request["arguments"])
        app.start()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        _leave(code)


def _take_on(birth: Birth) -> None:
    """Take on the requester's process state; raise if any of it cannot be had."""
    request = birth.request
    os.setsid()
    for source, target in zip(birth.streams, (0, 1, 2), strict=True):
        os.dup2(source, target)
    close_all_but([birth.connection.fileno(), birth.requester, *birth.files])
    os.umask(request["umask"])
    for limit, soft in request["limits"]:
        resource.setrlimit(limit, (soft, resource.getrlimit(limit)[1]))
    for number in request["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    os.chdir(request["cwd"])
    multiprocessing: Any = sys.modules.get("multiprocessing.process")
    if multiprocessing:
        multiprocessing.ORIGINAL_DIR = os.getcwd()  # where spawned processes look for modules
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib and (backend := request["env"].get("MPLBACKEND")):
        matplotlib.rcParams["backend"] = backend  # one that is unknown gets an ordinary kernel
    set_environment(birth.set_by_import | request["env"])


def _leave(code: int) -> NoReturn:
    """End as an interpreter does, but for what C++ libraries do last, which a fork cannot bear."""
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    flush()
    os._exit(code)
