"""Exercises of the lesson on tables: numbers, categories and gaps made into features."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, register
from kcourse.plain import Plain

#: Words for the cases; some cannot be written in ASCII, as in real tables.
WORDS = ("Bath", "Cork", "Dover", "Hull", "Leeds", "York", "上海", "北京")


def _normalised(
    train: np.ndarray, test: np.ndarray, *, by: str = "train", constant: str = "one", ddof: int = 0
) -> list[np.ndarray]:
    """Normalise by the statistics of some rows; a constant column is divided by one or not."""
    results = []
    for rows in (train, test):
        source = {"train": train, "all": np.vstack([train, test]), "own": rows}[by]
        mean = source.mean(axis=0, dtype=np.float64)
        spread = source.std(axis=0, dtype=np.float64, ddof=ddof)
        if constant == "one":
            spread = np.where(spread > 0, spread, 1)
        elif constant == "tiny":
            spread = np.maximum(spread, 1e-7)
        with np.errstate(all="ignore"):
            results.append((rows - mean) / spread)
    return results


@register
class NormaliseWithoutLeak(Exercise):
    """Mean and spread of the training rows, for both splits."""

    name = "normalise_without_leak"
    title = "Normalise without a leak"
    points = 1
    see = "Adapt on the training rows only"
    hints = (
        "Whose mean and spread may you use? The test rows stand for rows that you have not seen.",
        "`tf.reduce_mean(train, axis=0)` and `tf.math.reduce_std(train, axis=0)` have one number "
        "for each column. Use the same two for both splits.",
        "`tf.where(spread > 0, spread, 1.0)` leaves a constant column undivided.",
    )
    why = (
        "What is computed from rows belongs to the model, so it comes from the training rows "
        "alone, and the test rows are treated as new rows will be. A column that is constant in "
        "training has spread 0: dividing by 0 gives NaN, and by a tiny number, as the layer does, "
        "ten million for the first new row that differs."
    )
    near_misses = (
        NearMiss(
            code="""
def normalise_without_leak(train, test):
    rows = tf.concat([train, test], axis=0)
    mean, spread = tf.reduce_mean(rows, axis=0), tf.math.reduce_std(rows, axis=0)
    spread = tf.where(spread > 0, spread, 1.0)
    return (train - mean) / spread, (test - mean) / spread
""",
            because=(
                "The mean and the spread are those of all rows, so the training rows now depend on "
                "the test rows: a leak. Use the training rows alone."
            ),
            like=lambda train, test: _normalised(train, test, by="all"),
        ),
        NearMiss(
            code="""
def normalise_without_leak(train, test):
    results = []
    for rows in (train, test):
        spread = tf.math.reduce_std(rows, axis=0)
        spread = tf.where(spread > 0, spread, 1.0)
        results.append((rows - tf.reduce_mean(rows, axis=0)) / spread)
    return results
""",
            because=(
                "Each split was normalised by its own mean and spread, so one age is two different "
                "numbers. Treat the test rows with the numbers of the training rows."
            ),
            like=lambda train, test: _normalised(train, test, by="own"),
        ),
        NearMiss(
            code="""
def normalise_without_leak(train, test):
    mean, spread = tf.reduce_mean(train, axis=0), tf.math.reduce_std(train, axis=0)
    return (train - mean) / spread, (test - mean) / spread
""",
            because=(
                "A column that is constant in training has spread 0, and 0 / 0 is NaN. Do not "
                "divide such a column."
            ),
            like=lambda train, test: _normalised(train, test, constant="nothing"),
        ),
        NearMiss(
            code="""
def normalise_without_leak(train, test):
    layer = layers.Normalization()
    layer.adapt(train)
    return layer(train), layer(test)
""",
            because=(
                "The layer divides a column that is constant in training by 1e-7: a test row that "
                "differs becomes a number of millions. Do not divide such a column."
            ),
            like=lambda train, test: _normalised(train, test, constant="tiny"),
        ),
        NearMiss(
            code="""
def normalise_without_leak(train, test):
    train, test = train.numpy(), test.numpy()
    mean, spread = train.mean(axis=0), train.std(axis=0, ddof=1)
    spread = np.where(spread > 0, spread, 1)
    return (train - mean) / spread, (test - mean) / spread
