"""Start kernels in tests as any Jupyter application does, and read what their cells show."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from traitlets.config import Config

from kcourse.kernel import PROVISIONER

#: Modules that are imported in a moment, for tests that need a parent but not TensorFlow.
LIGHT = ("decimal",)


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
        return type(self.process).__name__ == "WarmProcess"

    def run(self, code: str, *, timeout: float = 120) -> list[tuple[str, str]]:
        """Run a cell; return its outputs in order as pairs (kind, text)."""
        outputs: list[tuple[str, str]] = []

        def note(message: Mapping[str, Any]) -> None:
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

        self.client.execute_interactive(code, timeout=timeout, allow_stdin=False, output_hook=note)
        return outputs

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


def manager(
    libraries: Sequence[str] = LIGHT, *, patience: float = 30, idle: float = 60
) -> KernelManager:
    """Return a manager whose kernel is warm if it can be; patient, for a busy machine."""
    config = Config()
    config.WarmProvisioner.libraries = list(libraries)
    config.WarmProvisioner.patience = patience
    config.WarmProvisioner.idle = idle
    made = KernelManager(kernel_name="python3", config=config)
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


def processes(runtime: Path) -> list[psutil.Process]:
    """Return the parents and warm kernels whose private directory is below ``runtime``."""
    found = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
            if "kcourse.kernel" in line and _runtime_of(process) == str(runtime):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _runtime_of(process: psutil.Process) -> str | None:
    with Path(f"/proc/{process.pid}/environ").open("rb") as file:  # as it was started with
        for pair in file.read().split(b"\0"):
            if pair.startswith(b"XDG_RUNTIME_DIR="):
                return os.fsdecode(pair.partition(b"=")[2])
    return None
