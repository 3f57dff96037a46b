"""Exercises of the lesson on devices and scale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register

_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
#: Variables of the shape of each trained weight; and bytes of those that are single numbers:
#: iteration (int64) and learning rate (float32), twice for a wrapped one, with a counter (int64)
#: and a scale (float32).
_OPTIMIZERS = {
    "sgd": (0, 12),
    "sgd with momentum": (1, 12),
    "rmsprop": (1, 12),
    "adam": (2, 12),
    "adam with a loss scale": (2, 36),
}


def _memory(
    policy: str,
    inputs: int,
    units: list[int],
    normalised: bool,
    frozen: bool,
    optimizer: str,
    *,
    a_number: int | None = None,
    computed: bool = False,
    gradients_of_all: bool = False,
    built: bool = True,
    slots: int | None = None,
) -> dict[str, int]:
    """Count the bytes of a stack of Dense layers; the options are ways to get it wrong.

    With ``normalised`` a BatchNormalization follows the first layer; ``frozen`` stops the first.
    """
    stored = "float32" if policy.startswith("mixed") else policy
    if computed:
        stored = policy.removeprefix("mixed_")
    size = a_number or _BYTES[stored]
    everything, trained = 0, 0
    for index, (wide, narrow) in enumerate(zip([inputs, *units], units, strict=False)):
        numbers = wide * narrow + narrow
        everything += numbers
        trained += 0 if frozen and index == 0 else numbers
        if normalised and index == 0:
            everything += 4 * narrow  # scale and offset; moving mean and variance
            trained += 2 * narrow
    each, single = _OPTIMIZERS[optimizer]
    each = each if slots is None else slots
    unbuilt = 24 if optimizer == "adam with a loss scale" else 12
    return {
        "weights": size * everything,
        "gradients": size * (everything if gradients_of_all else trained),
        "optimizer": size * each * trained + single if built else unbuilt,
    }


@register
class TrainingMemory(Exercise):
    """Bytes of weights, gradients and the optimizer's variables."""

    name = "training_memory"
    title = "Count the bytes of a training"
    points = 2
    see = "What fills the memory"
    hints = (
        "Three lists of variables: `model.weights`, `model.trainable_weights`, and "
        "`optimizer.variables`. When does an optimizer make its variables?",
        "`optimizer.build(model.trainable_variables)` makes them. The bytes of a variable are "
        "the product of its shape times the bytes of one number of its dtype.",
        "`v.shape.num_elements() * tf.as_dtype(v.dtype).size` are the bytes of one variable `v`; "
        "`v.numpy().nbytes` says the same. Sum over each list.",
    )
    why = (
        "Each list says for itself what is in it: a frozen layer has weights and no gradients, "
        "and every optimizer keeps something else. The dtype that counts is the variable's own: "
        "with a mixed policy it is float32, although the layers compute in 16 bits."
    )
    near_misses = (
        NearMiss(
            code="""
def training_memory(model, optimizer):
    optimizer.build(model.trainable_variables)

    def count_bytes(variables):
        return sum(4 * int(np.prod(v.shape)) for v in variables)

    return {
        "weights": count_bytes(model.weights),
        "gradients": count_bytes(model.trainable_weights),
        "optimizer": count_bytes(optimizer.variables),
    }
""",
            because=(
                "You counted 4 bytes for each number. That is float32; float16 has 2, float64 and "
                "int64 have 8. Ask each variable for its dtype."
            ),
            says="4 bytes for each number",
        ),
        NearMiss(
            code="""
def training_memory(model, optimizer):
    size = tf.as_dtype(model.layers[0].compute_dtype).size
    weights = size * model.count_params()
    trained = size * sum(int(np.prod(v.shape)) for v in model.trainable_weights)
    optimizer.build(model.trainable_variables)
    kept = sum(
        (tf.as_dtype(v.dtype).size if v.shape == () else size) * int(np.prod(v.shape))
        for v in optimizer.variables
    )
    return {"weights": weights, "gradients": trained, "optimizer": kept}
""",
            because=(
                "You took the dtype that the layers compute in. With a mixed policy the weights, "
                "their gradients and the optimizer's variables are float32: ask the variable."
            ),
            like=lambda **inputs: _memory(**inputs, computed=True),
        ),
        NearMiss(
            code="""
def training_memory(model, optimizer):
    optimizer.build(model.trainable_variables)

    def count_bytes(variables):
        return sum(v.numpy().nbytes for v in variables)

    return {
        "weights": count_bytes(model.weights),
        "gradients": count_bytes(model.weights),
        "optimizer": count_bytes(optimizer.variables),
    }
""",
            because=(
                "You counted a gradient for every weight. Frozen layers, and the moving mean and "
                "variance of BatchNormalization, are not trained and have none."
            ),
            like=lambda **inputs: _memory(**inputs, gradients_of_all=True),
        ),
        NearMiss(
            code="""
def training_memory(model, optimizer):
    def count_bytes(variables):
        return sum(v.numpy().nbytes for v in variables)

    return {
        "weights": count_bytes(model.weights),
        "gradients": count_bytes(model.trainable_weights),
        "optimizer": count_bytes(optimizer.variables),
    }
""",
            because=(
                "The optimizer is not built: it has its counter and its learning rate, and nothing "
                "for the weights yet. Build it with `optimizer.build(...)`."
            ),
            like=lambda **inputs: _memory(**inputs, built=False),
        ),
    )
    alternatives = (
        """
def training_memory(model, optimizer):
    optimizer.build(model.trainable_variables)
    lists = {
        "weights": model.weights,
        "gradients": model.trainable_weights,
        "optimizer": optimizer.variables,
    }
    return {name: sum(v.numpy().nbytes for v in found) for name, found in lists.items()}
""",
    )
    rtol = 0
    atol = 0

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(note: str, policy: str, optimizer: str, **more: Any) -> Case:
            units = [int(n) for n in rng.integers(2, 9, size=int(rng.integers(2, 4)))]
            inputs = {"policy": policy, "inputs": int(rng.integers(2, 9)), "units": units}
            inputs |= {"normalised": False, "frozen": False, "optimizer": optimizer}
            return Case(inputs | more, f"Dense layers of these units{note}")

        frozen = "; the first layer is frozen"
        yield case(frozen, "mixed_float16", "adam", frozen=True)
        yield case(", the first with BatchNormalization", "float32", "rmsprop", normalised=True)
        yield case("", "float64", "sgd with momentum")
        yield case("", "mixed_bfloat16", "adam with a loss scale")
        yield case("", "bfloat16", "sgd")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import keras

        policy = inputs["policy"]
        model = keras.Sequential([keras.Input((inputs["inputs"],))])
        for index, units in enumerate(inputs["units"]):
            model.add(keras.layers.Dense(units, dtype=policy))
            if inputs["normalised"] and index == 0:
                model.add(keras.layers.BatchNormalization(dtype=policy))
        model.layers[0].trainable = not inputs["frozen"]
        optimizer = {
            "sgd": lambda: keras.optimizers.SGD(0.1),
            "sgd with momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
            "rmsprop": lambda: keras.optimizers.RMSprop(),
            "adam": lambda: keras.optimizers.Adam(),
            "adam with a loss scale": lambda: keras.optimizers.LossScaleOptimizer(
                keras.optimizers.Adam()
            ),
        }[inputs["optimizer"]]()
        return submission(model, optimizer)

    def expected(self, **inputs: Any) -> Any:
        return _memory(**inputs)

    def judge(self, case: Case, observation: Observation) -> None:
        """Compare all three numbers; know an answer that takes every number for float32."""
        got = observation.value
        right = self.expected(**case.inputs)
        four = _memory(**case.inputs, a_number=4)
        if isinstance(got, dict) and got != right and got.get("weights") == four["weights"]:
            single = 4 * (6 if case.inputs["optimizer"] == "adam with a loss scale" else 2)
            four["optimizer"] += single - _OPTIMIZERS[case.inputs["optimizer"]][1]
            if self.differs(got, four) is None:
                raise Wrong(self.near_misses[0].because, expected=right)
        super().judge(case, observation)


