"""The system-call filter of a worker: what is not allowed is refused, and cannot be allowed again.

A filter is a small program (classic BPF) that the kernel runs at each system call. A library for
it exists (libseccomp), but its Python bindings need a shared library that few machines have. The
program here is straight: one comparison a call that is allowed, no jump but over one return.

The answers to a call: it is done; it fails with ``EPERM`` (no sockets, no other process started,
traced or signalled, no namespaces, no io_uring, no bpf); it fails with ``ENOSYS``, so that the C
library takes an older way; it is said to be done and is not; or, from a machine language that this
process does not speak (32-bit calls on a 64-bit kernel), it ends the process.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kcourse.grading import syscalls

# linux/filter.h, linux/bpf_common.h
_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
# linux/seccomp.h
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_REFUSE, _UNKNOWN, _PRETEND = _FAIL | errno.EPERM, _FAIL | errno.ENOSYS, _FAIL
_SET_MODE_FILTER = 1
# Where struct seccomp_data holds what is asked: number, machine, and the arguments' low halves.
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
# linux/audit.h, and the number of the system call seccomp itself
_MACHINES = {"x86_64": (0xC000003E, 317), "aarch64": (0xC00000B7, 277)}
#: The first number of calls in the x32 style, which an x86-64 kernel may know as well.
_X32 = 0x40000000
_PR_SET_NO_NEW_PRIVS = 38

_CLONE_THREAD = 0x00010000
#: CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, and CLONE_PTRACE.
_CLONE_REFUSED = 0x80 | 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000
_CLONE_REFUSED |= 0x40000000 | 0x2000
#: Not among them: to have signals sent to another process (F_SETOWN), to notify, to lease.
_FCNTL = (
    *(fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD),
    *(fcntl.F_GETFL, fcntl.F_SETFL, fcntl.F_GETLK, fcntl.F_SETLK, fcntl.F_SETLKW),
    *(36, 37, 38),  # F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW
)
#: Whether a file is a terminal (it is not), how much can be read, and flags of a descriptor.
_IOCTL = (termios.TCGETS, termios.FIONREAD, termios.FIONBIO, termios.FIOCLEX, termios.FIONCLEX)
_PRCTL = (15, 16, 0x53564D41)  # PR_SET_NAME, PR_GET_NAME, PR_SET_VMA (names of memory areas)
_SOCKET_FLAGS = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK


class SeccompMissing(Exception):
    """The filter cannot be had; the message says why."""


@dataclass(frozen=True)
class _Argument:
    """Demands that the low half of an argument, after ``mask``, is one of ``values``."""

    position: int
    values: Sequence[int]
    mask: int = 0xFFFFFFFF


def install() -> None:
    """Confine the calling thread, and all threads and processes that it starts, for good.

    Raises ``SeccompMissing`` if the machine is unknown or the kernel refuses.
    """
    machine = os.uname().machine
    if machine not in _MACHINES:
        known = " and ".join(_MACHINES)
        raise SeccompMissing(f"system calls are known for {known}, not for {machine}")
    load(program(machine, os.getpid()), machine)


def load(instructions: Sequence[bytes], machine: str) -> None:
    """Make the kernel run a filter from now on; raises ``SeccompMissing``."""

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]

    libc = ctypes.CDLL(None, use_errno=True)
    filter_program = Program(len(instructions), b"".join(instructions))
    # Without it only root may filter: a program with more rights must not get a filter forced on.
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _, number = _MACHINES[machine]
    if libc.syscall(number, _SET_MODE_FILTER, 0, ctypes.byref(filter_program)) != 0:
        raise SeccompMissing(f"the kernel takes no filter: {os.strerror(ctypes.get_errno())}")


def program(machine: str, process: int) -> list[bytes]:
    """Return the filter for a process with this id, as instructions of BPF."""
    audit, _ = _MACHINES[machine]
    result = [_load(_MACHINE), _jump(_EQUAL, audit, 1, 0), _return(_KILL), _load(_NUMBER)]
    if machine == "x86_64":
        result += [_jump(_AT_LEAST, _X32, 0, 1), _return(_KILL)]
    for number in syscalls.numbers(syscalls.ALLOWED, machine).values():
        result += _answer(number, _ALLOW)
    pretended = syscalls.numbers(syscalls.PRETENDED, machine)
    for number in pretended.values():
        result += _answer(number, _PRETEND)
    conditional = syscalls.numbers(syscalls.CONDITIONAL, machine)
    # What it is asked for stands in memory, where a filter cannot look; clone does as well.
    result += _answer(conditional["clone3"], _UNKNOWN)
    # To set a file's time to now: who is refused (pathlib's touch) makes sure that the file exists.
    now = [_Argument(2, [0])]
    result += _answer_if(conditional["utimensat"], now, _REFUSE, _PRETEND)
    for name, demands in _demands(process).items():
        result += _answer_if(conditional[name], demands, _ALLOW, _REFUSE)
    known = {**syscalls.numbers(syscalls.ALLOWED, machine), **pretended, **conditional}
    newest = max(known.values())
    result += [_jump(_AT_LEAST, newest + 1, 0, 1), _return(_UNKNOWN)]
    result.append(_return(_REFUSE))
    return result


def _demands(process: int) -> dict[str, list[_Argument]]:
    """Return what the arguments of calls that are allowed at times must be."""
    itself = (process,)
    return {
        "clone": [_Argument(0, [_CLONE_THREAD], _CLONE_THREAD | _CLONE_REFUSED)],
        "kill": [_Argument(0, itself)],
        "tgkill": [_Argument(0, itself)],
        "fcntl": [_Argument(1, _FCNTL)],
        "ioctl": [_Argument(1, _IOCTL)],
        "prctl": [_Argument(0, _PRCTL)],
        "prlimit64": [_Argument(0, (0, process))],
        # A stream, which can send to its other end only; a datagram could be sent to an address.
        "socketpair": [
            _Argument(0, [socket.AF_UNIX]),
            _Argument(1, [socket.SOCK_STREAM], 0xFFFFFFFF & ~_SOCKET_FLAGS),
        ],
    }


def _answer(number: int, answer: int) -> list[bytes]:
    return [_jump(_EQUAL, number, 0, 1), _return(answer)]


def _answer_if(number: int, demands: Sequence[_Argument], then: int, otherwise: int) -> list[bytes]:
    """Answer a call by whether all of its arguments are as demanded."""
    body: list[bytes] = []
    for demand in demands:
        body += [_load(_ARGUMENTS + 8 * demand.position), _instruction(_AND, demand.mask)]
        for left, value in zip(_countdown(demand.values), demand.values, strict=True):
            body.append(_jump(_EQUAL, value, left + 1, 0))
        body.append(_return(otherwise))
    body.append(_return(then))
    return [_jump(_EQUAL, number, 0, len(body)), *body]


def _countdown(values: Sequence[int]) -> Iterator[int]:
    return reversed(range(len(values)))


def _load(offset: int) -> bytes:
    return _instruction(_LOAD, offset)


def _return(answer: int) -> bytes:
    return _instruction(_RETURN, answer)


def _jump(test: int, value: int, then: int, otherwise: int) -> bytes:
    """Compare; skip ``then`` instructions if it holds, else ``otherwise``."""
    return _instruction(test, value, then, otherwise)


def _instruction(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)  # struct sock_filter
