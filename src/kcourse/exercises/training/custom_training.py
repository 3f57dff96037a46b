"""Exercises of the lesson on training steps and loops of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register

#: Strength of the L2 penalty on the kernel in the models of these exercises.
PENALTY = 0.1
#: What the layer that works in training only multiplies by.
IN_TRAINING = 1.5


def _as_float64(*arrays: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(array, np.float64) for array in arrays]


def _line(
    kernel: np.ndarray,
    bias: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    factor: float = IN_TRAINING,
    penalty: float = PENALTY,
) -> tuple[float, list[np.ndarray], np.ndarray]:
    """Return loss, gradients and predictions of factor·(x·kernel + bias) by their formulas."""
    each = np.ones((len(x), 1)) if weights is None else weights.reshape(-1, 1)
    predicted = factor * (x @ kernel + bias)
    error = predicted - y
    loss = float((each * error**2).mean() + penalty * (kernel**2).sum())
    slopes = 2 * factor * each * error / len(x)
    return loss, [x.T @ slopes + 2 * penalty * kernel, slopes.sum(axis=0)], predicted


def _reported(losses: list[float], sizes: list[int], how: str) -> float:
    """Return what a report shows for some batches: a mean over examples, or something else."""
    if how == "last":
        return losses[-1]
    return float(np.average(losses, weights=None if how == "batches" else sizes))


def _clipped(gradients: list[np.ndarray], limit: float, how: str) -> list[np.ndarray]:
    if how == "each":
        return [g * min(1, limit / np.linalg.norm(g)) for g in gradients]
    if how == "value":
        return [np.clip(g, -limit, limit) for g in gradients]
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    return [g * min(1, limit / norm) if how == "together" else g for g in gradients]


def _clipped_run(
    kernel: np.ndarray,
    bias: np.ndarray,
    batches: list[Any],
    limit: float,
    rate: float,
    in_graph: bool = False,
    *,
    how: str = "together",
    weighted: bool = True,
    tracked: str = "examples",
    **ways: float,
) -> dict[str, Any]:
    """Return what training with clipped gradients gives, step by step."""
    kernel, bias = _as_float64(kernel, bias)
    losses, sizes, errors, means, logs = [], [], [], [], []
    for batch in batches:
        x, y, *rest = _as_float64(*batch)
        weights = rest[0] if rest and weighted else None
        loss, gradients, predicted = _line(kernel, bias, x, y, weights, **ways)
        moves = _clipped(gradients, limit, how)
        kernel, bias = kernel - rate * moves[0], bias - rate * moves[1]
        losses.append(loss)
        sizes.append(len(x))
        errors.append(np.abs(predicted - y))
        means.append(float(predicted.mean()))
        if tracked == "never":
            mean = 0.0
        elif tracked == "predictions":  # which the old compiled_metrics feeds to the loss tracker
            mean = _reported(means, sizes, "examples")
        else:
            mean = _reported(losses, sizes, tracked)
        logs.append({"loss": mean, "mae": float(np.concatenate(errors).mean())})
    return {"logs": logs, "kernel": kernel, "bias": bias}


@register
class ClippedModelExercise(Exercise):
    """A training step that clips, for use with fit."""

    name = "ClippedModel"
    title = "A training step that clips"
    points = 3
    see = "Sample weights"
    hints = (
        "Begin with the training step of the section “A training step of your own”, and unpack "
        "with `keras.utils.unpack_x_y_sample_weight(data)`. The weights go to `compute_loss`.",
        "`tf.clip_by_global_norm(gradients, self.limit)` returns two things: the list of clipped "
        "gradients, and the norm as it was.",
        'The loss tracker is the metric of `self.metrics` that is called "loss". Its mean is right '
        "only if each batch counts by its size: `sample_weight=tf.shape(y)[0]`. Then "
        "`return self.compute_metrics(x, y, y_pred, sample_weight)`.",
    )
    why = (
        "`compute_loss` takes the weights and adds the penalties of the layers, and "
        "`training=True` tells layers such as Dropout that this is training. One factor for all "
        "gradients keeps the direction of the step. The loss of an epoch is a mean over examples, "
        "so a last batch that is smaller must count for less."
    )
    near_misses = (
        NearMiss(
            code="""
class ClippedModel(keras.Model):
    limit = 1.0

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        gradients = [tf.clip_by_norm(g, self.limit) for g in gradients]
        self.optimizer.apply(gradients, self.trainable_variables)
        self.metrics[0].update_state(loss, sample_weight=tf.shape(y)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)
""",
            because=(
                "Each gradient was clipped by its own norm, which bends the step. Clip by the norm "
                "of all of them together."
            ),
            like=lambda **inputs: _clipped_run(**inputs, how="each"),
        ),
        NearMiss(
            code="""
class ClippedModel(keras.Model):
    limit = 1.0

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        gradients = [tf.clip_by_value(g, -self.limit, self.limit) for g in gradients]
        self.optimizer.apply(gradients, self.trainable_variables)
        self.metrics[0].update_state(loss, sample_weight=tf.shape(y)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)
""",
            because=(
                "Each number of the gradients was cut off at the limit, which bends the step. Clip "
                "by the norm of all gradients together."
            ),
            like=lambda **inputs: _clipped_run(**inputs, how="value"),
        ),
        NearMiss(
            code="""
class ClippedModel(keras.Model):
    limit = 1.0

    def train_step(self, data):
        x, y = data[0], data[1]
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, self.limit)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.metrics[0].update_state(loss, sample_weight=tf.shape(y)[0])
        return self.compute_metrics(x, y, y_pred)
""",
            because="The sample weights had no effect on the loss. Hand them to `compute_loss`.",
            like=lambda **inputs: _clipped_run(**inputs, weighted=False),
        ),
        NearMiss(
            code="""
