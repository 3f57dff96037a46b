"""The service: requests are checked, gathered into batches and answered by a ``.keras`` model.

    python -m kcourse.serving.service model.keras --port 8000

Queue, batching, worker processes and health check are LitServe's; what is ours is the form of a
request and its limits. It needs the extra ``serving`` of this package.
"""

# No postponed annotations here: LitServe reads the type of a request from the signature itself.
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any, ClassVar

import click
import litserve
import numpy as np
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, field_validator

from kcourse.errors import KcourseError

MAX_INSTANCES = 256
MAX_BODY_BYTES = 16 * 2**20
MAX_CONNECTIONS = 256
MAX_REQUESTS_A_BATCH = 32
BATCH_WAIT_SECONDS = 0.005
REQUEST_SECONDS = 30.0
#: This machine only, all its IPv4 addresses, all its addresses: LitServe takes no others.
HOSTS = ("127.0.0.1", "0.0.0.0", "::")


class Examples(BaseModel):
    """The body of a request: 1 to ``MAX_INSTANCES`` examples as nested lists of finite numbers."""

    instances: list[Any] = Field(min_length=1, max_length=MAX_INSTANCES)

    #: The shape of one example; set before the service starts.
    shape: ClassVar[tuple[int, ...]] = ()

    # Checked before the queue: one bad request must not spoil the batch that others are in.
    @field_validator("instances")
    @classmethod
    def have_the_shape(cls, instances: list[Any]) -> list[Any]:
        """Refuse what is not numbers of the right shape, as NumPy reads them ("1.5" is one)."""
        try:
            with np.errstate(over="ignore"):  # beyond float32 is infinite, and refused below
                values = np.asarray(instances, np.float32)
        except (ValueError, TypeError, OverflowError):
            raise ValueError(f"each instance must be numbers of shape {cls.shape}") from None
        if values.shape[1:] != cls.shape:
            raise ValueError(f"each instance must have shape {cls.shape}, not {values.shape[1:]}")
        if not np.isfinite(values).all():
            raise ValueError("each number must be finite")
        return instances


class ModelAPI(litserve.LitAPI):
    """Loads the model once a worker, and predicts for all requests of a batch in one call."""

    def __init__(self, model_file: Path) -> None:
        super().__init__(max_batch_size=MAX_REQUESTS_A_BATCH, batch_timeout=BATCH_WAIT_SECONDS)
        self.model_file = model_file

    def setup(self, device: str) -> None:
        """Load the model, and predict once so that the first request need not wait for it."""
        import keras

        self.model = keras.saving.load_model(self.model_file, compile=False)
        self.predict(np.zeros((1, *self.model.input_shape[1:]), np.float32))

    def decode_request(self, request: Examples) -> np.ndarray:
        """Return the examples of one request: float32, (examples, *shape)."""
        return np.asarray(request.instances, np.float32)

    def batch(self, inputs: list[np.ndarray], context: list[dict[str, int]]) -> np.ndarray:
        """Join the examples of several requests, and note how many each of them has."""
        for one, its in zip(inputs, context, strict=True):
            its["size"] = len(one)
        return np.concatenate(inputs)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the model's outputs, one for each example."""
        return np.asarray(self.model.predict_on_batch(x))

    def unbatch(self, output: np.ndarray, context: list[dict[str, int]]) -> list[np.ndarray]:
        """Return to each request its own outputs."""
        ends = np.cumsum([its["size"] for its in context])
        return np.split(output, ends[:-1])

    def encode_response(self, output: np.ndarray) -> dict[str, list[Any]]:
        """Return the body of the answer; null stands for what JSON has no number for, as NaN."""
        values = output.astype(object)
        values[~np.isfinite(output)] = None
        return {"predictions": values.tolist()}


def example_shape(model_file: Path) -> tuple[int, ...]:
    """Return the shape of one example of a model that has one input and one output.

    Raises:
        KcourseError: the file is no Keras model, or not one with one input of known shape and one
            output.
    """
    import keras

    try:
        model = keras.saving.load_model(model_file, compile=False)
        shape, outputs = model.input_shape, model.output_shape
    except Exception as problem:  # whatever a damaged file leads to
        reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        raise KcourseError(f"{model_file} cannot be served: {reason}") from None
    if not isinstance(shape, tuple) or None in shape[1:]:
        raise KcourseError(f"{model_file} cannot be served: its inputs are {shape}, not one shape.")
    if not isinstance(outputs, tuple):
        raise KcourseError(f"{model_file} cannot be served: its outputs are {outputs}, not one.")
    return tuple(shape[1:])


async def refused(_: Request, error: RequestValidationError) -> JSONResponse:
    """Say what was wrong, without sending the whole body back as FastAPI does."""
    reasons = [{"loc": one["loc"], "msg": one["msg"]} for one in error.errors()]
    return JSONResponse({"detail": reasons}, status_code=422)


def see_that_it_is_free(host: str, port: int) -> None:
    """Try to listen, before the model is loaded for nothing.

    Raises:
        KcourseError: nothing can listen there, as another program does.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as problem:
        reason = os.strerror(problem.errno).lower() if problem.errno else problem
        raise KcourseError(
            f"Cannot listen on {host}, port {port}: {reason}. Choose another port by --port."
        ) from None


def _end_as_at_ctrl_c() -> None:
    """Have SIGTERM do what Ctrl+C does: LitServe ends its workers and removes its files then."""
    main_process = os.getpid()

    def end(*_: object) -> None:
        raise KeyboardInterrupt if os.getpid() == main_process else SystemExit

    signal.signal(signal.SIGTERM, end)


def _end_with_input() -> None:
    """End the service when standard input ends, as it does when the starter dies."""
    # Not by sys.stdin: a process that is forked meanwhile would wait for its lock for ever.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


@click.command()
@click.argument("model_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, type=click.Choice(HOSTS))
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1))
@click.option("--end-with-input", is_flag=True, help="End when standard input does.")
def main(model_file: Path, host: str, port: int, workers: int, end_with_input: bool) -> None:
    """Serve MODEL_FILE: POST /predict, GET /health, GET /docs."""
    _end_as_at_ctrl_c()
    if end_with_input:
        threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        see_that_it_is_free(host, port)
        Examples.shape = example_shape(model_file)
    except KcourseError as error:
        raise click.ClickException(str(error)) from None
    server = litserve.LitServer(
        ModelAPI(model_file.resolve()),
        accelerator="cpu",
        workers_per_device=workers,
        timeout=REQUEST_SECONDS,
        max_payload_size=MAX_BODY_BYTES,
    )
    server.app.add_exception_handler(RequestValidationError, refused)
    server.run(host=host, port=port, generate_client_file=False, limit_concurrency=MAX_CONNECTIONS)


if __name__ == "__main__":
    main()
