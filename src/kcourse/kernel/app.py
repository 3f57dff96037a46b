"""The kernel application that runs in a forked process: ipykernel's own, with what a fork needs."""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
from typing import Any

from ipykernel import kernelapp
from traitlets import Integer, Unicode
from traitlets import List as ListTrait

#: What ipykernel sets MPLBACKEND to, where it is not set.
_INLINE = "module://matplotlib_inline.backend_inline"
#: The packages that a kernel itself is made of.
_OWN = {name.partition(".")[0] for name in sys.modules} - {"kcourse"}


class IPKernelApp(kernelapp.IPKernelApp):  # type: ignore[misc]
    """ipykernel's application; the name is the one that its log lines and settings go by."""

    requester: Any = Integer(None, allow_none=True, help="A pidfd: end with this process.")
    read_by_import: Any = ListTrait(Unicode(), help="Variables that libraries have read.")

    def __init__(self, **traits: Any) -> None:
        references = logging._handlerList  # type: ignore[attr-defined]
        self._handlers = [reference() for reference in references]  # before this makes its own
        self._preloaded = {
            getattr(module, "__file__", None)
            for name, module in sys.modules.items()
            if name.partition(".")[0] not in _OWN and not name.startswith("kcourse.kernel")
        }
        super().__init__(**traits)

    def init_poller(self) -> None:
        """Watch the process that asked for the kernel: it is not this one's parent."""
        if self.requester is not None:
            self.poller = threading.Thread(
                target=_end_with, args=(self.requester,), daemon=True, name="requester"
            )

    def init_kernel(self) -> None:
        """Let the debugger step into libraries, as where they are imported later."""
        super().init_kernel()
        if debugger := getattr(self.kernel, "debugger", None):
            debugger.kernel_modules = [
                *(file for file in debugger.kernel_modules if file not in self._preloaded),
                os.path.join(os.path.dirname(__file__), "__main__.py"),  # on the stack, below all
            ]

    def init_io(self) -> None:
        """Let loggers that were made before the fork write where those made later do."""
        before = (sys.stdout, sys.stderr)
        super().init_io()
        now = (sys.stdout, sys.stderr)
        for handler in self._handlers:
            if (stream := getattr(handler, "stream", None)) in before:
                handler.stream = now[before.index(stream)]

    def init_gui_pylab(self) -> None:
        """Let matplotlib, imported before, take the backend from the environment as at import."""
        os.environ["MPLBACKEND"] = os.environ.get("MPLBACKEND") or _INLINE
        if matplotlib := sys.modules.get("matplotlib"):
            matplotlib.rcParams["backend"] = os.environ["MPLBACKEND"]
        super().init_gui_pylab()

    def init_shell(self) -> None:
        """Make up for what libraries do only when they are imported inside of IPython."""
        super().init_shell()
        if logging_ops := sys.modules.get("tensorflow.python.ops.logging_ops"):
            logging_ops.enable_interactive_logging()  # tf.print writes to the cell's output
        tf_logging: Any = sys.modules.get("tensorflow.python.platform.tf_logging")
        if tf_logging:
            tf_logging.get_logger().handlers.clear()
            tf_logging._logger = None
            tf_logging.get_logger()  # set up anew, as in a notebook
        _TooLate(self.shell, self.read_by_import).watch()


class _TooLate:
    """Warns, once a name, of variables that are set after the libraries have read them."""

    def __init__(self, shell: Any, names: list[str]) -> None:
        self._shell = shell
        self._values = {name: os.environ.get(name) for name in names}

    def watch(self) -> None:
        """Look after each cell."""
        self._shell.events.register("post_run_cell", self._look)

    def _look(self, _result: Any) -> None:
        for name, value in list(self._values.items()):
            if os.environ.get(name) != value:
                del self._values[name]
                print(
                    f"{name} has no effect now: the libraries of this warm kernel are imported "
                    f"already. Set {name} (or KCOURSE_WARM=0) before you start Jupyter.",
                    file=sys.stderr,
                )


def _end_with(process: int) -> None:
    """Wait until another process has ended; then end this one at once, as ipykernel does."""
    waiting = select.poll()
    waiting.register(process, select.POLLIN)
    waiting.poll()
    os._exit(1)
