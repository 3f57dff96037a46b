"""A warm kernel's life: started, used, interrupted, restarted, ended."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import kernels
import psutil
import pytest
import zmq
from jupyter_client.blocking.client import BlockingKernelClient

from kcourse.kernel import LIBRARIES


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


def test_an_endless_cell_is_interrupted(runtime: Path) -> None:
    with kernels.running() as kernel:
        cell = kernel.begin("print('on')\nwhile True: pass", shown="on")
        kernel.manager.interrupt_kernel()
        assert kernel.end(cell) == [("error", "KeyboardInterrupt: ")]
        assert kernel.value("1 + 1") == "2"


def test_a_long_fit_is_interrupted_and_the_model_can_be_used(runtime: Path) -> None:
    with kernels.running(LIBRARIES) as kernel:
        assert kernel.is_warm
        kernel.run(
            "import keras, numpy as np\n"
            "x = np.ones((8, 1))\n"
            "model = keras.Sequential([keras.layers.Dense(1)])\n"
            "model.compile(loss='mse')"
        )
        fit = kernel.begin("model.fit(x, x, epochs=10**6, verbose=2)", shown="Epoch 2/")

        kernel.manager.interrupt_kernel()

        kind, text = kernel.end(fit)[-1]
        assert kind == "error"
        assert text.startswith("KeyboardInterrupt")
        assert kernel.value("model.predict(x, verbose=0).shape") == "(8, 1)"
        assert kernel.run("model.fit(x, x, verbose=2)")[0][0] == "stdout"


def test_a_kernel_is_restarted_amid_endless_output(runtime: Path) -> None:
    with kernels.running() as kernel:
        kernel.begin("while True: print('on and on ' * 100)", shown="on and on")
        before = psutil.Process(kernel.process.pid)

        kernel.restart()

        assert kernel.is_warm
        assert kernels.has_ended(before)
        assert kernel.value("1 + 1") == "2"


@pytest.mark.parametrize(
    ("code", "ends_with"),
    [
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os; os.abort()", -signal.SIGABRT),
        ("import os; os._exit(7)", 7),
    ],
)
def test_it_is_seen_how_a_kernel_died_and_it_can_be_restarted(
    runtime: Path, code: str, ends_with: int
) -> None:
    with kernels.running() as kernel:
        kernel.run("import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))")
        process = kernel.process

        kernel.client.execute(code)

        kernels.until(lambda: process.poll() is not None)
        assert process.returncode == ends_with
        assert not kernel.manager.is_alive()
        kernel.restart()
        assert kernel.is_warm
        assert kernel.value("1 + 1") == "2"


def test_a_restarted_kernel_does_not_hear_what_was_said_to_its_dead_predecessor(
    runtime: Path,
) -> None:
    with kernels.running() as kernel:
        # The manager's next socket looks all the time, not each 0.1 s, who listens at its port.
        kernel.manager.context.setsockopt(zmq.RECONNECT_IVL, 1)
        for _ in range(3):
            kernel.process.kill()
            kernels.until(lambda: kernel.process.poll() is not None)

            kernel.restart()  # which first asks the dead kernel to shut down

            assert kernel.is_warm
            assert kernel.value("1 + 1") == "2"


_STARTS_TWO = f"""
import subprocess, sys
sys.path.insert(0, {str(Path(kernels.__file__).parent)!r})
import kernels
for independent in (False, True):
    manager = kernels.manager()
    manager.start_kernel(independent=independent, stdout=subprocess.DEVNULL)
    assert kernels.is_warm(manager)
    print(manager.provisioner.pid, manager.connection_file, flush=True)
sys.stdin.read()
"""


def test_a_kernel_ends_with_who_started_it_unless_independent(runtime: Path) -> None:
    command = [sys.executable, "-c", _STARTS_TWO]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as starter:
        assert starter.stdout is not None
        (one, file), (two, other_file) = (starter.stdout.readline().split() for _ in range(2))
        bound, independent = psutil.Process(int(one)), psutil.Process(int(two))
        starter.kill()

    kernels.until(lambda: not bound.is_running())  # nor is it left to be reaped

    client = BlockingKernelClient(connection_file=other_file)
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=kernels.SECONDS)
    client.stop_channels()
    independent.kill()
    kernels.until(lambda: not independent.is_running())
    for path in (file, other_file):
        Path(path).unlink()
