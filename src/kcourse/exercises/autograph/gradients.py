"""Exercises of the lesson on gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, register
from kcourse.plain import Plain


def _normal(rng: np.random.Generator, *shape: int, dtype: type = np.float32) -> np.ndarray:
    return rng.normal(size=shape).astype(dtype)


def _loss_and_penalty(x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray) -> list[Any]:
    residual = x @ w + b - y
    loss_w = np.asarray([2 * np.mean(residual * column) for column in x.T], x.dtype)
    return [[loss_w, np.asarray(2 * np.mean(residual), x.dtype)], [2 * w, np.zeros((), x.dtype)]]


@register
class LossAndPenaltyGradients(Exercise):
    """Two targets, two sources, one forward pass."""

    name = "loss_and_penalty_gradients"
    title = "The gradients of a loss and of a penalty"
    points = 2
    see = "Ask a tape more than once"
    hints = (
        "`w` and `b` are plain tensors. Which call makes a tape follow them, and where must it "
        "stand? And what does a tape need so that you can ask it twice?",
        "Open `tf.GradientTape(persistent=True)` and begin the block with `tape.watch([w, b])`. "
        "After the block call `tape.gradient` once for the loss and once for the penalty.",
        '`tape.gradient(penalty, [w, b], unconnected_gradients="zero")` gives 0 for `b`.',
    )
    why = (
        "Constants are followed only if they are watched before they are used. Each target needs "
        "a call of its own, because a list of targets is summed, and two calls need a persistent "
        "tape. The penalty does not depend on `b`, so its gradient there is None unless you ask "
        "for zeros; here 0 is the truth."
    )
    near_misses = (
        NearMiss(
            code="""
def loss_and_penalty_gradients(x, y, w, b):
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_mean((tf.linalg.matvec(x, w) + b - y) ** 2)
        penalty = tf.reduce_sum(w**2)
    return tape.gradient(loss, [w, b]), tape.gradient(penalty, [w, b])
""",
            because="All gradients are None: `w` and `b` are no variables, so watch them.",
            like=lambda x, y, w, b: [[None, None], [None, None]],
        ),
        NearMiss(
            code="""
def loss_and_penalty_gradients(x, y, w, b):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([w, b])
        loss = tf.reduce_mean((tf.linalg.matvec(x, w) + b - y) ** 2)
        penalty = tf.reduce_sum(w**2)
    return tape.gradient(loss, [w, b]), tape.gradient(penalty, [w, b])
""",
            because=(
                "One gradient is None: the penalty does not depend on `b`. A gradient of 0 was "
                "asked for; `unconnected_gradients` is the argument for it."
            ),
            like=lambda x, y, w, b: [_loss_and_penalty(x, y, w, b)[0], [2 * w, None]],
        ),
        NearMiss(
            code="""
def loss_and_penalty_gradients(x, y, w, b):
    with tf.GradientTape() as tape:
        tape.watch([w, b])
        loss = tf.reduce_mean((tf.linalg.matvec(x, w) + b - y) ** 2)
        penalty = tf.reduce_sum(w**2)
    both = tape.gradient([loss, penalty], [w, b])
    return both, both
""",
            because="This is the gradient of loss + penalty: a list of targets is summed.",
            like=lambda x, y, w, b: [_summed(_loss_and_penalty(x, y, w, b))] * 2,
        ),
        NearMiss(
            code="""
def loss_and_penalty_gradients(x, y, w, b):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([w, b])
        loss = (tf.linalg.matvec(x, w) + b - y) ** 2
        penalty = w**2
    of_loss = tape.gradient(loss, [w, b])
    return of_loss, tape.gradient(penalty, [w, b], unconnected_gradients="zero")
""",
            because=(
                "The gradients of the loss are too large by the number of examples: the mean was "
                "asked for, and the tape sums the elements of a target."
            ),
            like=lambda x, y, w, b: [
                [len(x) * part for part in _loss_and_penalty(x, y, w, b)[0]],
                _loss_and_penalty(x, y, w, b)[1],
            ],
        ),
    )
    alternatives = (
        """
def loss_and_penalty_gradients(x, y, w, b):
    with tf.GradientTape() as first:
        first.watch([w, b])
        loss = tf.reduce_mean((x @ w[:, tf.newaxis] + b - y[:, tf.newaxis]) ** 2)
    with tf.GradientTape() as second:
        second.watch(w)
        penalty = tf.reduce_sum(w**2)
    return first.gradient(loss, [w, b]), [second.gradient(penalty, w), tf.zeros_like(b)]
