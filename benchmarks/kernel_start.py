"""What a warm kernel saves: starting, restarting, whole commands, and what it costs in memory.

Three ways are compared, in turns and in changing order in one go, so that a slow moment of the
machine hits all alike:

- cold, byte-compiled: an ordinary kernel (``local-provisioner``), with byte code on disk.
- cold, not byte-compiled: the same with an empty byte-code cache that is never written. Only the
  kernel goes without; papermill and pytest themselves are byte-compiled in all three ways.
- warm: a kernel forked by the parent (``kcourse-warm``), which is started first; that costs once
  what is printed as the parent's start.

Quantities, medians of all runs (wall time in seconds, memory in MiB):

- start: from ``start_new_kernel`` to the reply to a first cell, which imports TensorFlow and runs
  an op.
- restart: from ``restart_kernel`` of such a kernel to the reply to the same cell. Both contain
  jupyter_client's own waits, such as 0.2 s of silence before it takes a kernel for ready.
- memory: what is the kernel's alone after the first op (unique set size). Libraries that are
  mapped from disk are not in it, as the parent, which is there all the time, has them mapped too.
- papermill: the whole command ``python -m papermill`` on a notebook like a lesson's beginning.
- chapter: ``pytest --nbval`` on the four lessons of chapter 1, one after the other, with the
  options of ``kcourse verify``.
- many: 20 kernels at once, from the first start to the last reply, and the memory of all of them.
  They are reached by sockets in a folder: TCP ports, which Jupyter chooses long before a kernel
  takes them, are now and then given out twice when so many start, whatever way.

Each run makes sure that its kernel is what the way says. The socket, the profile and all files
are in a folder of the run's own; parents and kernels of anybody else are left alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
import psutil
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from jupyter_client.provisioning import KernelProvisionerFactory
from rich import box
from rich.console import Console
from rich.table import Table

from kcourse import kernel, lessons
from kcourse.kernel import client, fallback
from kcourse.kernel.command import prepare
from kcourse.kernel.process import WarmProcess
from kcourse.storing import CELL_TIMEOUT_S

CELL = "import tensorflow as tf, keras; tf.reduce_sum(tf.ones((2, 3)))"
#: Tells which application the kernel is, and whether it finds TensorFlow's byte code.
EVIDENCE = (
    "[type(get_ipython().kernel.parent).__module__, __import__('os').path.exists("
    "__import__('importlib.util').util.find_spec('tensorflow').cached)]"
)
LIKE_A_LESSON = (
    'SEED = 7\nSCALE = "quick"',
    """\
from kcourse import check, hint, progress, solution
from kcourse.datasets import digits, iris, photograph
from kcourse.exercise import explain_error
from kcourse.plotting import BLUE, ORANGE, SKY, draw_array, show_images, use_course_style

import random

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(SEED)
tf.config.experimental.enable_op_determinism()
use_course_style()""",
    "total = tf.reduce_sum(tf.ones((2, 3)))\ntotal",
    "figure, axes = plt.subplots()\naxes.plot(np.arange(3), [1, 4, 9], color=BLUE)\nplt.show()",
)
#: Runs a module with variables that count for the processes it starts, but not for itself:
#: Python looks at them only when it starts.
LAUNCHER = """\
import json, os, runpy, sys
os.environ.update(json.loads(sys.argv.pop(1)))
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)"""
#: Seconds; nothing here should take so long, even with 20 cold kernels on one core.
PATIENCE = 900
MIB = 1 << 20

#: What ``--only`` may name.
QUANTITIES = ("start", "restart", "memory", "papermill", "chapter", "many")
#: Key, description and unit of each row.
ROWS = (
    ("start", "start to first op", "s"),
    ("restart", "restart to first op", "s"),
    ("papermill", "papermill, whole command", "s"),
    ("chapter", "pytest --nbval, chapter 1", "s"),
    ("memory", "private memory after first op", "MiB"),
    ("many", "{count} kernels at once to first op", "s"),
    ("many_memory", "private memory of {count} kernels", "MiB"),
    ("many_memory_with_parent", "the same and the parent's resident set", "MiB"),
)


class Untrue(Exception):
    """A kernel is not what its way says, or a command failed: there is nothing to report."""


@dataclass(frozen=True)
class Way:
    """How kernels are started: by which provisioner, and with which variables of their own."""

    name: str
    provisioner: str
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def is_warm(self) -> bool:
        return self.provisioner == kernel.PROVISIONER

    def require(self, what: bool, told: str) -> None:
        """Raise ``Untrue`` unless it is so."""
        if not what:
            raise Untrue(f"{self.name}: {told}")

    def require_evidence(self, evidence: str) -> None:
        """Raise ``Untrue`` unless a kernel that answers so to ``EVIDENCE`` is of this way."""
        application = "kcourse.kernel.app" if self.is_warm else "ipykernel.kernelapp"
        expected = repr([application, not self.variables])
        self.require(evidence == expected, f"the kernel says {evidence}, not {expected}{_reason()}")

    def require_process(self, manager: KernelManager) -> None:
        """Raise ``Untrue`` unless the manager's kernel was started this way."""
        found = type(manager.provisioner.process)  # type: ignore[union-attr]
        expected = WarmProcess if self.is_warm else subprocess.Popen
        self.require(found is expected, f"the kernel is a {found.__name__}{_reason()}")