class ClippedModel(keras.Model):
    limit = 1.0

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, self.limit)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return self.get_metrics_result()
""",
            because=(
                "The steps are right, but the reported loss is a mean over batches: the last one, "
                "which is smaller, counts as much as the others. Give the loss tracker the batch's "
                "size as weight."
            ),
            like=lambda **inputs: _clipped_run(**inputs, tracked="batches"),
        ),
        NearMiss(
            code="""
class ClippedModel(keras.Model):
    limit = 1.0

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, self.limit)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {**self.compute_metrics(x, y, y_pred, sample_weight), "loss": loss}
""",
            because=(
                "The steps are right, but the loss is that of this batch alone. Update the loss "
                "tracker, and return its mean."
            ),
            like=lambda **inputs: _clipped_run(**inputs, tracked="last"),
        ),
        NearMiss(
            code="""
class ClippedModel(keras.Model):
    limit = 1.0

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, self.limit)
        self.optimizer.apply(gradients, self.trainable_variables)
        return self.compute_metrics(x, y, y_pred, sample_weight)
""",
            because=(
                "The steps are right, but the reported loss is always 0: nothing updates the loss "
                "tracker, which `compute_metrics` leaves alone."
            ),
            like=lambda **inputs: _clipped_run(**inputs, tracked="never"),
        ),
        NearMiss(
            code="""
class ClippedModel(keras.Model):
    limit = 1.0

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, self.limit)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(y_pred)
            else:
                metric.update_state(y, y_pred)
        return self.get_metrics_result()
""",
            because=(
                "The steps are right, but the reported loss is the mean of the predictions, as with "
                "`compiled_metrics`. The loss tracker must get the loss."
            ),
            like=lambda **inputs: _clipped_run(**inputs, tracked="predictions"),
        ),
        NearMiss(
            code="""
class ClippedModel(keras.Model):
    limit = 1.0

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, self.limit)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.metrics[0].update_state(loss, sample_weight=tf.shape(y)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)
""",
            because=(
                "The model was called without `training=True`, so layers such as Dropout did not "
                "know that this is training."
            ),
            like=lambda **inputs: _clipped_run(**inputs, factor=1.0),
        ),
        NearMiss(
            code="""
class ClippedModel(keras.Model):
    limit = 1.0
""",
            because="The gradients were not clipped.",
            like=lambda **inputs: _clipped_run(**inputs, how="never"),
        ),
    )
    alternatives = (
        """
class ClippedModel(keras.Model):
    limit = 1.0

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        gradients = tape.gradient(loss, self.trainable_weights)
        norm = tf.sqrt(sum(tf.reduce_sum(g**2) for g in gradients))
        factor = tf.minimum(1.0, self.limit / norm)
        self.optimizer.apply_gradients(
            [(factor * g, v) for g, v in zip(gradients, self.trainable_weights)]
        )
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(tf.fill(tf.shape(y)[:1], loss))
            else:
                metric.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(sizes: list[int], *, weighted: bool, limit: float, note: str, graph: bool) -> Case:
            features = int(rng.integers(2, 5))
            batches = []
            for size in sizes:
                x = rng.normal(size=(size, features)).astype(np.float32)
                y = (3 + 2 * rng.normal(size=(size, 1))).astype(np.float32)
                weights = [rng.uniform(0.2, 3, size=size).astype(np.float32)] if weighted else []
                batches.append([x, y, *weights])
            inputs = {
                "kernel": rng.normal(size=(features, 1)).astype(np.float32),
                "bias": rng.normal(size=1).astype(np.float32),
                "batches": batches,
                "limit": limit,
                "rate": 0.5,
                "in_graph": graph,
            }
            return Case(inputs, note)

        small = round(float(rng.uniform(0.4, 0.8)), 2)
        yield case([4, 2], weighted=True, limit=small, note="with sample weights", graph=False)
        note = "without weights; nothing to clip; in a graph, as in fit"
        yield case([3], weighted=False, limit=1e4, note=note, graph=True)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Take the steps with a line, an L2 penalty and a layer that works in training only."""
        import keras
        import numpy as np
        import tensorflow as tf

        class OnlyInTraining(keras.layers.Layer):
            def call(self, x: Any, training: bool = False) -> Any:
                return 1.5 * x if training else x

        features = keras.Input((len(inputs["kernel"]),))
        line = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1))
        model = submission(features, OnlyInTraining()(line(features)))
        line.set_weights([inputs["kernel"], inputs["bias"]])
        model.compile(keras.optimizers.SGD(inputs["rate"]), "mse", metrics=["mae"])
        model.limit = inputs["limit"]
        step = tf.function(model.train_step) if inputs["in_graph"] else model.train_step
        logs = []
        for batch in inputs["batches"]:
            given = step(tuple(tf.constant(part) for part in batch))
            if not isinstance(given, dict):
                return {"type": type(given).__name__}
            logs.append({name: np.array(value) for name, value in given.items()})
        kernel, bias = line.get_weights()
        return {"logs": logs, "kernel": kernel, "bias": bias}

    def expected(self, **inputs: Any) -> Any:
        return _clipped_run(**inputs)

    def differs(self, got: Any, expected: Any) -> str | None:
        if isinstance(got, dict) and "type" in got:
            return f"`train_step` returned a {got['type']}, not a dict of names and values."
        names = [set(log) for log in got["logs"]] if isinstance(got, dict) else []
        if any(one != {"loss", "mae"} for one in names):
            found = ", ".join(sorted(names[0])) or "nothing"
            return (
                f"`train_step` reported {found}; expected loss and mae, as "
                "`self.compute_metrics` or `self.get_metrics_result` returns them."
            )
        return super().differs(got, expected)


def _trained_line(
    kernel: np.ndarray,
    bias: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    size: int,
    epochs: int,
    *,
    reported: str = "examples",
    **ways: float,
) -> dict[str, Any]:
    """Return weights and losses of epochs with SGD, learning rate 0.05 and momentum 0.8."""
    kernel, bias, x, y = _as_float64(kernel, bias, x, y)
    memory = [np.zeros_like(kernel), np.zeros_like(bias)]
    reports = []
    losses: list[float] = []
    sizes: list[int] = []
    for _ in range(epochs):
        if reported != "so far":
            losses, sizes = [], []
        for start in range(0, len(x), size):
            part = slice(start, start + size)
            loss, gradients, _ = _line(kernel, bias, x[part], y[part], None, **ways)
            memory = [0.8 * m - 0.05 * g for m, g in zip(memory, gradients, strict=True)]
            kernel, bias = kernel + memory[0], bias + memory[1]
            losses.append(loss)
            sizes.append(len(x[part]))
        reports.append(_reported(losses, sizes, reported))
    return {"losses": reports, "kernel": kernel, "bias": bias}


def _looped(**parts: str) -> str:
    """Return the source of a loop in which some lines are others; it need not be compiled."""
    lines = {
        "once": "total = keras.metrics.Mean()",
        "each epoch": "total.reset_state()",
        "value": "loss(y, model(x, training=True)) + sum(model.losses)",
        "weight": ", sample_weight=tf.shape(x)[0]",
        "result": "total.result()",
        **parts,
    }
    return f"""
