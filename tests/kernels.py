"""Start kernels in tests as any Jupyter application does, and read what their cells show."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from traitlets.config import Config

from kcourse.kernel import PROVISIONER, place

#: Modules that are imported in a moment, for tests that need a parent but not TensorFlow.
LIGHT = ("decimal",)
#: How long a test waits for something that happens soon, on a busy machine, in seconds.
SECONDS = 60


class Kernel:
    """A running kernel ``python3``, its manager and a connected client."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client: BlockingKernelClient = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    @property
    def process(self) -> Any:
        """What the provisioner started: a ``WarmProcess``, or a ``Popen`` for an ordinary one."""
        return self.manager.provisioner.process  # type: ignore[union-attr]

    @property
    def is_warm(self) -> bool:
        return is_warm(self.manager)

    def run(self, code: str, *, timeout: float = 120) -> list[tuple[str, str]]:
        """Run a cell; return its outputs in order as pairs (kind, text)."""
        outputs: list[tuple[str, str]] = []
        self.client.execute_interactive(
            code,
            timeout=timeout,
            allow_stdin=False,
            output_hook=lambda message: _note(message, outputs),
        )
        return outputs

    def begin(self, code: str, shown: str) -> str:
        """Start a cell, wait until it has shown a text, and return its number for ``end``."""
        number: str = self.client.execute(code, allow_stdin=False)
        outputs: list[tuple[str, str]] = []
        while not any(shown in text for _, text in outputs):
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") == number:
                assert not _is_idle(message), f"the cell ended with {outputs}"
                _note(message, outputs)
        return number

    def end(self, number: str) -> list[tuple[str, str]]:
        """Wait until a cell that was begun has ended; return its outputs since."""
        outputs: list[tuple[str, str]] = []
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") == number:
                if _is_idle(message):
                    return outputs
                _note(message, outputs)

    def value(self, expression: str) -> str:
        """Return the text that an expression shows."""
        (kind, text), *more = self.run(expression)
        assert kind == "execute_result", (kind, text)
        assert not more
        return text

    def restart(self) -> None:
        """Restart the kernel as JupyterLab's menu does, and wait until it is ready."""
        self.manager.restart_kernel()
        self.client.wait_for_ready(timeout=60)


def _is_idle(message: Mapping[str, Any]) -> bool:
    return message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"


def _note(message: Mapping[str, Any], outputs: list[tuple[str, str]]) -> None:
    """Add what a message shows to a cell's outputs."""
    kind, content = message["msg_type"], message["content"]
    if kind == "stream":
        name, text = content["name"], content["text"]
        if outputs and outputs[-1][0] == name:
            text = outputs.pop()[1] + text
        outputs.append((name, text))
    elif kind == "error":
        outputs.append(("error", f"{content['ename']}: {content['evalue']}"))
    elif kind in ("execute_result", "display_data"):
        outputs.append((kind, content["data"].get("text/plain", "")))


def manager(
    libraries: Sequence[str] = LIGHT,
    *,
    patience: float = 30,
    idle: float = 60,
    made_by: type[KernelManager] = KernelManager,
) -> KernelManager:
    """Return a manager whose kernel is warm if it can be; patient, for a busy machine."""
    config = Config()
    config.WarmProvisioner.libraries = list(libraries)
    config.WarmProvisioner.patience = patience
    config.WarmProvisioner.idle = idle
    made = made_by(kernel_name="python3", config=config)
    made.kernel_spec.metadata["kernel_provisioner"] = {  # type: ignore[union-attr]
        "provisioner_name": PROVISIONER
    }
    return made


@contextmanager
def running(
    libraries: Sequence[str] = LIGHT,
    *,
    patience: float = 30,
    idle: float = 60,
    **launch: Any,
) -> Iterator[Kernel]:
    """Start a kernel and end it; ``launch`` is passed on, such as ``cwd`` and ``env``."""
    made = manager(libraries, patience=patience, idle=idle)
    made.start_kernel(**launch)
    try:
        kernel = Kernel(made)
        try:
            yield kernel
        finally:
            kernel.client.stop_channels()
    finally:
        made.shutdown_kernel(now=True)


@contextmanager
def started(
    libraries: Sequence[str] = LIGHT, *, patience: float = 30, idle: float = 60, **launch: Any
) -> Iterator[KernelManager]:
    """Start a kernel, without connecting to it, and end it."""
    made = manager(libraries, patience=patience, idle=idle)
    made.start_kernel(**launch)
    try:
        yield made
    finally:
        made.shutdown_kernel(now=True)


def is_warm(of: KernelManager) -> bool:
    """Whether the manager's kernel was forked from a parent."""
    return type(of.provisioner.process).__name__ == "WarmProcess"  # type: ignore[union-attr]


def parent() -> psutil.Process:
    """Return the parent process; there must be exactly one, which does not notice."""
    holders = []
    for name in place.names():
        with place.Place(name) as where:
            holders.append(where.holder())
    (one,) = (pid for pid in holders if pid is not None)
    return psutil.Process(one)


def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def processes(runtime: Path) -> list[psutil.Process]:
    """Return the parents and warm kernels whose private directory is below ``runtime``."""
    found = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
            if "kcourse.kernel" in line and _runtime_of(process) == str(runtime):
                found.append(process)
        except (psutil.Error, OSError):  # it has ended meanwhile, or is another user's
            continue
    return found


def _runtime_of(process: psutil.Process) -> str | None:
    with Path(f"/proc/{process.pid}/environ").open("rb") as file:  # as it was started with
        for pair in file.read().split(b"\0"):
            if pair.startswith(b"XDG_RUNTIME_DIR="):
                return os.fsdecode(pair.partition(b"=")[2])
    return None


def has_ended(process: psutil.Process) -> bool:
    """Whether a process is no more, but perhaps for whoever should reap it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