""",
            because=(
                "This spread divides by n − 1 (as pandas does). The spread of the layer, of NumPy "
                "and of TensorFlow divides by n."
            ),
            like=lambda train, test: _normalised(train, test, ddof=1),
        ),
    )
    alternatives = (
        """
def normalise_without_leak(train, test):
    mean, variance = tf.nn.moments(train, axes=[0])
    variance = tf.where(variance == 0, tf.ones_like(variance), variance)
    layer = layers.Normalization(mean=mean, variance=variance)
    return layer(train), layer(test)
""",
    )
    rtol = 1e-3
    atol = 1e-4

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        """Yield two splits with other means; in the second case with a constant column."""
        columns = int(rng.integers(2, 4))
        scale = rng.uniform(1, 20, columns)
        train = rng.normal(5, 1, (5, columns)) * scale
        test = rng.normal(8, 3, (4, columns)) * scale
        constant = int(rng.integers(columns))
        train[:, constant], test[:, constant] = 3.0, [3.0, 4.0, 1.0, 3.0]
        both = {"train": train.astype(np.float32), "test": test.astype(np.float32)}
        yield Case(both, "one column is constant in train")
        yield Case({"train": both["train"][:, ::-1].copy(), "test": both["test"][:1, ::-1].copy()})

    def expected(self, train: np.ndarray, test: np.ndarray) -> list[np.ndarray]:
        """Return both splits, by the training rows."""
        return _normalised(train, test)


def _filled_and_flagged(
    train: np.ndarray, test: np.ndarray, *, by: str = "train", fill: str = "median", flag: str = ""
) -> list[np.ndarray]:
    """Fill gaps column by column in a slow loop, and append a flag for each column."""
    results = []
    for rows in (train, test):
        source = {"train": train, "all": np.vstack([train, test]), "own": rows}[by]
        filled, flags = rows.astype(np.float64), np.zeros(rows.shape)
        for c in range(rows.shape[1]):
            seen = [float(value) for value in source[:, c] if value == value]
            middle = np.mean if fill == "mean" else np.median
            value = 0.0 if fill == "zero" else float(middle(seen)) if seen else np.nan
            for r in range(len(rows)):
                gap = rows[r, c] != rows[r, c]
                filled[r, c] = value if gap else rows[r, c]
                flags[r, c] = float({"": gap, "observed": not gap, "none": False}[flag])
        results.append(np.hstack([filled, flags]))
    return results


@register
class FillAndFlag(Exercise):
    """Missing numbers become a median, and a flag says so."""

    name = "fill_and_flag"
    title = "Fill the gaps and say where they were"
    points = 2
    see = "Missing values: fill and flag"
    hints = (
        "NaN is not equal to anything, itself included: find the gaps by `np.isnan`, and before "
        "you fill them.",
        "`np.nanmedian(train, axis=0)` is one median for each column, of the values that are "
        "there. It fills the gaps of both splits.",
        "`np.where(missing, medians, rows)` fills; `np.hstack([filled, missing])` puts the flags "
        "to the right, as 0.0 and 1.0.",
    )
    why = (
        "A model cannot compute with NaN, so a gap becomes a usual value; the flag keeps what the "
        "filling would lose, for a missing value can itself say something. The median belongs to "
        "the model as every other number that is learned from rows: it comes from the training "
        "rows. One row with an age of 800 hardly moves it, unlike the mean."
    )
    near_misses = (
        NearMiss(
            code="""
def fill_and_flag(train, test):
    results = []
    for rows in (train, test):
        missing = np.isnan(rows)
        medians = np.nanmedian(rows, axis=0)
        results.append(np.hstack([np.where(missing, medians, rows), missing]))
    return results
""",
            because=(
                "The gaps of the test rows were filled with medians of the test rows. A single new "
                "row has no median of its own: use those of the training rows."
            ),
            like=lambda train, test: _filled_and_flagged(train, test, by="own"),
        ),
        NearMiss(
            code="""
def fill_and_flag(train, test):
    medians = np.nanmedian(np.vstack([train, test]), axis=0)
    results = []
    for rows in (train, test):
        missing = np.isnan(rows)
        results.append(np.hstack([np.where(missing, medians, rows), missing]))
    return results
""",
            because="The medians are those of all rows: a leak. Use the training rows alone.",
            like=lambda train, test: _filled_and_flagged(train, test, by="all"),
        ),
        NearMiss(
            code="""
