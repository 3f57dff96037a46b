"""Solutions of chapter 4 against what a user would pick instead, in one run.

Every comparison first makes sure that all its ways give the same result, then times them in turns
and in changing order, so that a slow moment of the machine hits all alike. Printed are the median
of each way and how many times as long as ours it takes.

- ks exact: ``ks_statistic`` and SciPy's ``ks_2samp``, whose p-value is thrown away.
- ks streaming: one update and the result of ``StreamingKS``, called eagerly; the same counts made
  as the notes make them, one example after the other in a loop of the graph (a ``tf.function``,
  traced before); SciPy, which needs all scores at once.
- focal loss: ``focal_loss`` and ``keras.losses.BinaryFocalCrossentropy``, eager and as a
  ``tf.function``.
- adam: one step of ``PlainAdam`` on NumPy arrays and of ``keras.optimizers.Adam`` on variables,
  eager and as a ``tf.function``, on the weights of a small network and on a large matrix.
- training: a fresh model, trained for some epochs by ``train_like_fit``, by ``fit``, and by ``fit``
  with XLA, which Keras chooses by itself on a GPU only; tracing and compiling included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kcourse  # noqa: F401 - first, so that TensorFlow starts without its log lines

# isort: split
import keras
import numpy as np
import tensorflow as tf
from comparison import Comparison, machine, options, show
from scipy import stats
from sklearn.datasets import load_digits

from kcourse.solutions.training.custom_training import train_like_fit
from kcourse.solutions.training.losses_and_weights import focal_loss
from kcourse.solutions.training.metrics_and_optimizers import (
    PlainAdam,
    StreamingKS,
    ks_statistic,
)

SEED = 7


class KSByExample(StreamingKS):
    """The streaming KS with the counting of the notes: a loop over the examples of the batch."""

    @tf.function
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add the examples to the histograms one by one; weights are not supported."""
        place = tf.minimum(tf.cast(y_pred * self.bins, tf.int32), self.bins - 1)
        positives, negatives = self.positives.value, self.negatives.value
        for i in tf.range(tf.shape(y_true)[0]):
            if y_true[i] == 1:
                positives[place[i]].assign(positives[place[i]] + 1.0)
            else:
                negatives[place[i]].assign(negatives[place[i]] + 1.0)


def ks(examples: int) -> list[Comparison]:
    """Compare the KS statistics, on scores that are the middles of the bins of the streaming one.

    So the histograms lose nothing, and all ways must agree.
    """
    rng = np.random.default_rng(SEED)
    labels = rng.integers(0, 2, examples)
    scores = (np.floor(100 * rng.beta(2 + labels, 3)).clip(0, 99) + 0.5) / 100
    y_true, y_pred = tf.constant(labels), tf.constant(scores, tf.float32)

    def streaming(metric: keras.Metric) -> Callable[[], float]:
        def run() -> float:
            metric.reset_state()
            metric.update_state(y_true, y_pred)
            return float(metric.result())

        return run

    def scipy() -> float:
        return stats.ks_2samp(scores[labels == 1], scores[labels == 0]).statistic

    return [
        Comparison(
            f"KS exact, {examples} examples",
            {"ks_statistic": lambda: ks_statistic(labels, scores), "scipy ks_2samp": scipy},
        ),
        Comparison(
            f"KS streaming, {examples} examples in one batch",
            {
                "StreamingKS": streaming(StreamingKS()),
                "loop over examples": streaming(KSByExample()),
                "scipy ks_2samp": scipy,
            },
            tolerance=1e-4,  # float32 counts against float64
        ),
    ]


