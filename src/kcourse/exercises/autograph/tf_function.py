"""Exercises of the lesson on tf.function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kcourse.comparing import difference
from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register
from kcourse.plain import Plain, describe

_NOT_COMPILED = (
    "The values are right, but this is not a `tf.function`: it has no tracings to count. "
    "Write the decorator on the line above `def`."
)


class _InGraph(Exercise):
    """An answer whose results are compared, and whose tracings are counted.

    ``observe`` returns a dict: ``results``, and ``tracings``, which is None for an answer that is
    not a ``tf.function``.
    """

    most_tracings = 1

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Compare the results alone."""
        if type(got) is not dict or set(got) != {"results", "tracings"}:
            return "Your code changed what the check observes."
        return difference(got["results"], expected, rtol=self.rtol, atol=self.atol)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the results are right and came from few enough graphs."""
        super().judge(case, observation)
        self._count_tracings(observation)

    def _count_tracings(self, observation: Observation) -> None:
        """Raise ``Wrong`` if the answer is no ``tf.function`` or was traced too often."""
        tracings = observation.value["tracings"]
        if type(tracings) is not int:
            raise Wrong(_NOT_COMPILED)
        if tracings > self.most_tracings:
            allowed = {1: "once", 2: "twice"}.get(self.most_tracings, f"{self.most_tracings} times")
            raise Wrong(
                f"The values are right, but the function was traced {tracings} times for these "
                f"calls; {allowed} is allowed."
            )


@register
class UnitLength(_InGraph):
    """A vector of any length, scaled to length 1, with two graphs at most."""

    name = "unit_length"
    title = "Two graphs for all lengths"
    points = 1
    see = "When a function is traced again"
    hints = (
        "First the body: the vector divided by `tf.norm(x)`. Which function of `tf.math` divides "
        "and gives 0 where the divisor is 0?",
        "`tf.math.divide_no_nan(x, tf.norm(x))`. Now the decorator: which option makes "
        "TensorFlow give up an exact shape when a second one comes?",
        "`@tf.function(reduce_retracing=True)`.",
    )
    why = (
        "Without an option every new length is a new shape, and a new shape is a new graph. With "
        "`reduce_retracing=True` the second length makes TensorFlow trace for shape `(None,)`, "
        "and that graph fits all later lengths."
    )
    near_misses = (
        NearMiss(
            code="""
@tf.function
def unit_length(x):
    return tf.math.divide_no_nan(x, tf.norm(x))
""",
            because="Without an option each new length is traced again.",
            says="but the function was traced 5 times",
        ),
        NearMiss(
            code="""
def unit_length(x):
    return tf.math.divide_no_nan(x, tf.norm(x))
""",
            because="The decorator is missing.",
            says="this is not a `tf.function`",
        ),
        NearMiss(
            code="""
@tf.function(reduce_retracing=True)
def unit_length(x):
    return x / tf.norm(x)
""",
            because="0 / 0 is nan. Of a zero vector `tf.math.divide_no_nan` makes zeros.",
            like=lambda vectors: [
                v / np.linalg.norm(v) if v.any() else np.full_like(v, np.nan) for v in vectors
            ],
        ),
        NearMiss(
            code="""
@tf.function(reduce_retracing=True)
def unit_length(x):
    return tf.math.divide_no_nan(x, tf.reduce_sum(x * x))
""",
            because="This divides by the square of the length: the square root is missing.",
            like=lambda vectors: [v / (v @ v) if v.any() else v for v in vectors],
        ),
    )
    alternatives = (
        """
@tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
def unit_length(x):
    return tf.math.l2_normalize(x, axis=0)
""",
        """
@tf.function(reduce_retracing=True)
def unit_length(x):
    length = tf.sqrt(tf.reduce_sum(x * x))
    if length > 0:
        return x / length
    return x
""",
    )
    most_tracings = 2

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def vectors(lengths: Sequence[int]) -> list[np.ndarray]:
            return [rng.normal(size=n).astype(np.float32) for n in lengths]

        yield Case(
            {"vectors": vectors([int(n) for n in rng.permutation(range(2, 9))[:5]])}, "five lengths"
        )
        with_zeros = vectors([1, 4, 12])
        with_zeros[1] *= 0
        yield Case({"vectors": with_zeros}, "a single number, and a zero vector")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer on one vector after the other and count the tracings."""
        import tensorflow as tf

        def tracings() -> Any:
            count = getattr(submission, "experimental_get_tracing_count", None)
            return None if count is None else count()

        before = tracings()
        results = [submission(tf.constant(vector)) for vector in inputs["vectors"]]
        return {"results": results, "tracings": None if before is None else tracings() - before}

    def expected(self, vectors: list[np.ndarray]) -> Any:
        results = []
        for vector in vectors:
            length = sum(float(v) ** 2 for v in vector) ** 0.5
            results.append(vector / length if length else vector)
        return results


