"""Exercises of the lesson on indexing, gathering and scattering."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register


@register
class MirrorOddRows(Exercise):
    """A strided, mirrored view of the last two axes."""

    name = "mirror_odd_rows"
    title = "Every other row, mirrored"
    points = 1
    see = "Slices"
    hints = (
        "One pair of square brackets is enough: one slice for the rows, one for the columns.",
        "Rows 1, 3, 5, … are `1::2`. Which step walks the columns from the last to the first?",
        "There may be any number of axes before the last two. Let `...` stand for all of them.",
    )
    why = (
        "A slice is start:stop:step. `1::2` begins at index 1, the second row, and takes every "
        "other one; `::-1` walks an axis backwards. The ellipsis fills in a full slice for every "
        "axis that is not named, so the same expression serves one image and a batch of videos."
    )
    near_misses = (
        NearMiss(
            code="""
def mirror_odd_rows(images):
    return images[..., ::2, ::-1]
""",
            because="These are rows 0, 2, 4, …: `::2` begins at index 0. Begin at index 1.",
            like=lambda images: images[..., ::2, ::-1],
        ),
        NearMiss(
            code="""
def mirror_odd_rows(images):
    return images[..., ::-1, :][..., 1::2, :]
""",
            because="The images stand on their heads: the rows are reversed, not the columns.",
            like=lambda images: images[..., ::-1, :][..., 1::2, :],
        ),
        NearMiss(
            code="""
def mirror_odd_rows(images):
    return images[..., 1::2, :]
""",
            because="The rows are right, but they are not mirrored: reverse the last axis as well.",
            like=lambda images: images[..., 1::2, :],
        ),
        NearMiss(
            code="""
def mirror_odd_rows(images):
    return images[:, 1::2, ::-1]
""",
            because="Here axes 1 and 2 are not the last two: count from the end, with `...` in front.",
            like=lambda images: images[:, 1::2, ::-1],
        ),
    )
    alternatives = (
        """
