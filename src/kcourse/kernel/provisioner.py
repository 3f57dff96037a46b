"""What Jupyter calls to start, signal and end a kernel: a warm one, or else an ordinary one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo, port_names
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Float, Unicode
from traitlets import List as ListTrait

from kcourse import kernel
from kcourse.kernel import fallback
from kcourse.kernel.errors import Unavailable
from kcourse.kernel.ports import Ports

#: What Jupyter may ask for at a start; whatever else it asks for, an ordinary kernel gets.
_KNOWN = {"cwd", "env", "independent", "stdin", "stdout", "stderr", "extra_arguments", "kernel_id"}


class WarmProvisioner(LocalProvisioner):
    """Starts kernels by forking a process that has the libraries imported already.

    All else is the ordinary provisioner's, and so is the start whenever anything is in the way.
    """

    libraries: Any = ListTrait(
        Unicode(),
        list(kernel.LIBRARIES),
        help="Modules to import before a kernel is forked.",
    ).tag(config=True)
    idle: Any = Float(
        kernel.IDLE, help="Seconds without a kernel after which the parent process ends."
    ).tag(config=True)
    patience: Any = Float(
        kernel.PATIENCE, help="Seconds after which a kernel starts the ordinary way."
    ).tag(config=True)

    _is_warm = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._ports = Ports()

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Choose ports as the ordinary provisioner does, but so that nobody else gets them."""
        manager = self.parent
        if manager and manager.cache_ports and not self.ports_cached and not kernel.switched_off():
            try:
                for name in port_names:
                    setattr(manager, name, self._ports.keep_one(manager.ip))
                self.ports_cached = True
            except OSError:  # what is wrong is the ordinary provisioner's to tell
                self._ports.close()
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel, warm if it can be."""
        self._is_warm = False
        if _is_python_kernel(cmd):
            try:
                if why := kernel.switched_off():
                    raise Unavailable(why)
                process = await self._start_in_thread(cmd, kwargs)
            except Exception as error:  # whatever it is, it must not keep a kernel from starting
                known = isinstance(error, Unavailable)
                fallback.report(
                    str(error) if known else f"{type(error).__name__}: {error}", self.log
                )
            else:
                fallback.forget()
                self.process = process
                self._is_warm = True
                self.pid = self.pgid = process.pid
                self.cwd = kwargs.get("cwd") or Path.cwd()
                return self.connection_info
        return await super().launch_kernel(cmd, **kwargs)

    async def cleanup(self, restart: bool = False) -> None:
        """Let go of the ports, but for those of a kernel that is to be restarted."""
        await super().cleanup(restart)
        if not restart:
            self._ports.close()

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Notice the kernel's end at once: Jupyter itself looks only ten times a second."""
        if not self._is_warm or self.process is None:
            return
        control = getattr(self.parent, "_control_socket", None)
        if control and self.process.poll() is not None:
            # The request waits for a tenth of a second, and a warm kernel could be there by then.
            control.linger = 0
        deadline = time.monotonic() + 0.1
        while self.process.poll() is None and time.monotonic() < deadline:
            await asyncio.sleep(0.005)

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel's process group, unless the kernel has ended."""
        if self.process is not None and self.process.poll() is None:
            await super().send_signal(signum)

    async def _start_in_thread(self, cmd: list[str], kwargs: dict[str, Any]) -> Any:
        """Start the kernel while the event loop goes on; if that is called off, end it."""
        started: list[Any] = []
        called_off = threading.Event()

        def start() -> None:
            started.append(self._start_warm(cmd, kwargs))
            if called_off.is_set():
                started[0].kill()

        try:
            await asyncio.to_thread(start)
        except asyncio.CancelledError:
            called_off.set()
            for process in started:
                process.kill()
            raise
        return started[0]

    def _start_warm(self, cmd: list[str], kwargs: dict[str, Any]) -> Any:
        from kcourse.kernel import client
        from kcourse.kernel.process import Request

        if unknown := kwargs.keys() - _KNOWN:
            raise Unavailable(f"it is asked for with {min(unknown)}")
        found = client.split(cmd)
        if found is None:
            raise Unavailable(f"{cmd[0]} is not found")
        interpreter, arguments = found
        env = dict(kwargs.get("env") or os.environ)
        cwd = os.path.abspath(kwargs.get("cwd") or Path.cwd())
        independent = bool(kwargs.get("independent"))
        if not independent:
            env["JPY_PARENT_PID"] = str(os.getpid())
        _require_importable(env, cwd)
        kind = client.Kind(interpreter, tuple(self.libraries), env, self.idle)
        request = Request([*cmd], arguments, cwd, env, independent)
        streams = [
            _Stream(kwargs.get(name), default)
            for name, default in (("stdin", os.devnull), ("stdout", 1), ("stderr", 2))
        ]
        try:
            files = [stream.open(streams[1]) for stream in streams]
            return client.start(kind, request, files, patience=self.patience)
        finally:
            for stream in streams:
                stream.close()


class _Stream:
    """One of a kernel's standard streams, given as ``subprocess.Popen`` takes it."""

    def __init__(self, given: Any, default: str | int) -> None:
        self._given: Any = default if given is None else given
        self._opened = -1

    def open(self, stdout: _Stream) -> int:
        """Return the open file; ``stdout`` is what ``subprocess.STDOUT`` stands for."""
        if self._given == subprocess.PIPE:
            raise Unavailable("its output is to be read through a pipe")
        if self._given == subprocess.STDOUT:
            return stdout.open(stdout)
        if self._given in (subprocess.DEVNULL, os.devnull):
            if self._opened < 0:
                self._opened = os.open(os.devnull, os.O_RDWR)
            return self._opened
        return self._given if isinstance(self._given, int) else int(self._given.fileno())

    def close(self) -> None:
        """Close what was opened here."""
        if self._opened >= 0:
            os.close(self._opened)
            self._opened = -1


def _is_python_kernel(cmd: list[str]) -> bool:
    return any(part == "ipykernel_launcher" for part in cmd)


def _require_importable(env: dict[str, str], cwd: str) -> None:
    """Raise ``Unavailable`` where what is imported depends on more than a parent can know."""
    backend = env.get("KERAS_BACKEND", "")
    if backend not in ("", "tensorflow"):
        raise Unavailable(f"KERAS_BACKEND={backend}: only TensorFlow is known to bear a fork")
    path = env.get("PYTHONPATH", "")
    if path and not all(os.path.isabs(part) for part in path.split(os.pathsep)):
        raise Unavailable(f"PYTHONPATH={env['PYTHONPATH']} depends on the directory")
    if os.path.exists(os.path.join(cwd, "matplotlibrc")):
        raise Unavailable(f"{cwd} has a matplotlibrc of its own")