@register
class DistancesFromOrigin(_InGraph):
    """A signature: any number of points in space, and nothing else."""

    name = "distances_from_origin"
    title = "Any number of points, and nothing else"
    points = 2
    see = "State what you accept: input_signature"
    hints = (
        "`input_signature` is a list with one `tf.TensorSpec` for each argument; here there is one.",
        "In the shape of a `tf.TensorSpec` an axis of any length is `None`. Which of the two axes "
        "of `points` may have any length?",
        "`@tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])`, and in the body "
        "`tf.norm` with the right `axis`.",
    )
    why = (
        "The signature fixes dtype and shape before the first call: one graph serves all batch "
        "sizes, and a matrix with two columns is refused with a message instead of giving a "
        "plausible result. `None` stands for the axis that may vary, and for that one only."
    )
    near_misses = (
        NearMiss(
            code="""
@tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32)])
def distances_from_origin(points):
    return tf.norm(points, axis=1)
""",
            because="Two `None`: this accepts points with any number of coordinates.",
            says="should have been refused",
        ),
        NearMiss(
            code="""
@tf.function(reduce_retracing=True)
def distances_from_origin(points):
    return tf.norm(points, axis=1)
""",
            because="This refuses nothing that `tf.norm` can work with.",
            says="should have been refused",
        ),
        NearMiss(
            code="""
@tf.function(input_signature=[tf.TensorSpec([4, 3], tf.float32)])
def distances_from_origin(points):
    return tf.norm(points, axis=1)
""",
            because="This fixes the number of points as well.",
            says="refused a float32 tensor of shape",
        ),
        NearMiss(
            code="""
@tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
def distances_from_origin(points):
    return tf.norm(points)
""",
            because="Without `axis`, `tf.norm` makes one number of all points.",
            like=lambda accepted, refused: [np.linalg.norm(points) for points in accepted],
        ),
        NearMiss(
            code="""
@tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
def distances_from_origin(points):
    return tf.norm(points, axis=0)
""",
            because="`axis=0` runs over the points; the coordinates of a point lie along axis 1.",
            like=lambda accepted, refused: [np.linalg.norm(points, axis=0) for points in accepted],
        ),
    )
    alternatives = (
        """
@tf.function(input_signature=(tf.TensorSpec(shape=(None, 3)),))
def distances_from_origin(points):
    return tf.sqrt(tf.reduce_sum(points * points, axis=-1))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def points(*shape: int, dtype: type = np.float32) -> np.ndarray:
            return rng.normal(size=shape).astype(dtype)

        n = int(rng.integers(4, 8))
        accepted = [points(size, 3) for size in (n, 1, n + 3, 0)]
        refused = [points(n, 2), points(n, 4), points(3), points(2, n, 3)]
        refused += [points(n, 3, dtype=np.float64), rng.integers(-9, 9, size=(n, 3))]
        yield Case({"accepted": accepted, "refused": refused})

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer with tensors that it has to accept, then with ones to refuse."""
        import tensorflow as tf

        def call(array: Any) -> Any:
            try:
                return submission(tf.constant(array))
            except (TypeError, ValueError) as error:
                if "Binding inputs to tf.function failed" in str(error):
                    return {"refused": True}
                raise

        def tracings() -> Any:
            count = getattr(submission, "experimental_get_tracing_count", None)
            return None if count is None else count()

        before = tracings()
        results = [call(array) for array in inputs["accepted"]]
        new = None if before is None else tracings() - before
        for array in inputs["refused"]:
            try:
                submission(tf.constant(array))
                results.append("accepted")
            except Exception:
                results.append("refused")
        return {"results": results, "tracings": new}

    def expected(self, accepted: list[np.ndarray], refused: list[np.ndarray]) -> Any:
        return [
            np.array([sum(float(c) ** 2 for c in point) ** 0.5 for point in points])
            for points in accepted
        ]

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Compare the distances of the points that had to be accepted."""
        if type(got) is dict and type(got.get("results")) is list:
            got = got | {"results": got["results"][: len(expected)]}
        return super().differs(got, expected)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the right tensors were accepted, by one graph."""

        def words(array: np.ndarray) -> str:
            return f"a {array.dtype} tensor of shape {array.shape}"

        accepted, refused = case.inputs["accepted"], case.inputs["refused"]
        outcomes = observation.value["results"]
        for array, outcome in zip(accepted, outcomes, strict=False):
            if type(outcome) is dict:
                raise Wrong(f"Your function refused {words(array)}.")
        Exercise.judge(self, case, observation)
        for array, outcome in zip(refused, outcomes[len(accepted) :], strict=True):
            if outcome != "refused":
                raise Wrong(
                    f"Your function accepted {words(array)}, which should have been refused."
                )
        self._count_tracings(observation)


@register
class RunningMean(_InGraph):
    """State that lives in variables, made once and changed in the graph."""

    name = "RunningMean"
    title = "A mean that remembers"
    points = 2
    see = "Rule 2: make variables once"
    hints = (
        "Which two numbers do you need from the past to compute the mean of everything so far?",
        "Make two variables in `__init__`: `self.total = tf.Variable(0.0)` and `self.count`.",
        "In `update`: `self.total.assign_add(tf.reduce_sum(values))`, the same with the number of "
        "values (`tf.size`, cast to float32), then return the quotient.",
    )
    why = (
        "`__init__` runs in Python once for each object, so every object has its own two "
        "variables. `assign_add` is an operation: it is in the graph and runs at every call, while "
        "`self.total += …` on a Python attribute happens at tracing alone."
    )
    near_misses = (
        NearMiss(
            code="""
class RunningMean:
    def __init__(self):
        self.total = 0.0
        self.count = 0

    @tf.function
    def update(self, values):
        self.total += tf.reduce_sum(values)
        self.count += len(values)
        return self.total / self.count
""",
            because=(
                "Each call returned the mean of its own values: nothing was remembered. An "
                "attribute that is a Python number or list changes while tracing only; keep the "
                "sums in variables."
            ),
            like=lambda batches, others: _each(batches, others, lambda seen: seen[-1]),
        ),
        NearMiss(
            code="""
class RunningMean:
    def __init__(self):
        self.mean = tf.Variable(0.0)
        self.calls = tf.Variable(0.0)

    @tf.function
    def update(self, values):
        self.calls.assign_add(1.0)
        self.mean.assign_add((tf.reduce_mean(values) - self.mean) / self.calls)
        return self.mean.read_value()
""",
            because=(
                "This is the mean of the calls' means. A call with more values has to count for "
                "more: sum the values and count them."
            ),
            like=lambda batches, others: [
                [np.mean([b.mean() for b in data[: k + 1]]) for k in range(len(data))]
                for data in (batches, others)
            ],
        ),
        NearMiss(
            code="""
class RunningMean:
    total = tf.Variable(0.0)
    count = tf.Variable(0.0)

    def __init__(self):
        pass

    @tf.function
    def update(self, values):
        self.total.assign_add(tf.reduce_sum(values))
        self.count.assign_add(tf.cast(tf.size(values), tf.float32))
        return self.total / self.count
""",
            because=(
                "Two objects share their memory: variables that are made in the body of the class "
                "exist once for all objects. Make them in `__init__`."
            ),
            says="another RunningMean object",
        ),
        NearMiss(
            code="""
class RunningMean:
    def __init__(self):
        self.total = tf.Variable(0.0)
        self.count = tf.Variable(0.0)

    def update(self, values):
        self.total.assign_add(tf.reduce_sum(values))
        self.count.assign_add(tf.cast(tf.size(values), tf.float32))
        return self.total / self.count
""",
            because="The decorator is missing.",
            says="this is not a `tf.function`",
        ),
    )
    alternatives = (
        """
class RunningMean:
    def __init__(self):
        self.state = None

    @tf.function
    def update(self, values):
        if self.state is None:
            self.state = tf.Variable([0.0, 0.0])
        new = tf.stack([tf.reduce_sum(values), tf.cast(tf.shape(values)[0], tf.float32)])
        total, count = tf.unstack(self.state.assign_add(new))
        return total / count
""",
        """
class RunningMean:
    def __init__(self):
        self.mean = tf.Variable(0.0)
        self.count = tf.Variable(0, dtype=tf.int32)

    @tf.function(reduce_retracing=True)
    def update(self, values):
        self.count.assign_add(tf.size(values))
        self.mean.assign_add(tf.reduce_sum(values - self.mean) / tf.cast(self.count, tf.float32))
        return self.mean.value()
""",
    )
    most_tracings = 100  # not what this exercise is about
    rtol = 1e-4
    atol = 1e-4

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(lengths: Sequence[int], others: Sequence[int], note: str) -> Case:
            batches, more = (
                [rng.normal(rng.uniform(-5, 5), 2, size=n).astype(np.float32) for n in sizes]
                for sizes in (lengths, others)
            )
            return Case({"batches": batches, "others": more}, note)

        yield case((3, 3, 3), (3,), "three calls with three values each")
        yield case((5, 1, 8), (2, 2), "calls with different numbers of values")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Feed two objects by turns, so that shared memory shows; the first goes on alone."""
        import tensorflow as tf

        batches, others = inputs["batches"], inputs["others"]
        first, second = submission(), submission()
        results: list[list[Any]] = [[], []]
        for turn, batch in enumerate(batches):
            results[0].append(first.update(tf.constant(batch)))
            if turn < len(others):
                results[1].append(second.update(tf.constant(others[turn])))
        count = getattr(first.update, "experimental_get_tracing_count", None)
        return {"results": results, "tracings": None if count is None else count()}

    def expected(self, batches: list[np.ndarray], others: list[np.ndarray]) -> Any:
        def mean(seen: list[np.ndarray]) -> float:
            values = [float(v) for batch in seen for v in batch]
            return sum(values) / len(values)

        return [[mean(data[: k + 1]) for k in range(len(data))] for data in (batches, others)]

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless both objects gave the mean of their own values."""
        batches, others = case.inputs["batches"], case.inputs["others"]
        mixed = []
        for turn, batch in enumerate(batches):
            mixed += [batch, *others[turn : turn + 1]]
        means = [float(np.concatenate(mixed[: k + 1]).mean()) for k in range(len(mixed))]
        shared = [
            [means[k] for k in range(len(mixed)) if (k % 2 == 0) or k >= 2 * len(others)],
            [means[2 * k + 1] for k in range(len(others))],
        ]
        if self.differs(observation.value, shared) is None:
            raise Wrong(
                "Values given to one object changed the mean of another RunningMean object: they "
                "share their memory. Make the variables in `__init__`, not in the body of the "
                "class or outside it."
            )
        super().judge(case, observation)


def _each(batches: list[np.ndarray], others: list[np.ndarray], choose: Any) -> list[list[float]]:
    return [
        [float(choose(data[: k + 1]).mean()) for k in range(len(data))]
        for data in (batches, others)
    ]


@register
class RandomWalk(Exercise):
    """A random path whose positions are collected in the graph."""

    name = "random_walk"
    title = "A random walk in a graph"
    points = 3
    see = "Rule 3: leave Python's lists outside"
    hints = (
        "The loop is `for i in tf.range(steps)`. Where do the positions go, as a Python list will "
        "not do? And where does the random number of each step come from?",
        "`tf.TensorArray(tf.int32, size=steps + 1)` holds the positions. A step of −1 or 1 is "
        "`2 * tf.random.uniform([], 0, 2, tf.int32) - 1`: the upper bound 2 is never drawn.",
        "Write the 0 first. In the loop: `position += step`, then "
        "`positions = positions.write(i + 1, position)`; after it `return positions.stack()`.",
    )
    why = (
        "`tf.random.uniform` and `write` are operations of the loop's body, so they run in every "
        "round of every call. `write` returns the array to go on with; without the assignment "
        "what was written is lost. For this walk there is a way without a loop, too: "
        "`tf.cumsum` over all steps at once."
    )
    near_misses = (
        NearMiss(
            code="""
def random_walk(steps):
    position = 0
    positions = tf.TensorArray(tf.int32, size=steps + 1)
    positions = positions.write(0, position)
    for i in tf.range(steps):
        position += int(np.random.choice([-1, 1]))
        positions = positions.write(i + 1, position)
    return positions.stack()
""",
            because="NumPy draws while tracing: one number for all steps.",
            says="All steps went in the same direction",
        ),
        NearMiss(
            code="""
def random_walk(steps):
    moves = 2 * tf.random.stateless_uniform([steps], [1, 2], 0, 2, tf.int32) - 1
    return tf.concat([[0], tf.cumsum(moves)], axis=0)
""",
            because="A stateless draw with a fixed seed gives the same numbers at every call.",
            says="Two calls gave the same walk",
        ),
        NearMiss(
            code="""
def random_walk(steps):
    position = 0
    positions = tf.TensorArray(tf.int32, size=steps + 1)
    positions = positions.write(0, position)
    for i in tf.range(steps):
        position += 2 * tf.random.uniform([], 0, 2, tf.int32) - 1
        positions.write(i + 1, position)
    return positions.stack()
""",
            because="`write` returns the array to go on with, and here that was dropped.",
            says="What `write` returns",
        ),
        NearMiss(
            code="""
def random_walk(steps):
    position = 0
    positions = tf.TensorArray(tf.int32, size=steps)
    for i in tf.range(steps):
        position += 2 * tf.random.uniform([], 0, 2, tf.int32) - 1
        positions = positions.write(i, position)
    return positions.stack()
""",
            because="The start, position 0, is missing.",
            says="the start, 0, counts as well",
        ),
        NearMiss(
            code="""
def random_walk(steps):
    positions = [0]
    for _ in range(steps):
        positions.append(positions[-1] + np.random.choice([-1, 1]))
    return tf.constant(positions, tf.int32)
""",
            because="The body of the loop is traced once, so the list gets one more position.",
            says="A Python list grows while tracing only",
        ),
        NearMiss(
            code="""
def random_walk(steps):
    position = 0
    positions = tf.TensorArray(tf.int32, size=steps + 1)
    positions = positions.write(0, position)
    for i in tf.range(steps):
        position += tf.random.uniform([], -1, 2, tf.int32)
        positions = positions.write(i + 1, position)
    return positions.stack()
""",
            because="-1, 0 and 1 are drawn here; 0 is not a step.",
            says="Each step should be -1 or 1",
        ),
        NearMiss(
            code="""
def random_walk(steps):
    position = 0
    positions = tf.TensorArray(tf.int32, size=steps + 1)
    positions = positions.write(0, position)
    for i in tf.range(steps):
        position = 2 * tf.random.uniform([], 0, 2, tf.int32) - 1
        positions = positions.write(i + 1, position)
    return positions.stack()
""",
            because="These are the steps. A walk adds them up.",
            says="Each step should be -1 or 1",
        ),
    )
    alternatives = (
        """
@tf.function
def random_walk(steps):
    moves = 2 * tf.random.uniform([steps], 0, 2, tf.int32) - 1
    return tf.concat([[0], tf.cumsum(moves)], axis=0)
""",
        """
def random_walk(steps):
    return tf.cumsum(tf.where(tf.random.uniform([steps + 1]) < 0.5, -1, 1), exclusive=True)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        yield Case({"steps": int(rng.integers(60, 90)), "seed": int(rng.integers(1, 1000))})
        yield Case({"steps": 1, "seed": int(rng.integers(1, 1000))}, "a single step")
        yield Case({"steps": 0, "seed": 1}, "no step: the start alone")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer twice through one graph that does not know the number of steps."""
        import tensorflow as tf

        tf.random.set_seed(inputs["seed"])
        walk = tf.function(submission, input_signature=[tf.TensorSpec([], tf.int32)])
        return [walk(inputs["steps"]), walk(inputs["steps"])]

    def expected(self, steps: int, seed: int) -> Any:
        return f"two different walks of shape ({steps + 1},)"

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless both calls gave a walk, and each another one."""
        steps = case.inputs["steps"]
        walks = observation.value
        if not (isinstance(walks, list) and len(walks) == 2):
            raise Wrong("Your code changed what the check observes.")
        for walk in walks:
            reason = self._flaw(walk, steps)
            if reason:
                raise Wrong(reason, expected=self.expected(**case.inputs))
        if steps < 50:
            return
        first, second = walks
        ahead = np.concatenate([np.diff(first), np.diff(second)]) > 0
        if np.diff(first).min() == np.diff(first).max():
            raise Wrong(
                "All steps went in the same direction. A random number that Python or NumPy draws "
                "is drawn while tracing, once, and stands in the graph as a constant."
            )
        if (first == second).all():
            raise Wrong(
                "Two calls gave the same walk: the random numbers are frozen. Use an operation "
                "of `tf.random` that draws again at every call."
            )
        if not 0.2 < ahead.mean() < 0.8:
            raise Wrong(
                f"{ahead.mean():.0%} of the steps went up; it should be about half of them."
            )

    @staticmethod
    def _flaw(walk: Plain, steps: int) -> str | None:
        """Return what is wrong with one walk, or None."""
        if not isinstance(walk, np.ndarray) or walk.ndim != 1:
            return f"A walk is {describe(walk)}, expected a vector of {steps + 1} positions."
        if len(walk) == 2 and steps > 1:
            return (
                f"A walk of {steps} steps has {steps + 1} positions; yours has 2: the start, and "
                "one from the single tracing of the loop's body. A Python list grows while tracing "
                "only. Write the positions into a `tf.TensorArray`."
            )
        if walk.shape != (steps + 1,):
            return (
                f"A walk of {steps} steps has {steps + 1} positions, because the start, 0, counts "
                f"as well; yours has {len(walk)}."
            )
        if walk.dtype != np.int32:
            return f"The positions should be int32; they are {walk.dtype}."
        if walk[0] != 0:
            return f"The walk should start at 0; it starts at {walk[0]}."
        if steps and not walk.any():
            return (
                "All positions are 0: nothing was stored. What `write` returns is the array to go "
                "on with; assign it: `positions = positions.write(…)`."
            )
        moves = np.diff(walk)
        if (np.abs(moves) != 1).any():
            wrong = moves[np.abs(moves) != 1][0]
            return f"Each step should be -1 or 1; one of yours goes by {wrong}."
        return None


@register
class NewtonSquareRoots(Exercise):
    """A loop that ends when the data say so."""

    name = "newton_square_roots"
    title = "Square roots until they are good enough"
    points = 3
    see = "AutoGraph: how Python control flow gets into the graph"
    hints = (
        "Write it as for eager tensors: a `while` loop with two variables, `x` and `steps`. When "
        "does it end?",
        "`converged = tf.reduce_all(tf.abs(x * x - a) <= 1e-10 * a)`: every element has to be good "
        "enough.",
        "`while steps < max_steps and not tf.reduce_all(…):`, and in the body "
        "`x = (x + a / x) / 2` and `steps += 1`. Start with `x = a`, `steps = 0`.",
    )
    why = (
        "The condition depends on tensors, so AutoGraph turns the `while` into a loop of the "
        "graph: it runs as often as the data need, and one graph serves all inputs. The bound "
        "`max_steps` is no decoration: nothing can stop an endless loop inside a graph."
    )
    near_misses = (
        NearMiss(
            code="""
def newton_square_roots(a, max_steps):
    x, steps = a, 0
    while steps < max_steps and not tf.reduce_any(tf.abs(x * x - a) <= 1e-10 * a):
        x = (x + a / x) / 2
        steps += 1
    return x, steps
""",
            because="This stops as soon as one element is good enough; all of them have to be.",
            like=lambda a, max_steps: _newton(a, max_steps, np.any),
        ),
        NearMiss(
            code="""
def newton_square_roots(a, max_steps):
    x = a
    for _ in tf.range(max_steps):
        x = (x + a / x) / 2
    return x, max_steps
""",
            because="This always takes `max_steps` steps. Stop when all elements are good enough.",
            like=lambda a, max_steps: _newton(a, max_steps, lambda good: False),
        ),
        NearMiss(
            code="""
def newton_square_roots(a, max_steps):
    x, steps = a, 0
    while steps < max_steps and not tf.reduce_all(tf.abs(x * x - a) <= 1e-10):
        x = (x + a / x) / 2
        steps += 1
    return x, steps
""",
            because=(
                "The tolerance is 1e-10 times a, element by element: a fixed one is too strict "
                "for large numbers and too loose for small ones."
            ),
            like=lambda a, max_steps: _newton(a, max_steps, np.all, relative=False),
        ),
        NearMiss(
            code="""
def newton_square_roots(a, max_steps):
    x, steps = a, 0
    while not tf.reduce_all(tf.abs(x * x - a) <= 1e-10 * a):
        x = (x + a / x) / 2
        steps += 1
    return x, steps
""",
            because="This took more steps than `max_steps` allows.",
            like=lambda a, max_steps: _newton(a, 1000, np.all),
        ),
        NearMiss(
            code="""
def newton_square_roots(a, max_steps):
    x, steps = a, 0
    while tf.constant(True):
        x = (x + a / x) / 2
        steps += 1
        if steps >= max_steps or tf.reduce_all(tf.abs(x * x - a) <= 1e-10 * a):
            break
    return x, steps
""",
            because="This takes a step before it looks. Where x = a is good enough, 0 steps are.",
            says="expected 0",
        ),
        NearMiss(
            code="""
def newton_square_roots(a, max_steps):
    x = a
    for steps in tf.range(max_steps):
        if tf.reduce_all(tf.abs(x * x - a) <= 1e-10 * a):
            break
        x = (x + a / x) / 2
    return x, steps
""",
            because=(
                "When `max_steps` ends the loop, its counter is one below the number of rounds, "
                "because it begins at 0. Count the steps that were taken."
            ),
            like=lambda a, max_steps: _newton_by_counter(a, max_steps),
        ),
    )
    alternatives = (
        """
@tf.function
def newton_square_roots(a, max_steps):
    x, steps = a, tf.constant(0)
    while tf.constant(True):
        if steps >= max_steps or tf.reduce_all(tf.abs(x * x - a) <= 1e-10 * a):
            break
        x = (x + a / x) / 2
        steps += 1
    return x, steps
""",
        """
def newton_square_roots(a, max_steps):
    def goes_on(x, steps):
        return tf.reduce_any(tf.abs(x * x - a) > 1e-10 * a)

    def step(x, steps):
        return 0.5 * (x + a / x), steps + 1

    return tf.while_loop(goes_on, step, [a, 0], maximum_iterations=max_steps)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        # Rounded, so that no accuracy is near the tolerance: it roughly squares at each step.
        a = np.round(np.exp(rng.uniform(-3, 9, size=6)), 3)
        a[2] = 1e-13
        yield Case({"a": a, "max_steps": 100}, "small and large numbers")
        large = np.round(rng.uniform(1e6, 1e7, size=3))
        yield Case({"a": large, "max_steps": int(rng.integers(3, 6))}, "stopped by max_steps")
        yield Case({"a": np.ones(2), "max_steps": 10}, "ones: good enough without a step")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer inside one graph that knows neither the length nor the bound."""
        import tensorflow as tf

        signature = [tf.TensorSpec([None], tf.float64), tf.TensorSpec([], tf.int32)]
        graph = tf.function(submission, input_signature=signature)
        return graph(inputs["a"], inputs["max_steps"])

    def expected(self, a: np.ndarray, max_steps: int) -> Any:
        return list(_newton(a, max_steps, np.all))


def _newton(a: np.ndarray, max_steps: int, enough: Any, *, relative: bool = True) -> Any:
    """Return roots and steps; ``enough`` says from a boolean array whether to stop."""
    x, steps = a.copy(), 0
    while steps < max_steps and not enough(np.abs(x * x - a) <= 1e-10 * (a if relative else 1)):
        x = (x + a / x) / 2
        steps += 1
    return x, steps


def _newton_by_counter(a: np.ndarray, max_steps: int) -> Any:
    """Return what comes back if the counter of a ``for`` loop is taken for the steps."""
    x, steps = _newton(a, max_steps, np.all)
    return x, min(steps, max_steps - 1)


@register
class MakeDescent(Exercise):
    """What is fixed in the graph, and what flows through it."""

    name = "make_descent"
    title = "What is fixed, and what varies"
    points = 3
    see = "Choose: Python value or tensor"
    hints = (
        "`gradient` is a Python function, known when the graph is made: the inner function may use "
        "it from outside. The other three come anew with each call: as tensors.",
        "Define `descend(x, rate, steps)` inside, decorate it with an `input_signature` of three "
        "`tf.TensorSpec`, and return it. Python numbers are then converted to tensors.",
        "In the body: `for _ in tf.range(steps): x -= rate * gradient(x)`. The specs: `[None]` "
        "float32, `[]` float32, `[]` int32.",
    )
    why = (
        "A Python function decides which operations the graph has: it is static, and the factory "
        "binds it once. The rate and the number of steps change no operation, so they are tensors: "
        "the signature converts Python numbers, and one graph with one loop serves all calls."
    )
    near_misses = (
        NearMiss(
            code="""
def make_descent(gradient):
    @tf.function
    def descend(x, rate, steps):
        for _ in tf.range(steps):
            x -= rate * gradient(x)
        return x

    return descend
""",
            because="Python numbers as arguments: a new graph for each new value.",
            says="a new graph was traced for each call",
        ),
        NearMiss(
            code="""
def make_descent(gradient):
    def descend(x, rate, steps):
        @tf.function
        def loop(x, rate, steps):
            for _ in tf.range(steps):
                x -= rate * gradient(x)
            return x

        return loop(x, tf.constant(rate), tf.constant(steps))

    return descend
""",
            because="Each call makes a new `tf.function`, and that has an empty cache.",
            says="or each call makes a `tf.function` anew",
        ),
        NearMiss(
            code="""
def make_descent(gradient):
    def descend(x, rate, steps):
        for _ in tf.range(steps):
            x -= rate * gradient(x)
        return x

    return descend
""",
            because="This runs eagerly.",
            says="once for every step",
        ),
        NearMiss(
            code="""
def make_descent(gradient):
    @tf.function
    def descend(x, rate, steps):
        for _ in range(steps):
            x -= rate * gradient(x)
        return x

    return descend
""",
            because="`range` unrolls the loop: one copy of the body for each step.",
            says="once for every step",
        ),
        NearMiss(
            code="""
def make_descent(gradient):
    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32),
            tf.TensorSpec([], tf.float32),
            tf.TensorSpec([], tf.int32),
        ]
    )
    def descend(x, rate, steps):
        for _ in tf.range(steps):
            x += rate * gradient(x)
        return x

    return descend