def _next_scale(
    gradients: list[np.ndarray],
    scale: float,
    good_steps: int,
    growth_steps: int,
    *,
    in_half: bool = False,
    keep_counting: bool = False,
    late: bool = False,
) -> dict[str, Any]:
    if not all(np.isfinite(g).all() for g in gradients):
        kept = good_steps if keep_counting else 0
        return {"gradients": None, "dtypes": None, "scale": scale / 2, "good_steps": kept}
    if in_half:
        found = [(g / np.float16(scale)).astype(np.float64) for g in gradients]
    else:
        found = [g.astype(np.float64) / scale for g in gradients]
    grow = good_steps + (0 if late else 1) >= growth_steps
    return {
        "gradients": found,
        "dtypes": ["float32"] * len(found),
        "scale": scale * 2 if grow else scale,
        "good_steps": 0 if grow else good_steps + 1,
    }


@register
class LossScaleStep(Exercise):
    """What a loss scale does after each step."""

    name = "loss_scale_step"
    title = "Unscale, or skip the step"
    points = 3
    see = "Loss scaling"
    hints = (
        "Look at the gradients first: one infinite or NaN number anywhere decides everything.",
        "`tf.math.is_finite(g)` is False for inf, -inf and NaN. Ask for all tensors of the list. "
        "If one is not finite, return at once: `None`, half the scale, 0.",
        "Otherwise `tf.cast(g, tf.float32) / scale` for each; then count this step too, and if "
        "the count reaches `growth_steps`, return `scale * 2` and 0.",
    )
    why = (
        "A step with an infinite gradient would ruin the weights, so it is left out: no gradients "
        "at all, because gradients of zero would still move an optimizer with momentum. The scale "
        "climbs until it is too high, falls by half, and so finds its own level."
    )
    near_misses = (
        NearMiss(
            code="""
def loss_scale_step(gradients, scale, good_steps, growth_steps):
    if not all(tf.reduce_all(tf.math.is_finite(g)) for g in gradients):
        return None, scale / 2, 0
    unscaled = [tf.cast(g / tf.cast(scale, g.dtype), tf.float32) for g in gradients]
    if good_steps + 1 == growth_steps:
        return unscaled, scale * 2, 0
    return unscaled, scale, good_steps + 1
""",
            because=(
                "You divided in float16 and converted afterwards: the quotient underflows, and what "
                "the scale had saved is lost. Convert to float32, then divide."
            ),
            like=lambda **inputs: _next_scale(**inputs, in_half=True),
        ),
        NearMiss(
            code="""
def loss_scale_step(gradients, scale, good_steps, growth_steps):
    if any(tf.reduce_any(tf.math.is_inf(g)) for g in gradients):
        return None, scale / 2, 0
    unscaled = [tf.cast(g, tf.float32) / scale for g in gradients]
    if good_steps + 1 == growth_steps:
        return unscaled, scale * 2, 0
    return unscaled, scale, good_steps + 1
""",
            because=(
                "A gradient with NaN was let through. Overflow gives NaN as well as inf: inf − inf "
                "and 0 · inf are NaN."
            ),
            says="is not finite",
        ),
        NearMiss(
            code="""
def loss_scale_step(gradients, scale, good_steps, growth_steps):
    if not tf.reduce_all(tf.math.is_finite(gradients[0])):
        return None, scale / 2, 0
    unscaled = [tf.cast(g, tf.float32) / scale for g in gradients]
    if good_steps + 1 == growth_steps:
        return unscaled, scale * 2, 0
    return unscaled, scale, good_steps + 1
""",
            because="Only the first gradient was looked at.",
            says="is not finite",
        ),
        NearMiss(
            code="""
def loss_scale_step(gradients, scale, good_steps, growth_steps):
    finite = all(tf.reduce_all(tf.math.is_finite(g)) for g in gradients)
    if not finite:
        return [tf.zeros(g.shape) for g in gradients], scale / 2, 0
    unscaled = [tf.cast(g, tf.float32) / scale for g in gradients]
    if good_steps + 1 == growth_steps:
        return unscaled, scale * 2, 0
    return unscaled, scale, good_steps + 1
""",
            because="Gradients of zero are still a step: momentum and Adam move on. Return None.",
            says="must be left out",
        ),
        NearMiss(
            code="""
def loss_scale_step(gradients, scale, good_steps, growth_steps):
    if not all(tf.reduce_all(tf.math.is_finite(g)) for g in gradients):
        return None, scale / 2, good_steps
    unscaled = [tf.cast(g, tf.float32) / scale for g in gradients]
    if good_steps + 1 == growth_steps:
        return unscaled, scale * 2, 0
    return unscaled, scale, good_steps + 1
""",
            because=(
                "After a step that was left out, counting begins at 0: finite steps in a row are "
                "wanted."
            ),
            like=lambda **inputs: _next_scale(**inputs, keep_counting=True),
        ),
        NearMiss(
            code="""
def loss_scale_step(gradients, scale, good_steps, growth_steps):
    if not all(tf.reduce_all(tf.math.is_finite(g)) for g in gradients):
        return None, scale / 2, 0
    unscaled = [tf.cast(g, tf.float32) / scale for g in gradients]
    if good_steps >= growth_steps:
        return unscaled, scale * 2, 0
    return unscaled, scale, good_steps + 1
""",
            because=(
                "The scale grows one step late: this step is finite too and counts, so look after "
                "you have added 1."
            ),
            like=lambda **inputs: _next_scale(**inputs, late=True),
        ),
    )
    alternatives = (
        """
def loss_scale_step(gradients, scale, good_steps, growth_steps):
    arrays = [g.numpy().astype("float32") for g in gradients]
    if not np.isfinite(np.concatenate([a.ravel() for a in arrays])).all():
        return None, scale * 0.5, 0
    grow = good_steps == growth_steps - 1
    return [a / scale for a in arrays], scale * (2 if grow else 1), 0 if grow else good_steps + 1
""",
    )
    atol = 0

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def gradients() -> list[np.ndarray]:
            # As small as float16 can hold: divided by the scale they are 0 in float16.
            numbers = [rng.uniform(1, 9, size=s) * rng.choice([-1, 1], s) for s in ((2, 3), (3,))]
            return [(n * 1e-4).astype(np.float16) for n in numbers]

        def case(note: str, good_steps: int, growth_steps: int, *bad: float) -> Case:
            found = gradients()
            for value in bad:
                found[1][int(rng.integers(3))] = value
            scale = float(2.0 ** rng.integers(10, 15))
            inputs = {"gradients": found, "scale": scale}
            return Case(inputs | {"good_steps": good_steps, "growth_steps": growth_steps}, note)

        some = int(rng.integers(3, 9))
        yield case("all finite", some, 2 * some)
        yield case("the last of the steps it takes to grow", some - 1, some)
        yield case("one step before that", some - 2, some)
        yield case("NaN in the second gradient", some, 2 * some, np.nan)
        yield case("minus infinity in the second gradient", some - 1, some, -np.inf)
        yield case("infinity in the second gradient", 0, some, np.inf)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import tensorflow as tf

        found = submission(
            [tf.constant(g) for g in inputs["gradients"]],
            inputs["scale"],
            inputs["good_steps"],
            inputs["growth_steps"],
        )
        if not isinstance(found, tuple | list) or len(found) != 3:
            return {"not three results": found}
        gradients, scale, good_steps = found
        dtypes = None
        if gradients is not None:
            gradients = list(gradients)
            dtypes = [tf.as_dtype(getattr(g, "dtype", type(g))).name for g in gradients]
        return {
            "gradients": gradients,
            "dtypes": dtypes,
            "scale": scale,
            "good_steps": good_steps,
        }

    def expected(self, **inputs: Any) -> Any:
        return _next_scale(**inputs)

    def judge(self, case: Case, observation: Observation) -> None:
        """Say first whether the step was rightly taken or left out."""
        got = observation.value
        if not isinstance(got, dict) or "gradients" not in got:
            raise Wrong("Return three things: the gradients or None, the scale, and the count.")
        right = self.expected(**case.inputs)
        if right["gradients"] is None and got["gradients"] is not None:
            raise Wrong(
                "One of these gradients is not finite (inf or NaN), so the step must be left out: "
                "return None in place of the gradients. Zeros would still be a step.",
                expected=right,
            )
        if right["gradients"] is not None and got["gradients"] is None:
            raise Wrong("All these gradients are finite; the step must be taken.", expected=right)
        super().judge(case, observation)


