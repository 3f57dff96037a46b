"""Exercises of the lesson on minimising a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register


def _bowl(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a symmetric positive definite matrix, eigenvalues in 0.5 to 2, and a vector."""
    q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    matrix = q @ np.diag(rng.uniform(0.5, 2.0, n)) @ q.T
    return ((matrix + matrix.T) / 2).astype(np.float32), rng.normal(size=n).astype(np.float32)


def _descent(
    matrix: np.ndarray, vector: np.ndarray, start: np.ndarray, learning_rate: float, steps: int
) -> np.ndarray:
    """Gradient descent on half of x·matrix·x minus vector·x, whose gradient is known."""
    path = [start.astype(np.float64)]
    for _ in range(steps):
        path.append(path[-1] - learning_rate * (matrix @ path[-1] - vector))
    return np.stack(path)


@register
class Descend(Exercise):
    """Gradient descent by hand, and the path it takes."""

    name = "descend"
    title = "Walk downhill and keep the path"
    points = 2
    see = "By hand"
    hints = (
        "Three things happen in each step: compute `f` on a tape, ask for the gradient, move.",
        "Keep `x` in a `tf.Variable` and move it by `assign_sub`. What must go into the path: the "
        "variable, or the value that it has now?",
        "`tf.identity(x)` is a copy of the value. `tf.stack(path)` makes one tensor of the list.",
    )
    why = (
        "The gradient points uphill, so a step goes against it. The path keeps copies: a list "
        "that holds the same variable many times would show its last value in every row."
    )
    near_misses = (
        NearMiss(
            code="""
def descend(f, start, learning_rate, steps):
    x = tf.Variable(start)
    path = [start]
    for _ in range(steps):
        with tf.GradientTape() as tape:
            y = f(x)
        x.assign_add(learning_rate * tape.gradient(y, x))
        path.append(tf.identity(x))
    return tf.stack(path)
""",
            because="This walks uphill: the gradient was added. Downhill is against the gradient.",
            like=lambda matrix, vector, start, learning_rate, steps: _descent(
                matrix, vector, start, -learning_rate, steps
            ),
        ),
        NearMiss(
            code="""
def descend(f, start, learning_rate, steps):
    x = tf.Variable(start)
    path = [x]
    for _ in range(steps):
        with tf.GradientTape() as tape:
            y = f(x)
        x.assign_sub(learning_rate * tape.gradient(y, x))
        path.append(x)
    return tf.stack(path)
""",
            because=(
                "Every row is the last place. The list holds the same variable many times, and a "
                "variable has one value: the newest. Keep a copy of the value, `tf.identity(x)`."
            ),
            like=lambda matrix, vector, start, learning_rate, steps: np.repeat(
                _descent(matrix, vector, start, learning_rate, steps)[-1:], steps + 1, axis=0
            ),
        ),
        NearMiss(
            code="""
def descend(f, start, learning_rate, steps):
    x = tf.Variable(start)
    path = []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            y = f(x)
        path.append(tf.identity(x))
        x.assign_sub(learning_rate * tape.gradient(y, x))
    return tf.stack(path)
""",
            because=(
                "The last place is missing: the path has one row more than there are steps, "
                "because it begins with the start."
            ),
            like=lambda matrix, vector, start, learning_rate, steps: _descent(
                matrix, vector, start, learning_rate, steps
            )[:-1],
        ),
    )
    alternatives = (
        """
def descend(f, start, learning_rate, steps):
    x, path = start, [start]
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        x = x - learning_rate * tape.gradient(y, x)
        path.append(x)
    return tf.stack(path)
""",
        """
def descend(f, start, learning_rate, steps):
    x = tf.Variable(start)
    optimizer = keras.optimizers.SGD(learning_rate)
    path = [x.numpy()]
    for _ in range(steps):
        with tf.GradientTape() as tape:
            y = f(x)
        optimizer.apply([tape.gradient(y, x)], [x])
        path.append(x.numpy())
    return np.stack(path)
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(n: int, steps: int, note: str = "") -> Case:
            matrix, vector = _bowl(rng, n)
            start = rng.normal(size=n).astype(np.float32)
            inputs = {"matrix": matrix, "vector": vector, "start": start}
            rate = round(float(rng.uniform(0.1, 0.4)), 3)
            return Case(inputs | {"learning_rate": rate, "steps": steps}, note)

        yield case(2, 5, "f(x) is half of x·matrix·x, minus vector·x")
        yield case(3, 1, "one step")
        yield case(1, 0, "no step: the path is the start")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import tensorflow as tf

        matrix, vector, start = (
            tf.constant(inputs[name]) for name in ("matrix", "vector", "start")
        )

        def f(x: Any) -> Any:
            return tf.tensordot(x, tf.linalg.matvec(matrix, x) / 2 - vector, 1)

        return submission(f, start, inputs["learning_rate"], inputs["steps"])

    def expected(self, **inputs: Any) -> Any:
        return _descent(**inputs)


def _steps_taken(
    starts: list[np.ndarray],
    targets: list[np.ndarray],
    learning_rate: float,
    momentum: float,
    steps: int,
    *,
    after: bool = False,
) -> dict[str, Any]:
    """SGD with momentum on the sum of squared distances to the targets.

    The losses are those before each step, or after it.
    """
    places = [start.astype(np.float64) for start in starts]
    speeds = [np.zeros_like(place) for place in places]
    losses = []
    for _ in range(steps):
        before = sum(((p - t) ** 2).sum() for p, t in zip(places, targets, strict=True))
        for i, target in enumerate(targets):
            speeds[i] = momentum * speeds[i] - learning_rate * 2 * (places[i] - target)
            places[i] = places[i] + speeds[i]
        now = sum(((p - t) ** 2).sum() for p, t in zip(places, targets, strict=True))
        losses.append(now if after else before)
    return {"losses": np.array(losses), "variables": places, "steps": steps}


@register
class Minimize(Exercise):
    """Steps of an optimizer, as the method that Keras 3 no longer has."""

    name = "minimize"
    title = "The lost method minimize"
    points = 2
    see = "With an optimizer: apply"
    hints = (
        "In each step: compute the loss on a tape, ask the tape for the gradients, give both "
        "to the optimizer.",
        "`tape.gradient` takes a list of variables and returns a list of gradients.",
        "`optimizer.apply(gradients, variables)` takes the step. Keep the loss from the tape in a "
        "list, and return `tf.stack` of it.",
    )
    why = (
        "The method of Keras 2 did these three things and no more. The loss is computed once a "
        "step, on the tape, so what is kept is the value from before the step."
    )
    near_misses = (
        NearMiss(
            code="""
def minimize(optimizer, loss, variables, steps):
    losses = []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            value = loss()
        optimizer.apply(tape.gradient(value, variables), variables)
        losses.append(loss())
    return tf.stack(losses)
""",
            because=(
                "These are the losses after the steps. Keep the one that was computed on the tape: "
                "a second call costs as much again."
            ),
            like=lambda **inputs: _steps_taken(**inputs, after=True),
        ),
        NearMiss(
            code="""
def minimize(optimizer, loss, variables, steps):
    losses = []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            losses.append(loss())
        gradients = tape.gradient(losses[-1], variables)
        for variable, gradient in zip(variables, gradients):
            variable.assign_sub(optimizer.learning_rate * gradient)
    return tf.stack(losses)
""",
            because=(
                "The optimizer took no step: its counter stands at 0. Give it the gradients; its "
                "rule may be more than the learning rate times the gradient."
            ),
            says="The optimizer took no step",
        ),
        NearMiss(
            code="""
def minimize(optimizer, loss, variables, steps):
    optimizer.build(variables)
    losses = []
    for _ in range(steps):
        with tf.GradientTape(persistent=True) as tape:
            losses.append(loss())
        for variable in variables:
            optimizer.apply([tape.gradient(losses[-1], variable)], [variable])
    return tf.stack(losses)
""",
            because=(
                "One call of `apply` for each variable counts as many steps, and rules such as "
                "Adam's depend on that counter. Give all gradients in one call."
            ),
            says="in one call",
        ),
    )
    alternatives = (
        """
def minimize(optimizer, loss, variables, steps):
    losses = []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            value = loss()
        gradients = tape.gradient(value, variables)
        optimizer.apply_gradients(zip(gradients, variables))
        losses.append(float(value))
    return losses
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(note: str, momentum: float, steps: int, *shapes: tuple[int, ...]) -> Case:
            starts, targets = (
                [rng.normal(size=shape).astype(np.float32) for shape in shapes] for _ in "ab"
            )
            rate = round(float(rng.uniform(0.05, 0.2)), 3)
            inputs = {"starts": starts, "targets": targets, "learning_rate": rate}
            return Case(inputs | {"momentum": momentum, "steps": steps}, note)

        yield case("SGD; the loss is the sum of squared distances", 0.9, 3, (2,), (3, 2))
        yield case("without momentum, one step", 0.0, 1, (2, 2), (1,))

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import keras
        import tensorflow as tf

        variables = [tf.Variable(start) for start in inputs["starts"]]
        optimizer = keras.optimizers.SGD(inputs["learning_rate"], inputs["momentum"])

        def loss() -> Any:
            pairs = zip(variables, inputs["targets"], strict=True)
            return tf.add_n([tf.reduce_sum((v - t) ** 2) for v, t in pairs])

        losses = submission(optimizer, loss, variables, inputs["steps"])
        return {"losses": losses, "variables": variables, "steps": int(optimizer.iterations)}

    def expected(self, **inputs: Any) -> Any:
        return _steps_taken(**inputs)

    def differs(self, got: Any, expected: Any) -> str | None:
        if isinstance(got, dict) and got.get("steps") != expected["steps"]:
            if not got.get("steps"):
                return self.near_misses[1].because
            return (
                f"The optimizer has counted {got['steps']} steps, expected {expected['steps']}. "
                "Give it all gradients in one call of `apply` for each step."
            )
        return super().differs(got, expected)


def _flat_descent(
    matrix: np.ndarray,
    vector: np.ndarray,
    start: np.ndarray,
    learning_rate: float,
    tolerance: float,
    max_steps: int,
    *,
    size: Callable[[np.ndarray], Any] = np.linalg.norm,
) -> dict[str, Any]:
    x = start.astype(np.float64)
    steps = 0
    while steps < max_steps and size(matrix @ x - vector) > tolerance:
        x = x - learning_rate * (matrix @ x - vector)
        steps += 1
    return {"steps": steps, "x": x}


def _largest(gradient: np.ndarray) -> Any:
    return np.abs(gradient).max()


@register
class DescendUntilFlat(Exercise):
    """A loop in the graph with two ways to stop."""

    name = "descend_until_flat"
    title = "Stop when it is flat, or when it takes too long"
    points = 3
    see = "In a graph"
    hints = (
        "A `while` becomes a loop of the graph when its condition is a tensor from the start. "
        "Which quantity that you count is a tensor?",
        "Begin with `steps = tf.constant(0)` and write `while steps < max_steps:`.",
        "Inside: gradient on a tape; `if tf.norm(gradient) <= tolerance: break`; then "
        "`x.assign_sub(...)` and `steps += 1`.",
    )
    why = (
        "AutoGraph turns `while`, `if` and `break` into a loop of the graph because the condition "
        "depends on a tensor. A Python counter would be unrolled or frozen while tracing. The cap "
        "ends a run that would never become flat, such as one with too large a learning rate."
    )
    near_misses = (
        NearMiss(
            code="""
def descend_until_flat(f, x, learning_rate, tolerance, max_steps):
    taken = tf.constant(0)
    for _ in range(max_steps):
        with tf.GradientTape() as tape:
            y = f(x)
        gradient = tape.gradient(y, x)
        if tf.norm(gradient) > tolerance:
            x.assign_sub(learning_rate * gradient)
            taken += 1
    return taken
""",
            because=(
                "The loop was unrolled: the graph holds a copy of `f` for each step, so tracing "
                "takes longer the larger `max_steps` is. Loop over a tensor."
            ),
            says="The loop was unrolled",
        ),
        NearMiss(
            code="""
def descend_until_flat(f, x, learning_rate, tolerance, max_steps):
    steps = tf.constant(0)
    norm = tf.constant(np.inf, x.dtype)
    while norm > tolerance and steps < max_steps:
        with tf.GradientTape() as tape:
            y = f(x)
        gradient = tape.gradient(y, x)
        norm = tf.norm(gradient)
        x.assign_sub(learning_rate * gradient)
        steps += 1
    return steps
""",
            because=(
                "This took one step too many: the gradient was small enough before the last step. "
                "Look at the norm before you move."
            ),
            says="one step too many",
        ),
        NearMiss(
            code="""
def descend_until_flat(f, x, learning_rate, tolerance, max_steps):
    steps = tf.constant(0)
    while steps < max_steps:
        with tf.GradientTape() as tape:
            y = f(x)
        gradient = tape.gradient(y, x)
        if tf.reduce_max(tf.abs(gradient)) <= tolerance:
            break
        x.assign_sub(learning_rate * gradient)
        steps += 1
    return steps
""",
            because=(
                "The largest entry of the gradient was compared with the tolerance. Asked for is "
                "the Euclidean norm, which is larger when there are several entries."
            ),
            like=lambda **inputs: _flat_descent(**inputs, size=_largest),
        ),
    )
    alternatives = (
        """
def descend_until_flat(f, x, learning_rate, tolerance, max_steps):
    def gradient():
        with tf.GradientTape() as tape:
            y = f(x)
        return tape.gradient(y, x)

    def go_on(steps, g):
        return tf.logical_and(steps < max_steps, tf.norm(g) > tolerance)

    def step(steps, g):
        x.assign_sub(learning_rate * g)
        return steps + 1, gradient()

    steps, _ = tf.while_loop(go_on, step, (tf.constant(0), gradient()))
    return steps
""",
    )
    rtol = 1e-3
    atol = 1e-4

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(n: int, tolerance: float, max_steps: int, note: str = "") -> Case:
            # Draw until rounding does not decide when to stop, and two ways to measure the
            # gradient stop at different steps.
            while True:
                matrix, vector = _bowl(rng, n)
                inputs: dict[str, Any] = {
                    "matrix": matrix,
                    "vector": vector,
                    "start": (3 * rng.normal(size=n)).astype(np.float32),
                    "learning_rate": round(float(rng.uniform(0.3, 0.45)), 3),
                    "tolerance": tolerance,
                    "max_steps": max_steps,
                }
                runs = [
                    _flat_descent(**inputs | {"tolerance": tolerance * near})["steps"]
                    for near in (0.99, 1.0, 1.01)
                ]
                other = _flat_descent(**inputs, size=_largest)["steps"]
                if len(set(runs)) == 1 and (note.startswith("stopped") or other != runs[0]):
                    return Case(inputs, note)

        yield case(4, 0.6, 20, "f(x) is half of x·matrix·x, minus vector·x")
        yield case(2, 1e-9, 7, "stopped by max_steps")
        yield case(3, 1e9, 5, "stopped before the first step: flat enough from the start")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import tensorflow as tf

        matrix, vector = tf.constant(inputs["matrix"]), tf.constant(inputs["vector"])
        x = tf.Variable(inputs["start"])
        traced = []
        computed = tf.Variable(0)
        most = 2 * inputs["max_steps"] + 10

        def f(x: Any) -> Any:
            traced.append(x)
            # A loop that does not end would hold this process for ever: graphs hear no Ctrl-C.
            tf.debugging.assert_less(
                computed.assign_add(1),
                most,
                f"The loop did not end: f was computed {most} times.",
            )
            return tf.tensordot(x, tf.linalg.matvec(matrix, x) / 2 - vector, 1)

        rest = (inputs[name] for name in ("learning_rate", "tolerance", "max_steps"))
        steps = tf.function(submission)(f, x, *rest)
        return {"steps": steps, "x": x, "calls of f while tracing": len(traced)}

    def expected(self, **inputs: Any) -> Any:
        return _flat_descent(**inputs)

    def differs(self, got: Any, expected: Any) -> str | None:
        if isinstance(got, dict):
            calls = got.get("calls of f while tracing", 0)
            got = {name: item for name, item in got.items() if name in expected}
            if calls > 4:
                return (
                    f"The loop was unrolled: while tracing, `f` was called {calls} times, so the "
                    "graph holds as many copies of it. Loop over a tensor."
                )
            steps = got.get("steps")
            if (
                isinstance(steps, np.ndarray)
                and steps.shape == ()
                and steps == expected["steps"] + 1
            ):
                return (
                    f"The steps are {steps}, expected {expected['steps']}: one step too many. Look "
                    "at the gradient, and at the cap, before you move."
                )
        return super().differs(got, expected)


def _common_norm(gradients: list[np.ndarray | None]) -> float:
    return float(
        np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in gradients if g is not None))
    )