def train_like_fit(model, optimizer, loss, batches, epochs):
    losses = []
    {lines["once"]}
    for _ in range(epochs):
        {lines["each epoch"]}
        for x, y in batches:
            with tf.GradientTape() as tape:
                value = {lines["value"]}
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            total.update_state(value{lines["weight"]})
        losses.append(float({lines["result"]}))
    return losses
"""


@register
class TrainLikeFit(Exercise):
    """A compiled training loop that gives what fit gives."""

    name = "train_like_fit"
    title = "A loop that equals fit"
    points = 4
    see = "The loop in a graph"
    hints = (
        "The inside is the training step of the section: a tape, `model(x, training=True)`, the "
        "loss, `sum(model.losses)`, the gradients, `optimizer.apply`.",
        "Make `keras.metrics.Mean()` once, update it with "
        "`total.update_state(value, sample_weight=tf.shape(x)[0])`, and call `reset_state` at the "
        "beginning of each epoch.",
        "`optimizer.build(model.trainable_variables)` first. Then the loop over the batches can "
        "stand inside the function under `@tf.function`: give it `iter(batches)` in each epoch, and "
        "`for x, y in iterator:` becomes one loop of the graph.",
    )
    why = (
        "`fit` does these things: it calls the model in training mode, adds the penalties, keeps "
        "the optimizer's memory over all epochs, and reports a mean over examples. With the loop "
        "over the batches inside the graph, nothing is left for Python to do between two steps."
    )
    near_misses = (
        NearMiss(
            code=_looped(value="loss(y, model(x, training=True))"),
            because="The penalties of the layers are missing: add `sum(model.losses)` to the loss.",
            like=lambda **inputs: _trained_line(**inputs, penalty=0.0),
        ),
        NearMiss(
            code=_looped(value="loss(y, model(x)) + sum(model.losses)"),
            because=(
                "The model was called without `training=True`, so layers such as Dropout did not "
                "know that this is training."
            ),
            like=lambda **inputs: _trained_line(**inputs, factor=1.0),
        ),
        NearMiss(
            code=_looped(weight=""),
            because=(
                "The weights are right, but each loss is a mean over batches: the last one, which "
                "is smaller, counts as much as the others. Weight each batch by its size."
            ),
            like=lambda **inputs: _trained_line(**inputs, reported="batches"),
        ),
        NearMiss(
            code=_looped(result="value"),
            because=(
                "The weights are right, but each loss is that of the epoch's last batch. `fit` "
                "reports the mean over all examples of the epoch."
            ),
            like=lambda **inputs: _trained_line(**inputs, reported="last"),
        ),
        NearMiss(
            code=_looped(**{"each epoch": "pass"}),
            because=(
                "The weights are right, but from the second epoch on the loss is a mean over all "
                "epochs so far. Call `reset_state` at the beginning of each epoch."
            ),
            like=lambda **inputs: _trained_line(**inputs, reported="so far"),
        ),
        NearMiss(
            code=_looped(),
            because="Everything is right but slow: each step runs in Python. Use `tf.function`.",
            says="under `tf.function`",
        ),
    )
    alternatives = (
        """
def train_like_fit(model, optimizer, loss, batches, epochs):
    total = keras.metrics.Mean()
    optimizer.build(model.trainable_variables)

    @tf.function(input_signature=batches.element_spec)
    def step(x, y):
        with tf.GradientTape() as tape:
            value = tf.add_n([loss(y, model(x, training=True)), *model.losses])
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        total.update_state(value, sample_weight=tf.shape(x)[0])

    losses = []
    for _ in range(epochs):
        total.reset_state()
        for x, y in batches:
            step(x, y)
        losses.append(float(total.result()))
    return losses