""",
            because="This climbs: to descend, go against the gradient, `x - rate * gradient(x)`.",
            like=lambda slopes, centre, starts, rates, steps: _descents(
                slopes, centre, starts, [-rate for rate in rates], steps
            ),
        ),
    )
    alternatives = (
        """
def make_descent(gradient):
    @tf.function
    def loop(x, rate, steps):
        step = 0
        while step < steps:
            x = x - rate * gradient(x)
            step += 1
        return x

    def descend(x, rate, steps):
        return loop(x, tf.constant(rate, tf.float32), tf.constant(steps, tf.int32))

    return descend
""",
    )
    rtol = 1e-4
    atol = 1e-4

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(size: int, note: str = "") -> Case:
            inputs = {
                "slopes": rng.uniform(0.5, 2, size=size).astype(np.float32),
                "centre": rng.uniform(-3, 3, size=size).astype(np.float32),
                "starts": rng.uniform(-3, 3, size=(4, size)).astype(np.float32),
                "rates": [round(float(rate), 3) for rate in rng.uniform(0.05, 0.4, size=4)],
                "steps": [int(n) for n in rng.permutation([3, 8, 12])] + [0],
            }
            return Case(inputs, note)

        yield case(3, "four calls, each with another rate and number of steps")
        yield case(1, "a single number")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Make one descent for a gradient that counts how often Python calls it; use it often."""
        import tensorflow as tf

        calls = []

        @tf.autograph.experimental.do_not_convert
        def gradient(x: Any) -> Any:
            calls.append(1)
            return inputs["slopes"] * (x - inputs["centre"])

        descend = submission(gradient)
        calls_to_make = zip(inputs["starts"], inputs["rates"], inputs["steps"], strict=True)
        results = [descend(tf.constant(start), rate, count) for start, rate, count in calls_to_make]
        return {"results": results, "calls": len(calls)}

    def expected(self, slopes: Any, centre: Any, starts: Any, rates: Any, steps: Any) -> Any:
        return _descents(slopes, centre, starts, rates, steps)

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Compare the results alone."""
        if type(got) is not dict or set(got) != {"results", "calls"}:
            return "Your code changed what the check observes."
        return difference(got["results"], expected, rtol=self.rtol, atol=self.atol)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the results are right and ``gradient`` was hardly ever called."""
        super().judge(case, observation)
        calls, steps = observation.value["calls"], case.inputs["steps"]
        if type(calls) is int and calls <= 2:
            return
        if calls == sum(steps):
            raise Wrong(
                f"The values are right, but Python called `gradient` {calls} times, once for every "
                "step. So the loop ran in Python: eagerly, or unrolled by `range`. In a graph with "
                "`tf.range` it is called when the loop is traced."
            )
        raise Wrong(
            f"The values are right, but Python called `gradient` {calls} times in {len(steps)} calls "
            "of `descend`: a new graph was traced for each call. Either Python numbers are built "
            "into the graph: make `rate` and `steps` tensors, by an `input_signature`; or each "
            "call makes a `tf.function` anew: make it once, in `make_descent`."
        )


def _descents(slopes: Any, centre: Any, starts: Any, rates: Any, steps: Any) -> list[np.ndarray]:
    results = []
    for start, rate, count in zip(starts, rates, steps, strict=True):
        x = start.astype(np.float64)
        for _ in range(count):
            x = x - rate * slopes * (x - centre)
        results.append(x)
    return results
