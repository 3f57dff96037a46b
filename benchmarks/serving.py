"""One model, served in every way of the lesson on serving: examples a second.

A small convolutional network, trained for a moment on the 8×8 digits, predicts the same examples by
each way; first all are made sure to give the same probabilities (the largest difference from Keras
is in the JSON), then they are timed in turns and in changing order. Every way gets the examples as
one array in memory and gives one array back.

- keras predict: ``model.predict``, batches of 256; all ways but Spark and HTTP use this size.
- keras call: ``model(x)`` in a ``tf.function``.
- SavedModel: the exported model, its ``serve`` signature.
- LiteRT: float32, with one thread for each processor.
- ONNX: onnxruntime, its default threads.
- HTTP: the service of ``kcourse.serving`` with one worker, asked on loopback by 4 threads with 256
  examples a request; most of it is JSON.
- Spark, 1 and 2 workers: ``mapInPandas`` on a local cluster; the examples are in the cluster's
  memory before, and the answers come back as Arrow. Each job loads the model from a file, once a
  partition, and that is timed. The cluster's start is not, as it stays up, nor the import of
  TensorFlow, which happens in the first, untimed job, as far as Spark keeps its Python processes.
  They are timed after the others, one cluster after the other, as a process can have one at a time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import kcourse  # noqa: F401 - first, so that TensorFlow starts without its log lines

# isort: split
import keras
import numpy as np
import tensorflow as tf
from comparison import Comparison, machine, options, show
from sklearn.datasets import load_digits

from kcourse.errors import KcourseError
from kcourse.serving import Client, running
from kcourse.spark import local_cluster

SEED, BATCH = 7, 256


def trained() -> keras.Model:
    """Return the network, trained so briefly that its probabilities are not all alike."""
    images, labels = load_digits(return_X_y=True)
    keras.utils.set_random_seed(SEED)
    layers = [
        keras.Input((8, 8, 1)),
        keras.layers.Rescaling(1 / 16),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images.reshape(-1, 8, 8, 1), labels, epochs=2, verbose=0)
    return model


def by_batch(predict: Callable[[np.ndarray], Any], x: np.ndarray) -> Callable[[], np.ndarray]:
    """Return a function that predicts ``x`` in batches."""

    def run() -> np.ndarray:
        parts = [np.asarray(predict(x[i : i + BATCH])) for i in range(0, len(x), BATCH)]
        return np.concatenate(parts)

    return run


def in_this_process(model: keras.Model, folder: Path, x: np.ndarray) -> dict[str, Any]:
    """Return the ways that need no other process."""
    call = tf.function(lambda batch: model(batch, training=False), reduce_retracing=True)

    model.export(folder / "saved_model", verbose=False)
    saved = tf.saved_model.load(folder / "saved_model")

    model.export(folder / "model.onnx", format="onnx", verbose=False)
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "model.onnx")
    onnx_input = session.get_inputs()[0].name

    model.export(folder / "model.tflite", format="litert", verbose=False)
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(folder / "model.tflite"), num_threads=os.cpu_count())
    lite_input = interpreter.get_input_details()[0]["index"]
    lite_output = interpreter.get_output_details()[0]["index"]
    sizes = []

    def lite(batch: np.ndarray) -> np.ndarray:
        if sizes[-1:] != [len(batch)]:
            interpreter.resize_tensor_input(lite_input, batch.shape)
            interpreter.allocate_tensors()
            sizes.append(len(batch))
        interpreter.set_tensor(lite_input, batch)
        interpreter.invoke()
        return interpreter.get_tensor(lite_output)

    return {
        "keras predict": lambda: model.predict(x, batch_size=BATCH, verbose=0),
        "keras call": by_batch(lambda batch: call(tf.constant(batch)), x),
        "SavedModel": by_batch(lambda batch: saved.serve(tf.constant(batch)), x),
        "LiteRT": by_batch(lite, x),
        "ONNX": by_batch(lambda batch: session.run(None, {onnx_input: batch})[0], x),
    }


def by_http(client: Client, x: np.ndarray) -> Callable[[], np.ndarray]:
    """Return a function that asks the service by four threads at once."""
    parts = [x[i : i + BATCH] for i in range(0, len(x), BATCH)]

    def run() -> np.ndarray:
        with ThreadPoolExecutor(4) as pool:
            return np.concatenate(list(pool.map(client.predict, parts)))

    return run


def by_spark(session: Any, model_file: Path, x: np.ndarray, workers: int) -> Callable[[], Any]:
    """Return a function that has the cluster predict."""
    import pyarrow as pa
    from pyspark import StorageLevel

    def predicted(frames: Iterator[Any]) -> Iterator[Any]:
        import keras

        model = keras.saving.load_model(model_file, compile=False)
        for frame in frames:
            pixels = np.stack(frame["pixels"]).reshape(-1, 8, 8, 1)
            output = model.predict(pixels, batch_size=BATCH, verbose=0)
            yield frame[["id"]].assign(output=list(output))

    flat = pa.array(x.reshape(len(x), -1).tolist(), pa.list_(pa.float32()))
    table = pa.table({"id": np.arange(len(x)), "pixels": flat})
    rows = session.createDataFrame(table).repartition(workers).persist(StorageLevel.MEMORY_ONLY)
    rows.count()

    def run() -> np.ndarray:
        answers = rows.mapInPandas(predicted, "id long, output array<float>").toArrow()
        outputs = np.stack(answers["output"].to_numpy())
        return outputs[np.argsort(answers["id"].to_numpy())]

    return run


def main() -> None:
    """Measure and print."""
    arguments = options(__doc__, rounds=5, examples=20_000)
    images = load_digits().images.astype(np.float32)[..., None]
    x = np.resize(images, (arguments.examples, 8, 8, 1))
    title = f"{arguments.examples} examples"
    seconds, differences = {}, {}

    def measure(ways: dict[str, Callable[[], Any]], reference: Callable[[], Any]) -> None:
        comparison = Comparison(title, {"keras predict": reference} | ways, 1e-4, least_seconds=0)
        differences.update(comparison.check())
        seconds.update(Comparison(title, ways, least_seconds=0).seconds(arguments.rounds))

    with tempfile.TemporaryDirectory(prefix="kcourse-benchmark-") as name:
        folder = Path(name)
        model = trained()
        model_file = folder / "model.keras"
        model.save(model_file)
        local = in_this_process(model, folder, x)
        reference = local["keras predict"]
        try:
            with running(model_file) as client:
                measure(local | {"HTTP": by_http(client, x)}, reference)
            for workers in (1, 2):
                with local_cluster(workers) as session:
                    way = by_spark(session, model_file, x, workers)
                    measure({f"Spark, {workers} worker{'s'[: workers - 1]}": way}, reference)
        except KcourseError as error:
            raise SystemExit(str(error)) from None
    packages = ["tensorflow", "keras", "ai-edge-litert", "onnxruntime", "litserve", "pyspark"]
    extra = {"largest_difference": differences}
    rates = {title: arguments.examples}
    show({title: seconds}, machine(packages), as_json=arguments.json, extra=extra, rates=rates)


if __name__ == "__main__":
    main()