""",
    )
    rtol = 1e-5
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        size = int(rng.integers(3, 5))
        rows = size + 1
        inputs = {
            "kernel": rng.normal(size=(3, 1)).astype(np.float32),
            "bias": rng.normal(size=1).astype(np.float32),
            "x": rng.normal(size=(rows, 3)).astype(np.float32),
            "y": (1 + rng.normal(size=(rows, 1))).astype(np.float32),
            "size": size,
            "epochs": int(rng.integers(2, 4)),
        }
        yield Case(inputs, "the last batch holds 1 example")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Train a line with an L2 penalty and a layer that works in training only."""
        import keras
        import tensorflow as tf

        calls = 0

        class OnlyInTraining(keras.layers.Layer):
            def call(self, x: Any, training: bool = False) -> Any:
                nonlocal calls
                calls += 1
                return 1.5 * x if training else x

        features = keras.Input((3,))
        line = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1))
        model = keras.Model(features, OnlyInTraining()(line(features)))
        line.set_weights([inputs["kernel"], inputs["bias"]])
        calls = 0
        losses = submission(
            model,
            keras.optimizers.SGD(0.05, momentum=0.8),
            keras.losses.MeanSquaredError(),
            tf.data.Dataset.from_tensor_slices((inputs["x"], inputs["y"])).batch(inputs["size"]),
            inputs["epochs"],
        )
        kernel, bias = line.get_weights()
        return {"losses": losses, "kernel": kernel, "bias": bias, "python calls": calls}

    def expected(self, **inputs: Any) -> Any:
        return _trained_line(**inputs)

    def judge(self, case: Case, observation: Observation) -> None:
        seen = observation.value
        results = {name: seen[name] for name in ("losses", "kernel", "bias")}
        super().judge(case, Observation("returned", results))
        steps = case.inputs["epochs"] * -(-len(case.inputs["x"]) // case.inputs["size"])
        if seen["python calls"] >= steps:
            raise Wrong(
                f"The numbers are right, but Python called the model {seen['python calls']} times "
                f"for {steps} steps. Put the step under `tf.function`, once for all epochs, so that "
                "it is traced a few times and then runs as a graph."
            )


def _accumulated(
    kernel: np.ndarray,
    bias: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None,
    size: int,
    *,
    share: str = "examples",
    **ways: float,
) -> dict[str, Any]:
    """Return one step of SGD with learning rate 0.1 by the gradients of the parts."""
    kernel, bias, x, y = _as_float64(kernel, bias, x, y)
    weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
    starts = range(0, len(x), size)
    total, sums = 0.0, [np.zeros_like(kernel), np.zeros_like(bias)]
    for start in starts:
        part = slice(start, start + size)
        of_part = None if weights is None else weights[part]
        loss, gradients, _ = _line(kernel, bias, x[part], y[part], of_part, **ways)
        count = len(x[part]) / len(x)
        by_weight = count if of_part is None or weights is None else of_part.sum() / weights.sum()
        factor = {
            "examples": count,
            "parts": 1 / len(starts),
            "all": 1.0,
            "weights": by_weight,
        }[share]
        total += factor * loss
        sums = [s + factor * g for s, g in zip(sums, gradients, strict=True)]
    return {"loss": total, "kernel": kernel - 0.1 * sums[0], "bias": bias - 0.1 * sums[1]}


def _accumulating(middle: str, end: str = "    return total\n") -> str:
    """Return the source of an answer that differs from another in the lines of the parts."""
    return f"""
def accumulating_train_step(model, x, y, sample_weight, size):
    variables = model.trainable_variables
    starts = range(0, len(x), size)
    total, sums = 0.0, [0.0] * len(variables)
    for start in starts:
        part = slice(start, start + size)
        weights = None if sample_weight is None else sample_weight[part]
        with tf.GradientTape() as tape:
            y_pred = model(x[part], training=True)
            loss = model.compute_loss(x[part], y[part], y_pred, weights)
{middle}        total += loss
        sums = [s + g for s, g in zip(sums, tape.gradient(loss, variables))]
    model.optimizer.apply(sums, variables)
{end}"""


@register
class AccumulatingTrainStep(Exercise):
    """One step of a large batch from small parts."""

    name = "accumulating_train_step"
    title = "One step from many parts"
    points = 3
    see = "Batches that do not fit: accumulate"
    hints = (
        "For every `start` in `range(0, n, size)`: slice `x`, `y` and, if there are any, the sample "
        "weights, and ask `model.compute_loss` for the loss of that part.",
        "That loss is a sum divided by the number of examples of the part, also with sample "
        "weights. By what must it be multiplied, so that the parts add up to the sum divided by n?",
        "`share = len(x[part]) / len(x)`; multiply the loss by it inside the tape, add the "
        "gradients up in a list, and call `model.optimizer.apply` once, after the loop.",
    )
    why = (
        "Keras divides the weighted sum of losses by the number of examples, not by the sum of "
        "their weights. So each part counts by its share of the examples; the shares sum to 1, "
        "which counts the penalties of the layers once. `apply` moves the weights and advances the "
        "optimizer's count of steps, so it is called once for the whole batch."
    )
    near_misses = (
        NearMiss(
            code=_accumulating("            loss /= len(starts)\n"),
            because=(
                "Every part counts alike here, also the last one, which is smaller. Weight each "
                "part by its share of the examples."
            ),
            like=lambda **inputs: _accumulated(**inputs, share="parts"),
        ),
        NearMiss(
            code=_accumulating(""),
            because=(
                "The losses of the parts were added up: the step grows with the number of parts. "
                "Weight each part by its share of the examples."
            ),
            like=lambda **inputs: _accumulated(**inputs, share="all"),
        ),
        NearMiss(
            code=_accumulating(
                """            if weights is None:
                loss *= len(x[part]) / len(x)
            else:
                loss *= tf.reduce_sum(weights) / tf.reduce_sum(sample_weight)
"""
            ),
            because=(
                "The parts were weighted by the sums of their sample weights. Keras divides by the "
                "number of examples, so the share of the examples is what counts."
            ),
            like=lambda **inputs: _accumulated(**inputs, share="weights"),
        ),
        NearMiss(
            code="""
def accumulating_train_step(model, x, y, sample_weight, size):
    variables = model.trainable_variables
    total = 0.0
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        weights = None if sample_weight is None else sample_weight[part]
        with tf.GradientTape() as tape:
            y_pred = model(x[part], training=True)
            loss = model.compute_loss(x[part], y[part], y_pred, weights)
            loss *= len(x[part]) / len(x)
        model.optimizer.apply(tape.gradient(loss, variables), variables)
        total += loss
    return total
""",
            because="The optimizer took a step for each part. Add up the gradients, and step once.",
            says="step for each part",
        ),
        NearMiss(
            code="""
def accumulating_train_step(model, x, y, sample_weight, size):
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x, y, model(x, training=True), sample_weight)
    model.optimizer.apply(tape.gradient(loss, variables), variables)
    return loss
""",
            because="The whole batch was given to the model at once, which does not fit.",
            says="examples at once",
        ),
        NearMiss(
            code="""
def accumulating_train_step(model, x, y, sample_weight, size):
    variables = model.trainable_variables
    total, sums = 0.0, [0.0] * len(variables)
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        with tf.GradientTape() as tape:
            y_pred = model(x[part], training=True)
            loss = model.compute_loss(x[part], y[part], y_pred) * len(x[part]) / len(x)
        total += loss
        sums = [s + g for s, g in zip(sums, tape.gradient(loss, variables))]
    model.optimizer.apply(sums, variables)
    return total
""",
            because="The sample weights had no effect. Hand those of the part to `compute_loss`.",
            like=lambda **inputs: _accumulated(**{**inputs, "sample_weight": None}),
        ),
        NearMiss(
            code="""
def accumulating_train_step(model, x, y, sample_weight, size):
    variables = model.trainable_variables
    total, sums = 0.0, [0.0] * len(variables)
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        weights = None if sample_weight is None else sample_weight[part]
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x[part], y[part], model(x[part]), weights)
            loss *= len(x[part]) / len(x)
        total += loss
        sums = [s + g for s, g in zip(sums, tape.gradient(loss, variables))]
    model.optimizer.apply(sums, variables)
    return total
""",
            because=(
                "The model was called without `training=True`, so layers such as Dropout did not "
                "know that this is training."
            ),
            like=lambda **inputs: _accumulated(**inputs, factor=1.0),
        ),
    )
    alternatives = (
        """
def accumulating_train_step(model, x, y, sample_weight, size):
    if sample_weight is None:
        sample_weight = tf.ones(len(x))
    total, gradients = 0.0, None
    parts = tf.data.Dataset.from_tensor_slices((x, y, sample_weight)).batch(size)
    for x_part, y_part, weights in parts:
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x_part, y_part, model(x_part, training=True), weights)
        share = x_part.shape[0] / x.shape[0]
        new = [share * g for g in tape.gradient(loss, model.trainable_weights)]
        gradients = new if gradients is None else [a + b for a, b in zip(gradients, new)]
        total += share * float(loss)
    model.optimizer.apply_gradients(zip(gradients, model.trainable_weights))
    return total
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(rows: int, size: int, note: str, *, weighted: bool = False) -> Case:
            weights = rng.uniform(0.2, 3, size=rows).astype(np.float32)
            inputs = {
                "kernel": rng.normal(size=(3, 1)).astype(np.float32),
                "bias": rng.normal(size=1).astype(np.float32),
                "x": rng.normal(size=(rows, 3)).astype(np.float32),
                "y": (2 + 2 * rng.normal(size=(rows, 1))).astype(np.float32),
                "sample_weight": weights if weighted else None,
                "size": size,
            }
            return Case(inputs, note)

        yield case(7, 3, "with sample weights; the last part holds 1 example", weighted=True)
        yield case(8, 3, "without sample weights")
        yield case(3, 5, "one part, smaller than size", weighted=True)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Take one step with a line, an L2 penalty and a layer that works in training only."""
        import keras
        import tensorflow as tf

        most = 0

        class OnlyInTraining(keras.layers.Layer):
            def call(self, x: Any, training: bool = False) -> Any:
                nonlocal most
                most = max(most, x.shape[0] or 0)
                return 1.5 * x if training else x

        features = keras.Input((3,))
        line = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1))
        model = keras.Model(features, OnlyInTraining()(line(features)))
        line.set_weights([inputs["kernel"], inputs["bias"]])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        weights = inputs["sample_weight"]
        loss = submission(
            model,
            tf.constant(inputs["x"]),
            tf.constant(inputs["y"]),
            None if weights is None else tf.constant(weights),
            inputs["size"],
        )
        kernel, bias = line.get_weights()
        results = {"loss": loss, "kernel": kernel, "bias": bias}
        return {"results": results, "most": most, "steps": int(model.optimizer.iterations)}

    def expected(self, **inputs: Any) -> Any:
        return _accumulated(**inputs)

    def judge(self, case: Case, observation: Observation) -> None:
        seen, size = observation.value, case.inputs["size"]
        if seen["most"] > size:
            raise Wrong(
                f"The model was given {seen['most']} examples at once; {size} are the most that fit."
            )
        if seen["steps"] > 1:
            raise Wrong(
                f"The optimizer took {seen['steps']} steps, a step for each part. Add up the "
                "gradients of the parts, and call `apply` once, after the loop."
            )
        if seen["steps"] == 0:
            raise Wrong("The optimizer took no step: `model.optimizer.apply` was not called.")
        super().judge(case, Observation("returned", seen["results"]))