def _ranges(
    n: int, global_batch: int, replicas: int, *, way: str = "right"
) -> list[list[tuple[int, int]]]:
    """Deal the rows one at a time; ``way`` is one of the ways to get it wrong."""
    steps = []
    for begin in range(0, n, global_batch):
        rows = list(range(begin, min(begin + global_batch, n)))
        end = rows[-1] + 1
        if way == "even":
            parts = [part.tolist() for part in np.array_split(rows, replicas)]
        else:
            most = {
                "right": int(np.ceil(len(rows) / replicas)),
                "floor": len(rows) // replicas,
                "fixed": int(np.ceil(global_batch / replicas)),
                "beyond": int(np.ceil(global_batch / replicas)),
            }[way]
            parts = []
            for index in range(replicas):
                first = begin + index * most
                if way == "beyond":
                    parts.append(list(range(first, first + most)))
                else:
                    parts.append([row for row in rows if first <= row < first + most])
        ranges = []
        for part in parts:
            ranges.append((part[0], part[-1] + 1) if part else (end, end))
        steps.append(ranges)
    return steps


def _floor(n: int, global_batch: int, replicas: int) -> list[list[tuple[int, int]]]:
    steps = []
    for begin in range(0, n, global_batch):
        share = (min(begin + global_batch, n) - begin) // replicas
        steps.append([(begin + i * share, begin + (i + 1) * share) for i in range(replicas)])
    return steps