def focal(examples: int) -> list[Comparison]:
    """Compare the focal losses, as a value for each example."""
    rng = np.random.default_rng(SEED)
    y_true = tf.constant(rng.integers(0, 2, examples), tf.float32)
    logits = tf.constant(rng.normal(0, 2, examples), tf.float32)
    of_keras = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=0.25, gamma=2.0, from_logits=True, reduction=None
    )

    def ours() -> tf.Tensor:
        return focal_loss(y_true, logits, alpha=0.25, gamma=2.0)

    def theirs() -> tf.Tensor:
        # Keras averages over the last axis, so each example gets one of its own.
        return of_keras(y_true[:, None], logits[:, None])

    return [
        Comparison(
            f"focal loss, {examples} examples, eager",
            {"focal_loss": ours, "BinaryFocalCrossentropy": theirs},
        ),
        Comparison(
            f"focal loss, {examples} examples, tf.function",
            {"focal_loss": tf.function(ours), "BinaryFocalCrossentropy": tf.function(theirs)},
        ),
    ]


def adam(shapes: list[tuple[int, ...]], title: str) -> Comparison:
    """Compare single steps of Adam on variables of these shapes, with gradients that stay."""
    rng = np.random.default_rng(SEED)
    start = [rng.normal(size=shape).astype("float32") for shape in shapes]
    gradients = [rng.normal(size=shape).astype("float32") for shape in shapes]

    def plain() -> Callable[[], float]:
        state = [value.copy() for value in start]
        optimizer = PlainAdam(0.001)

        def step() -> float:
            state[:] = optimizer.step(state, gradients)
            return state[0].flat[0]

        return step

    def of_keras(*, graph: bool) -> Callable[[], float]:
        variables = [keras.Variable(value) for value in start]
        optimizer = keras.optimizers.Adam(0.001)
        optimizer.build(variables)
        tensors = [tf.constant(gradient) for gradient in gradients]

        def step() -> None:
            optimizer.apply(tensors, variables)

        run = tf.function(step) if graph else step

        def once() -> float:
            run()
            return float(variables[0][(0,) * len(shapes[0])])

        return once

    return Comparison(
        f"Adam, one step, {title}",
        {
            "PlainAdam": plain(),
            "keras Adam, eager": of_keras(graph=False),
            "keras Adam, tf.function": of_keras(graph=True),
        },
    )


def training(epochs: int) -> Comparison:
    """Compare our loop with ``fit``: a dense network on the digits, in batches of 32."""
    images, labels = load_digits(return_X_y=True)
    pixels = images.astype("float32") / 16
    batches = tf.data.Dataset.from_tensor_slices((pixels, labels)).batch(32)

    def fresh() -> keras.Model:
        keras.utils.set_random_seed(SEED)
        layers = [keras.Input((64,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(10)]
        return keras.Sequential(layers)

    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def ours() -> list[float]:
        return train_like_fit(fresh(), keras.optimizers.Adam(), entropy, batches, epochs)

    def by_fit(*, jit: bool) -> Callable[[], list[float]]:
        def run() -> list[float]:
            model = fresh()
            model.compile(keras.optimizers.Adam(), entropy, jit_compile=jit)
            return model.fit(batches, epochs=epochs, shuffle=False, verbose=0).history["loss"]

        return run

    return Comparison(
        f"training a fresh model, {epochs} epochs of {len(batches)} batches",
        {"train_like_fit": ours, "fit": by_fit(jit=False), "fit, XLA": by_fit(jit=True)},
        tolerance=1e-3,  # XLA adds in another order; the weights drift apart over the epochs
    )


def main() -> None:
    """Measure and print."""
    arguments = options(__doc__, rounds=7, examples=100_000, epochs=30)
    comparisons = [
        *ks(arguments.examples),
        *focal(arguments.examples),
        adam([(64, 32), (32,), (32, 10), (10,)], "four small arrays"),
        adam([(1000, 1000)], "a million numbers"),
        training(arguments.epochs),
    ]
    results = {}
    for comparison in comparisons:
        comparison.check()
        results[comparison.title] = comparison.seconds(arguments.rounds)
    where = machine(["tensorflow", "keras", "numpy", "scipy"])
    show(results, where, as_json=arguments.json)


if __name__ == "__main__":
    main()