def _means_by_hand(
    kernel: np.ndarray,
    bias: np.ndarray,
    batches: list[Any],
    *,
    weigh: str = "examples",
) -> dict[str, float]:
    """Return the means of an epoch of SGD with learning rate 0.05, by their formulas."""
    kernel, bias = _as_float64(kernel, bias)
    losses, errors, sizes = [], [], []
    for x, y in batches:
        x, y = _as_float64(x, y)
        loss, gradients, predicted = _line(kernel, bias, x, y, factor=1.0)
        kernel, bias = kernel - 0.05 * gradients[0], bias - 0.05 * gradients[1]
        losses.append(loss)
        errors.append(float(np.abs(predicted - y).mean()))
        sizes.append(len(x))
    if weigh == "after":
        x, y = (np.concatenate(part) for part in zip(*batches, strict=True))
        loss, _, predicted = _line(kernel, bias, *_as_float64(x, y), factor=1.0)
        return {"loss": loss, "mae": float(np.abs(predicted - y).mean())}
    return {"loss": _reported(losses, sizes, weigh), "mae": _reported(errors, sizes, weigh)}


@register
class EpochMeans(Exercise):
    """The means of an epoch, kept by hand around train_on_batch."""

    name = "epoch_means"
    title = "The means of an epoch"
    points = 2
    see = "One batch at a time: train_on_batch"
    hints = (
        "`model.train_on_batch(x, y, return_dict=True)` gives the values of this batch under their "
        "right names.",
        "A mean over examples: add up value times number of examples for each name, and divide by "
        "the number of all examples at the end.",
        "`totals[name] = totals.get(name, 0.0) + len(x) * value` for every `name, value` of the "
        "dict.",
    )
    why = (
        "`train_on_batch` resets the metrics before each batch, so nobody else keeps the mean. Each "
        "value it returns is a mean over the examples of its batch; weighted by the batch's size "
        "these give the mean over the epoch's examples, which is what `fit` reports."
    )
    near_misses = (
        NearMiss(
            code="""
def epoch_means(model, batches):
    for x, y in batches:
        logs = model.train_on_batch(x, y, return_dict=True)
    return logs
""",
            because=(
                "These are the values of the last batch. Today `train_on_batch` resets the metrics "
                "at each call, so the mean must be kept by hand."
            ),
            like=lambda **inputs: _means_by_hand(**inputs, weigh="last"),
        ),
        NearMiss(
            code="""
def epoch_means(model, batches):
    logs = [model.train_on_batch(x, y, return_dict=True) for x, y in batches]
    return {name: sum(log[name] for log in logs) / len(logs) for name in logs[0]}
""",
            because=(
                "Every batch counts alike here, also a smaller one. Weight each batch by its "
                "number of examples."
            ),
            like=lambda **inputs: _means_by_hand(**inputs, weigh="batches"),
        ),
        NearMiss(
            code="""
def epoch_means(model, batches):
    totals, examples = {}, 0
    for x, y in batches:
        values = model.train_on_batch(x, y)
        for name, value in zip(model.metrics_names, values):
            totals[name] = totals.get(name, 0.0) + len(x) * value
        examples += len(x)
    return {name: total / examples for name, total in totals.items()}
""",
            because=(
                "The names are wrong: `model.metrics_names` holds names of containers. Ask for "
                "`return_dict=True`."
            ),
            says="`return_dict=True`",
        ),
        NearMiss(
            code="""
def epoch_means(model, batches):
    for x, y in batches:
        model.train_on_batch(x, y)
    x, y = (np.concatenate(part) for part in zip(*batches))
    return model.evaluate(x, y, verbose=0, return_dict=True)
""",
            because=(
                "These values were measured after the epoch, with the weights at its end. Wanted "
                "is the mean of what `train_on_batch` returned on the way."
            ),
            like=lambda **inputs: _means_by_hand(**inputs, weigh="after"),
        ),
    )
    alternatives = (
        """
def epoch_means(model, batches):
    means = {}
    for x, y in batches:
        for name, value in model.train_on_batch(x, y, return_dict=True).items():
            means.setdefault(name, keras.metrics.Mean()).update_state(value, len(x))
    return {name: float(mean.result()) for name, mean in means.items()}
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(sizes: list[int], note: str) -> Case:
            batches = [
                [
                    rng.normal(size=(size, 3)).astype(np.float32),
                    (2 + 2 * rng.normal(size=(size, 1))).astype(np.float32),
                ]
                for size in sizes
            ]
            inputs = {
                "kernel": rng.normal(size=(3, 1)).astype(np.float32),
                "bias": rng.normal(size=1).astype(np.float32),
                "batches": batches,
            }
            return Case(inputs, note)

        yield case([4, 1], "the last batch holds 1 example")
        yield case([2, 5, 3], "batches of three sizes")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Train a line with an L2 penalty for one epoch."""
        import keras

        line = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1))
        model = keras.Sequential([keras.Input((3,)), line])
        line.set_weights([inputs["kernel"], inputs["bias"]])
        # Eager, because tracing would take longer than these few steps.
        model.compile(keras.optimizers.SGD(0.05), "mse", metrics=["mae"], run_eagerly=True)
        means = submission(model, [tuple(batch) for batch in inputs["batches"]])
        return {"means": means, "steps": int(model.optimizer.iterations)}

    def expected(self, **inputs: Any) -> Any:
        return _means_by_hand(**inputs)

    def judge(self, case: Case, observation: Observation) -> None:
        means, steps = observation.value["means"], observation.value["steps"]
        batches = len(case.inputs["batches"])
        if steps != batches:
            raise Wrong(
                f"The model took {steps} steps; expected one for each of {batches} batches."
            )
        if not isinstance(means, dict) or set(means) != {"loss", "mae"}:
            names = ", ".join(map(str, means)) if isinstance(means, dict) else "no names"
            raise Wrong(
                f"The result has {names or 'no names'}; expected a dict with loss and mae. "
                "`train_on_batch` gives the right names with `return_dict=True`."
            )
        super().judge(case, Observation("returned", means))


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def _cross_entropy(label: float, logits: np.ndarray) -> float:
    return float((np.logaddexp(0, logits) - label * logits).mean())