@register
class SplitGlobalBatch(Exercise):
    """Rows for each replica, nothing lost and nothing twice."""

    name = "split_global_batch"
    title = "Share out a batch"
    points = 2
    see = "One batch, several replicas"
    hints = (
        "`range(0, n, global_batch)` gives the beginning of each batch. Where does the last batch "
        "end?",
        "A batch ends at `min(begin + global_batch, n)`. The share is the number of its rows "
        "divided by `replicas`, rounded up: `-(-rows // replicas)`.",
        "Replica i begins at `begin + i * share` and stops at `begin + (i + 1) * share`, and "
        "neither may lie beyond the end of the batch: `min(..., end)`.",
    )
    why = (
        "Rounded up, the shares cover every row; cut off at the end of the batch, none is taken "
        "twice. The last batch is split by the rows that it has, so all replicas but the last "
        "ones have work in it."
    )
    near_misses = (
        NearMiss(
            code="""
def split_global_batch(n, global_batch, replicas):
    steps = []
    for begin in range(0, n, global_batch):
        share = (min(begin + global_batch, n) - begin) // replicas
        steps.append([(begin + i * share, begin + (i + 1) * share) for i in range(replicas)])
    return steps
""",
            because=(
                "Rows are lost: divided by the replicas and rounded down, the shares do not cover "
                "the batch. Round up, and cut off at the end of the batch."
            ),
            like=_floor,
        ),
        NearMiss(
            code="""
def split_global_batch(n, global_batch, replicas):
    share = -(-global_batch // replicas)
    steps = []
    for begin in range(0, n, global_batch):
        end = min(begin + global_batch, n)
        edges = [min(begin + i * share, end) for i in range(replicas + 1)]
        steps.append(list(zip(edges[:-1], edges[1:])))
    return steps
""",
            because=(
                "The share was worked out from a full batch. In the last, smaller one the first "
                "replicas get all rows and the others wait: divide the rows that are there."
            ),
            like=lambda **inputs: _ranges(**inputs, way="fixed"),
        ),
        NearMiss(
            code="""
def split_global_batch(n, global_batch, replicas):
    share = -(-global_batch // replicas)
    return [
        [(begin + i * share, begin + (i + 1) * share) for i in range(replicas)]
        for begin in range(0, n, global_batch)
    ]
""",
            because=(
                "Some ranges reach beyond the end of their batch: these rows belong to the next "
                "batch, or do not exist."
            ),
            like=lambda **inputs: _ranges(**inputs, way="beyond"),
        ),
        NearMiss(
            code="""
def split_global_batch(n, global_batch, replicas):
    steps = []
    for begin in range(0, n, global_batch):
        rows = np.arange(begin, min(begin + global_batch, n))
        edges = [begin]
        for part in np.array_split(rows, replicas):
            edges.append(edges[-1] + len(part))
        steps.append(list(zip(edges[:-1], edges[1:])))
    return steps
""",
            because=(
                "No row is lost, but the shares differ from what was asked for: each replica takes "
                "the rounded-up share until the rows run out, as TensorFlow does."
            ),
            like=lambda **inputs: _ranges(**inputs, way="even"),
        ),
    )
    alternatives = (
        """
def split_global_batch(n, global_batch, replicas):
    steps = []
    for begin in range(0, n, global_batch):
        left, start = min(global_batch, n - begin), begin
        most = (left + replicas - 1) // replicas
        step = []
        for _ in range(replicas):
            rows = min(most, left)
            step.append((start, start + rows))
            start, left = start + rows, left - rows
        steps.append(step)
    return steps
""",
    )
    rtol = 0
    atol = 0

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(note: str, n: int, global_batch: int, replicas: int) -> Case:
            inputs = {"n": n, "global_batch": global_batch, "replicas": replicas}
            return Case(inputs, note)

        half = int(rng.integers(3, 9))
        yield case("the last batch has 3 rows", 2 * half * 2 + 3, 2 * half, 2)
        yield case("five rows for four replicas", 5 + 16, 16, 4)
        yield case("a batch that does not divide evenly", int(rng.integers(20, 30)), 7, 3)
        yield case("all batches alike", 8 * half, 4 * half, 4)
        yield case("one row for three replicas", 1, 6, 3)
        yield case("one replica", half, 2, 1)
        yield case("no rows", 0, half, 2)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        return submission(*inputs.values())

    def expected(self, n: int, global_batch: int, replicas: int) -> Any:
        return _ranges(n, global_batch, replicas)