def fill_and_flag(train, test):
    means = np.nanmean(train, axis=0)
    results = []
    for rows in (train, test):
        missing = np.isnan(rows)
        results.append(np.hstack([np.where(missing, means, rows), missing]))
    return results
""",
            because="The gaps hold the mean of the column. The median was asked for.",
            like=lambda train, test: _filled_and_flagged(train, test, fill="mean"),
        ),
        NearMiss(
            code="""
def fill_and_flag(train, test):
    medians = np.nanmedian(train, axis=0)
    results = []
    for rows in (train, test):
        filled = np.where(np.isnan(rows), medians, rows)
        results.append(np.hstack([filled, np.isnan(filled)]))
    return results
""",
            because=(
                "All flags are 0: the gaps were looked for after they had been filled. Keep "
                "`np.isnan(rows)` of the rows as they came."
            ),
            like=lambda train, test: _filled_and_flagged(train, test, flag="none"),
        ),
        NearMiss(
            code="""
def fill_and_flag(train, test):
    medians = np.nanmedian(train, axis=0)
    results = []
    for rows in (train, test):
        missing = np.isnan(rows)
        results.append(np.hstack([np.where(missing, medians, rows), ~missing]))
    return results
""",
            because="The flags are the wrong way round: 1 means that the value was missing.",
            like=lambda train, test: _filled_and_flagged(train, test, flag="observed"),
        ),
        NearMiss(
            code="""
def fill_and_flag(train, test):
    return [np.hstack([np.nan_to_num(rows), np.isnan(rows)]) for rows in (train, test)]
""",
            because=(
                "The gaps hold 0, which for many columns is a value like no other. Fill them with "
                "the median of the column."
            ),
            like=lambda train, test: _filled_and_flagged(train, test, fill="zero"),
        ),
    )
    alternatives = (
        """
def fill_and_flag(train, test):
    frame = pd.DataFrame(train)
    medians = frame.median()

    def treat(rows):
        rows = pd.DataFrame(rows)
        return pd.concat([rows.fillna(medians), rows.isna().astype("float32")], axis=1).to_numpy()

    return treat(train), treat(test)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        """Yield skewed columns with gaps in both splits, then a single test row."""
        columns = int(rng.integers(2, 4))
        train = rng.lognormal(3, 1, (6, columns)).astype(np.float32)
        test = rng.lognormal(4, 1, (5, columns)).astype(np.float32)
        for c in range(columns):
            train[rng.choice(6, 1 + c % 2, replace=False), c] = np.nan
            test[rng.integers(5), c] = np.nan
        train[0, 0] = np.nan if np.isnan(train[1:, 0]).all() else train[0, 0]
        yield Case({"train": train, "test": test})
        row = test[:1].copy()
        row[0] = np.nan
        row[0, -1] = 7.0
        yield Case({"train": train[::-1].copy(), "test": row}, "a single test row")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Hand over NumPy arrays, as they come from a table."""
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as the median of a column without values
            return submission(**inputs)

    def expected(self, train: np.ndarray, test: np.ndarray) -> list[np.ndarray]:
        """Return both splits, filled and flagged."""
        return _filled_and_flagged(train, test)


def _bucketed(
    ages: np.ndarray,
    boundaries: list[float],
    *,
    upper: bool = True,
    missing: str = "first",
) -> np.ndarray:
    """Write a one in the column of each age, found by counting the boundaries below it."""
    columns = len(boundaries) + (1 if missing == "as the oldest" else 2)
    result = np.zeros((len(ages), columns))
    first = 1 if missing in ("first", "zeros", "as the youngest") else 0
    for row, age in enumerate(ages):
        if np.isnan(age):
            if missing != "zeros":
                column = {"first": 0, "last": -1, "as the oldest": -1, "as the youngest": 1}
                result[row, column[missing]] = 1
        else:
            below = sum(b <= age if upper else b < age for b in boundaries)
            result[row, first + below] = 1
    return result


@register
class BucketAges(Exercise):
    """Ages become buckets, and a missing age has one of its own."""

    name = "bucket_ages"
    title = "Buckets, and one for missing ages"
    points = 2
    see = "Numbers in buckets: Discretization"
    hints = (
        "Find a number for each age first: 0 if it is missing, otherwise 1 + the number of "
        "boundaries that are not above it.",
        "`layers.Discretization(bin_boundaries=boundaries)(ages)` counts those boundaries; for "
        "missing ages its answer is of no use. `tf.math.is_nan(ages)` finds them.",
        "`tf.where(missing, 0, bucket + 1)` and then `tf.one_hot(…, len(boundaries) + 2)`.",
    )
    why = (
        "With n boundaries there are n + 1 buckets, and a boundary belongs to the bucket above "
        "it. NaN compares as false with every boundary, and the layer puts it among the oldest. "
        "A column of its own lets the model learn what a missing age means."
    )
    near_misses = (
        NearMiss(
            code="""