def _gan_moves(
    maker: np.ndarray,
    judge: np.ndarray,
    real: np.ndarray,
    noise: np.ndarray,
    real_label: float,
    *,
    labels: tuple[float, float] | None = None,
    wanted: float = 1.0,
    order: str = "judge first",
    halves: float = 0.5,
    factor: float = IN_TRAINING,
    moved: tuple[str, ...] = ("judge", "maker"),
) -> dict[str, Any]:
    """Return one step of both sides of a GAN of two matrices, learning rates 0.3 and 0.2.

    The generator makes noise·maker, the discriminator gives the logit factor·image·judge.
    """
    maker, judge, real, noise = _as_float64(maker, judge, real, noise)
    of_real, of_fake = labels or (real_label, 0.0)
    fake, n = noise @ maker, len(real)
    on_real, on_fake = factor * (real @ judge), factor * (fake @ judge)
    d_loss = halves * (_cross_entropy(of_real, on_real) + _cross_entropy(of_fake, on_fake))
    slope = real.T @ (_sigmoid(on_real) - of_real) + fake.T @ (_sigmoid(on_fake) - of_fake)
    new_judge = judge - 0.3 * halves * factor * slope / n
    seen_by = judge if order == "together" else new_judge
    logits = factor * (fake @ seen_by)
    g_loss = _cross_entropy(wanted, logits)
    wrong = (_sigmoid(logits) - wanted) * factor / n
    new_maker = maker - 0.2 * noise.T @ (wrong @ seen_by.T)
    if "judge too" in moved:
        new_judge = new_judge - 0.2 * fake.T @ wrong
    return {"losses": [d_loss, g_loss], "generator": new_maker, "discriminator": new_judge}


