"""Keep ports free for a kernel from the moment they are chosen.

jupyter_client binds a socket to find a free port and closes it; until the kernel is there, which
may take seconds, another program that looks for one may be given the same, and one of the two
kernels dies. Here the socket stays open. It does not listen, and is bound so that it can be bound
again by those who ask for this port (libzmq does), while the system gives it to nobody who asks
for any.
"""

from __future__ import annotations

import contextlib
import socket


class Ports:
    """The TCP ports that are kept for one kernel."""

    def __init__(self) -> None:
        self._kept = contextlib.ExitStack()

    def keep_one(self, ip: str) -> int:
        """Choose a free port of the local address ``ip`` and keep it; raises ``OSError``."""
        kept = self._kept.enter_context(socket.socket())
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind((ip, 0))
        return int(kept.getsockname()[1])

    def close(self) -> None:
        """Keep them no longer."""
        self._kept.close()