def _parts(
    x: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    rows: list[int],
    strength: float,
    *,
    weights: str = "right",
    penalties: float = 1.0,
) -> dict[str, Any]:
    """Sum and gradient of the parts of a linear regression with an L2 penalty."""
    x, y, w = x.astype(np.float64), y.astype(np.float64), w.astype(np.float64)
    replicas, n = len(rows), len(x)
    total = penalties * strength * np.sum(w**2)
    gradient = penalties * strength * 2 * w
    start = 0
    for count in rows:
        part, targets = x[start : start + count], y[start : start + count]
        start += count
        divisor = {"right": n, "mean": count, "mean of means": count * replicas}[weights]
        distance = part @ w - targets
        with np.errstate(all="ignore"):
            total = total + np.sum(distance**2) / np.float64(divisor)
            gradient = gradient + 2 * part.T @ distance / np.float64(divisor)
    return {"sum": total, "gradient of the sum": gradient}


@register
class GlobalLoss(Exercise):
    """A replica's part of the loss."""

    name = "global_loss"
    title = "A replica's part of the loss"
    points = 2
    see = "The whole batch divides the loss"
    hints = (
        "One process divides the sum of all losses by the rows of the whole batch. A sum can be "
        "taken in parts: what must every part be divided by?",
        "Not by the rows of this replica: `tf.reduce_mean` does that. Take `tf.reduce_sum` and "
        "divide by `global_batch`.",
        "The penalty is computed by every replica and the parts are added up; so that it counts "
        "once, each adds `penalty / replicas`.",
    )
    why = (
        "The gradients of the replicas are added up, so their losses must add up to the loss of "
        "one process: every example with the weight 1 / global_batch, wherever it is computed. An "
        "empty part is 0; a mean over it would be NaN. What every replica computes alike is "
        "shared out."
    )
    near_misses = (
        NearMiss(
            code="""
def global_loss(losses, penalty, global_batch, replicas):
    return tf.reduce_mean(losses) + penalty / replicas
""",
            because=(
                "A mean over this replica's rows: added up over the replicas, the loss is several "
                "times too large, and a replica without rows gives NaN. Divide by `global_batch`."
            ),
            like=lambda **inputs: _parts(**inputs, weights="mean"),
        ),
        NearMiss(
            code="""
def global_loss(losses, penalty, global_batch, replicas):
    return (tf.reduce_mean(losses) + penalty) / replicas
""",
            because=(
                "The mean of the means is right only if all replicas have equally many rows. In a "
                "last batch of 3 + 2 rows each of the 3 would count less than each of the 2."
            ),
            like=lambda **inputs: _parts(**inputs, weights="mean of means"),
        ),
        NearMiss(
            code="""
def global_loss(losses, penalty, global_batch, replicas):
    return tf.reduce_sum(losses) / global_batch + penalty
""",
            because=(
                "The penalty counts once for each replica: all of them add the same one. Each must "
                "add its share, `penalty / replicas`."
            ),
            like=lambda **inputs: _parts(**inputs, penalties=len(inputs["rows"])),
        ),
        NearMiss(
            code="""
def global_loss(losses, penalty, global_batch, replicas):
    return (tf.reduce_sum(losses) + penalty) / global_batch
""",
            because=(
                "The penalty was divided by the batch: it would count less the larger the batch "
                "is. It is added by every replica, so divide it by `replicas`."
            ),
            like=lambda **inputs: _parts(
                **inputs, penalties=len(inputs["rows"]) / len(inputs["x"])
            ),
        ),
    )
    alternatives = (
        """
def global_loss(losses, penalty, global_batch, replicas):
    mean = tf.nn.compute_average_loss(losses, global_batch_size=global_batch)
    return mean + penalty / replicas
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(note: str, *rows: int) -> Case:
            n = sum(rows)
            x = rng.normal(size=(n, 2)).astype(np.float32)
            y = (3 * rng.normal(size=n)).astype(np.float32)
            w = rng.uniform(0.5, 2.0, size=2).astype(np.float32)
            strength = round(float(rng.uniform(0.5, 2.0)), 2)
            inputs = {"x": x, "y": y, "w": w, "rows": list(rows), "strength": strength}
            return Case(inputs, f"squared errors of x·w, an L2 penalty; {note}")

        yield case("two replicas with 3 and 2 rows", 3, 2)
        yield case("two replicas with 4 rows each", 4, 4)
        yield case("the last replica has no rows", 2, 1, 0)
        yield case("one replica", 5)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import tensorflow as tf

        w = tf.Variable(inputs["w"])
        total, start = 0.0, 0
        with tf.GradientTape() as tape:
            for rows in inputs["rows"]:
                x, y = (tf.constant(inputs[name][start : start + rows]) for name in "xy")
                start += rows
                losses = (tf.linalg.matvec(x, w) - y) ** 2
                penalty = inputs["strength"] * tf.reduce_sum(w**2)
                part = submission(losses, penalty, len(inputs["x"]), len(inputs["rows"]))
                if not tf.is_tensor(part) or part.shape != ():
                    return {"one part": part}
                total += part
        return {"sum": total, "gradient of the sum": tape.gradient(total, w)}

    def expected(self, **inputs: Any) -> Any:
        return _parts(**inputs)

    def differs(self, got: Any, expected: Any) -> str | None:
        if isinstance(got, dict) and "one part" in got:
            return "Return a tensor that is one number, of shape ()."
        return super().differs(got, expected)


@register
class ClusterConfig(Exercise):
    """The value of TF_CONFIG, with nothing in it that would hang a cluster."""

    name = "cluster_config"
    title = "Tell a worker who it is"
    points = 2
    see = "Several processes"
    hints = (
        "Build a dictionary with two keys, `cluster` and `task`, and return `json.dumps` of it. "
        "Before that, look for everything that would make the cluster wait for ever.",
        'Host and port: `host, _, port = address.rpartition(":")`. The port must be digits '
        "(`port.isdecimal()`) and lie from 1 to 65535; the host must not be empty.",
        "Twice the same address: `len(set(workers)) < len(workers)`. The index: Python takes -1 "
        "for the last worker, TF_CONFIG does not; ask `index not in range(len(workers))`.",
    )
    why = (
        "A worker that waits for one who will never come gives no error for minutes. Whatever can "
        "be known before the start is therefore checked before the start, with the value in the "
        "message. TF_CONFIG is an environment variable, so the value is text: JSON."
    )
    near_misses = (
        NearMiss(
            code="""
def cluster_config(workers, index):
    if not workers or len(set(workers)) < len(workers):
        raise ValueError("an address of its own for each worker")
    for address in workers:
        host, _, port = address.rpartition(":")
        if not (host and port.isdecimal() and 1 <= int(port) <= 65535):
            raise ValueError(address)
    if index not in range(len(workers)):
        raise ValueError(index)
    return {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
""",
            because=(
                "That is a dictionary. An environment variable holds text: return "
                "`json.dumps(...)` of it."
            ),
            says="holds text",
        ),
        NearMiss(
            code="""
def cluster_config(workers, index):
    if not workers or len(set(workers)) < len(workers):
        raise ValueError("an address of its own for each worker")
    for address in workers:
        host, _, port = address.rpartition(":")
        if not (host and port.isdecimal() and 1 <= int(port) <= 65535):
            raise ValueError(address)
    if index >= len(workers):
        raise ValueError(index)
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
""",
            because="An index below 0 was accepted. TF_CONFIG counts from 0, and has no -1.",
            says="with this index",
        ),
        NearMiss(
            code="""
def cluster_config(workers, index):
    for address in workers:
        host, _, port = address.rpartition(":")
        if not (host and port.isdecimal() and 1 <= int(port) <= 65535):
            raise ValueError(address)
    if index not in range(len(workers)):
        raise ValueError(index)
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
""",
            because=(
                "An address that comes twice was accepted. The second process cannot open the "
                "port, and the others wait for it."
            ),
            says="comes twice",
        ),
        NearMiss(
            code="""
def cluster_config(workers, index):
    if not workers or len(set(workers)) < len(workers):
        raise ValueError("an address of its own for each worker")
    for address in workers:
        host, _, port = address.rpartition(":")
        if not (host and port.isdecimal() and 0 <= int(port) <= 65535):
            raise ValueError(address)
    if index not in range(len(workers)):
        raise ValueError(index)
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
""",
            because=(
                "Port 0 was accepted. It means “any free port”, which the other workers cannot know."
            ),
            says="port 0",
        ),
        NearMiss(
            code="""
def cluster_config(workers, index):
    if not workers or len(set(workers)) < len(workers):
        raise ValueError("an address of its own for each worker")
    for address in workers:
        host, _, port = address.rpartition(":")
        if not (host and port.isdecimal() and 1 <= int(port) <= 65535):
            raise ValueError(address)
    others = [address for i, address in enumerate(workers) if i != index]
    if index not in range(len(workers)):
        raise ValueError(index)
    return json.dumps({"cluster": {"worker": others}, "task": {"type": "worker", "index": index}})
""",
            because=(
                "The list must name all workers, this one too, and be the same for all: `index` "
                "is a place in it."
            ),
            like=lambda workers, index: {
                "cluster": {"worker": [a for i, a in enumerate(workers) if i != index]},
                "task": {"type": "worker", "index": index},
            },
        ),
    )
    alternatives = (
        """
def cluster_config(workers, index):
    addresses = list(workers)
    if not 0 <= index < len(addresses):
        raise ValueError(f"there is no worker {index}")
    if any(addresses.count(address) > 1 for address in addresses):
        raise ValueError("an address comes twice")
    for address in addresses:
        host, colon, port = address.rpartition(":")
        if not host or not port or set(port) - set("0123456789"):
            raise ValueError(f"no address: {address}")
        if int(port) not in range(1, 65536):
            raise ValueError(f"no port: {port}")
    task = dict(type="worker", index=index)
    return json.dumps(dict(task=task, cluster=dict(worker=addresses)), indent=2)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(index: int, *workers: str, wrong: str = "") -> Case:
            return Case({"workers": list(workers), "index": index}, wrong)

        ports = [int(p) for p in rng.choice(np.arange(2000, 60000), size=4, replace=False)]
        hosts = [f"10.0.0.{n}" for n in rng.choice(np.arange(1, 255), size=3, replace=False)]
        first, second, third = (f"{h}:{p}" for h, p in zip(hosts, ports, strict=False))
        yield case(int(rng.integers(3)), first, second, third)
        yield case(1, first, f"{hosts[0]}:{ports[3]}")
        yield case(0, "localhost:1", "localhost:65535")
        yield case(0, f"[::1]:{ports[0]}")
        index = "with this index there is no worker"
        yield case(-1, first, second, wrong=index)
        yield case(2, first, second, wrong=index)
        yield case(0, first, second, first, wrong="one address comes twice")
        yield case(0, first, f"{hosts[1]}:0", wrong="port 0 is no port that others can know")
        yield case(0, first, f"{hosts[1]}:65536", wrong="ports end at 65535")
        yield case(1, first, hosts[1], wrong="the second address has no port")
        yield case(1, first, f"{hosts[1]}:", wrong="the port of the second address is empty")
        yield case(1, first, f"{hosts[1]}:abc", wrong="the second port is no number")
        yield case(1, first, f":{ports[1]}", wrong="the second address has no host")
        yield case(0, wrong="there is no worker at all")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import json

        try:
            found = submission(list(inputs["workers"]), inputs["index"])
        except ValueError:
            return "ValueError"
        if not isinstance(found, str):
            return {"no text": type(found).__name__}
        try:
            return json.loads(found)
        except ValueError:
            return {"no JSON": found}

    def expected(self, workers: list[str], index: int) -> Any:
        return {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}

    def judge(self, case: Case, observation: Observation) -> None:
        """Say what was wrong with the input that was accepted, or with the text."""
        got, wrong = observation.value, case.note
        if wrong:
            if got != "ValueError":
                raise Wrong(f"This must raise a ValueError: {wrong}.")
            return
        if got == "ValueError":
            raise Wrong("Nothing is wrong with this input, and a ValueError was raised.")
        if isinstance(got, dict) and "no text" in got:
            raise Wrong(
                f"The result is of type {got['no text']}. An environment variable holds text: "
                "return `json.dumps(...)` of the dictionary."
            )
        if isinstance(got, dict) and "no JSON" in got:
            raise Wrong("The result is text, but not JSON. Write it with `json.dumps`.")
        super().judge(case, observation)
