"""The filter answers each system call as it should, on both machines: run by a small interpreter.

The kernel of the machine that runs the tests proves one of them for real: see test_sandbox.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct

import pytest

from kcourse.grading import seccomp, syscalls

PROCESS = 4321
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOWED, KILLED, PRETENDED = 0x7FFF0000, 0x80000000, 0x00050000
REFUSED, UNKNOWN = PRETENDED | errno.EPERM, PRETENDED | errno.ENOSYS
#: Numbers that no table of the project holds, from the kernel's headers.
DANGEROUS = {
    "x86_64": {
        "socket": 41,
        "connect": 42,
        "fork": 57,
        "vfork": 58,
        "execve": 59,
        "ptrace": 101,
        "setuid": 105,
        "mknod": 133,
        "mount": 165,
        "tkill": 200,
        "unshare": 272,
        "open_by_handle_at": 304,
        "process_vm_readv": 310,
        "memfd_create": 319,
        "bpf": 321,
        "execveat": 322,
        "userfaultfd": 323,
        "pidfd_send_signal": 424,
        "io_uring_setup": 425,
    },
    "aarch64": {
        "socket": 198,
        "connect": 203,
        "execve": 221,
        "ptrace": 117,
        "setuid": 146,
        "mknodat": 33,
        "mount": 40,
        "tkill": 130,
        "unshare": 97,
        "open_by_handle_at": 265,
        "process_vm_readv": 270,
        "memfd_create": 279,
        "bpf": 280,
        "execveat": 281,
        "userfaultfd": 282,
        "pidfd_send_signal": 424,
        "io_uring_setup": 425,
    },
}


def answer(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """Run the filter as the kernel does and return its answer."""
    audit = ARCHITECTURE[machine] if audit is None else audit
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number, audit, 0, *padded)
    program = [struct.unpack("=HBBI", one) for one in seccomp.program(machine, PROCESS)]
    position = accumulator = 0
    while True:
        code, then, otherwise, value = program[position]
        position += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, value)
        elif code == 0x54:
            accumulator &= value
        elif code == 0x15:
            position += then if accumulator == value else otherwise
        elif code == 0x35:
            position += then if accumulator >= value else otherwise
        else:
            assert code == 0x06, f"an instruction that the filter has no use for: {code:#x}"
            return int(value)


def number(machine: str, name: str) -> int:
    """Return the number of a call that a table holds."""
    tables = ";".join((syscalls.ALLOWED, syscalls.PRETENDED, syscalls.CONDITIONAL))
    return syscalls.numbers(tables, machine)[name]


machines = pytest.mark.parametrize("machine", syscalls.MACHINES)


@machines
def test_what_python_and_tensorflow_need_is_allowed(machine: str) -> None:
    for name, known in syscalls.numbers(syscalls.ALLOWED, machine).items():
        assert answer(machine, known) == ALLOWED, name


@machines
def test_what_no_answer_needs_is_refused(machine: str) -> None:
    for name, known in DANGEROUS[machine].items():
        assert answer(machine, known) == REFUSED, name


@machines
def test_changes_of_modes_owners_and_attributes_are_pretended(machine: str) -> None:
    for name, known in syscalls.numbers(syscalls.PRETENDED, machine).items():
        assert answer(machine, known) == PRETENDED, name


@machines
def test_times_of_a_file_are_set_in_pretence_but_a_touch_is_refused(machine: str) -> None:
    known = number(machine, "utimensat")
    assert answer(machine, known, 0xFFFFFF9C, 0x7F0000001000, 0x7F0000002000) == PRETENDED
    assert answer(machine, known, 0xFFFFFF9C, 0x7F0000001000, 0) == REFUSED


@machines
def test_numbers_of_another_machine_end_the_process(machine: str) -> None:
    i386 = 0x40000003
    assert answer(machine, 4, audit=i386) == KILLED
    assert answer(machine, number(machine, "read"), audit=0) == KILLED


def test_numbers_of_the_x32_style_end_the_process() -> None:
    assert answer("x86_64", 0x40000000) == KILLED
    assert answer("x86_64", 0x40000000 | 59) == KILLED


@machines
def test_calls_newer_than_the_tables_are_said_to_be_unknown(machine: str) -> None:
    assert answer(machine, 600) == UNKNOWN
    assert answer(machine, number(machine, "clone3")) == UNKNOWN


@machines
def test_threads_can_be_started_and_processes_cannot(machine: str) -> None:
    clone = number(machine, "clone")
    thread = 0x3D0F00  # what the C library passes for a thread
    assert answer(machine, clone, thread) == ALLOWED
    assert answer(machine, clone, 17) == REFUSED  # SIGCHLD alone: a fork
    assert answer(machine, clone, 0x4111) == REFUSED  # CLONE_VM | CLONE_VFORK: a vfork
    for namespace in (0x80, 0x20000, 0x10000000, 0x40000000):
        assert answer(machine, clone, thread | namespace) == REFUSED


@machines
@pytest.mark.parametrize("name", ["kill", "tgkill"])
def test_a_process_can_signal_itself_and_nobody_else(machine: str, name: str) -> None:
    known = number(machine, name)
    assert answer(machine, known, PROCESS, 6) == ALLOWED
    for other in (1, PROCESS + 1, 0, 0xFFFFFFFF, -PROCESS & 0xFFFFFFFF):
        assert answer(machine, known, other, 9) == REFUSED


@machines
def test_limits_of_others_cannot_be_changed(machine: str) -> None:
    known = number(machine, "prlimit64")
    assert answer(machine, known, 0) == answer(machine, known, PROCESS) == ALLOWED
    assert answer(machine, known, 1) == REFUSED


@machines
def test_a_file_cannot_be_made_to_signal_others(machine: str) -> None:
    known = number(machine, "fcntl")
    assert answer(machine, known, 5, fcntl.F_GETFL) == ALLOWED
    for command in (fcntl.F_SETOWN, 10, 15, fcntl.F_NOTIFY, fcntl.F_SETLEASE):
        assert answer(machine, known, 5, command) == REFUSED


@machines
def test_only_pairs_of_local_streams_can_be_made(machine: str) -> None:
    known = number(machine, "socketpair")
    stream, datagram = int(socket.SOCK_STREAM), int(socket.SOCK_DGRAM)
    assert answer(machine, known, socket.AF_UNIX, stream) == ALLOWED
    assert answer(machine, known, socket.AF_UNIX, stream | socket.SOCK_CLOEXEC) == ALLOWED
    assert answer(machine, known, socket.AF_UNIX, datagram) == REFUSED
    assert answer(machine, known, socket.AF_INET, stream) == REFUSED


@machines
def test_devices_are_asked_for_nothing_but_a_few_facts(machine: str) -> None:
    known = number(machine, "ioctl")
    assert answer(machine, known, 1, 0x5401) == ALLOWED  # TCGETS: is it a terminal?
    assert answer(machine, known, 1, 0x5412) == REFUSED  # TIOCSTI: type for the user


@machines
def test_an_argument_counts_by_its_low_half_as_in_the_kernel(machine: str) -> None:
    high = 1 << 32
    assert answer(machine, number(machine, "kill"), high | PROCESS, 9) == ALLOWED
    assert answer(machine, number(machine, "kill"), high | 1, 9) == REFUSED


@machines
def test_every_number_of_a_machine_is_of_one_call(machine: str) -> None:
    tables = (syscalls.ALLOWED, syscalls.PRETENDED, syscalls.CONDITIONAL)
    known = [one for table in tables for one in syscalls.numbers(table, machine).values()]
    assert len(known) == len(set(known))
    assert not set(known) & set(DANGEROUS[machine].values())


def test_another_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = os.uname_result(("Linux", "host", "6.8", "#1", "riscv64"))
    monkeypatch.setattr(os, "uname", lambda: elsewhere)
    with pytest.raises(seccomp.SeccompMissing, match="x86_64 and aarch64, not for riscv64"):
        seccomp.install()
