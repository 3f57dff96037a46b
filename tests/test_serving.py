"""A model is served over HTTP: right answers, their order, batches, limits, a clean end."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import keras
import numpy as np
import psutil
import pytest

from kcourse.errors import KcourseError
from kcourse.serving import Client, running
from kcourse.serving.service import MAX_BODY_BYTES, MAX_INSTANCES, ModelAPI, example_shape


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a model whose last output tells whether an example was predicted with others."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8,))
    deviations = inputs[:, :1] - keras.ops.mean(inputs[:, :1], axis=0, keepdims=True)
    outputs = keras.ops.concatenate([keras.layers.Dense(3)(inputs), deviations], axis=1)
    path = tmp_path_factory.mktemp("served") / "model.keras"
    keras.Model(inputs, outputs).save(path)
    return path


@pytest.fixture(scope="module")
def client(model_file: Path) -> Iterator[Client]:
    with running(model_file) as service:
        yield service


def examples(count: int) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, 8)).astype(np.float32)


def test_predictions_are_those_of_the_model_in_their_order(
    client: Client, model_file: Path
) -> None:
    x = examples(3 * MAX_INSTANCES + 5)
    local = keras.saving.load_model(model_file).predict_on_batch(x)
    np.testing.assert_allclose(client.predict(x)[:, :3], local[:, :3], rtol=1e-5, atol=1e-6)


def test_requests_at_the_same_time_are_predicted_together_and_told_apart(
    client: Client, model_file: Path
) -> None:
    x = examples(64)
    local = np.asarray(keras.saving.load_model(model_file).predict_on_batch(x))
    for _ in range(10):
        with ThreadPoolExecutor(32) as pool:
            answers = np.concatenate(list(pool.map(client.predict, x[:, None])))
        np.testing.assert_allclose(answers[:, :3], local[:, :3], rtol=1e-5, atol=1e-6)
        if answers[:, 3].any():
            return
    pytest.fail("no request shared a batch with another")


def test_a_bad_request_spoils_no_other(client: Client) -> None:
    bodies = [
        {"instances": x[None, : 8 if i % 5 else 2].tolist()} for i, x in enumerate(examples(60))
    ]
    here = httpx.Client(base_url=client.url, trust_env=False)
    with here as http, ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda body: http.post("/predict", json=body).status_code, bodies))
    assert answers == [200 if i % 5 else 422 for i in range(60)]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (np.ones(8), r"422: .*each instance must have shape \(8,\), not \(\)"),
        (np.ones((2, 5)), r"422: .*each instance must have shape \(8,\), not \(5,\)"),
        (np.zeros((0, 8)), "422: .*at least 1 item"),
        ([["a"] * 8], r"422: .*each instance must be numbers of shape \(8,\)"),
        ([[float("nan")] * 8], "was not asked: .*not JSON compliant"),
    ],
)
def test_the_client_says_what_was_refused(client: Client, bad: Any, says: str) -> None:
    with pytest.raises(KcourseError, match=says):
        client.predict(bad)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 422, "JSON decode error"),
        (b"[1]", 422, "valid dictionary"),
        (b'{"examples": [[1]]}', 422, "Field required"),
        (b'{"instances": [[1], [1, 2]]}', 422, "numbers of shape (8,)"),
        (b'{"instances": [[NaN, 0, 0, 0, 0, 0, 0, 0]]}', 422, "must be finite"),
        (b'{"instances": [[1e39, 0, 0, 0, 0, 0, 0, 0]]}', 422, "must be finite"),
        (b'{"instances": [[1' + b"0" * 400 + b"]]}", 422, "numbers of shape (8,)"),
        (b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "error parsing the body"),
        (b'{"instances": [' + b",".join([b"0"] * (MAX_INSTANCES + 1)) + b"]}", 422, "at most 256"),
        (b"[" * (MAX_BODY_BYTES + 1), 413, "Payload too large"),
    ],
)
def test_a_request_of_another_form_is_answered_with_a_short_reason(
    client: Client, body: bytes, status: int, says: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{client.url}/predict", content=body, headers=headers, trust_env=False)
    assert answer.status_code == status
    assert says in answer.text
    assert len(answer.text) < 300
    assert client.is_ready()


def test_outputs_return_to_the_request_they_belong_to() -> None:
    api = ModelAPI(Path("unused"))
    requests = [examples(3), examples(1), examples(2)]
    context: list[dict[str, int]] = [{}, {}, {}]
    joined = api.batch(requests, context)
    assert joined.shape == (6, 8)
    for own, output in zip(requests, api.unbatch(joined, context), strict=True):
        np.testing.assert_array_equal(own, output)


def test_an_output_without_a_number_in_json_comes_back_as_not_a_number(client: Client) -> None:
    assert np.isnan(client.predict(np.full((1, 8), 3e38))).any()


def test_a_model_of_two_outputs_is_refused(tmp_path: Path) -> None:
    inputs = keras.Input((8,))
    outputs = [keras.layers.Dense(1)(inputs), keras.layers.Dense(2)(inputs)]
    keras.Model(inputs, outputs).save(tmp_path / "two.keras")
    with pytest.raises(KcourseError, match=r"two\.keras cannot be served: its outputs are \["):
        example_shape(tmp_path / "two.keras")


def test_at_the_end_no_process_no_file_and_no_open_port_is_left(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = psutil.Process().children(recursive=True)
    # Not `tmp_path`: sockets lie in it, whose names must be short.
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("TMPDIR", folder)
        with running(model_file) as service:
            assert service.is_ready()
            now = psutil.Process().children(recursive=True)
            started = [one for one in now if one not in before]
            assert started
            assert list(Path(folder).iterdir())
        assert list(Path(folder).iterdir()) == []
    psutil.wait_procs(started, timeout=10)
    assert not [one for one in started if one.is_running() and one.status() != "zombie"]
    with pytest.raises(KcourseError, match="did not answer"), Client(service.url) as late:
        late.predict(examples(1))
    assert not Client(service.url).is_ready()


def test_the_service_ends_with_the_process_that_started_it(model_file: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from kcourse.serving import running\n"
        "with running(Path(sys.argv[1])) as client: print(client.url, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", program, str(model_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        with Client(starter.stdout.readline().strip()) as client:
            assert client.is_ready()
            starter.kill()
            deadline = time.monotonic() + 60
            while client.is_ready() and time.monotonic() < deadline:
                time.sleep(0.1)
            assert not client.is_ready()


def test_where_it_cannot_listen_is_one_line(tmp_path: Path) -> None:
    """Before the model is loaded: this file is none."""
    (tmp_path / "model.keras").touch()
    command = [sys.executable, "-m", "kcourse.serving.service", str(tmp_path / "model.keras")]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        in_use = subprocess.run([*command, "--port", port], capture_output=True, text=True)
    assert in_use.returncode == 1
    assert in_use.stderr.strip() == (
        f"Error: Cannot listen on 127.0.0.1, port {port}: address already in use. "
        "Choose another port by --port."
    )
    elsewhere = subprocess.run([*command, "--host", "10.1.2.3"], capture_output=True, text=True)
    assert elsewhere.returncode == 2
    assert "'10.1.2.3' is not one of '127.0.0.1'" in elsewhere.stderr


@pytest.mark.parametrize("content", [None, b"", b"PK no zip"])
def test_a_file_that_is_no_model_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "model.keras"
    if content is not None:
        file.write_bytes(content)
    with (
        pytest.raises(KcourseError, match=r"The service did not start: Error: .*model\.keras"),
        running(file),
    ):
        pass
