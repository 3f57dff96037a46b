"""Many kernels: at the same instant, one after the other, and all at once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import kernels
import psutil
from jupyter_client.manager import AsyncKernelManager

from kcourse.kernel import client, place

_STARTS_ONE = f"""
import os, sys
sys.path.insert(0, {str(Path(kernels.__file__).parent)!r})
import kernels
manager = kernels.manager(patience=60)
print("begun", flush=True)
sys.stdin.readline()
manager.start_kernel()
print(kernels.is_warm(manager), manager.provisioner.pid, flush=True)
sys.stdin.readline()
manager.shutdown_kernel(now=True)
"""


@contextmanager
def starters(number: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Run so many processes that start a kernel when told to, and end it when told to."""
    with ExitStack() as stack:
        running = []
        for _ in range(number):
            process = subprocess.Popen(
                [sys.executable, "-c", _STARTS_ONE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            running.append(process)
        for process in running:
            assert hear(process) == "begun"
        yield running


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_ten_processes_at_the_same_instant_share_one_parent(runtime: Path) -> None:
    with starters(10) as running:
        for process in running:
            tell(process)
        said = [hear(process).split() for process in running]

        assert [is_warm for is_warm, _ in said] == ["True"] * 10
        pids = {int(pid) for _, pid in said}
        parent = kernels.parent()
        assert {child.pid for child in parent.children()} == pids
        assert {process.pid for process in kernels.processes(runtime)} == {parent.pid, *pids}

        for process in running:
            tell(process)
        for process in running:
            assert process.wait(kernels.SECONDS) == 0
    assert not parent.children()


def test_two_hundred_kernels_leave_nothing(runtime: Path, temporary: Path) -> None:
    with kernels.started():
        parent = kernels.parent()
        asyncio.run(_start_and_end(1, at_once=1))  # what is made for a first one is made now
        ours, theirs = psutil.Process().num_fds(), parent.num_fds()

        asyncio.run(_start_and_end(200, at_once=8))

        kernels.until(lambda: len(parent.children()) == 1)  # not even a zombie of the others
        assert kernels.parent() == parent
        kernels.until(lambda: parent.num_fds() <= theirs)
        assert psutil.Process().num_fds() <= ours
        assert len(list(temporary.iterdir())) == 1  # a connection file
    assert not list(temporary.iterdir())
    (status,) = client.parents()
    assert status["kernels"] == []
    endings = sorted(path.suffix for path in (runtime / "kcourse").iterdir())
    assert endings == [place.LOCK, place.LOG, place.SOCKET]

    client.stop(status["name"])

    kernels.until(lambda: kernels.has_ended(parent))
    assert not kernels.processes(runtime)
    assert not list((runtime / "kcourse").iterdir())


async def _start_and_end(number: int, *, at_once: int) -> None:
    """Start kernels, some at a time, and end each: most of them at once, some after a cell."""
    room = asyncio.Semaphore(at_once)

    async def one(which: int) -> None:
        async with room:
            manager = kernels.manager(made_by=AsyncKernelManager)
            await manager.start_kernel()
            assert kernels.is_warm(manager)
            if which % 20 == 0:
                assert await _shows(manager, which)
            # Half of those that ran a cell are asked to end, and all others are killed.
            await manager.shutdown_kernel(now=which % 40 != 0)

    await asyncio.gather(*map(one, range(number)))


async def _shows(manager: AsyncKernelManager, number: int) -> bool:
    """Return whether a kernel shows the number that a cell prints."""
    connected = manager.client()
    connected.start_channels()
    try:
        await connected.wait_for_ready(timeout=kernels.SECONDS)
        shown = []
        await connected.execute_interactive(
            f"print({number})",
            timeout=kernels.SECONDS,
            output_hook=lambda message: shown.append(message["content"].get("text")),
        )
        return f"{number}\n" in shown
    finally:
        connected.stop_channels()


def test_twenty_kernels_at_once_keep_apart(runtime: Path) -> None:
    with ExitStack() as stack:
        running = [stack.enter_context(kernels.running()) for _ in range(20)]
        assert all(kernel.is_warm for kernel in running)
        for number, kernel in enumerate(running):
            kernel.run(f"import decimal\ndecimal.number = x = {number}")

        values = [
            kernel.value("x, decimal.number, __import__('os').getpid()") for kernel in running
        ]

        assert values == [
            str((number, number, kernel.process.pid)) for number, kernel in enumerate(running)
        ]
        assert kernels.parent().pid not in {kernel.process.pid for kernel in running}
        assert {os.getpgid(kernel.process.pid) for kernel in running} == {
            kernel.process.pid for kernel in running
        }  # so that an interrupt reaches one alone