def _gan(**parts: str) -> str:
    """Return the source of an answer in which some lines are others."""
    lines = {
        "real": "tf.fill(tf.shape(on_real), real_label)",
        "fake": "tf.zeros_like(on_fake)",
        "half": " / 2",
        "wanted": "tf.ones_like(on_fake)",
        "training": ", training=True",
        "sign": "",
        **parts,
    }
    return f"""
def gan_step(generator, discriminator, g_optimizer, d_optimizer, real, noise, real_label):
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        on_real = discriminator(real{lines["training"]})
        on_fake = discriminator(generator(noise{lines["training"]}){lines["training"]})
        d_loss = entropy({lines["real"]}, on_real) + entropy({lines["fake"]}, on_fake)
        d_loss = d_loss{lines["half"]}
    variables = discriminator.trainable_variables
    d_optimizer.apply(tape.gradient(d_loss, variables), variables)
    with tf.GradientTape() as tape:
        on_fake = discriminator(generator(noise{lines["training"]}){lines["training"]})
        g_loss = {lines["sign"]}entropy({lines["wanted"]}, on_fake)
    variables = generator.trainable_variables
    g_optimizer.apply(tape.gradient(g_loss, variables), variables)
    return d_loss, g_loss
"""


@register
class GanStep(Exercise):
    """One step of a discriminator and one of a generator."""

    name = "gan_step"
    title = "One step of both sides"
    points = 3
    see = "Two networks, two optimizers: a GAN"
    hints = (
        "Two tapes, one after the other. The first holds the loss of the discriminator on real and "
        "on generated images, the second the loss of the generator.",
        "`keras.losses.BinaryCrossentropy(from_logits=True)` takes labels and logits. For the "
        "discriminator real images have the label `real_label`, generated ones 0. What does the "
        "generator want to hear about its images?",
        "Gradients of the first loss only for `discriminator.trainable_variables`, applied by "
        "`d_optimizer`. Then call both networks anew; label 1 throughout; gradients only for "
        "`generator.trainable_variables`, applied by `g_optimizer`.",
    )
    why = (
        "Both sides look at the same logits with opposite labels. The generator's loss depends on "
        "the discriminator's variables too, so only the list given to the tape decides who moves. "
        "The smoothed label belongs to the real images alone: it keeps the discriminator from "
        "growing ever surer."
    )
    near_misses = (
        NearMiss(
            code=_gan(real="tf.zeros_like(on_real)", fake="tf.fill(tf.shape(on_fake), real_label)"),
            because="The discriminator's labels are swapped: here generated images count as real.",
            like=lambda **inputs: _gan_moves(**inputs, labels=(0.0, inputs["real_label"])),
        ),
        NearMiss(
            code=_gan(real="tf.ones_like(on_real)"),
            because="`real_label` was not used: for the discriminator real images have that label.",
            like=lambda **inputs: _gan_moves(**inputs, labels=(1.0, 0.0)),
        ),
        NearMiss(
            code=_gan(fake="tf.fill(tf.shape(on_fake), 1 - real_label)"),
            because=(
                "The label of the generated images was smoothed too. That rewards the "
                "discriminator for believing a share of them; theirs is 0."
            ),
            like=lambda **inputs: _gan_moves(
                **inputs, labels=(inputs["real_label"], 1 - inputs["real_label"])
            ),
        ),
        NearMiss(
            code=_gan(wanted="tf.zeros_like(on_fake)"),
            because=(
                "The generator was trained with the label 0, so it learns to be found out. It "
                "wants its images to be taken for real: label 1."
            ),
            like=lambda **inputs: _gan_moves(**inputs, wanted=0.0),
        ),
        NearMiss(
            code=_gan(wanted="tf.fill(tf.shape(on_fake), real_label)"),
            because=(
                "The smoothed label was used for the generator too. It belongs to the real images "
                "in the discriminator's loss; the generator's label is 1."
            ),
            like=lambda **inputs: _gan_moves(**inputs, wanted=inputs["real_label"]),
        ),
        NearMiss(
            code=_gan(half=""),
            because=(
                "The two halves of the discriminator's loss were added. Wanted is their mean, half "
                "the sum."
            ),
            like=lambda **inputs: _gan_moves(**inputs, halves=1.0),
        ),
        NearMiss(
            code=_gan(training=""),
            because="The networks were called without `training=True`.",
            like=lambda **inputs: _gan_moves(**inputs, factor=1.0),
        ),
        NearMiss(
            code="""
def gan_step(generator, discriminator, g_optimizer, d_optimizer, real, noise, real_label):
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    with tf.GradientTape(persistent=True) as tape:
        on_real = discriminator(real, training=True)
        on_fake = discriminator(generator(noise, training=True), training=True)
        d_loss = entropy(tf.fill(tf.shape(on_real), real_label), on_real) / 2
        d_loss += entropy(tf.zeros_like(on_fake), on_fake) / 2
        g_loss = entropy(tf.ones_like(on_fake), on_fake)
    for loss, network, optimizer in (
        (d_loss, discriminator, d_optimizer),
        (g_loss, generator, g_optimizer),
    ):
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
    return d_loss, g_loss
""",
            because=(
                "The generator's loss was computed with the discriminator as it was before its "
                "step. Here the discriminator steps first, and the generator answers the new one."
            ),
            like=lambda **inputs: _gan_moves(**inputs, order="together"),
        ),
        NearMiss(
            code="""
def gan_step(generator, discriminator, g_optimizer, d_optimizer, real, noise, real_label):
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        on_real = discriminator(real, training=True)
        on_fake = discriminator(generator(noise, training=True), training=True)
        d_loss = entropy(tf.fill(tf.shape(on_real), real_label), on_real) / 2
        d_loss += entropy(tf.zeros_like(on_fake), on_fake) / 2
    variables = discriminator.trainable_variables
    d_optimizer.apply(tape.gradient(d_loss, variables), variables)
    with tf.GradientTape() as tape:
        on_fake = discriminator(generator(noise, training=True), training=True)
        g_loss = entropy(tf.ones_like(on_fake), on_fake)
    variables = generator.trainable_variables + discriminator.trainable_variables
    g_optimizer.apply(tape.gradient(g_loss, variables), variables)
    return d_loss, g_loss
""",
            because=(
                "The generator's step moved the discriminator too, towards believing everything. "
                "Ask for the gradients of the generator's variables only."
            ),
            like=lambda **inputs: _gan_moves(**inputs, moved=("judge", "maker", "judge too")),
        ),
    )
    alternatives = (
        """
def gan_step(generator, discriminator, g_optimizer, d_optimizer, real, noise, real_label):
    def entropy(label, logits):
        labels = label * tf.ones_like(logits)
        return tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
        )

    fake = generator(noise, training=True)
    count = len(real)
    with tf.GradientTape() as tape:
        logits = discriminator(tf.concat([real, fake], axis=0), training=True)
        d_loss = (entropy(real_label, logits[:count]) + entropy(0.0, logits[count:])) / 2
    gradients = tape.gradient(d_loss, discriminator.trainable_weights)
    d_optimizer.apply_gradients(zip(gradients, discriminator.trainable_weights))

    with tf.GradientTape() as tape:
        g_loss = entropy(1.0, discriminator(generator(noise, training=True), training=True))
    gradients = tape.gradient(g_loss, generator.trainable_weights)
    g_optimizer.apply_gradients(zip(gradients, generator.trainable_weights))
    return d_loss, g_loss
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for count, note in ((5, ""), (1, "one image")):
            inputs = {
                "maker": rng.normal(size=(3, 4)).astype(np.float32),
                "judge": rng.normal(size=(4, 1)).astype(np.float32),
                "real": (1 + rng.normal(size=(count, 4))).astype(np.float32),
                "noise": rng.normal(size=(count, 3)).astype(np.float32),
                "real_label": round(float(rng.uniform(0.7, 0.95)), 2),
            }
            yield Case(inputs, note)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Take the step with a generator and a discriminator of one matrix each."""
        import keras
        import tensorflow as tf

        class OnlyInTraining(keras.layers.Layer):
            def call(self, x: Any, training: bool = False) -> Any:
                return 1.5 * x if training else x

        generator = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(4, use_bias=False, name="maker")]
        )
        discriminator = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(1, use_bias=False), OnlyInTraining()]
        )
        generator.set_weights([inputs["maker"]])
        discriminator.set_weights([inputs["judge"]])
        losses = submission(
            generator,
            discriminator,
            keras.optimizers.SGD(0.2),
            keras.optimizers.SGD(0.3),
            tf.constant(inputs["real"]),
            tf.constant(inputs["noise"]),
            inputs["real_label"],
        )
        return {
            "losses": list(losses) if isinstance(losses, tuple | list) else losses,
            "generator": generator.get_weights()[0],
            "discriminator": discriminator.get_weights()[0],
        }

    def expected(self, **inputs: Any) -> Any:
        return _gan_moves(**inputs)

    def differs(self, got: Any, expected: Any) -> str | None:
        losses = got.get("losses") if isinstance(got, dict) else None
        if not isinstance(losses, list) or len(losses) != 2:
            return "Two losses are wanted: that of the discriminator, then that of the generator."
        return super().differs(got, expected)
