"""A warm kernel's life: started, used, interrupted, restarted, ended."""

from __future__ import annotations

from pathlib import Path

import kernels


def test_a_kernel_is_forked_runs_cells_and_ends(runtime: Path) -> None:
    with kernels.running() as kernel:
        assert kernel.is_warm
        assert kernel.value("1 + 1") == "2"
        process = kernel.process
    assert process.returncode is not None


def test_a_restarted_kernel_is_a_new_warm_one(runtime: Path) -> None:
    with kernels.running() as kernel:
        kernel.run("x = 1")
        before = kernel.process.pid
        kernel.restart()
        assert kernel.is_warm
        assert kernel.process.pid != before
        assert kernel.run("x") == [("error", "NameError: name 'x' is not defined")]
