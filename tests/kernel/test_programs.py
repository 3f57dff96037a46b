"""nbval, papermill, nbconvert, ``jupyter execute`` and a Jupyter server get warm kernels unasked.

Each runs the kernel ``python3`` as ever; one variable or setting makes it warm. What a notebook
shows is the same as without.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kernels
import nbformat
import psutil
import pytest
import serving
from jupyter_client.blocking.client import BlockingKernelClient
from nbformat.v4 import new_code_cell, new_notebook

from kcourse.kernel import PROVISIONER, VARIABLE
from kcourse.lab import listens

#: The first notes which process the kernel was forked from; it shows nothing.
CELLS = (
    """
import os
with open(f"/proc/{os.getppid()}/comm") as comm, open(os.environ["WITNESS"], "a") as witness:
    witness.write(comm.read())
""",
    "import kcourse\nimport tensorflow as tf\nimport matplotlib.pyplot as plt",
    "tf.reduce_sum(tf.range(5.0) ** 2)",
    "print('Python')\ntf.print('TensorFlow', tf.constant([1, 2]))",
    "plt.figure(figsize=(2, 1))\nplt.plot([1, 4, 9])\nplt.show()",
    "1 / 1",
)
WARM = "kcourse-warm"


@dataclass
class User:
    """Somebody with a home and a folder of their own, and a parent process that is ready."""

    folder: Path
    env: dict[str, str]

    def run(self, *module: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``python -m module`` until it ends well."""
        done = subprocess.run(
            [sys.executable, "-m", *module],
            cwd=self.folder,
            env=self.env | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=serving.SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def run_warm(self, *module: str) -> subprocess.CompletedProcess[str]:
        """Run a program whose kernel is warm; once more if the machine was too busy for that."""
        kept = serving.runtime(Path(self.env["HOME"])) / "kcourse" / "fallback.json"
        for _ in range(3):
            done = self.run(*module)
            if self.witnessed() == [WARM]:
                return done
            why = json.loads(kept.read_bytes())["reason"]
            assert "within 5 s" in why or "still being imported" in why, why
        raise AssertionError(f"it was not warm three times, the last because {why}")

    def witnessed(self) -> list[str]:
        """Return what the kernels since the last time were forked from."""
        witness = Path(self.env["WITNESS"])
        lines = witness.read_text(encoding="ascii").splitlines()
        witness.unlink()
        return lines


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """A user for whom ``kcourse kernel start`` was run; nothing is left of it afterwards."""
    folder = tmp_path_factory.mktemp("user")
    home = folder / "home"
    env = serving.environment(home) | {
        VARIABLE: PROVISIONER,
        "WITNESS": str(folder / "witness"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "JUPYTER_RUNTIME_DIR": str(folder / "jupyter"),
    }
    env.pop("MPLBACKEND", None)
    subprocess.run(serving.command("kernel", "start"), env=env, check=True, timeout=120)
    yield User(folder, env)
    serving.leave_nothing(home)


@pytest.fixture(scope="module")
def reference(user: User) -> Path:
    """The notebook with its outputs, which an ordinary kernel has made."""
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(
        cells=[new_code_cell(source) for source in CELLS], metadata={"kernelspec": kernelspec}
    )
    nbformat.write(notebook, user.folder / "notebook.ipynb")
    convert = ("nbconvert", "--to=notebook", "--execute", "--output=ordinary", "notebook.ipynb")
    done = user.run(*convert, KCOURSE_WARM="0")
    assert done.stderr.count("starts the ordinary way, not warm: KCOURSE_WARM=0 is set.") == 1
    (parent,) = user.witnessed()
    assert parent != WARM
    return user.folder / "ordinary.ipynb"


def shown(path: Path) -> list[list[Any]]:
    """Return what each code cell of a notebook shows; how a stream was cut up does not count."""
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    cells = []
    for cell in notebook.cells:
        outputs: list[Any] = []
        for output in cell.outputs:
            last = outputs[-1] if outputs else {}
            if output.output_type == "stream" and last.get("name") == output.name:
                last["text"] += output.text
            else:
                outputs.append(dict(output))
        cells.append(outputs)
    return cells


def test_the_reference_shows_a_tensor_two_prints_and_a_figure(reference: Path) -> None:
    _, imports, op, prints, figure, last = shown(reference)
    assert imports == []
    assert "numpy=30.0" in op[0]["data"]["text/plain"]
    assert "".join(one["text"] for one in prints) == "Python\nTensorFlow [1 2]\n"
    assert figure[0]["data"]["image/png"]
    assert last[0]["data"] == {"text/plain": "1.0"}


@pytest.mark.parametrize("mode", ["--nbval", "--nbval-current-env"])
def test_nbval_finds_the_outputs_of_an_ordinary_kernel_in_a_warm_one(
    mode: str, user: User, reference: Path
) -> None:
    options = ["--nbval"] if mode == "--nbval" else ["--nbval", mode]
    done = user.run_warm("pytest", "-p", "no:cacheprovider", *options, reference.name)
    assert f"{len(CELLS)} passed" in done.stdout


@pytest.mark.parametrize(
    "program",
    [
        ("papermill", "--no-progress-bar", "notebook.ipynb", "result.ipynb"),
        ("nbconvert", "--to=notebook", "--execute", "--output=result", "notebook.ipynb"),
        ("jupyter", "execute", "--output=result", "notebook.ipynb"),
    ],
    ids=lambda program: program[0],
)
def test_a_program_that_runs_notebooks_makes_the_same_outputs_with_a_warm_kernel(
    program: tuple[str, ...], user: User, reference: Path
) -> None:
    result = user.folder / "result.ipynb"
    result.unlink(missing_ok=True)
    user.run_warm(*program)
    assert shown(result) == shown(reference)


@dataclass
class Server:
    """A running Jupyter server."""

    process: subprocess.Popen[bytes]
    runtime: Path
    api: serving.Api

    @contextmanager
    def connected(self, identifier: str) -> Iterator[kernels.Kernel]:
        """Connect to a kernel of the server, past the server."""
        client = BlockingKernelClient(
            connection_file=str(self.runtime / f"kernel-{identifier}.json")
        )
        client.load_connection_file()
        kernel = kernels.Kernel(SimpleNamespace(client=lambda: client))
        try:
            yield kernel
        finally:
            kernel.client.stop_channels()


@contextmanager
def server(user: User, *options: str) -> Iterator[Server]:
    """Start a Jupyter server with warm kernels by its own setting, and end it."""
    env = {name: value for name, value in user.env.items() if name != VARIABLE}
    command = [
        *(sys.executable, "-m", "jupyter_server", "--no-browser"),
        *("--ServerApp.jpserver_extensions={}", "--ServerApp.port=0"),
        f"--KernelProvisionerFactory.default_provisioner_name={PROVISIONER}",
        *(["--allow-root"] if os.geteuid() == 0 else []),
        *options,
    ]
    log = user.folder / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=user.folder, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    runtime = Path(env["JUPYTER_RUNTIME_DIR"])
    info = runtime / f"jpserver-{process.pid}.json"
    try:
        kernels.until(lambda: process.poll() is not None or (info.exists() and info.read_bytes()))
        assert process.poll() is None, log.read_text(encoding="utf-8")
        found = json.loads(info.read_bytes())
        # It writes this file a moment before it listens.
        kernels.until(lambda: listens(process.pid, found["port"]))
        yield Server(process, runtime, serving.Api(found["url"], found["token"]))
    finally:
        process.terminate()
        process.wait(timeout=serving.SECONDS)


def pid_of(kernel: kernels.Kernel) -> int:
    return int(kernel.value("__import__('os').getpid()"))


def is_warm(pid: int) -> bool:
    parent = psutil.Process(pid).parent()
    return parent is not None and Path(f"/proc/{parent.pid}/comm").read_text() == f"{WARM}\n"


def test_a_server_starts_interrupts_restarts_and_shuts_down_warm_kernels(user: User) -> None:
    with server(user) as running:
        with ThreadPoolExecutor() as pool:
            first, second, third = pool.map(lambda _: running.api.start_kernel(), range(3))
        pids = []
        for identifier in (first, second, third):
            with running.connected(identifier) as kernel:
                pids.append(pid_of(kernel))
                assert is_warm(pids[-1])
                kernel.run("import tensorflow as tf")
                assert kernel.value("float(tf.reduce_sum(tf.range(5.0)))") == "10.0"
        assert len(set(pids)) == 3

        with running.connected(first) as kernel:
            kernel.run("x = 1")
            cell = kernel.begin("print('begun', flush=True)\nwhile True: pass", "begun")
            running.api.ask("POST", f"kernels/{first}/interrupt")
            assert kernel.end(cell) == [("error", "KeyboardInterrupt: ")]
            assert kernel.value("x") == "1"

        running.api.ask("POST", f"kernels/{first}/restart")
        with running.connected(first) as kernel:
            restarted = pid_of(kernel)
            assert restarted not in pids
            assert is_warm(restarted)
            assert kernel.run("x") == [("error", "NameError: name 'x' is not defined")]
        assert not psutil.pid_exists(pids[0])

        running.api.ask("DELETE", f"kernels/{second}")
        assert not psutil.pid_exists(pids[1])
        assert set(running.api.kernels()) == {first, third}
    for pid in (restarted, pids[2]):  # the server has ended them at its own end
        kernels.until(lambda pid=pid: not psutil.pid_exists(pid))


def test_a_server_that_is_killed_leaves_no_kernel(user: User) -> None:
    with server(user) as running:
        with running.connected(running.api.start_kernel()) as kernel:
            pid = pid_of(kernel)
            assert is_warm(pid)
        running.process.kill()
        kernels.until(lambda: not psutil.pid_exists(pid))


def test_a_server_culls_a_warm_kernel_that_is_idle_and_lets_a_busy_one_run(user: User) -> None:
    culling = (
        "--MappingKernelManager.cull_idle_timeout=1",
        "--MappingKernelManager.cull_interval=1",
    )
    with server(user, *culling) as running:
        idle, busy = running.api.start_kernel(), running.api.start_kernel()
        with running.connected(busy) as kernel:
            cell = kernel.begin("print('begun', flush=True)\nwhile True: pass", "begun")
            with running.connected(idle) as other:
                pid = pid_of(other)
            kernels.until(lambda: idle not in running.api.kernels())
            kernels.until(lambda: not psutil.pid_exists(pid))
            assert busy in running.api.kernels()
            running.api.ask("POST", f"kernels/{busy}/interrupt")
            assert kernel.end(cell) == [("error", "KeyboardInterrupt: ")]
        kernels.until(lambda: running.api.kernels() == [])