def mirror_odd_rows(images):
    mirrored = tf.reverse(images, axis=[-1])
    return tf.gather(mirrored, tf.range(1, tf.shape(images)[-2], 2), axis=-2)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def images(*shape: int) -> np.ndarray:
            return rng.integers(0, 256, shape)

        yield Case({"images": images(2, 5, 4).astype(np.uint8)})
        yield Case({"images": images(2, 3, 6, 3)}, "two axes before the rows and columns")
        yield Case({"images": images(7, 5).astype(np.float32)}, "a single image, rank 2")
        yield Case({"images": images(3, 4, 1)}, "a single column")
        yield Case({"images": images(3, 1, 4)}, "a single row, so no odd one")
        yield Case({"images": images(0, 4, 4)}, "an empty batch")

    def expected(self, images: np.ndarray) -> Any:
        *before, height, width = images.shape
        result = np.zeros((*before, height // 2, width), images.dtype)
        for row in range(height // 2):
            for column in range(width):
                result[..., row, column] = images[..., 2 * row + 1, width - 1 - column]
        return result


@register
class PickScores(Exercise):
    """Two gathers, one on each of two axes."""

    name = "pick_scores"
    title = "Some students, some subjects"
    points = 1
    see = "Gather: pick along one axis"
    hints = (
        "Do it in two steps: first pick the students, then pick the subjects from the result.",
        "Axes count from zero: classes lie on axis 0. On which axes lie students and subjects?",
        "`tf.gather(scores, students, axis=1)` keeps three axes; gather once more from that.",
    )
    why = (
        "tf.gather picks along one axis and leaves the others alone, so the two picks do not "
        "disturb each other and every student meets every subject. Their order does not matter."
    )
    near_misses = (
        NearMiss(
            code="""
def pick_scores(scores, students, subjects):
    return tf.gather(tf.gather(scores, students, axis=0), subjects, axis=1)
""",
            because="You picked classes and students: axes count from zero, so students lie on axis 1.",
            like=lambda scores, students, subjects: scores[students][:, subjects],
        ),
        NearMiss(
            code="""
def pick_scores(scores, students, subjects):
    return tf.gather(tf.gather(scores, subjects, axis=1), students, axis=2)
""",
            because="Students and subjects are swapped: students lie on axis 1, subjects on axis 2.",
            like=lambda scores, students, subjects: scores[:, subjects][:, :, students],
        ),
        NearMiss(
            code="""
def pick_scores(scores, students, subjects):
    return tf.stack([scores[:, i, j] for i, j in zip(students, subjects)], axis=1)
""",
            because="You paired the first student with the first subject, and so on. "
            "Every student is wanted in every subject.",
            like=lambda scores, students, subjects: scores[:, students, subjects],
        ),
    )
    alternatives = (
        """
def pick_scores(scores, students, subjects):
    rows = tf.stack([scores[:, i, :] for i in students], axis=1) if len(students) else scores[:, :0]
    return tf.gather(rows, subjects, axis=-1)
""",
        """
def pick_scores(scores, students, subjects):
    return tf.constant(scores.numpy()[:, students.numpy()][:, :, subjects.numpy()])
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(
            shape: tuple[int, int, int], n: int, m: int, dtype: type = np.int32
        ) -> dict[str, np.ndarray]:
            return {
                "scores": rng.integers(0, 100, shape).astype(np.float32),
                "students": rng.choice(shape[1], n, replace=n > shape[1]).astype(dtype),
                "subjects": rng.choice(shape[2], m, replace=m > shape[2]).astype(dtype),
            }

        # Indices that fit every axis, as many students as subjects, none in both: picking on the
        # wrong axes or in pairs then returns a value, other than the right one, to be recognised.
        mixed = rng.permutation(4).astype(np.int32)
        scores = rng.integers(0, 100, (4, 5, 4)).astype(np.float32)
        yield Case({"scores": scores, "students": mixed[:2], "subjects": mixed[2:]})
        yield Case(case((2, 10, 7), 4, 2), "fewer subjects than students")
        yield Case(case((3, 4, 2), 9, 3, np.int64), "int64 indices, some of them repeated")
        yield Case(case((1, 3, 3), 1, 1), "one class, one student, one subject")
        yield Case(case((2, 3, 4), 0, 2), "no student")

    def expected(self, scores: np.ndarray, students: np.ndarray, subjects: np.ndarray) -> Any:
        result = np.zeros((len(scores), len(students), len(subjects)), scores.dtype)
        for i, student in enumerate(students):
            for j, subject in enumerate(subjects):
                result[:, i, j] = scores[:, student, subject]
        return result


def _with_zeros(table: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(table), np.zeros((), table.dtype), table)


def _imputed(table: np.ndarray, axis: int | None, *, all_cells: bool = False) -> np.ndarray:
    """Impute with means over ``axis``; ``all_cells`` counts the missing cells as zeros."""
    cells = np.ones(table.shape) if all_cells else ~np.isnan(table)
    with np.errstate(all="ignore"):
        means = _with_zeros(table).sum(axis) / cells.sum(axis)
    return np.where(np.isnan(table), means, table)


_STILL_NAN = (
    "The NaNs are still there. A comparison with NaN is never true: find them by tf.math.is_nan. "
    "And a sum or a mean over numbers and NaN is NaN: put zeros in their place first."
)


@register
class ImputeColumnMeans(Exercise):
    """Replace missing values by the mean of what is there."""

    name = "impute_column_means"
    title = "Fill gaps with column means"
    points = 3
    see = "`where`: choose element by element"
    hints = (
        "You need three things: a mask of what is missing, the means, and a choice between both.",
        "`tf.math.is_nan(table)` is the mask. Put zeros in the gaps before you sum a column.",
        "Divide the sums by how many numbers each column holds, not by the number of rows: "
        "`tf.reduce_sum(tf.cast(~missing, table.dtype), axis=0)`.",
        "The last step is `tf.where(missing, means, table)`: the means, of shape (columns,), are "
        "used for every row.",
    )
    why = (
        "NaN spoils every sum it enters, so it is replaced by zero before summing and left out of "
        "the count. tf.where then takes the column's mean where a value is missing and keeps the "
        "measured value elsewhere; the means broadcast along the rows."
    )
    near_misses = (
        NearMiss(
            code="""
def impute_column_means(table):
    return tf.where(table == float("nan"), tf.reduce_mean(table, axis=0), table)
""",
            because=_STILL_NAN,
            like=lambda table: table,
        ),
        NearMiss(
            code="""
def impute_column_means(table):
    return tf.where(tf.math.is_nan(table), tf.reduce_mean(table, axis=0), table)
""",
            because=_STILL_NAN,
            like=lambda table: table,
        ),
        NearMiss(
            code="""
def impute_column_means(table):
    missing = tf.math.is_nan(table)
    filled = tf.where(missing, 0.0, table)
    return tf.where(missing, tf.reduce_mean(filled, axis=0), table)
""",
            because="These means are too small: the gaps were counted as zeros. "
            "Divide by how many numbers the column holds.",
            like=lambda table: _imputed(table, 0, all_cells=True),
        ),
        NearMiss(
            code="""
def impute_column_means(table):
    missing = tf.math.is_nan(table)
    sums = tf.reduce_sum(tf.where(missing, 0.0, table), axis=1)
    counts = tf.reduce_sum(tf.cast(~missing, table.dtype), axis=1)
    return tf.where(missing, sums / counts, table)
""",
            because="These are the means of the rows: summing over axis 0 gives one sum a column.",
            like=lambda table: _imputed(table, 1),
        ),
        NearMiss(
            code="""
def impute_column_means(table):
    missing = tf.math.is_nan(table)
    return tf.where(missing, tf.reduce_mean(table[~missing]), table)
""",
            because="This is one mean for the whole table; every column has a mean of its own.",
            like=lambda table: _imputed(table, None),
        ),
        NearMiss(
            code="""
def impute_column_means(table):
    return tf.where(tf.math.is_nan(table), 0.0, table)
""",
            because="The gaps hold zeros now; they should hold the mean of their column.",
            like=_with_zeros,
        ),
    )
    alternatives = (
        """
def impute_column_means(table):
    columns = []
    for column in tf.unstack(table, axis=1):
        mean = tf.reduce_mean(tf.boolean_mask(column, ~tf.math.is_nan(column)))
        columns.append(tf.where(tf.math.is_nan(column), mean, column))
    return tf.stack(columns, axis=1)
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def table(rows: int, columns: int, gaps: int, dtype: type = np.float32) -> np.ndarray:
            centres = 5 * np.arange(1, columns + 1)  # columns differ clearly in their means
            result: np.ndarray = rng.normal(centres, size=(rows, columns)).astype(dtype)
            for column in range(columns):
                result[rng.choice(rows, min(gaps, rows - 1), replace=False), column] = np.nan
            return result

        yield Case({"table": table(4, 4, 2)})
        yield Case({"table": table(6, 2, 3, np.float64)}, "float64")
        yield Case({"table": table(5, 3, 4)}, "one number in each column")
        yield Case({"table": table(3, 2, 0)}, "nothing is missing")
        yield Case({"table": table(1, 3, 0)}, "a single row")
        yield Case({"table": -table(5, 1, 2)}, "a single column of negative numbers")

    def expected(self, table: np.ndarray) -> Any:
        result = table.copy()
        for column in range(table.shape[1]):
            numbers = [value for value in table[:, column] if not np.isnan(value)]
            for row in range(table.shape[0]):
                if np.isnan(table[row, column]):
                    result[row, column] = sum(numbers) / len(numbers)
        return result


def _places(coordinates: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return a coordinate table as NumPy's index: one array for each axis."""
    return tuple(coordinates.T)


def _squares_alone(tensor: np.ndarray, coordinates: np.ndarray, *, base: float = 0) -> np.ndarray:
    """Return ``base`` times the tensor, with the squares added where the coordinates point."""
    result = (base * tensor).astype(tensor.dtype)
    np.add.at(result, _places(coordinates), tensor[_places(coordinates)] ** 2)
    return result


@register
class SquareAt(Exercise):
    """Change some elements of a copy: read by gather_nd, write by tensor_scatter_nd_update."""

    name = "square_at"
    title = "Square chosen elements"
    points = 2
    see = "Change elements: a variable in place, a tensor by a copy"
    hints = (
        "Read the chosen elements, square them, and write them into a copy.",
        "`tf.gather_nd(tensor, coordinates)` reads: it gives k values, in the table's order.",
        "`tf.tensor_scatter_nd_update(tensor, coordinates, updates)` writes into a copy.",
    )
    why = (
        "gather_nd and tensor_scatter_nd_update read the same coordinate table, so what was taken "
        "from a place goes back to that place. A coordinate that occurs twice writes the same "
        "square twice, which does no harm; adding twice would."
    )
    near_misses = (
        NearMiss(
            code="""
def square_at(tensor, coordinates):
    squares = tf.gather_nd(tensor, coordinates) ** 2
    shape = tf.shape(tensor, out_type=coordinates.dtype)
    return tf.scatter_nd(coordinates, squares, shape)
""",
            because="scatter_nd begins with zeros, so all other elements are lost. "
            "Begin with the tensor: tensor_scatter_nd_update.",
            like=_squares_alone,
        ),
        NearMiss(
            code="""
def square_at(tensor, coordinates):
    squares = tf.gather_nd(tensor, coordinates) ** 2
    return tf.tensor_scatter_nd_add(tensor, coordinates, squares)
""",
            because="The squares were added to the old values; they should replace them.",
            like=lambda tensor, coordinates: _squares_alone(tensor, coordinates, base=1),
        ),
        NearMiss(
            code="""
def square_at(tensor, coordinates):
    return tensor**2
""",
            because="Every element is squared; only those at the coordinates should be.",
            like=lambda tensor, coordinates: tensor**2,
        ),
        NearMiss(
            code="""
def square_at(tensor, coordinates):
    return tf.gather_nd(tensor, coordinates) ** 2
""",
            because="These are the squares alone: put them back into a copy of the tensor.",
            like=lambda tensor, coordinates: tensor[_places(coordinates)] ** 2,
        ),
    )
    alternatives = (
        """
def square_at(tensor, coordinates):
    shape = tf.shape(tensor, out_type=coordinates.dtype)
    hits = tf.scatter_nd(coordinates, tf.ones_like(coordinates[:, 0]), shape)
    return tf.where(hits > 0, tensor * tensor, tensor)
""",
        """
def square_at(tensor, coordinates):
    result = tf.Variable(tensor)
    result.scatter_nd_update(coordinates, tf.square(tf.gather_nd(tensor, coordinates)))
    return result
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def numbers(*shape: int) -> np.ndarray:
            return (rng.choice([-1, 1], shape) * rng.uniform(1.5, 4, shape)).astype(np.float32)

        def some(shape: tuple[int, ...], count: int) -> np.ndarray:
            flat = rng.choice(int(np.prod(shape)), count, replace=False)
            return np.stack(np.unravel_index(flat, shape), axis=1).astype(np.int32)

        yield Case({"tensor": numbers(3, 4), "coordinates": some((3, 4), 3)})
        mixed = numbers(4, 3)
        yield Case(
            {"tensor": mixed, "coordinates": np.argwhere(mixed < 0)},
            "the int64 coordinates of all negative elements",
        )
        whole = rng.choice([-1, 1], (5, 2)) * rng.integers(2, 9, (5, 2))
        twice = some((5, 2), 3)[[0, 1, 1, 2, 0]]
        yield Case({"tensor": whole, "coordinates": twice}, "int64 elements, repeated coordinates")
        yield Case({"tensor": numbers(6), "coordinates": some((6,), 2)}, "rank 1")
        yield Case({"tensor": numbers(2, 3, 2), "coordinates": some((2, 3, 2), 4)}, "rank 3")
        yield Case({"tensor": numbers(2, 3), "coordinates": some((2, 3), 0)}, "no coordinate")

    def expected(self, tensor: np.ndarray, coordinates: np.ndarray) -> Any:
        result = tensor.copy()
        for place in coordinates:
            result[tuple(place)] = tensor[tuple(place)] ** 2
        return result


def _with_two_labels_as_axes(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return what scatter_nd gives when the table's rows are taken for its columns (n = 2)."""
    if len(labels) != 2:
        raise ValueError("only a table of two points is square")
    result = np.zeros((2, classes), np.float32)
    np.add.at(result, ([0, labels[0]], [1, labels[1]]), 1)
    return result


@register
class OneHotByScatter(Exercise):
    """One-hot encoding from a coordinate table."""

    name = "one_hot_by_scatter"
    title = "One-hot by scatter"
    points = 2
    see = "`scatter_nd`: from coordinates to a tensor"
    hints = (
        "Every label is one point: its row is the label's position, its column the label.",
        "`tf.range(tf.size(labels))` makes the rows. `tf.stack([rows, labels], axis=1)` needs one "
        "dtype in both: cast the labels to int32 first.",
        "Scatter ones, as many as there are labels and of dtype float32, into the shape "
        "`[tf.size(labels), classes]`.",
    )
    why = (
        "The table [[0, labels[0]], [1, labels[1]], …] names one cell in each row; scatter_nd "
        "begins with zeros and writes a one into each. No cell is named twice, so nothing adds up. "
        "tf.one_hot gives the same in one call, except that it passes over labels out of range in "
        "silence."
    )
    near_misses = (
        NearMiss(
            code="""
def one_hot_by_scatter(labels, classes):
    labels = tf.cast(labels, tf.int32)
    table = tf.stack([tf.range(tf.size(labels)), labels], axis=0)
    return tf.scatter_nd(table, [1.0, 1.0], [tf.size(labels), classes])
""",
            because="The table lies on its side: one row for each point needs "
            "tf.stack(..., axis=1). With two points the wrong table has the same shape.",
            like=_with_two_labels_as_axes,
        ),
        NearMiss(
            code="""
def one_hot_by_scatter(labels, classes):
    labels = tf.cast(labels, tf.int32)
    table = tf.stack([labels, tf.range(tf.size(labels))], axis=1)
    return tf.scatter_nd(table, tf.ones_like(labels, tf.float32), [classes, tf.size(labels)])
""",
            because="This is the transpose: a row belongs to a label, a column to a class.",
            like=lambda labels, classes: np.eye(classes)[:, labels],
        ),
        NearMiss(
            code="""
def one_hot_by_scatter(labels, classes):
    labels = tf.cast(labels, tf.int32)
    table = tf.stack([tf.range(tf.size(labels)), labels], axis=1)
    return tf.scatter_nd(table, tf.ones_like(labels), [tf.size(labels), classes])
""",
            because="The values are right, but ones_like(labels) has the labels' dtype.",
            says="The result has dtype int32, expected float32.",
        ),
    )
    alternatives = (
        """
def one_hot_by_scatter(labels, classes):
    return tf.cast(labels[:, tf.newaxis] == tf.range(classes, dtype=labels.dtype), tf.float32)
""",
        """
def one_hot_by_scatter(labels, classes):
    rows = tf.range(len(labels), dtype=labels.dtype)
    coordinates = tf.transpose([rows, labels])
    blank = tf.zeros([len(labels), classes])
    return tf.tensor_scatter_nd_update(blank, coordinates, tf.ones([len(labels)]))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        last = rng.integers(1, 5, 2)
        two = np.array([0, last[0]], np.int32)
        yield Case({"labels": two, "classes": int(last.sum()) + 1}, "two labels")
        yield Case({"labels": rng.integers(0, 4, 6), "classes": 4}, "int64 labels, some repeated")
        yield Case({"labels": rng.integers(0, 7, 5).astype(np.int32), "classes": 9})
        yield Case({"labels": np.zeros(3, np.int32), "classes": 1}, "a single class")
        yield Case({"labels": np.zeros(0, np.int32), "classes": 3}, "no label")

    def expected(self, labels: np.ndarray, classes: int) -> Any:
        result = np.zeros((len(labels), classes), np.float32)
        for row, label in enumerate(labels):
            result[row, label] = 1.0
        return result

    def judge(self, case: Case, observation: Observation) -> None:
        """Compare the values as usual, then the dtype."""
        super().judge(case, observation)
        dtype = getattr(getattr(observation.value, "dtype", None), "name", "none")
        if dtype != "float32":
            raise Wrong(f"The result has dtype {dtype}, expected float32.")


def _counts(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    result = np.zeros((classes, classes), np.int64)
    for true, guess in zip(truth, predicted, strict=True):
        result[true, guess] += 1
    return result


@register
class ConfusionCounts(Exercise):
    """A histogram of pairs by scatter_nd's additive rule."""

    name = "confusion_counts"
    title = "Count pairs of labels"
    points = 3
    see = "Where coordinates repeat, `scatter_nd` adds"
    hints = (
        "Every pair of labels names a cell of the result. What has to be added to that cell?",
        "Stack both labels to a table of shape (n, 2). They may differ in dtype: cast them first.",
        "Scatter n ones by that table into a tensor of shape `[classes, classes]`.",
    )
    why = (
        "scatter_nd adds the updates that meet in one cell, so scattering a one for every pair "
        "counts the pairs, without a loop and without sorting. The cast is needed because labels "
        "often come as int64 (from a file, from tf.argmax) and as int32 (from Python)."
    )
    near_misses = (
        NearMiss(
            code="""
def confusion_counts(truth, predicted, classes):
    pairs = tf.stack([tf.cast(predicted, tf.int32), tf.cast(truth, tf.int32)], axis=1)
    return tf.scatter_nd(pairs, tf.ones_like(truth, tf.int32), [classes, classes])
""",
            because="This is the transpose: a row belongs to a true label, a column to a predicted one.",
            like=lambda truth, predicted, classes: _counts(predicted, truth, classes),
        ),
        NearMiss(
            code="""
def confusion_counts(truth, predicted, classes):
    pairs = tf.stack([tf.cast(truth, tf.int32), tf.cast(predicted, tf.int32)], axis=1)
    blank = tf.zeros([classes, classes], tf.int32)
    return tf.tensor_scatter_nd_update(blank, pairs, tf.ones_like(truth, tf.int32))
""",
            because="No cell holds more than 1: an update replaces what is there, so a pair that "
            "occurs again is not counted. Use an operation that adds.",
            like=lambda truth, predicted, classes: np.minimum(
                _counts(truth, predicted, classes), 1
            ),
        ),
        NearMiss(
            code="""
def confusion_counts(truth, predicted, classes):
    hits = tf.where(tf.cast(truth, tf.int64) == tf.cast(predicted, tf.int64))
    labels = tf.gather_nd(truth, hits)
    pairs = tf.stack([labels, labels], axis=1)
    return tf.scatter_nd(pairs, tf.ones_like(labels), tf.constant([classes, classes], labels.dtype))
""",
            because="Only the diagonal is counted: the pairs that differ belong into the table too.",
            like=lambda truth, predicted, classes: np.diag(
                np.diag(_counts(truth, predicted, classes))
            ),
        ),
    )
    alternatives = (
        """
def confusion_counts(truth, predicted, classes):
    return tf.math.confusion_matrix(truth, predicted, num_classes=classes)
""",
        """
def confusion_counts(truth, predicted, classes):
    rows = tf.one_hot(truth, classes, dtype=tf.int32)
    columns = tf.one_hot(predicted, classes, dtype=tf.int32)
    return tf.matmul(rows, columns, transpose_a=True)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def labels(count: int, classes: int, dtype: type = np.int32) -> np.ndarray:
            return rng.integers(0, classes, count).astype(dtype)

        # Three times (2, 0) and once (0, 1): never symmetric, with repetitions, off the diagonal.
        yield Case(
            {
                "truth": np.append(labels(4, 3), [2, 2, 2, 0, 0]).astype(np.int32),
                "predicted": np.append(labels(4, 2), [0, 0, 0, 1, 0]).astype(np.int32),
                "classes": 3,
            }
        )
        yield Case(
            {"truth": labels(40, 4, np.int64), "predicted": labels(40, 4), "classes": 4},
            "truth int64, predicted int32",
        )
        yield Case(
            {"truth": labels(12, 3), "predicted": labels(12, 3, np.int64), "classes": 6},
            "truth int32, predicted int64, three classes that never occur",
        )
        same = labels(9, 5, np.int64)
        yield Case({"truth": same, "predicted": same, "classes": 5}, "all predictions are right")
        yield Case({"truth": labels(3, 1), "predicted": labels(3, 1), "classes": 1}, "one class")
        yield Case({"truth": labels(0, 2), "predicted": labels(0, 2), "classes": 2}, "no label")

    def expected(self, truth: np.ndarray, predicted: np.ndarray, classes: int) -> Any:
        return _counts(truth, predicted, classes)