def _each(gradients: Any, factor: Callable[[np.ndarray], Any]) -> Any:
    return [None if g is None else g * factor(g) for g in gradients]


@register
class ClipGradients(Exercise):
    """Gradient clipping by global norm."""

    name = "clip_gradients"
    title = "Clip gradients by their common norm"
    points = 2
    see = "Steps that are too long: clip"
    hints = (
        "The common norm is the Euclidean length of all gradients written one after another. "
        "`tf.linalg.global_norm` computes it.",
        "All gradients get the same factor, or the direction changes. What is the factor when the "
        "norm is twice the limit? When it is half of it?",
        "`limit / tf.maximum(norm, limit)` is never above 1. Keep `None` where it was.",
    )
    why = (
        "One factor for all gradients keeps the direction of the step and limits its length. "
        "`tf.maximum` leaves short gradients as they are and makes a division by zero impossible. "
        "`tf.clip_by_global_norm` does the same, and the optimizers of Keras do it when they are "
        "given `global_clipnorm`."
    )
    near_misses = (
        NearMiss(
            code="""
def clip_gradients(gradients, limit):
    return [None if g is None else tf.clip_by_norm(g, limit) for g in gradients]
""",
            because=(
                "Each gradient was clipped by its own norm. That changes their proportions, so the "
                "step goes in another direction. Use one factor for all."
            ),
            like=lambda gradients, limit: _each(
                gradients, lambda g: limit / max(np.sqrt((g**2).sum()), limit)
            ),
        ),
        NearMiss(
            code="""
def clip_gradients(gradients, limit):
    return [None if g is None else tf.clip_by_value(g, -limit, limit) for g in gradients]
""",
            because=(
                "Each number was clipped by itself. That changes the direction, and the common "
                "norm may still be above the limit."
            ),
            like=lambda gradients, limit: [
                None if g is None else np.clip(g, -limit, limit) for g in gradients
            ],
        ),
        NearMiss(
            code="""
def clip_gradients(gradients, limit):
    norm = tf.linalg.global_norm([g for g in gradients if g is not None])
    return [None if g is None else g * limit / norm for g in gradients]
""",
            because=(
                "Gradients whose norm is below the limit were made longer. They must stay as they "
                "are: clip, do not normalise."
            ),
            like=lambda gradients, limit: _each(
                gradients, lambda g: limit / _common_norm(gradients)
            ),
        ),
        NearMiss(
            code="""
def clip_gradients(gradients, limit):
    there = [g for g in gradients if g is not None]
    return tf.clip_by_global_norm(there, limit)[0]
""",
            because=(
                "`None` was left out, so the gradients no longer stand beside their variables. "
                "Return a list of the same length."
            ),
            like=lambda gradients, limit: _each(
                [g for g in gradients if g is not None],
                lambda g: limit / max(_common_norm(gradients), limit),
            ),
        ),
    )
    alternatives = (
        """
def clip_gradients(gradients, limit):
    return tf.clip_by_global_norm(gradients, limit)[0]
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(times: float, note: str = "", dtype: type = np.float32) -> Case:
            gradients: list[np.ndarray | None] = [
                (scale * rng.normal(size=shape)).astype(dtype)
                for scale, shape in ((1, (3, 2)), (5, (2,)), (0.2, (4,)))
            ]
            gradients.insert(1, None)
            limit = round(_common_norm(gradients) * times, 3)
            return Case({"gradients": gradients, "limit": limit}, note)

        yield case(2.0, "norm below the limit; one gradient is None")
        yield case(0.3, "norm above the limit; one gradient is None")
        yield case(0.9, "float64", np.float64)
        zeros: list[np.ndarray | None] = [np.zeros((2, 2), np.float32), np.zeros(3, np.float32)]
        yield Case({"gradients": zeros, "limit": 1.0}, "all zero")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import tensorflow as tf

        given = [None if g is None else tf.constant(g) for g in inputs["gradients"]]
        return submission(given, inputs["limit"])

    def expected(self, gradients: list[np.ndarray | None], limit: float) -> Any:
        factor = min(1.0, limit / norm) if (norm := _common_norm(gradients)) else 1.0
        return _each(gradients, lambda g: factor)


def _line_gradient(x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
    """Gradients of the mean squared error of x·w + b, by their formulas."""
    x, y, w = (a.astype(np.float64) for a in (x, y, w))
    error = x @ w + float(b) - y
    return [2 * x.T @ error / len(x), 2 * error.mean()]


def _parts(
    x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray, size: int
) -> list[list[np.ndarray]]:
    return [_line_gradient(x[s : s + size], y[s : s + size], w, b) for s in range(0, len(x), size)]


@register
class AccumulateGradients(Exercise):
    """The gradient of a large batch from small parts."""

    name = "accumulate_gradients"
    title = "Accumulate gradients"
    points = 3
    see = "Batches that are too big: accumulate"
    hints = (
        "Slice the batch: `x[start : start + size]` for every `start` in `range(0, n, size)`. Add "
        "up the gradients of the parts.",
        "The loss of a part is a mean over the part. How much does a part of 2 examples count in "
        "the mean over 10?",
        "Multiply the loss of each part by `len(part) / len(x)` before you ask for its gradients.",
    )
    why = (
        "The mean over a batch is the sum of the means of its parts, each weighted by its share "
        "of the examples. Gradients are linear, so the same holds for them. Only one part is on a "
        "tape at a time, which is what saves memory."
    )
    near_misses = (
        NearMiss(
            code="""
def accumulate_gradients(loss, variables, x, y, size):
    total = [tf.zeros_like(v) for v in variables]
    starts = range(0, len(x), size)
    for start in starts:
        with tf.GradientTape() as tape:
            value = loss(x[start : start + size], y[start : start + size])
        gradients = tape.gradient(value, variables)
        total = [t + g / len(starts) for t, g in zip(total, gradients)]
    return total
""",
            because=(
                "Every part counts alike here, also the last one, which is smaller. Weight each "
                "part by its share of the examples."
            ),
            like=lambda **inputs: [np.mean(g, axis=0) for g in zip(*_parts(**inputs), strict=True)],
        ),
        NearMiss(
            code="""
def accumulate_gradients(loss, variables, x, y, size):
    total = [tf.zeros_like(v) for v in variables]
    for start in range(0, len(x), size):
        with tf.GradientTape() as tape:
            value = loss(x[start : start + size], y[start : start + size])
        gradients = tape.gradient(value, variables)
        total = [t + g for t, g in zip(total, gradients)]
    return total
""",
            because=(
                "The gradients of the parts' means were added up: the result grows with the number "
                "of parts. Weight each part by its share of the examples."
            ),
            like=lambda **inputs: [np.sum(g, axis=0) for g in zip(*_parts(**inputs), strict=True)],
        ),
        NearMiss(
            code="""
def accumulate_gradients(loss, variables, x, y, size):
    with tf.GradientTape() as tape:
        value = loss(x, y)
    return tape.gradient(value, variables)
""",
            because=(
                "The whole batch was given to `loss` at once. That is what must be avoided: it may "
                "not fit into memory."
            ),
            says="examples at once",
        ),
    )
    alternatives = (
        """
def accumulate_gradients(loss, variables, x, y, size):
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(size)
    total = [0.0 for _ in variables]
    for part, targets in batches:
        with tf.GradientTape() as tape:
            value = loss(part, targets)
        weight = part.shape[0] / x.shape[0]
        for i, gradient in enumerate(tape.gradient(value, variables)):
            total[i] += weight * gradient
    return total
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(n: int, size: int, note: str = "") -> Case:
            x = rng.normal(size=(n, 3)).astype(np.float32)
            y = (3 * rng.normal(size=n)).astype(np.float32)
            w = rng.normal(size=3).astype(np.float32)
            b = np.float32(rng.normal())
            return Case({"x": x, "y": y, "w": w, "b": np.asarray(b), "size": size}, note)

        yield case(7, 3, "mean squared error of x·w + b; the last part holds 1 example")
        yield case(8, 4, "two parts of the same size")
        yield case(3, 5, "one part, smaller than size")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import tensorflow as tf

        w, b = tf.Variable(inputs["w"]), tf.Variable(inputs["b"])
        most = 0

        def loss(x: Any, y: Any) -> Any:
            nonlocal most
            most = max(most, len(x))
            return tf.reduce_mean((tf.linalg.matvec(x, w) + b - y) ** 2)

        gradients = submission(
            loss, [w, b], tf.constant(inputs["x"]), tf.constant(inputs["y"]), inputs["size"]
        )
        return {"gradients": gradients, "most examples at once": most}

    def expected(
        self, x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray, size: int
    ) -> Any:
        return _line_gradient(x, y, w, b)

    def judge(self, case: Case, observation: Any) -> None:
        """Compare the gradients, if `loss` was never given more than it may be given."""
        seen = observation.value
        if seen["most examples at once"] > case.inputs["size"]:
            raise Wrong(
                f"`loss` was given {seen['most examples at once']} examples at once; "
                f"it may be given {case.inputs['size']}."
            )
        super().judge(case, Observation("returned", seen["gradients"]))


@register
class ParabolaModel(Exercise):
    """A model whose only weight is the place to be found."""

    name = "Parabola"
    title = "A model that can move"
    points = 2
    see = "Through fit"
    hints = (
        "How many trainable weights has your model? `model.trainable_weights` lists them.",
        "Keras tracks what `self.add_weight` makes. A `tf.Variable` is an attribute like any "
        "other: Keras does not see it.",
        '`self.x = self.add_weight(shape=(), initializer="zeros", name="x")`.',
    )
    why = (
        "`fit` moves the weights that the model lists, and it lists what `add_weight` made (and "
        "the weights of layers that are attributes). A raw `tf.Variable` still computes, which is "
        "why nothing fails: the loss stays where it is."
    )
    near_misses = (
        NearMiss(
            code="""
class Parabola(keras.Model):
    def __init__(self, a, b, c):
        super().__init__()
        self.a, self.b, self.c = a, b, c
        self.x = tf.Variable(0.0)

    def call(self, inputs):
        return self.a * self.x**2 + self.b * self.x + self.c
""",
            because=(
                "The model has no trainable weight: Keras 3 does not track a raw `tf.Variable`, so "
                "`fit` would not move it. Make x with `self.add_weight`."
            ),
            says="has no trainable weight",
        ),
        NearMiss(
            code="""
class Parabola(keras.Model):
    def __init__(self, a, b, c):
        super().__init__()
        self.a, self.b, self.c = a, b, c
        self.x = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs):
        return self.a * self.x**2 + self.b * self.x + self.c
""",
            because="With `trainable=False` no optimizer moves x.",
            says="has no trainable weight",
        ),
        NearMiss(
            code="""
class Parabola(keras.Model):
    def __init__(self, a, b, c):
        super().__init__()
        self.a, self.b, self.c = a, b, c
        self.x = self.add_weight(shape=(), initializer="ones")

    def call(self, inputs):
        return self.a * self.x**2 + self.b * self.x + self.c
""",
            because="x starts at 1, and must start at 0.",
            says="'start' is 1.0, expected 0.0",
        ),
    )
    alternatives = (
        """
class Parabola(keras.Model):
    def __init__(self, a, b, c):
        super().__init__()
        self.coefficients = a, b, c
        self.x = keras.Variable(0.0)

    def call(self, inputs):
        a, b, c = self.coefficients
        return (a * self.x + b) * self.x + c
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for _ in range(2):
            a, b, c, place = (round(float(v), 2) for v in rng.uniform(0.5, 3.0, 4))
            yield Case({"a": a, "b": -b, "c": c, "place": place})

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import tensorflow as tf

        model = submission(inputs["a"], inputs["b"], inputs["c"])
        at_start = model(tf.zeros((1,)))
        weights = model.trainable_weights
        if len(weights) != 1:
            return {"trainable weights": len(weights)}
        start = float(weights[0].numpy())
        weights[0].assign(inputs["place"])
        with tf.GradientTape() as tape:
            value = model(tf.ones((3,)))
        return {
            "trainable weights": 1,
            "start": start,
            "value at the start": at_start,
            "value": value,
            "slope": tape.gradient(value, weights[0].value),
        }

    def expected(self, a: float, b: float, c: float, place: float) -> Any:
        return {
            "trainable weights": 1,
            "start": 0.0,
            "value at the start": c,
            "value": a * place**2 + b * place + c,
            "slope": 2 * a * place + b,
        }

    def differs(self, got: Any, expected: Any) -> str | None:
        count = got.get("trainable weights") if isinstance(got, dict) else None
        if count == 0:
            return (
                "The model has no trainable weight, so `fit` would not move anything. Keras "
                "trains what `self.add_weight` makes, unless `trainable=False`."
            )
        if count != 1:
            return f"The model has {count} trainable weights; x must be the only one."
        return super().differs(got, expected)