def bucket_ages(ages, boundaries):
    return layers.Discretization(bin_boundaries=boundaries, output_mode="one_hot")(ages)
""",
            because=(
                "A missing age was put into the bucket of the oldest, which is what the layer does "
                "with NaN. Give it a column of its own, the first."
            ),
            like=lambda ages, boundaries: _bucketed(ages, boundaries, missing="as the oldest"),
        ),
        NearMiss(
            code="""
def bucket_ages(ages, boundaries):
    bucket = tf.searchsorted(boundaries, ages, side="left")
    column = tf.where(tf.math.is_nan(ages), 0, bucket + 1)
    return tf.one_hot(column, len(boundaries) + 2)
""",
            because=(
                "An age that equals a boundary was put into the bucket below it. It belongs to the "
                "bucket above: with the boundary 18, the age 18.0 is in the bucket from 18."
            ),
            like=lambda ages, boundaries: _bucketed(ages, boundaries, upper=False),
        ),
        NearMiss(
            code="""
def bucket_ages(ages, boundaries):
    bucket = layers.Discretization(bin_boundaries=boundaries)(ages)
    column = tf.where(tf.math.is_nan(ages), len(boundaries) + 1, bucket)
    return tf.one_hot(column, len(boundaries) + 2)
""",
            because="The column of missing ages is the last one. It was asked for as the first.",
            like=lambda ages, boundaries: _bucketed(ages, boundaries, missing="last"),
        ),
        NearMiss(
            code="""
def bucket_ages(ages, boundaries):
    bucket = layers.Discretization(bin_boundaries=boundaries)(ages)
    column = tf.where(tf.math.is_nan(ages), -1, bucket + 1)
    return tf.one_hot(column, len(boundaries) + 2)
""",
            because="A missing age gives a row of zeros. It shall have a 1 in the first column.",
            like=lambda ages, boundaries: _bucketed(ages, boundaries, missing="zeros"),
        ),
        NearMiss(
            code="""
def bucket_ages(ages, boundaries):
    ages = tf.where(tf.math.is_nan(ages), -1.0, ages)
    bucket = layers.Discretization(bin_boundaries=boundaries)(ages)
    return tf.one_hot(bucket + 1, len(boundaries) + 2)
""",
            because=(
                "A missing age was put into the bucket of the youngest. Give it the first column, "
                "which no age has."
            ),
            like=lambda ages, boundaries: _bucketed(ages, boundaries, missing="as the youngest"),
        ),
    )
    alternatives = (
        """
def bucket_ages(ages, boundaries):
    rows = []
    for age in ages.numpy():
        row = [0.0] * (len(boundaries) + 2)
        row[0 if np.isnan(age) else 1 + sum(age >= b for b in boundaries)] = 1.0
        rows.append(row)
    return np.array(rows)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        """Yield ages on, below and above the boundaries, with missing ones."""
        for count in (3, int(rng.integers(4, 6)), 1):
            drawn = rng.choice(np.arange(5, 70), count, replace=False)
            boundaries = sorted(float(b) for b in drawn)
            ages = [*boundaries, np.nan, boundaries[0] - 2.5, boundaries[-1] + 8, np.nan]
            ages += rng.uniform(0, 80, 2).round(1).tolist()
            mixed = rng.permutation(np.array(ages, np.float32))
            yield Case({"ages": mixed, "boundaries": boundaries})

    def expected(self, ages: np.ndarray, boundaries: list[float]) -> np.ndarray:
        """Return the one-hot rows."""
        return _bucketed(ages, boundaries)