""",
        """
def loss_and_penalty_gradients(x, y, w, b):
    residual = tf.linalg.matvec(x, w) + b - y
    count = tf.cast(len(x), x.dtype)
    of_w = 2 * tf.linalg.matvec(x, residual, transpose_a=True) / count
    return (of_w, 2 * tf.reduce_mean(residual)), (2 * w, tf.zeros_like(b))
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(n: int, d: int, note: str = "", dtype: type = np.float32) -> Case:
            inputs = {
                "x": _normal(rng, n, d, dtype=dtype),
                "y": _normal(rng, n, dtype=dtype),
                "w": _normal(rng, d, dtype=dtype),
                "b": _normal(rng, dtype=dtype),
            }
            return Case(inputs, note)

        yield case(5, 3)
        yield case(3, 3, "as many examples as weights, float64", np.float64)
        yield case(1, 1, "one example, one weight")

    def expected(self, x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray) -> Any:
        return _loss_and_penalty(x, y, w, b)


def _summed(parts: list[Any]) -> list[Any]:
    return [of_loss + of_penalty for of_loss, of_penalty in zip(*parts, strict=True)]


#: What an exercise on functions of a tensor differentiates, by the name that a learner reads.
_FUNCTIONS: dict[str, Callable[[np.ndarray], Any]] = {
    "sum of cubes": lambda x: np.sum(x**3),
    "product of all entries": np.prod,
    "constant": lambda x: 2.0,
}


def _two_sided(function: str, x: np.ndarray, step: float, *, by_rows: bool = False) -> np.ndarray:
    f, result = _FUNCTIONS[function], np.zeros(x.shape)
    for place in np.ndindex(*x.shape[: 1 if by_rows else x.ndim]):
        above, below = x.copy(), x.copy()
        above[place] += step
        below[place] -= step
        result[place] = (f(above) - f(below)) / (2 * step)
    return result


def _exact_gradient(function: str, x: np.ndarray) -> np.ndarray:
    gradients = {
        "sum of cubes": 3 * x**2,
        "product of all entries": np.prod(x) / x,
        "constant": np.zeros(x.shape),
    }
    return gradients[function]


def _one_sided(function: str, x: np.ndarray, step: float) -> np.ndarray:
    f, result = _FUNCTIONS[function], np.zeros(x.shape)
    for place in np.ndindex(*x.shape):
        above = x.copy()
        above[place] += step
        result[place] = (f(above) - f(x)) / step
    return result


def _relative(claimed: np.ndarray, measured: np.ndarray, *, signed: bool = False) -> Any:
    difference = claimed - measured
    largest = max(np.abs(claimed).max(), np.abs(measured).max())
    if largest == 0:
        return 0.0
    return (difference if signed else np.abs(difference)).max() / largest


