"""The client: it sends examples in parts that the service takes, and says what was refused."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import numpy as np

from kcourse.errors import KcourseError


class Client:
    """Asks a service of `kcourse.serving.service` for predictions; close it or use ``with``."""

    def __init__(self, url: str, *, instances_a_request: int = 256, seconds: float = 60) -> None:
        self.url = url
        self.instances_a_request = instances_a_request
        # The service is asked directly: a proxy of the environment is for other addresses.
        self._http = httpx.Client(base_url=url, timeout=seconds, trust_env=False)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def is_ready(self) -> bool:
        """Return whether the service answers that its workers have loaded the model."""
        try:
            return self._http.get("/health").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def predict(self, examples: Any) -> np.ndarray:
        """Return the model's outputs for ``examples`` (examples, *shape), float32, in their order.

        An output that is infinite or not a number comes back as NaN.

        Raises:
            KcourseError: the service refused a request, or cannot be reached; the reason is given.
        """
        examples = np.asarray(examples)
        step = self.instances_a_request
        parts = [examples[start : start + step] for start in range(0, len(examples), step)]
        # No examples: asked all the same, so that the service says what it thinks of that.
        outputs = [self._ask(part) for part in parts or [examples]]
        return np.concatenate(outputs)

    def _ask(self, examples: np.ndarray) -> np.ndarray:
        try:
            answer = self._http.post("/predict", json={"instances": examples.tolist()})
        except ValueError as problem:
            raise KcourseError(f"{self.url} was not asked: {problem}") from None
        except httpx.HTTPError as problem:
            raise KcourseError(f"{self.url} did not answer: {problem}") from None
        if answer.status_code != httpx.codes.OK:
            raise KcourseError(f"{self.url} answered {answer.status_code}: {_reason(answer)}")
        return np.asarray(answer.json()["predictions"], np.float32)


def _reason(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return answer.text.strip() or answer.reason_phrase
    if isinstance(detail, list):
        return "; ".join(str(one.get("msg", one)) for one in detail)
    return str(detail)


@contextmanager
def running(model_file: Path, *, workers: int = 1, seconds: float = 120) -> Iterator[Client]:
    """Start the service of a ``.keras`` file on a free port of this machine, and stop it after.

    Raises:
        KcourseError: it did not start within ``seconds``; the last line it wrote is given.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "kcourse.serving.service", os.fspath(model_file)]
    command += ["--port", str(port), "--workers", str(workers), "--end-with-input"]
    with tempfile.TemporaryFile() as log:
        service = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # closed, however this process ends: then the service ends too
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            with Client(f"http://127.0.0.1:{port}") as client:
                ends = time.monotonic() + seconds
                while not client.is_ready():
                    if service.poll() is not None or time.monotonic() > ends:
                        log.seek(0)
                        said = log.read().decode(errors="replace").strip().splitlines()
                        reason = said[-1] if said else "it said nothing"
                        raise KcourseError(f"The service did not start: {reason}")
                    time.sleep(0.1)
                yield client
        finally:
            _end(service)


def _end(service: subprocess.Popen[bytes]) -> None:
    """End the service with its workers: politely, then for certain."""
    service.terminate()
    with suppress(subprocess.TimeoutExpired):
        service.wait(timeout=10)
    with suppress(ProcessLookupError):
        os.killpg(service.pid, signal.SIGKILL)
    service.wait()
    if service.stdin:
        service.stdin.close()