def _one_hot(
    words: list[str], values: list[str], *, unknown: str = "first", missing: str = "zeros"
) -> np.ndarray:
    """Write a one in the column of each value: unknown first, then the words in their order."""
    offset = 0 if unknown in ("last", "zeros") else 1
    result = np.zeros((len(values), len(words) + (unknown != "zeros")))
    for row, value in enumerate(values):
        if value == "":
            if missing == "as unknown":
                result[row, 0] = 1
        elif value in words:
            result[row, offset + words.index(value)] = 1
        elif unknown != "zeros":
            result[row, 0 if unknown == "first" else -1] = 1
    return result


def _vocabulary(values: list[str], *, first_seen: bool = False) -> list[str]:
    known = [word for word in dict.fromkeys(values) if word]
    return known if first_seen else sorted(known)


@register
class OneHotWithUnknown(Exercise):
    """A vocabulary from the training values; unknown and missing are two different things."""

    name = "one_hot_with_unknown"
    title = "One-hot, with unknown and missing values"
    points = 2
    see = "Words to numbers: StringLookup"
    hints = (
        "The vocabulary is the set of the training values without the empty string, sorted. Three "
        "kinds of values are left: known, unknown, and missing.",
        '`StringLookup(vocabulary=…, output_mode="one_hot")` has the column of the unknown first. '
        "Which of its arguments names the string that stands for “missing”?",
        'With `mask_token=""` an empty string gives a row of zeros.',
    )
    why = (
        "The vocabulary is learned, so it comes from the training values; a value that is only in "
        "the new rows must land in the column of the unknown. Missing is not unknown: nobody "
        "wrote anything. With `mask_token` the layer gives it a row of zeros."
    )
    near_misses = (
        NearMiss(
            code="""
def one_hot_with_unknown(train, values):
    words = sorted(set(train) - {""})
    lookup = layers.StringLookup(vocabulary=words, output_mode="one_hot")
    return lookup(tf.constant(values))
""",
            because=(
                "A missing value was counted as an unknown one. Give it a row of zeros: the layer "
                "has an argument for it."
            ),
            like=lambda train, values: _one_hot(_vocabulary(train), values, missing="as unknown"),
        ),
        NearMiss(
            code="""
def one_hot_with_unknown(train, values):
    words = sorted(set(train) | set(values) - {""})
    words = [word for word in words if word]
    lookup = layers.StringLookup(vocabulary=words, mask_token="", output_mode="one_hot")
    return lookup(tf.constant(values))
""",
            because=(
                "The vocabulary also holds words of the new values, so nothing is ever unknown. "
                "Build it from the training values alone."
            ),
            like=lambda train, values: _one_hot(_vocabulary([*train, *values]), values),
        ),
        NearMiss(
            code="""
def one_hot_with_unknown(train, values):
    words = [word for word in dict.fromkeys(train) if word]
    lookup = layers.StringLookup(vocabulary=words, mask_token="", output_mode="one_hot")
    return lookup(tf.constant(values))
""",
            because=(
                "The columns are in the order in which the words were first seen. The sorted order "
                "was asked for: it does not depend on the order of the rows."
            ),
            like=lambda train, values: _one_hot(_vocabulary(train, first_seen=True), values),
        ),
        NearMiss(
            code="""
def one_hot_with_unknown(train, values):
    words = sorted(set(train) - {""})
    return np.array([[float(value == word) for word in words] for value in values])
""",
            because=(
                "There is no column for unknown values, so they look like missing ones. Put it "
                "first."
            ),
            like=lambda train, values: _one_hot(_vocabulary(train), values, unknown="zeros"),
        ),
        NearMiss(
            code="""
def one_hot_with_unknown(train, values):
    words = sorted(set(train) - {""})
    rows = []
    for value in values:
        row = [float(value == word) for word in words]
        rows.append([*row, float(value != "" and value not in words)])
    return np.array(rows)
""",
            because="The column of the unknown is the last one. It was asked for as the first.",
            like=lambda train, values: _one_hot(_vocabulary(train), values, unknown="last"),
        ),
    )
    alternatives = (
        """
def one_hot_with_unknown(train, values):
    words = sorted({word for word in train if word})
    number = {"": -1, **{word: 1 + index for index, word in enumerate(words)}}
    return tf.one_hot([number.get(value, 0) for value in values], 1 + len(words))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        """Yield training values with repeats and gaps, and new ones with a word not seen."""
        for count in (4, 2):
            words = [str(word) for word in rng.permutation(WORDS)[: count + 2]]
            known, unseen = words[:count], words[count:]
            known.sort(reverse=True)  # first seen in another order than the sorted one
            train = [*known, "", *(str(word) for word in rng.choice(known, 3))]
            values = ["", *unseen, *known, str(rng.choice(known)).lower() + "?"]
            yield Case({"train": train, "values": [str(v) for v in rng.permutation(values)]})

    def expected(self, train: list[str], values: list[str]) -> np.ndarray:
        """Return the one-hot rows."""
        return _one_hot(_vocabulary(train), values)


def _crossed(
    left: list[str],
    right: list[str],
    bins: int,
    *,
    between: str = "\x1f",
    order: Any = "big",
    read: int = 8,
) -> list[int]:
    """Hash each pair with SHA-256 and take the remainder, byte by byte."""
    result = []
    for a, b in zip(left, right, strict=True):
        taken = list(hashlib.sha256((a + between + b).encode("utf-8")).digest()[:read])
        number = 0
        for byte in taken if order == "big" else reversed(taken):
            number = 256 * number + byte
        result.append(number % bins)
    return result


@register
class CrossFeatures(Exercise):
    """A pair of categories becomes a bin, the same in every process."""

    name = "cross_features"
    title = "Cross two features"
    points = 2
    see = "Two features together: crosses"
    hints = (
        "Work on one pair first: join the two texts with the separator, encode the text in UTF-8, "
        "hash the bytes.",
        '`hashlib.sha256(data).digest()` is 32 bytes. `int.from_bytes(…, "big")` makes a number '
        "of the first eight.",
        'The remainder `% bins` is the bin: `int.from_bytes(digest[:8], "big") % bins`.',
    )
    why = (
        "The separator keeps the pairs (“ab”, “c”) and (“a”, “bc”) apart. SHA-256 gives "
        "the same number on every machine, today and in a year; Python's `hash` of a text is "
        "another one in every process, so a model trained with it would be useless tomorrow."
    )
    near_misses = (
        NearMiss(
            code="""
def cross_features(left, right, bins):
    pairs = ((a + b).encode() for a, b in zip(left, right))
    return [int.from_bytes(hashlib.sha256(p).digest()[:8], "big") % bins for p in pairs]
""",
            because=(
                "The two texts were joined without the separator, so (“ab”, “c”) and (“a”, “bc”) "
                "are the same pair."
            ),
            like=lambda left, right, bins: _crossed(left, right, bins, between=""),
        ),
        NearMiss(
            code="""
def cross_features(left, right, bins):
    return [hash((a, b)) % bins for a, b in zip(left, right)]
""",
            because=(
                "Python's `hash` of a text is another number in every process: the model would not "
                "know its own features tomorrow. Use SHA-256."
            ),
            like=lambda left, right, bins: [
                hash(pair) % bins for pair in zip(left, right, strict=True)
            ],
        ),
        NearMiss(
            code="""
def cross_features(left, right, bins):
    pairs = (f"{a}\\x1f{b}".encode() for a, b in zip(left, right))
    return [int.from_bytes(hashlib.sha256(p).digest()[:8], "little") % bins for p in pairs]
""",
            because="The eight bytes were read from the wrong end: the first is the largest, “big”.",
            like=lambda left, right, bins: _crossed(left, right, bins, order="little"),
        ),
        NearMiss(
            code="""
def cross_features(left, right, bins):
    pairs = (f"{b}\\x1f{a}".encode() for a, b in zip(left, right))
    return [int.from_bytes(hashlib.sha256(p).digest()[:8], "big") % bins for p in pairs]
""",
            because="The right text came before the left one.",
            like=lambda left, right, bins: _crossed(right, left, bins),
        ),
        NearMiss(
            code="""
def cross_features(left, right, bins):
    pairs = (f"{a}\\x1f{b}".encode() for a, b in zip(left, right))
    return [int(hashlib.sha256(p).hexdigest(), 16) % bins for p in pairs]
""",
            because="All 32 bytes were used. Take the first eight.",
            like=lambda left, right, bins: _crossed(left, right, bins, read=32),
        ),
    )
    alternatives = (
        """
def cross_features(left, right, bins):
    result = np.empty(len(left), dtype=np.int64)
    for i, pair in enumerate(zip(left, right)):
        digest = hashlib.sha256("\\x1f".join(pair).encode("utf-8")).hexdigest()
        result[i] = int(digest[:16], 16) % bins
    return tf.constant(result)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        """Yield pairs of words, with equal ones and with two that join to the same text."""
        for bins in (int(rng.integers(1000, 5000)), int(rng.integers(7, 20))):
            left = [str(word) for word in rng.choice(WORDS, 6)]
            right = [str(n) for n in rng.integers(1, 4, 6)]
            yield Case(
                {
                    "left": [*left, "ab", "a", left[0], ""],
                    "right": [*right, "c", "bc", right[0], "3"],
                    "bins": bins,
                }
            )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Hand over lists."""
        return submission(**inputs)

    def expected(self, left: list[str], right: list[str], bins: int) -> list[int]:
        """Return the bins."""
        return _crossed(left, right, bins)


def _raw_predictions(
    kernel: np.ndarray,
    bias: np.ndarray,
    mean: float,
    spread: float,
    words: list[str],
    ages: np.ndarray,
    sexes: list[str],
    *,
    gap: str = "mean",
    power: float = 1,
    words_first: bool = False,
) -> np.ndarray:
    """Return what the core predicts for raw rows, one row at a time."""
    predictions = []
    for age, sex in zip(ages.astype(np.float64), sexes, strict=True):
        value = 0.0 if np.isnan(age) and gap == "zero years" else age
        number = (value - mean) / spread**power
        if np.isnan(number) and gap == "mean":
            number = 0.0
        one_hot = [0.0] * (len(words) + 1)
        one_hot[words.index(sex) + 1 if sex in words else 0] = 1.0
        features = [*one_hot, number] if words_first else [number, *one_hot]
        logit = float(np.dot(features, kernel[:, 0].astype(np.float64)) + bias[0])
        predictions.append([1 / (1 + np.exp(-logit))])
    return np.array(predictions)


@register
class ModelOnRawRows(Exercise):
    """Preprocessing and core in one model that takes raw rows."""

    name = "model_on_raw_rows"
    title = "A model that takes raw rows"
    points = 3
    see = "One model for raw rows"
    hints = (
        'Begin with two inputs: `keras.Input((1,), name="age")` and '
        '`keras.Input((1,), dtype="string", name="sex")`, in a dict.',
        "Normalise the age first; where it is NaN then, 0 is what the mean becomes: "
        "`keras.ops.where(keras.ops.isnan(age), 0.0, age)`. The words go through a `StringLookup` "
        'with `output_mode="one_hot"`.',
        "`layers.Concatenate()([age, sex])` is what the core takes, age first; "
        "`keras.Model(inputs, core(…))` is the answer.",
    )
    why = (
        "The model that is served must treat rows exactly as training did. With the mean, the "
        "spread and the vocabulary inside, there is one file, and nobody has to copy numbers. "
        "A missing age becomes the mean, which after the normalisation is 0."
    )
    near_misses = (
        NearMiss(
            code="""
def model_on_raw_rows(core, mean, spread, words):
    inputs = {
        "age": keras.Input((1,), name="age"),
        "sex": keras.Input((1,), dtype="string", name="sex"),
    }
    age = (inputs["age"] - mean) / spread
    sex = layers.StringLookup(vocabulary=words, output_mode="one_hot")(inputs["sex"])
    return keras.Model(inputs, core(layers.Concatenate()([age, sex])))
""",
            because="The row with a missing age gives NaN. Put the mean in its place.",
            like=lambda **inputs: _raw_predictions(**inputs, gap="left"),
        ),
        NearMiss(
            code="""
def model_on_raw_rows(core, mean, spread, words):
    inputs = {
        "age": keras.Input((1,), name="age"),
        "sex": keras.Input((1,), dtype="string", name="sex"),
    }
    age = keras.ops.where(keras.ops.isnan(inputs["age"]), 0.0, inputs["age"])
    age = (age - mean) / spread
    sex = layers.StringLookup(vocabulary=words, output_mode="one_hot")(inputs["sex"])
    return keras.Model(inputs, core(layers.Concatenate()([age, sex])))
""",
            because=(
                "A missing age became 0 years: 0 was put in before the normalisation. After it, 0 "
                "is the mean."
            ),
            like=lambda **inputs: _raw_predictions(**inputs, gap="zero years"),
        ),
        NearMiss(
            code="""
def model_on_raw_rows(core, mean, spread, words):
    inputs = {
        "age": keras.Input((1,), name="age"),
        "sex": keras.Input((1,), dtype="string", name="sex"),
    }
    age = (inputs["age"] - mean) / spread
    age = keras.ops.where(keras.ops.isnan(age), 0.0, age)
    sex = layers.StringLookup(vocabulary=words, output_mode="one_hot")(inputs["sex"])
    return keras.Model(inputs, core(layers.Concatenate()([sex, age])))
""",
            because="The age stands behind the words. The core was trained with the age first.",
            like=lambda **inputs: _raw_predictions(**inputs, words_first=True),
        ),
        NearMiss(
            code="""
def model_on_raw_rows(core, mean, spread, words):
    inputs = {
        "age": keras.Input((1,), name="age"),
        "sex": keras.Input((1,), dtype="string", name="sex"),
    }
    age = layers.Normalization(mean=mean, variance=spread)(inputs["age"])
    age = keras.ops.where(keras.ops.isnan(age), 0.0, age)
    sex = layers.StringLookup(vocabulary=words, output_mode="one_hot")(inputs["sex"])
    return keras.Model(inputs, core(layers.Concatenate()([age, sex])))
""",
            because=(
                "The age was divided by the square root of the spread. The layer `Normalization` "
                "takes the variance, which is the square of the spread."
            ),
            like=lambda **inputs: _raw_predictions(**inputs, power=0.5),
        ),
        NearMiss(
            code="""
def model_on_raw_rows(core, mean, spread, words):
    lookup = layers.StringLookup(vocabulary=words, output_mode="one_hot")

    def predict(rows):
        age = (rows["age"] - mean) / spread
        age = keras.ops.where(keras.ops.isnan(age), 0.0, age)
        return core(tf.concat([age, tf.cast(lookup(rows["sex"]), "float32")], axis=1))

    return predict
""",
            because="A function cannot be saved or served: return a `keras.Model`.",
            says="a `keras.Model` was asked for",
        ),
    )
    alternatives = (
        """
def model_on_raw_rows(core, mean, spread, words):
    age = keras.Input((1,), name="age")
    sex = keras.Input((1,), dtype="string", name="sex")
    filled = keras.ops.where(keras.ops.isnan(age), mean, age)
    normalised = layers.Normalization(mean=mean, variance=spread**2)(filled)
    number = layers.StringLookup(vocabulary=words)(sex)
    one_hot = layers.CategoryEncoding(num_tokens=len(words) + 1, output_mode="one_hot")(number)
    features = keras.ops.concatenate([normalised, one_hot], axis=-1)
    return keras.Model({"age": age, "sex": sex}, core(features))
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        """Yield one core with rows that have a missing age and an unknown word."""
        words = [str(word) for word in rng.permutation(WORDS)[:3]]
        ages = rng.uniform(1, 80, 5).round(1).astype(np.float32)
        ages[int(rng.integers(5))] = np.nan
        yield Case(
            {
                "kernel": rng.normal(size=(5, 1)).astype(np.float32),
                "bias": rng.normal(size=1).astype(np.float32),
                "mean": round(float(rng.uniform(20, 40)), 1),
                "spread": round(float(rng.uniform(5, 20)), 1),
                "words": words,
                "ages": ages,
                "sexes": [*(str(word) for word in rng.permutation(words)), "?", words[0]],
            }
        )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Give a core of one layer, and call the model that comes back with raw rows."""
        import keras
        import tensorflow as tf

        core = keras.layers.Dense(1, activation="sigmoid", name="core")
        core.build((None, len(inputs["kernel"])))
        core.set_weights([inputs["kernel"], inputs["bias"]])
        model = submission(core, inputs["mean"], inputs["spread"], inputs["words"])
        if not isinstance(model, keras.Model):
            return f"a {type(model).__name__}"
        ages = tf.constant(inputs["ages"])[:, None]
        return model({"age": ages, "sex": tf.constant(inputs["sexes"])[:, None]})

    def expected(self, **inputs: Any) -> np.ndarray:
        """Return the predictions."""
        return _raw_predictions(**inputs)

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Say what came back if it is no model."""
        if isinstance(got, str):
            return f"{got[:80]} came back; a `keras.Model` was asked for."
        return super().differs(got, expected)