@register
class GradientCheck(Exercise):
    """A claimed gradient against central finite differences."""

    name = "gradient_check"
    title = "Check a claimed gradient"
    points = 3
    see = "Check a gradient by finite differences"
    hints = (
        "First get one measured derivative: move a single entry of `x` up by `step`, then down by "
        "`step`, and compare the two values of `function`.",
        "`for place in np.ndindex(*x.shape)` visits every entry. Make "
        "`nudge = np.zeros(x.shape)`, set `nudge[place] = step`, and use `x + nudge` and "
        "`x - nudge`; their distance is `2 * step`. `tf.reshape(differences, x.shape)` puts the "
        "results in shape.",
        "The last line divides `tf.reduce_max(tf.abs(gradient - measured))` by the larger of "
        "`tf.reduce_max(tf.abs(gradient))` and `tf.reduce_max(tf.abs(measured))`; "
        "`tf.math.divide_no_nan` returns 0 for 0 / 0.",
    )
    why = (
        "Each partial derivative moves one entry and holds the others. The two-sided difference "
        "has an error that falls with step², the one-sided only with step. The error is divided "
        "by the largest entry, because rounding leaves an error of that size in every entry: an "
        "entry that should be 0 would otherwise fail every check."
    )
    near_misses = (
        NearMiss(
            code="""
def gradient_check(function, x, gradient, step):
    measured = []
    for place in np.ndindex(*x.shape):
        nudge = np.zeros(x.shape)
        nudge[place] = step
        measured.append((function(x + nudge) - function(x)) / step)
    measured = tf.reshape(measured, x.shape)
    largest = max(np.abs(gradient).max(), np.abs(measured).max())
    return tf.math.divide_no_nan(tf.reduce_max(tf.abs(gradient - measured)), largest)
""",
            because=(
                "These are one-sided differences, from x to x + step. Take the central ones, from "
                "x - step to x + step."
            ),
            like=lambda function, x, gradient, step: _relative(
                gradient, _one_sided(function, x, step)
            ),
        ),
        NearMiss(
            code="""
def gradient_check(function, x, gradient, step):
    measured = []
    for place in np.ndindex(*x.shape):
        nudge = np.zeros(x.shape)
        nudge[place] = step
        measured.append((function(x + nudge) - function(x - nudge)) / step)
    measured = tf.reshape(measured, x.shape)
    largest = max(np.abs(gradient).max(), np.abs(measured).max())
    return tf.math.divide_no_nan(tf.reduce_max(tf.abs(gradient - measured)), largest)
""",
            because="From x - step to x + step is a way of 2 · step, not of step: divide by that.",
            like=lambda function, x, gradient, step: _relative(
                gradient, 2 * _two_sided(function, x, step)
            ),
        ),
        NearMiss(
            code="""
def gradient_check(function, x, gradient, step):
    measured = (function(x + step) - function(x - step)) / (2 * step)
    largest = max(np.abs(gradient).max(), np.abs(measured))
    return tf.math.divide_no_nan(tf.reduce_max(tf.abs(gradient - measured)), largest)
""",
            because=(
                "`x + step` moves all entries at once, which measures the sum of the partial "
                "derivatives. Move one entry at a time."
            ),
            like=lambda function, x, gradient, step: _relative(
                gradient, _all_at_once(function, x, step)
            ),
        ),
        NearMiss(
            code="""
def gradient_check(function, x, gradient, step):
    measured = np.zeros(x.shape)
    for i in range(len(x)):
        nudge = np.zeros(x.shape)
        nudge[i] = step
        measured[i] = (function(x + nudge) - function(x - nudge)) / (2 * step)
    largest = max(np.abs(gradient).max(), np.abs(measured).max())
    return tf.math.divide_no_nan(tf.reduce_max(tf.abs(gradient - measured)), largest)
""",
            because=(
                "`x` may have any shape, and here `nudge[i]` is a whole row. Move one entry at a "
                "time: `np.ndindex(*x.shape)` gives the place of each."
            ),
            like=lambda function, x, gradient, step: _relative(
                gradient, _two_sided(function, x, step, by_rows=True)
            ),
        ),
        NearMiss(
            code="""
def gradient_check(function, x, gradient, step):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    true = tape.gradient(y, x, unconnected_gradients="zero")
    largest = tf.maximum(tf.reduce_max(tf.abs(gradient)), tf.reduce_max(tf.abs(true)))
    return tf.math.divide_no_nan(tf.reduce_max(tf.abs(gradient - true)), largest)
""",
            because=(
                "You compared with the tape's gradient. A check must not use what it checks: "
                "measure by differences with the given step."
            ),
            like=lambda function, x, gradient, step: _relative(
                gradient, _exact_gradient(function, x)
            ),
        ),
        NearMiss(
            code="""
def gradient_check(function, x, gradient, step):
    measured = []
    for place in np.ndindex(*x.shape):
        nudge = np.zeros(x.shape)
        nudge[place] = step
        measured.append((function(x + nudge) - function(x - nudge)) / (2 * step))
    return tf.reduce_max(tf.abs(gradient - tf.reshape(measured, x.shape)))
""",
            because="This is the absolute error. Divide by the largest entry of both gradients.",
            like=lambda function, x, gradient, step: np.max(
                np.abs(gradient - _two_sided(function, x, step))
            ),
        ),
        NearMiss(
            code="""
def gradient_check(function, x, gradient, step):
    measured = []
    for place in np.ndindex(*x.shape):
        nudge = np.zeros(x.shape)
        nudge[place] = step
        measured.append((function(x + nudge) - function(x - nudge)) / (2 * step))
    measured = tf.reshape(measured, x.shape)
    largest = max(np.abs(gradient).max(), np.abs(measured).max())
    return tf.math.divide_no_nan(tf.reduce_max(gradient - measured), largest)
""",
            because=(
                "A claimed entry that is too small counts as an error too: take the absolute "
                "value of the difference before the maximum."
            ),
            like=lambda function, x, gradient, step: _relative(
                gradient, _two_sided(function, x, step), signed=True
            ),
        ),
        NearMiss(
            code="""
def gradient_check(function, x, gradient, step):
    measured = []
    for place in np.ndindex(*x.shape):
        nudge = np.zeros(x.shape)
        nudge[place] = step
        measured.append((function(x + nudge) - function(x - nudge)) / (2 * step))
    error = tf.abs(gradient - tf.reshape(measured, x.shape))
    return tf.reduce_max(error) / tf.reduce_max(tf.abs(measured))
""",
            because=(
                "Divide by the largest entry of both gradients, the claimed and the measured one, "
                "and return 0 if all entries are 0."
            ),
            like=lambda function, x, gradient, step: _relative_to_measured(
                gradient, _two_sided(function, x, step)
            ),
        ),
    )
    alternatives = (
        """
def gradient_check(function, x, gradient, step):
    measured = np.zeros(x.shape)
    for i, direction in enumerate(np.eye(x.numpy().size)):
        nudge = step * direction.reshape(x.shape)
        above, below = function(tf.constant(x + nudge)), function(tf.constant(x - nudge))
        measured.flat[i] = (float(above) - float(below)) / step / 2
    size = max(np.abs(measured).max(), np.abs(gradient).max())
    return 0.0 if size == 0 else float(np.abs(measured - gradient).max() / size)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(
            function: str, shape: tuple[int, ...], step: float, wrong_by: float, note: str
        ) -> Case:
            """Yield a case whose claimed gradient has one entry changed by a share of itself."""
            x = rng.uniform(0.5, 2, size=shape) * rng.choice([-1, 1], size=shape)
            gradient = _exact_gradient(function, x)
            largest = np.unravel_index(np.abs(gradient).argmax(), shape)
            gradient[largest] *= 1 + wrong_by
            if function == "constant":
                gradient[largest] += wrong_by
            inputs = {"function": function, "x": x, "gradient": gradient, "step": step}
            return Case(inputs, note)

        yield case("sum of cubes", (2, 3), 0.1, -0.4, "the largest entry is claimed too small")
        yield case("sum of cubes", (2, 3), 0.1, 0.5, "the largest entry is claimed too large")
        yield case("product of all entries", (4,), 0.01, -0.3, "one entry is claimed wrongly")
        yield case("product of all entries", (2, 2), 0.001, 0.0, "the claim is right")
        yield case("constant", (3,), 0.01, 0.0, "both gradients are 0 everywhere")
        yield case("constant", (3,), 0.01, 0.25, "a gradient is claimed where there is none")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Give the answer a TensorFlow function of the name, and tensors."""
        import tensorflow as tf

        functions = {
            "sum of cubes": lambda x: tf.reduce_sum(x**3),
            "product of all entries": tf.reduce_prod,
            "constant": lambda x: tf.constant(2.0, tf.float64),
        }
        x, gradient = tf.constant(inputs["x"]), tf.constant(inputs["gradient"])
        return submission(functions[inputs["function"]], x, gradient, inputs["step"])

    def expected(self, function: str, x: np.ndarray, gradient: np.ndarray, step: float) -> Any:
        return float(_relative(gradient, _two_sided(function, x, step)))


def _all_at_once(function: str, x: np.ndarray, step: float) -> np.ndarray:
    f = _FUNCTIONS[function]
    return np.asarray((f(x + step) - f(x - step)) / (2 * step))


def _relative_to_measured(claimed: np.ndarray, measured: np.ndarray) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.abs(claimed - measured).max() / np.abs(measured).max()


def _squared_error_gradients(weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    result = np.zeros(x.shape, x.dtype)
    for i, row in enumerate(x):
        result[i] = 2 * (row @ weights - y[i]) * row
    return result


@register
class PerExampleGradients(Exercise):
    """The gradient of each example's loss by itself."""

    name = "per_example_gradients"
    title = "One gradient for each example"
    points = 2
    see = "Jacobians: every target for every source"
    hints = (
        "Keep the losses as a vector, one for each example: no sum and no mean.",
        "Which method of the tape gives the derivatives of every target by every source?",
        "Watch `weights`, compute `losses` of shape (n,) inside the tape, and return "
        "`tape.jacobian(losses, weights)`.",
    )
    why = (
        "`tape.gradient` sums the losses first, so the examples cannot be told apart any more. "
        "`tape.jacobian` keeps the axis of the targets in front: row i is the gradient of loss i. "
        "`batch_jacobian` does not fit, because the weights have no batch axis."
    )
    near_misses = (
        NearMiss(
            code="""
def per_example_gradients(weights, x, y):
    with tf.GradientTape() as tape:
        tape.watch(weights)
        losses = (tf.linalg.matvec(x, weights) - y) ** 2
    return tape.gradient(losses, weights)
""",
            because="`gradient` sums the losses.",
            says="has shape",
        ),
        NearMiss(
            code="""
def per_example_gradients(weights, x, y):
    with tf.GradientTape() as tape:
        tape.watch(x)
        losses = (tf.linalg.matvec(x, weights) - y) ** 2
    return tape.gradient(losses, x)
""",
            because=(
                "The shape is right, but these are derivatives with respect to `x`. The weights "
                "are the source."
            ),
            like=lambda weights, x, y: 2 * np.outer(x @ weights - y, weights),
        ),
        NearMiss(
            code="""
def per_example_gradients(weights, x, y):
    with tf.GradientTape() as tape:
        tape.watch(weights)
        errors = tf.linalg.matvec(x, weights) - y
    return tape.jacobian(errors, weights)
""",
            because="These are the derivatives of the errors. The loss is the squared error.",
            like=lambda weights, x, y: x,
        ),
        NearMiss(
            code="""
def per_example_gradients(weights, x, y):
    with tf.GradientTape() as tape:
        losses = (tf.linalg.matvec(x, weights) - y) ** 2
    return tape.jacobian(losses, weights)
""",
            because="The result is None: `weights` is no variable, so the tape must watch it.",
            like=lambda weights, x, y: None,
        ),
    )
    alternatives = (
        """
def per_example_gradients(weights, x, y):
    rows = []
    for features, target in zip(x, y):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = (tf.tensordot(features, weights, 1) - target) ** 2
        rows.append(tape.gradient(loss, weights))
    return tf.stack(rows)
""",
        """
def per_example_gradients(weights, x, y):
    return 2 * (tf.linalg.matvec(x, weights) - y)[:, tf.newaxis] * x
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for n, d, note in ((4, 3, ""), (1, 2, "one example"), (3, 3, "as many as weights")):
            inputs = {
                "weights": _normal(rng, d),
                "x": _normal(rng, n, d),
                "y": _normal(rng, n),
            }
            yield Case(inputs, note)

    def expected(self, weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> Any:
        return _squared_error_gradients(weights, x, y)


#: Gradients of the functions of `hessian_vector_product`; they take complex numbers too.
_GRADIENTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    # The function is the sum of x[i]² · x[i-1], where x[-1] is the last entry.
    "neighbours": lambda x: 2 * x * np.roll(x, 1) + np.roll(x, -1) ** 2,
    "sum of sines": np.cos,
    "linear": lambda x: np.full(x.shape, 3.0) + 0 * x,
}


def _hessian_times(function: str, x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Differentiate the gradient along v by a complex step, which has no rounding error."""
    tiny = 1e-30
    moved = _GRADIENTS[function](x.astype(np.complex128) + 1j * tiny * v)
    result: np.ndarray = (moved.imag / tiny).astype(x.dtype)
    return result


def _none_where(condition: bool) -> None:
    if not condition:
        raise ValueError("this wrong way gives numbers here")


@register
class HessianVectorProduct(Exercise):
    """The Hessian times a vector, without the Hessian."""

    name = "hessian_vector_product"
    title = "Curvature along a direction"
    points = 3
    see = "Second derivatives"
    hints = (
        "H v is the gradient of one number: the sum of gradient · v, where v does not depend on x.",
        "Nest two tapes that both watch `x`. Take the inner gradient and multiply it by `v` inside "
        "the outer tape.",
        "`tf.reduce_sum(gradient * v)` inside the outer block, and after it "
        '`outer.gradient(…, x, unconnected_gradients="zero")`, because the gradient of a linear '
        "function does not depend on x.",
    )
    why = (
        "The derivative of Σⱼ gⱼ vⱼ with respect to xᵢ is Σⱼ Hᵢⱼ vⱼ. It costs about as much as two "
        "gradients and n numbers of memory, where the Hessian has n². For a linear function the "
        "gradient does not depend on x, so the second gradient is unconnected: None unless you "
        "ask for zeros."
    )
    near_misses = (
        NearMiss(
            code="""
def hessian_vector_product(function, x, v):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
    gradient = inner.gradient(y, x)
    return outer.gradient(gradient * v, x)
""",
            because=(
                "The result is None: take the inner gradient, and its product with `v`, inside the "
                "block of the outer tape, and let both tapes watch `x`."
            ),
            like=lambda function, x, v: _none_where(function != "linear"),
        ),
        NearMiss(
            code="""
def hessian_vector_product(function, x, v):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        along_v = tf.reduce_sum(inner.gradient(y, x) * v)
    return outer.gradient(along_v, x)
""",
            because=(
                "The gradient of a linear function does not depend on x, so the second gradient is "
                "unconnected. Zeros were asked for: use `unconnected_gradients`."
            ),
            like=lambda function, x, v: _none_where(function == "linear"),
        ),
        NearMiss(
            code="""
def hessian_vector_product(function, x, v):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        gradient = inner.gradient(y, x)
    return v * outer.gradient(gradient, x, unconnected_gradients="zero")
""",
            because=(
                "The tape summed the columns of the Hessian, and then you multiplied by `v`. "
                "Multiply by `v` before the second gradient is taken."
            ),
            like=lambda function, x, v: v * _hessian_times(function, x, np.ones_like(v)),
        ),
        NearMiss(
            code="""
def hessian_vector_product(function, x, v):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        gradient = inner.gradient(y, x)
    return outer.gradient(gradient, x, unconnected_gradients="zero")
""",
            because="These are the sums of the Hessian's columns: `v` is missing.",
            like=lambda function, x, v: _hessian_times(function, x, np.ones_like(v)),
        ),
    )
    alternatives = (
        """
def hessian_vector_product(function, x, v):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        gradient = inner.gradient(y, x)
    return outer.gradient(gradient, x, output_gradients=v, unconnected_gradients="zero")
""",
        """
def hessian_vector_product(function, x, v):
    with tf.autodiff.ForwardAccumulator(x, v) as forward:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        gradient = tape.gradient(y, x)
    return forward.jvp(gradient, unconnected_gradients="zero")
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(function: str, n: int, note: str, dtype: type = np.float32) -> Case:
            x, v = (
                (rng.uniform(0.5, 2, size=n) * rng.choice([-1, 1], size=n)).astype(dtype)
                for _ in range(2)
            )
            return Case({"function": function, "x": x, "v": v}, note)

        neighbours = "function: the sum of x[i]² · x[i-1]"
        yield case("neighbours", 4, neighbours)
        yield case("neighbours", 3, f"{neighbours}, float64", np.float64)
        yield case("sum of sines", 1, "one entry")
        yield case("linear", 3, "function: the sum of 3 · x[i], without curvature")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Give the answer a TensorFlow function of the name, and tensors."""
        import tensorflow as tf

        functions = {
            "neighbours": lambda x: tf.reduce_sum(x**2 * tf.roll(x, 1, 0)),
            "sum of sines": lambda x: tf.reduce_sum(tf.sin(x)),
            "linear": lambda x: tf.reduce_sum(3 * x),
        }
        x, v = tf.constant(inputs["x"]), tf.constant(inputs["v"])
        return submission(functions[inputs["function"]], x, v)

    def expected(self, function: str, x: np.ndarray, v: np.ndarray) -> Any:
        return _hessian_times(function, x, v)


def _poisson_gradient(weights: np.ndarray, x: np.ndarray, counts: np.ndarray) -> np.ndarray:
    result = np.zeros(x.shape[1], np.float32)
    for row, count in zip(x, counts, strict=True):
        result += (np.exp(row @ weights) - count) * row / len(x)
    return result


@register
class MendedGradient(Exercise):
    """A gradient that is None for several reasons at once."""

    name = "mended_gradient"
    title = "Mend a gradient that is None"
    points = 2
    see = "When the gradient is None"
    hints = (
        "Go from `loss` backwards to `weights` and ask at every line: did the tape see it? Was it "
        "open, was it TensorFlow, was the start watched, is the dtype floating?",
        "Four repairs: cast `weights` to float32 first, watch what you cast, compute `scores` "
        "inside the block, and replace `np.exp` by `tf.exp`.",
        "Ask for the gradient with respect to the tensor that you watched, the cast one.",
    )
    why = (
        "Each fault cuts the path from the loss back to the weights. The dangerous one is `np.exp`: "
        "once the others are mended the gradient is no longer None, but the part that flows through "
        "NumPy is missing from it. Casting comes before watching, because whole numbers have no "
        "gradient."
    )
    near_misses = (
        NearMiss(
            code="""
def mended_gradient(weights, x, counts):
    with tf.GradientTape() as tape:
        tape.watch(weights)
        scores = tf.linalg.matvec(x, tf.cast(weights, tf.float32))
        rates = np.exp(scores)
        loss = tf.reduce_mean(rates - tf.cast(counts, tf.float32) * scores)
    return tape.gradient(loss, weights)
""",
            because=(
                "A number, but a wrong one: the part of the loss that goes through `np.exp` is "
                "missing from the gradient. The tape records TensorFlow operations only."
            ),
            like=lambda weights, x, counts: -(counts[:, None] * x).mean(0),
        ),
        NearMiss(
            code="""
def mended_gradient(weights, x, counts):
    with tf.GradientTape() as tape:
        tape.watch(weights)
        scores = tf.linalg.matvec(x, tf.cast(weights, tf.float32))
        rates = tf.exp(scores)
        loss = tf.reduce_mean(rates - tf.cast(counts, tf.float32) * scores)
    return tape.gradient(loss, weights)
""",
            because=(
                "Still None for weights that are integers. Cast them before the tape watches them, "
                "and differentiate with respect to the result of the cast."
            ),
            like=lambda weights, x, counts: _none_where(weights.dtype.kind != "f"),
        ),
        NearMiss(
            code="""
def mended_gradient(weights, x, counts):
    weights = tf.cast(weights, tf.float32)
    scores = tf.linalg.matvec(x, weights)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        rates = tf.exp(scores)
        loss = tf.reduce_mean(rates - tf.cast(counts, tf.float32) * scores)
    return tape.gradient(loss, weights)
""",
            because=(
                "Still None. Watch the weights first, and compute everything between weights and "
                "loss inside the block, the scores too."
            ),
            like=lambda weights, x, counts: _none_where(weights.dtype.kind == "f"),
        ),
    )
    alternatives = (
        """
def mended_gradient(weights, x, counts):
    w = tf.Variable(tf.cast(weights, tf.float32))
    with tf.GradientTape() as tape:
        scores = tf.linalg.matvec(x, w)
        loss = tf.reduce_mean(tf.nn.log_poisson_loss(tf.cast(counts, tf.float32), scores))
    return tape.gradient(loss, w)
""",
        """
def mended_gradient(weights, x, counts):
    scores = tf.linalg.matvec(x, tf.cast(weights, tf.float32))
    errors = tf.exp(scores) - tf.cast(counts, tf.float32)
    return tf.reduce_mean(errors[:, tf.newaxis] * x, axis=0)
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(n: int, d: int, note: str, *, whole: bool = False) -> Case:
            weights = rng.integers(-1, 2, size=d).astype(np.int32) if whole else _normal(rng, d) / 2
            inputs = {
                "weights": weights,
                "x": _normal(rng, n, d),
                "counts": rng.poisson(2, size=n).astype(np.int32),
            }
            return Case(inputs, note)

        yield case(5, 3, "weights in float32")
        yield case(4, 2, "weights that are integers", whole=True)
        yield case(1, 1, "one example, one weight")

    def expected(self, weights: np.ndarray, x: np.ndarray, counts: np.ndarray) -> Any:
        return _poisson_gradient(weights, x, counts)


def _lengths(x: np.ndarray, upstream: np.ndarray) -> dict[str, np.ndarray]:
    value, gradient = np.zeros(len(x), x.dtype), np.zeros_like(x)
    for i, row in enumerate(x):
        value[i] = np.sqrt(sum(entry**2 for entry in row))
        if value[i] > 0:
            gradient[i] = upstream[i] * row / value[i]
    return {"value": value, "gradient": gradient}


@register
class RowLengths(Exercise):
    """The length of every row, with a gradient that is finite everywhere."""

    name = "row_lengths"
    title = "Lengths with a gradient that is never NaN"
    points = 3
    see = "Stop a gradient, or write your own"
    hints = (
        "Away from 0 the derivative of a row's length with respect to the row is row / length. "
        "Put `@tf.custom_gradient` on an inner function, or on this one.",
        "The function returns two things: the lengths, and a function `gradient(upstream)`. "
        "`upstream` has shape (n,), x has shape (n, d): give `upstream` a second axis.",
        "`upstream[:, tf.newaxis] * tf.math.divide_no_nan(x, lengths[:, tf.newaxis])` is 0 for a "
        "row of zeros.",
    )
    why = (
        "The derivative of the square root is infinite at 0, and the chain rule multiplies it by 0: "
        "NaN. A custom gradient replaces the whole chain by row / length, with 0 where the length "
        "is 0. It must multiply by `upstream`, the gradient that arrives from the operations behind "
        "it; without that the chain rule is broken."
    )
    near_misses = (
        NearMiss(
            code="""
def row_lengths(x):
    return tf.norm(x, axis=1)
""",
            because=(
                "The lengths are right, but the gradient of a row of zeros is NaN: an infinite "
                "derivative of the square root times 0."
            ),
            like=lambda x, upstream: _nan_at_zero_rows(_lengths(x, upstream)),
        ),
        NearMiss(
            code="""
def row_lengths(x):
    return tf.constant(np.linalg.norm(x, axis=1))
""",
            because="The lengths are right and the gradient is None: the tape does not see NumPy.",
            like=lambda x, upstream: {**_lengths(x, upstream), "gradient": None},
        ),
        NearMiss(
            code="""
@tf.custom_gradient
def row_lengths(x):
    lengths = tf.norm(x, axis=1)

    def gradient(upstream):
        return tf.math.divide_no_nan(x, lengths[:, tf.newaxis])

    return lengths, gradient
""",
            because=(
                "Your gradient ignores `upstream`, so it is right only if the lengths are summed "
                "without a factor. Multiply by it: that is the chain rule."
            ),
            like=lambda x, upstream: _lengths(x, np.ones_like(upstream)),
        ),
        NearMiss(
            code="""
def row_lengths(x):
    return tf.sqrt(tf.reduce_sum(x**2, axis=1) + 1e-4)
""",
            because="A constant under the root keeps the gradient finite, but the lengths are wrong.",
            says="The lengths are wrong",
        ),
    )
    alternatives = (
        """
def row_lengths(x):
    squares = tf.reduce_sum(x**2, axis=1)
    is_zero = squares == 0
    safe = tf.where(is_zero, tf.ones_like(squares), squares)
    return tf.where(is_zero, tf.zeros_like(squares), tf.sqrt(safe))
""",
        """
def row_lengths(x):
    lengths = tf.norm(x, axis=1)
    return tf.where(lengths > 0, lengths, tf.zeros_like(lengths))
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(n: int, d: int, note: str, dtype: type = np.float32) -> Case:
            x = _normal(rng, n, d, dtype=dtype)
            if n > 1:
                x[1] = 0
            upstream: np.ndarray = rng.uniform(1.5, 3, size=n).astype(dtype)
            return Case({"x": x, "upstream": upstream}, note)

        yield case(4, 3, "row 1 is zero")
        yield case(3, 3, "as many rows as columns, row 1 is zero", np.float64)
        yield case(1, 1, "a single number: its size and its sign")
        yield case(0, 2, "an empty batch")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Return the lengths, and the gradient of their weighted sum."""
        import tensorflow as tf

        x = tf.constant(inputs["x"])
        with tf.GradientTape() as tape:
            tape.watch(x)
            lengths = submission(x)
            if isinstance(lengths, tuple | list):
                raise TypeError(
                    "row_lengths returned two things. A function that returns the lengths and a "
                    "gradient needs @tf.custom_gradient above it."
                )
            total = tf.reduce_sum(lengths * inputs["upstream"])
        return {"value": lengths, "gradient": tape.gradient(total, x)}

    def expected(self, x: np.ndarray, upstream: np.ndarray) -> Any:
        return _lengths(x, upstream)

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Say whether it is the lengths that are wrong, or their gradient."""
        if not isinstance(got, dict) or got.keys() != expected.keys():
            return super().differs(got, expected)
        if reason := super().differs(got["value"], expected["value"]):
            return f"The lengths are wrong. {reason}"
        if reason := super().differs(got["gradient"], expected["gradient"]):
            return f"The lengths are right, but their gradient is not. {reason}"
        return None


def _nan_at_zero_rows(observed: dict[str, np.ndarray]) -> Plain:
    gradient = observed["gradient"].copy()
    gradient[observed["value"] == 0] = np.nan
    return {**observed, "gradient": gradient}
