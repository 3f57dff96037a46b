"""The ports of a kernel: chosen before it is there, and kept for it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import kernels
import pytest
from jupyter_client.connect import port_names
from jupyter_client.manager import KernelManager

from kcourse.kernel import client
from kcourse.kernel.ports import Ports


def ports(of: KernelManager) -> list[int]:
    return [getattr(of, name) for name in port_names]


def is_free(port: int) -> bool:
    """Whether a program that asks for a port nobody has may be given this one."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_nobody_else_gets_the_ports_before_the_kernel_is_there(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = client.start
    made = kernels.manager()
    free: list[int] = []

    def look_and_start(*arguments: Any, **options: Any) -> Any:
        free.extend(port for port in ports(made) if is_free(port))
        return start(*arguments, **options)

    monkeypatch.setattr(client, "start", look_and_start)
    made.start_kernel()
    try:
        assert free == []
        assert len(set(ports(made))) == 5
        assert kernels.is_warm(made)
    finally:
        made.shutdown_kernel(now=True)
    kernels.until(lambda: all(map(is_free, ports(made))))


def test_a_dead_kernels_ports_are_kept_until_it_is_restarted(runtime: Path) -> None:
    with kernels.running() as kernel:
        before = ports(kernel.manager)
        kernel.process.kill()
        kernel.process.wait(kernels.SECONDS)
        assert not any(map(is_free, before))
        kernel.restart()
        assert ports(kernel.manager) == before
        assert kernel.value("1 + 1") == "2"


def test_an_ordinary_kernel_has_its_ports_kept_too(runtime: Path) -> None:
    with kernels.running(["no_such_module"]) as kernel:
        assert not kernel.is_warm
        assert not any(map(is_free, ports(kernel.manager)))
        assert kernel.value("1 + 1") == "2"


def test_an_address_of_another_machine_is_the_ordinary_error(runtime: Path) -> None:
    made = kernels.manager()
    made.ip = "192.0.2.1"
    with pytest.raises(RuntimeError, match="local interface"):
        made.start_kernel()


def test_ports_that_were_chosen_are_all_different() -> None:
    several = [Ports() for _ in range(3)]
    try:
        chosen = [kept.keep_one("127.0.0.1") for kept in several for _ in range(200)]
    finally:
        for kept in several:
            kept.close()
    assert len(set(chosen)) == len(chosen)