def _reason() -> str:
    """Return why the last kernel was not warm, if it should have been."""
    last = fallback.last()
    return f" ({last['reason']})" if last else ""


class Benchmark:
    """The three ways, and what is measured of each; files go into ``folder``."""

    def __init__(self, folder: Path, only: Sequence[str], count: int) -> None:
        self._folder = folder
        self._only = only
        self._count = count
        uncompiled = {
            "PYTHONPYCACHEPREFIX": str(folder / "no-byte-code"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.compiled = Way("cold, byte-compiled", "local-provisioner")
        self.uncompiled = Way("cold, not byte-compiled", "local-provisioner", uncompiled)
        self.warm = Way("warm", kernel.PROVISIONER)
        self.ways = [self.compiled, self.uncompiled, self.warm]
        self._lessons = [
            lesson.path
            for lesson in lessons.all_lessons()
            if lesson.path.parent.name == "01_tensors"
        ]

    def start_parent(self) -> float:
        """Start the parent of warm kernels; return the seconds until it was ready."""
        started = time.perf_counter()
        prepare()
        return time.perf_counter() - started

    def parent(self) -> dict[str, Any]:
        """Return the parent's status; there must be one, ready."""
        found = [parent for parent in client.parents() if parent["ready"]]
        if len(found) != 1:
            raise Untrue(f"there are {len(found)} parents")
        return found[0]

    def one_kernel(self, way: Way) -> dict[str, float]:
        """Start a kernel, look at its memory, restart it."""
        with self._provisioned(way):
            started = time.perf_counter()
            manager, connected = start_new_kernel(PATIENCE, **self._launch(way))
            try:
                _run(connected, CELL)
                result = {"start": time.perf_counter() - started}
                self._require(way, manager, connected)
                result["memory"] = _unique(manager)
                if "restart" in self._only:
                    started = time.perf_counter()
                    manager.restart_kernel()
                    connected.wait_for_ready(timeout=PATIENCE)
                    _run(connected, CELL)
                    result["restart"] = time.perf_counter() - started
                    self._require(way, manager, connected)
            finally:
                _end(manager, connected)
        return result

    def many_kernels(self, way: Way) -> dict[str, float]:
        """Start many kernels at once; look at their memory while all of them live."""
        alive: list[tuple[KernelManager, BlockingKernelClient]] = []
        times: list[tuple[float, float]] = []
        together = threading.Barrier(self._count)

        def begin() -> None:
            together.wait()
            started = time.perf_counter()
            manager = KernelManager(
                transport="ipc", connection_file=str(self._folder / f"{uuid.uuid4().hex[:8]}.json")
            )
            manager.start_kernel(**self._launch(way))
            connected = manager.client()
            alive.append((manager, connected))
            connected.start_channels()
            connected.wait_for_ready(timeout=PATIENCE)
            _run(connected, CELL)
            times.append((started, time.perf_counter()))

        with self._provisioned(way), ThreadPoolExecutor(self._count) as pool:
            try:
                begun = [pool.submit(begin) for _ in range(self._count)]
                wait(begun)
                for one in begun:
                    one.result()
                for manager, connected in alive:
                    self._require(way, manager, connected)
                memory = sum(_unique(manager) for manager, _ in alive)
                parent = self.parent()["memory"] / MIB if way.is_warm else 0
            finally:
                list(pool.map(lambda one: _end(*one), alive))
        return {
            "many": max(ended for _, ended in times) - min(started for started, _ in times),
            "many_memory": memory,
            "many_memory_with_parent": memory + parent,
        }

    def papermill(self, way: Way) -> dict[str, float]:
        """Run the notebook that is like a lesson by papermill."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in LIKE_A_LESSON],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        notebook.cells[0].metadata.tags = ["parameters"]
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            folder = Path(scratch)
            nbformat.write(notebook, folder / "lesson.ipynb")
            command = ["papermill", "lesson.ipynb", "executed.ipynb", "--no-progress-bar"]
            seconds = self._run_command(way, command, folder)
            cells = nbformat.read(folder / "executed.ipynb", as_version=4).cells
        way.require("image/png" in cells[-1].outputs[-1].get("data", {}), "there is no figure")
        return {"papermill": seconds}

    def chapter(self, way: Way) -> dict[str, float]:
        """Run the lessons of chapter 1 by nbval, as ``kcourse verify`` does."""
        way.require(len(self._lessons) == 4, f"chapter 1 has {len(self._lessons)} lessons")
        return {"chapter": sum(self._lesson(way, lesson) for lesson in self._lessons)}

    def rehearse_chapter(self, way: Way) -> dict[str, float]:
        """Run one lesson, so that pytest has been read from disk once."""
        return {"chapter": self._lesson(way, self._lessons[0])}

    def _lesson(self, way: Way, lesson: Path) -> float:
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            folder = Path(scratch)
            (folder / lesson.name).write_bytes(lesson.read_bytes())
            command = ["pytest", "--nbval", "--nbval-current-env"]
            command += [f"--nbval-cell-timeout={CELL_TIMEOUT_S}", "-p", "no:cacheprovider"]
            command += ["-p", "no:xdist", "-c", os.devnull, "--rootdir=.", lesson.name]
            return self._run_command(way, command, folder)

    def _run_command(self, way: Way, command: Sequence[str], folder: Path) -> float:
        """Run ``python -m command``, which starts one kernel; return its wall time."""
        startup = folder / "ipython/profile_default/startup"  # run by IPython in each kernel
        startup.mkdir(parents=True)
        told_by_kernels = folder / "evidence"
        (startup / "tell.py").write_text(
            f"with open({str(told_by_kernels)!r}, 'a') as file: print({EVIDENCE}, file=file)"
        )
        arguments = ["-m", *command]
        if way.variables:
            arguments = ["-c", LAUNCHER, json.dumps(way.variables), *command]
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=os.environ
            | {kernel.VARIABLE: way.provisioner, "IPYTHONDIR": str(folder / "ipython")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - started
        told = (done.stdout + done.stderr)[-2000:]
        way.require(done.returncode == 0, f"{command[0]} ended with {done.returncode}: {told}")
        way.require_evidence(told_by_kernels.read_text().strip())
        return seconds

    @contextmanager
    def _provisioned(self, way: Way) -> Iterator[None]:
        """Have kernels of this process started by the way's provisioner."""
        factory = KernelProvisionerFactory.instance()
        before = factory.default_provisioner_name
        factory.default_provisioner_name = way.provisioner
        try:
            yield
        finally:
            factory.default_provisioner_name = before

    def _launch(self, way: Way) -> dict[str, Any]:
        """Return the options with which kernels of this process are started."""
        return {
            "env": os.environ | way.variables,
            "cwd": str(self._folder),
            "stderr": subprocess.DEVNULL,
        }

    def _require(self, way: Way, manager: KernelManager, connected: BlockingKernelClient) -> None:
        way.require_process(manager)
        way.require_evidence(_run(connected, "", EVIDENCE))


def _run(connected: BlockingKernelClient, code: str, expression: str = "None") -> str:
    """Run a cell; return the value that an expression has after it."""
    reply = connected.execute(
        code, reply=True, timeout=PATIENCE, user_expressions={"value": expression}
    )["content"]
    value = reply.get("user_expressions", {}).get("value", reply)
    if reply["status"] != "ok" or value["status"] != "ok":
        raise Untrue(f"a cell failed: {value}")
    return str(value["data"]["text/plain"])


def _unique(manager: KernelManager) -> float:
    """Return the memory that is the kernel's alone, in MiB."""
    pid = manager.provisioner.pid  # type: ignore[union-attr]
    return float(psutil.Process(pid).memory_full_info().uss) / MIB


def _end(manager: KernelManager, connected: BlockingKernelClient) -> None:
    connected.stop_channels()
    manager.shutdown_kernel(now=True)


@dataclass
class Plan:
    """What is measured together, how often, of which ways, and what goes before, untimed."""

    measure: Callable[[Way], dict[str, float]]
    runs: int
    ways: Sequence[Way]
    rehearse: Callable[[Way], dict[str, float]] | None
    rehearsed: Sequence[Way] = ()


def plans(benchmark: Benchmark, options: argparse.Namespace) -> list[Plan]:
    """Return what is to be done for what was asked."""
    only, everyone, warm = options.only, benchmark.ways, [benchmark.warm]
    found = []
    if {"start", "restart", "memory"} & set(only):
        one = benchmark.one_kernel
        # The first way went before, when the parent was not there yet.
        found.append(Plan(one, options.runs, everyone, one, everyone[1:]))
    if "papermill" in only:
        papermill = benchmark.papermill
        found.append(Plan(papermill, options.runs, everyone, papermill, warm))
    if "many" in only:
        chosen = everyone if options.many_all_ways else [benchmark.compiled, benchmark.warm]
        found.append(Plan(benchmark.many_kernels, options.many_runs, chosen, None))
    if "chapter" in only:
        rehearse = benchmark.rehearse_chapter
        found.append(Plan(benchmark.chapter, options.chapter_runs, everyone, rehearse, warm))
    return found


def carry_out(plan: Plan) -> dict[str, dict[str, list[float]]]:
    """Measure in turns; return the samples by quantity and way."""
    if plan.rehearse is not None:
        for way in plan.rehearsed:
            _say(f"untimed, {way.name}", plan.rehearse(way))
    samples: dict[str, dict[str, list[float]]] = {}
    for run in range(plan.runs):
        first = run % len(plan.ways)
        for way in [*plan.ways[first:], *plan.ways[:first]]:
            measured = plan.measure(way)
            _say(f"run {run + 1} of {plan.runs}, {way.name}", measured)
            for quantity, value in measured.items():
                samples.setdefault(quantity, {}).setdefault(way.name, []).append(value)
    return samples


def _say(what: str, measured: dict[str, float]) -> None:
    values = ", ".join(f"{name} {value:.2f}" for name, value in measured.items())
    print(f"{what}: {values}", file=sys.stderr, flush=True)


def summary(
    benchmark: Benchmark, samples: dict[str, dict[str, list[float]]], count: int
) -> list[dict[str, Any]]:
    """Return a row for each quantity: samples, medians, and how much less warm is."""
    rows = []
    for key, title, unit in ROWS:
        if key not in samples:
            continue
        medians = {way: statistics.median(values) for way, values in samples[key].items()}
        rows.append(
            {
                "quantity": key,
                "title": title.format(count=count),
                "unit": unit,
                "samples": samples[key],
                "median": medians,
                "ratio": {
                    way.name: medians[way.name] / medians[benchmark.warm.name]
                    for way in (benchmark.compiled, benchmark.uncompiled)
                    if way.name in medians
                },
            }
        )
    return rows


def print_table(ways: Sequence[Way], result: dict[str, Any]) -> None:
    """Print what was measured for people to read."""
    table = Table(box=box.SIMPLE)
    table.add_column("median")
    table.add_column("runs", justify="right")
    for way in ways:
        table.add_column(way.name.replace(", ", ",\n"), justify="right")
    for way in ways[:2]:
        table.add_column(way.name.replace(", ", " / warm,\n"), justify="right")
    for row in result["quantities"]:
        digits = 2 if row["unit"] == "s" else 0
        values = [row["median"].get(way.name) for way in ways]
        ratios = [row["ratio"].get(way.name) for way in ways[:2]]
        table.add_row(
            f"{row['title']} ({row['unit']})",
            str(max(map(len, row["samples"].values()))),
            *("not run" if value is None else f"{value:.{digits}f}" for value in values),
            *("" if ratio is None else f"{ratio:.1f}" for ratio in ratios),
        )
    # As wide as it needs to be, also into a file.
    Console(width=150).print(table)
    parent, where = result["parent"], result["environment"]
    print(
        f"The parent was ready after {parent['seconds']:.2f} s, once; its resident set was "
        f"{parent['memory_at_first']:.0f} MiB then, and {parent['memory_at_last']:.0f} MiB at the "
        "end."
    )
    if any(len(row["median"]) < len(ways) for row in result["quantities"]):
        print("Many kernels at once were left out not byte-compiled (see --many-all-ways).")
    print(
        f"{where['cores']} cores, load {where['load']} at the beginning, "
        + ", ".join(f"{name} {where[name]}" for name in ("python", "tensorflow", "ipykernel"))
    )


@contextmanager
def surroundings() -> Iterator[Path]:
    """Have a folder and an environment for this run alone; stop its parent at the end."""
    before = os.environ.copy()
    with tempfile.TemporaryDirectory(prefix="kcourse-benchmark-") as name:
        folder = Path(name)
        (folder / "runtime").mkdir(mode=0o700)
        for variable in (
            *("KCOURSE_WARM", "MPLBACKEND", kernel.VARIABLE),
            *("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"),
        ):
            os.environ.pop(variable, None)
        os.environ |= {
            "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTER_PLATFORM_DIRS": "1",
            "JUPYTER_RUNTIME_DIR": str(folder / "connections"),
            "XDG_RUNTIME_DIR": str(folder / "runtime"),
        }
        try:
            yield folder
        finally:
            for parent in client.parents():
                client.stop(parent["name"])
            os.environ.clear()
            os.environ.update(before)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="runs of each way (default 5)")
    parser.add_argument("--chapter-runs", type=int, default=1, help="the same of chapter (1)")
    parser.add_argument("--many-runs", type=int, default=3, help="the same of many (3)")
    parser.add_argument("--many", type=int, default=20, help="kernels at once (20)")
    parser.add_argument(
        "--many-all-ways", action="store_true", help="have many not byte-compiled, too"
    )
    parser.add_argument("--only", help=f"some of: {','.join(QUANTITIES)}")
    parser.add_argument("--json", action="store_true", help="print JSON with all samples")
    options = parser.parse_args()
    options.only = options.only.split(",") if options.only else list(QUANTITIES)
    if unknown := set(options.only) - set(QUANTITIES):
        parser.error(f"--only knows no {min(unknown)}; it knows {', '.join(QUANTITIES)}")
    if min(options.runs, options.chapter_runs, options.many_runs, options.many) < 1:
        parser.error("numbers must be at least 1")
    if why := kernel.switched_off():
        parser.error(f"there are no warm kernels here: {why}")
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    samples: dict[str, dict[str, list[float]]] = {}
    with surroundings() as folder:
        benchmark = Benchmark(folder, options.only, options.many)
        try:
            # The libraries' byte code, and all files once read, for every way.
            _say("untimed", benchmark.one_kernel(benchmark.compiled))
            parent = {"seconds": benchmark.start_parent()}
            parent["memory_at_first"] = benchmark.parent()["memory"] / MIB
            pid = benchmark.parent()["pid"]
            for plan in plans(benchmark, options):
                samples |= carry_out(plan)
            if benchmark.parent()["pid"] != pid:
                raise Untrue("the parent was replaced in between")
        except Untrue as error:
            sys.exit(f"{parser.prog}: {error}")
        parent["memory_at_last"] = benchmark.parent()["memory"] / MIB
        wanted = {name: one for name, one in samples.items() if name.split("_")[0] in options.only}
        result = {
            "date": datetime.now(UTC).date().isoformat(),
            "environment": {
                "python": platform.python_version(),
                "cores": os.cpu_count(),
                "load": load,
                **{
                    name: metadata.version(name)
                    for name in ("tensorflow", "keras", "ipykernel", "jupyter-client")
                },
            },
            "parent": parent,
            "quantities": summary(benchmark, wanted, options.many),
        }
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print_table(benchmark.ways, result)


if __name__ == "__main__":
    main()
