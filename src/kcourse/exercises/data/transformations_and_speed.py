"""Exercises of the lesson on transformations and the speed of pipelines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, NearMiss, Observation, Wrong, register
from kcourse.exercises.data.building_datasets import GivesDataset
from kcourse.plain import Opaque, Plain, to_plain


def _check_pairs(elements: Plain, parts: str) -> None:
    """Say so if there are elements that are no pairs; ``parts`` names what a pair holds."""
    if not isinstance(elements, list):
        return
    for element in elements:
        each = element if isinstance(element, list) else [element]
        if any(isinstance(part, Opaque) and part.type_name.endswith("Dataset") for part in each):
            raise Wrong(
                "Elements of the result are datasets, as `window` makes them. Turn each into a "
                "tensor by `flat_map` and `batch`."
            )
        if len(each) != 2:
            raise Wrong(f"Each element has to be a pair {parts}; one of the result is none.")


def _windows(
    series: np.ndarray,
    length: int,
    ahead: int,
    *,
    whole: bool = True,
    late: int = 0,
    shift: int = 1,
) -> dict[str, Any]:
    """Return the pairs, with what goes wrong if one of the last three is not as it shall be."""
    size = length + ahead
    pairs = []
    for start in range(0, len(series), shift):
        row = series[start : start + size]
        if len(row) == size or not whole:
            pairs.append([row[:length], row[-1 - late]])
    return {"pairs": pairs, "shape of a window": [length]}


@register
class WindowsToPairsExercise(GivesDataset):
    """From a series to windows with their targets."""

    name = "windows_to_pairs"
    title = "Windows and what follows"
    points = 2
    see = "Windows"
    hints = (
        "A window of `length + ahead` values holds both: its first `length` values are the input, "
        "its last value is the target.",
        "`window` gives datasets. `flat_map(lambda window: window.batch(size, "
        "drop_remainder=True))` makes each of them one tensor, of a shape that is known.",
        "`window(size, shift=1, drop_remainder=True)` leaves out the short windows of the end. "
        "Then `map(lambda row: (row[:length], row[-1]))`.",
    )
    why = (
        "One window over input and target keeps them together, so nothing can be paired wrongly. "
        "`drop_remainder` stands in two places for two reasons: in `window` it leaves out the "
        "short windows of the end, in `batch` it tells TensorFlow the length, without which no "
        "model could be built on these data."
    )
    near_misses = (
        NearMiss(
            code="""
def windows_to_pairs(series, length, ahead):
    size = length + ahead
    windows = series.window(size, shift=1, drop_remainder=True)
    rows = windows.flat_map(lambda window: window.batch(size, drop_remainder=True))
    return rows.map(lambda row: (row[:length], row[length - 1]))
""",
            because=(
                "The target is the last value of the window itself: a model would learn to copy "
                "its input. It lies `ahead` steps later."
            ),
            like=lambda series, length, ahead: _windows(series, length, ahead, late=ahead),
        ),
        NearMiss(
            code="""
def windows_to_pairs(series, length, ahead):
    size = length + ahead
    windows = series.window(size, shift=size, drop_remainder=True)
    rows = windows.flat_map(lambda window: window.batch(size, drop_remainder=True))
    return rows.map(lambda row: (row[:length], row[-1]))
""",
            because=(
                "Windows are missing: without `shift=1` each window begins where the one before "
                "it ended."
            ),
            like=lambda series, length, ahead: _windows(
                series, length, ahead, shift=length + ahead
            ),
        ),
        NearMiss(
            code="""
def windows_to_pairs(series, length, ahead):
    size = length + ahead
    windows = series.window(size, shift=1)
    rows = windows.flat_map(lambda window: window.batch(size))
    return rows.map(lambda row: (tf.ensure_shape(row, (None,))[:length], row[-1]))
""",
            because="short windows of the end",
            says="short windows of the end",
        ),
        NearMiss(
            code="""
def windows_to_pairs(series, length, ahead):
    size = length + ahead
    windows = series.window(size, shift=1, drop_remainder=True)
    rows = windows.flat_map(lambda window: window.batch(size))
    return rows.map(lambda row: (row[:length], row[-1]))
""",
            because="the dataset does not know how long a window is",
            says="the dataset does not know how long a window is",
        ),
    )
    alternatives = (
        """
def windows_to_pairs(series, length, ahead):
    windows = series.window(length, shift=1, drop_remainder=True)
    inputs = windows.flat_map(lambda window: window.batch(length, drop_remainder=True))
    return tf.data.Dataset.zip(inputs, series.skip(length + ahead - 1))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        """Yield a series with a target some steps ahead."""
        series = rng.permutation(40)[: rng.integers(9, 13)].astype(np.float32)
        length, ahead = int(rng.integers(2, 5)), int(rng.integers(2, 4))
        yield Case({"series": series, "length": length, "ahead": ahead})

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Return the elements, and the shape of a window as the dataset knows it."""
        import tensorflow as tf

        series, length, ahead = inputs.values()
        result = submission(tf.data.Dataset.from_tensor_slices(series), length, ahead)
        if not isinstance(result, tf.data.Dataset):
            return {"instead": f"a {type(result).__name__}"}
        spec = result.element_spec
        first = spec[0] if isinstance(spec, tuple) else spec
        quick = tf.data.Options()  # to rewrite so small a pipeline takes longer than to run it
        quick.autotune.enabled = False
        quick.experimental_optimization.apply_default_optimizations = False
        elements = result.with_options(quick).take(60)
        return {
            "pairs": [list(e) if isinstance(e, tuple) else e for e in elements],
            "shape of a window": getattr(first, "shape", None),
        }

    def expected(self, series: np.ndarray, length: int, ahead: int) -> dict[str, Any]:
        """Cut out each window, and take its value, by counting."""
        return _windows(series, length, ahead)

    def judge(self, case: Case, observation: Observation) -> None:
        """Compare the pairs, with words for windows that are short or of unknown length."""
        value, length = observation.value, case.inputs["length"]
        pairs = value.get("pairs") if isinstance(value, dict) else None
        _check_pairs(pairs, "(window, value)")
        if isinstance(pairs, list) and pairs:
            right = to_plain(self.expected(**case.inputs)["pairs"])
            if len(pairs) > len(right) and self.differs(pairs[: len(right)], right) is None:
                raise Wrong(
                    f"There are {len(pairs)} pairs where {len(right)} are right: the short windows "
                    "of the end are among them. Leave them out.",
                    expected=right,
                )
            shape = value.get("shape of a window")
            if shape == [None] and self.differs(pairs, right) is None:
                raise Wrong(
                    "The pairs are right, but the dataset does not know how long a window is: its "
                    f"element_spec says (None,) in place of ({length},). No model can be built on "
                    "that."
                )
        super().judge(case, observation)


def _padded(sequences: list[list[float]], batch_size: int) -> list[tuple[Any, Any]]:
    """Return (batch, lengths) of each batch by a plain loop."""
    batches = []
    for start in range(0, len(sequences), batch_size):
        rows = sequences[start : start + batch_size]
        batch = np.zeros((len(rows), max(len(row) for row in rows)), np.float32)
        for number, row in enumerate(rows):
            batch[number, : len(row)] = row
        batches.append((batch, [len(row) for row in rows]))
    return batches


def _masked(
    sequences: list[list[float]], batch_size: int, *, how: str = "real", keep: bool = True
) -> dict[str, Any]:
    pairs = []
    for batch, lengths in _padded(sequences, batch_size):
        mask = np.arange(batch.shape[1]) < np.array(lengths)[:, None]
        if how == "nonzero":
            mask = batch != 0
        elif how == "inverse":
            mask = ~mask
        if keep or len(lengths) == batch_size:
            pairs.append([batch, mask])
    return {"batches": pairs, "dtypes": ["float32", "bool"]}


@register
class PadWithMaskExercise(GivesDataset):
    """Padded batches with a mask that knows real zeros."""

    name = "pad_with_mask"
    title = "Padding that can be told from data"
    points = 2
    see = "Sequences of different lengths"
    hints = (
        "Once a batch is padded, a real zero and a filled-in zero look alike. Make the mask before.",
        "`map` each sequence to a pair: the sequence, and a vector of the same length that is True "
        "everywhere: `tf.fill(tf.shape(sequence), True)`.",
        "`padded_batch(batch_size)` pads both parts of the pair: numbers with 0, booleans with "
        "False.",
    )
    why = (
        "Each sequence knows its own length until it is padded, so the mask must be made before. "
        "`padded_batch` fills each part of a pair with the zero of its dtype, and the zero of bool "
        "is False."
    )
    near_misses = (
        NearMiss(
            code="""
def pad_with_mask(sequences, batch_size):
    return sequences.padded_batch(batch_size).map(lambda batch: (batch, batch != 0))
""",
            because=(
                "The mask is False where a sequence has a real zero. After the padding nobody can "
                "tell; make the mask before."
            ),
            like=lambda **inputs: _masked(**inputs, how="nonzero"),
        ),
        NearMiss(
            code="""
def pad_with_mask(sequences, batch_size):
    pairs = sequences.map(lambda s: (s, tf.fill(tf.shape(s), False)))
    return pairs.padded_batch(batch_size, padding_values=(0.0, True))
""",
            because="The mask is the wrong way round: True means that a value is real.",
            like=lambda **inputs: _masked(**inputs, how="inverse"),
        ),
        NearMiss(
            code="""
def pad_with_mask(sequences, batch_size):
    pairs = sequences.map(lambda s: (s, tf.fill(tf.shape(s), True)))
    return pairs.padded_batch(batch_size, drop_remainder=True)
""",
            because="The last batch is missing. It has fewer sequences, and they are data too.",
            like=lambda **inputs: _masked(**inputs, keep=False),
        ),
        NearMiss(
            code="""
def pad_with_mask(sequences, batch_size):
    pairs = sequences.map(lambda s: (s, tf.ones_like(s)))
    return pairs.padded_batch(batch_size)
""",
            because="the mask is float32",
            says="'dtypes'",
        ),
    )
    alternatives = (
        """
def pad_with_mask(sequences, batch_size):
    ragged = sequences.ragged_batch(batch_size)
    return ragged.map(lambda r: (r.to_tensor(), tf.sequence_mask(r.row_lengths())))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        """Yield sequences with a zero inside, an empty one, and a last batch that is smaller."""
        lengths = [*rng.permutation([1, 2, 3, 4]).tolist(), 0, 2, 2]
        sequences = [rng.integers(1, 9, length).astype(float).tolist() for length in lengths]
        for sequence in sequences[:4]:
            sequence[-1] = 0.0
        yield Case({"sequences": sequences, "batch_size": 3}, "some values are 0, one row is empty")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Return all batches and the dtypes."""
        import tensorflow as tf

        sequences, batch_size = inputs.values()
        ragged = tf.ragged.constant(sequences, tf.float32)
        data = tf.data.Dataset.from_tensor_slices(ragged).map(lambda sequence: sequence)
        result = submission(data, batch_size)
        if not isinstance(result, tf.data.Dataset):
            return {"instead": f"a {type(result).__name__}"}
        spec = result.element_spec
        parts = spec if isinstance(spec, tuple) else (spec,)
        return {
            "batches": [list(e) if isinstance(e, tuple) else e for e in result.take(20)],
            "dtypes": [getattr(part, "dtype", None) for part in parts],
        }

    def expected(self, sequences: list[list[float]], batch_size: int) -> dict[str, Any]:
        """Fill arrays of zeros row by row."""
        return _masked(sequences, batch_size)

    def judge(self, case: Case, observation: Observation) -> None:
        """Look for pairs first, then compare them."""
        value = observation.value
        _check_pairs(value.get("batches") if isinstance(value, dict) else None, "(batch, mask)")
        super().judge(case, observation)


def _sides(data: Any, every: int) -> tuple[list[Any], list[Any]]:
    rows = list(zip(*data, strict=True)) if isinstance(data, list) else list(data)
    elements = [list(row) if isinstance(row, tuple) else row for row in rows]
    training = [e for i, e in enumerate(elements) if i % every != 0]
    return training, elements[::every]


@register
class SplitStreamExercise(GivesDataset):
    """Training and validation out of one stream, without a leak."""

    name = "split_stream"
    title = "Split a stream without a leak"
    points = 3
    see = "Split a stream"
    wanted = "a tuple of two tf.data.Dataset"
    hints = (
        "Whether an element is for validation may depend only on its position, never on chance: "
        "the stream is read anew for each of the two datasets and at each pass.",
        "`enumerate()` gives pairs of position and element, and `filter` keeps those you want.",
        "`data.shard(every, 0)` is the validation part. For training, keep the pairs with "
        "`index % every != 0`, then take the position off again by `map`.",
    )
    why = (
        "The position of an element is the same at each pass, so its side is too. A random choice "
        "is made anew whenever somebody reads, and then validation examples turn up in training: "
        "the validation loss looks too good, and nothing fails."
    )
    near_misses = (
        NearMiss(
            code="""
def split_stream(data, every):
    def chosen(*element):
        return tf.random.uniform(()) < 1 / every
    return data.filter(lambda *e: tf.logical_not(chosen(*e))), data.filter(chosen)
""",
            because="the stream was split by chance",
            says="at each reading",
        ),
        NearMiss(
            code="""
def split_stream(data, every):
    data = data.shuffle(100)
    rest = data.enumerate().filter(lambda i, e: i % every != 0).map(lambda i, e: e)
    return rest, data.shard(every, 0)
""",
            because="shuffled before it was split",
            says="at each reading",
        ),
        NearMiss(
            code="""
def split_stream(data, every):
    return data, data.shard(every, 0)
""",
            because="elements are in both",
            says="are in both datasets",
        ),
    )
    alternatives = (
        """
def split_stream(data, every):
    numbered = data.enumerate()
    def side(keep):
        return numbered.filter(keep).map(lambda i, e: e)
    return side(lambda i, e: i % every > 0), side(lambda i, e: tf.equal(i % every, 0))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        """Yield a stream of numbers or, as often, one of pairs."""
        count = int(rng.integers(12, 16))
        numbers = rng.permutation(90)[:count].astype(np.float32)
        data: Any = numbers
        note = ""
        if rng.integers(2):
            data, note = [numbers, rng.integers(0, 3, count)], "each element is a pair"
        yield Case({"data": data, "every": int(rng.integers(3, 5))}, note)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Return what two passes over each of the two datasets give."""
        import tensorflow as tf

        data, every = inputs.values()
        stream = tf.data.Dataset.from_tensor_slices(tuple(data) if type(data) is list else data)
        stream = stream.batch(5).unbatch()  # which makes its length unknown
        result = submission(stream, every)
        if isinstance(result, tf.data.Dataset):
            return {"instead": "one dataset"}
        if not isinstance(result, tuple | list) or len(result) != 2:
            return {"instead": f"a {type(result).__name__}"}
        for part in result:
            if not isinstance(part, tf.data.Dataset):
                return {"instead": f"one with a {type(part).__name__}"}

        quick = tf.data.Options()  # to rewrite so small a pipeline takes longer than to run it
        quick.autotune.enabled = False
        quick.experimental_optimization.apply_default_optimizations = False
        passes: Any = ({}, {})
        for name, part in zip(("training", "validation"), result, strict=True):
            elements = part.with_options(quick).repeat(2).take(60)
            both = [list(e) if isinstance(e, tuple) else e for e in elements]
            passes[0][name], passes[1][name] = both[: len(both) // 2], both[len(both) // 2 :]
        return {"first pass": passes[0], "second pass": passes[1]}

    def expected(self, data: Any, every: int) -> dict[str, Any]:
        """Choose by the position in a list."""
        training, validation = _sides(data, every)
        one = {"training": training, "validation": validation}
        return {"first pass": one, "second pass": one}

    def judge(self, case: Case, observation: Observation) -> None:
        """Say first what leaks, then compare element by element."""
        value = observation.value
        if isinstance(value, dict) and value.keys() == {"first pass", "second pass"}:
            self._say_what_leaks(value["first pass"], value["second pass"])
            right = to_plain(self.expected(**case.inputs))["first pass"]["training"]
            training = value["first pass"]["training"]
            bare = [e[1] for e in training if isinstance(e, list) and len(e) == 2]
            if bare and self.differs(bare, right) is None:
                raise Wrong(
                    "The elements for training are right, but their positions are still there. "
                    "Take them off by `map`."
                )
        super().judge(case, observation)

    @staticmethod
    def _say_what_leaks(first: dict[str, list[Plain]], second: dict[str, list[Plain]]) -> None:
        for name in first:
            if repr(first[name]) != repr(second[name]):
                raise Wrong(
                    f"Two passes over the {name} dataset gave other elements or another order: "
                    "elements are chosen at each reading, so they change sides and leak. Choose "
                    "by position in the stream as it is."
                )
        training, validation = ({repr(element) for element in side} for side in first.values())
        if shared := len(training & validation):
            raise Wrong(f"{shared} elements are in both datasets: validation has leaked.")


def _in_turns(
    files: list[list[str]], cycle: int, block: int, headers: int | None = None
) -> list[str]:
    """Return the lines as `interleave` orders them, with at most ``cycle`` files open."""
    waiting = [list(lines[1:]) for lines in files]
    if headers is not None:  # only so many files lose their header
        waiting = [list(lines[1:] if n < headers else lines) for n, lines in enumerate(files)]
    places: list[list[str] | None] = [None] * cycle
    result, place = [], 0
    while waiting or any(one is not None for one in places):
        if places[place] is None and waiting:
            places[place] = waiting.pop(0)
        lines = places[place]
        if lines is not None:
            result += lines[:block]
            # Whether a file has ended is found out when a line is asked for that is not there.
            places[place] = lines[block:] if len(lines) >= block else None
        place = (place + 1) % cycle
    return result


@register
class InterleaveFilesExercise(GivesDataset):
    """Lines of several files in turns."""

    name = "interleave_files"
    title = "Read files in turns"
    points = 2
    see = "Many sources: interleave, zip, concatenate, sample"
    hints = (
        "Begin with a dataset of the paths, in their order: `from_tensor_slices(paths)`. "
        "(`list_files` would shuffle them.)",
        "`interleave` wants a function that makes a dataset of each path. Skip the header there: "
        "after the interleaving, `skip(1)` drops one line of all files together.",
        "`interleave(lambda path: tf.data.TextLineDataset(path).skip(1), cycle_length=cycle, "
        "block_length=block)`. `num_parallel_calls=tf.data.AUTOTUNE` reads files side by side and "
        "keeps the order.",
    )
    why = (
        "`interleave` opens `cycle` files and takes `block` lines of each in turn; when a file "
        "ends, the next takes its place. With `num_parallel_calls` the files are read side by "
        "side, and as long as `deterministic` is not False the order stays that of the turns."
    )
    near_misses = (
        NearMiss(
            code="""
def interleave_files(paths, cycle, block):
    lines = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TextLineDataset, cycle_length=cycle, block_length=block
    )
    return lines.skip(1)
""",
            because="Headers are still among the lines. Skip one line in each file.",
            like=lambda files, cycle, block: _in_turns(files, cycle, block, headers=0)[1:],
        ),
        NearMiss(
            code="""
def interleave_files(paths, cycle, block):
    return tf.data.TextLineDataset(paths).skip(1)
""",
            because=(
                "The files were read one after the other, and only the first lost its header. Read "
                "them in turns by `interleave`, and skip in each."
            ),
            like=lambda files, **_: [line for lines in files for line in lines][1:],
        ),
        NearMiss(
            code="""
def interleave_files(paths, cycle, block):
    files = tf.data.Dataset.from_tensor_slices(paths)
    return files.flat_map(lambda path: tf.data.TextLineDataset(path).skip(1))
""",
            because=(
                "The files were read one after the other, as `flat_map` does. Read them in turns "
                "by `interleave`."
            ),
            like=lambda files, **_: [line for lines in files for line in lines[1:]],
        ),
        NearMiss(
            code="""
def interleave_files(paths, cycle, block):
    return tf.data.Dataset.from_tensor_slices(paths).interleave(
        lambda path: tf.data.TextLineDataset(path).skip(1), cycle_length=cycle
    )
""",
            because="One line was taken from each file in turn. Take `block` lines: `block_length`.",
            like=lambda files, cycle, **_: _in_turns(files, cycle, 1),
        ),
    )
    alternatives = (
        """
def interleave_files(paths, cycle, block):
    return tf.data.Dataset.from_tensor_slices(paths).interleave(
        lambda path: tf.data.TextLineDataset(path).skip(1), cycle, block
    )
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        """Yield files of different lengths, one with a header alone."""
        lengths = [4, 3, int(rng.integers(3, 6)), 0, int(rng.integers(2, 4))]
        values = iter(rng.permutation(1000).tolist())
        files = [
            ["size,price", *(f"{n},{next(values)}" for _ in range(k))]
            for n, k in enumerate(lengths)
        ]
        yield Case({"files": files, "cycle": int(rng.integers(2, 4)), "block": 2})

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Write the files, and return all lines of a pass."""
        import tempfile
        from pathlib import Path

        import tensorflow as tf

        files, cycle, block = inputs.values()
        with tempfile.TemporaryDirectory() as folder:
            paths = [str(Path(folder, f"{number}.csv")) for number in range(len(files))]
            for path, lines in zip(paths, files, strict=True):
                Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
            result = submission(paths, cycle, block)
            if not isinstance(result, tf.data.Dataset):
                return {"instead": f"a {type(result).__name__}"}
            return list(result.take(60))

    def expected(self, files: list[list[str]], cycle: int, block: int) -> list[str]:
        """Take the turns one by one."""
        return _in_turns(files, cycle, block)


@register
class BalancedBatchesExercise(GivesDataset):
    """Endless batches with equally many examples of each class."""

    name = "balanced_batches"
    title = "Batches with equally many of each class"
    points = 3
    see = "Many sources: interleave, zip, concatenate, sample"
    hints = (
        "Make one dataset for each class by `filter`.",
        "Each of them has to repeat for itself, so that a rare class begins again while the others "
        "go on.",
        "Take from the classes in turns: `tf.data.Dataset.choose_from_datasets(streams, "
        "tf.data.Dataset.range(classes).repeat())`, then `batch(batch_size)`.",
    )
    why = (
        "Taking turns makes every batch balanced, not only the average of many. Because each class "
        "repeats for itself, none of its examples comes twice before all came once. Balanced "
        "batches change how often classes appear: evaluate on data as they are."
    )
    near_misses = (
        NearMiss(
            code="""
def balanced_batches(data, classes, batch_size):
    streams = [data.filter(lambda x, y, c=c: tf.equal(y, c)).repeat() for c in range(classes)]
    mixed = tf.data.Dataset.sample_from_datasets(streams)
    return mixed.batch(batch_size)
""",
            because="balanced only on average",
            says="examples of class",
        ),
        NearMiss(
            code="""
def balanced_batches(data, classes, batch_size):
    streams = [data.filter(lambda x, y, c=c: tf.equal(y, c)) for c in range(classes)]
    turns = tf.data.Dataset.range(classes).repeat()
    return tf.data.Dataset.choose_from_datasets(streams, turns).batch(batch_size)
""",
            because="the dataset ends with the rarest class",
            says="The dataset ended",
        ),
        NearMiss(
            code="""
def balanced_batches(data, classes, batch_size):
    def only(label):
        return data.filter(lambda x, y: tf.equal(y, label)).take(1).repeat()
    streams = [only(label) for label in range(classes)]
    turns = tf.data.Dataset.range(classes).repeat()
    return tf.data.Dataset.choose_from_datasets(streams, turns).batch(batch_size)
""",
            because="an example comes again before others came once",
            says="before others of that class came once",
        ),
    )
    alternatives = (
        """
def balanced_batches(data, classes, batch_size):
    def only(label):
        return data.filter(lambda x, y: tf.equal(y, label)).repeat().batch(batch_size // classes)
    parts = tf.data.Dataset.zip(tuple(only(label) for label in range(classes)))
    return parts.map(lambda *p: (tf.concat([x for x, _ in p], 0), tf.concat([y for _, y in p], 0)))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        """Yield a few classes, some rare, in a random order."""
        classes, counts = 3, rng.permutation([7, 2, 3])
        labels = rng.permutation(np.repeat(np.arange(classes), counts))
        x = rng.permutation(100)[: len(labels)].astype(np.float32)
        yield Case({"x": x, "labels": labels, "classes": classes, "batch_size": 2 * classes})

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Return the first eight batches."""
        import tensorflow as tf

        x, labels, classes, batch_size = inputs.values()
        data = tf.data.Dataset.from_tensor_slices((x, labels))
        result = submission(data, classes, batch_size)
        if not isinstance(result, tf.data.Dataset):
            return {"instead": f"a {type(result).__name__}"}
        quick = tf.data.Options()  # to rewrite so small a pipeline takes longer than to run it
        quick.autotune.enabled = False
        quick.experimental_optimization.apply_default_optimizations = False
        elements = result.with_options(quick).take(8)
        return [list(e) if isinstance(e, tuple) else e for e in elements]

    def expected(self, x: np.ndarray, labels: np.ndarray, classes: int, batch_size: int) -> Plain:
        """Return the batches of one right answer: in turns, each class in the order of the data."""
        members = [x[labels == label] for label in range(classes)]
        share = batch_size // classes
        batches = []
        for batch in range(8):
            turns = range(batch * share, (batch + 1) * share)
            values = [m[turn % len(m)] for turn in turns for m in members]
            batches.append([np.array(values), np.tile(np.arange(classes), share)])
        return batches

    def judge(self, case: Case, observation: Observation) -> None:
        """Count: any order within the batches is right if the numbers are."""
        super_judge, got = super().judge, observation.value
        if not isinstance(got, list):
            super_judge(case, observation)
            raise Wrong("The result is no dataset of batches.")
        x, labels, classes, size = case.inputs.values()
        label_of = dict(zip(x.tolist(), labels.tolist(), strict=True))
        seen: Counter[float] = Counter()
        for number, batch in enumerate(got):
            values, given = self._parts(batch, number)
            if len(values) < size and number == len(got) - 1:
                raise Wrong(self._ended(number))
            if len(values) != size or len(given) != size:
                raise Wrong(f"Batch {number} has {len(values)} examples, expected {size}.")
            if [label_of.get(value) for value in values] != given:
                raise Wrong(f"Batch {number} pairs values with labels that are not theirs.")
            for label in range(classes):
                if (there := given.count(label)) != size // classes:
                    raise Wrong(
                        f"Batch {number} holds {there} examples of class {label}, expected "
                        f"{size // classes}. Each batch has to be balanced, not their average."
                    )
            seen.update(values)
            for label in range(classes):
                times = [seen[value] for value, its in label_of.items() if its == label]
                if max(times) > min(times) + 1:
                    raise Wrong(
                        f"Up to batch {number}, one example of class {label} came {max(times)} "
                        f"times and another only {min(times)} times. All of a class have to come "
                        "before one comes again."
                        if min(times)
                        else f"In batch {number} an example of class {label} comes again before "
                        "others of that class came once."
                    )
        if len(got) < 8:
            raise Wrong(self._ended(len(got)))

    @staticmethod
    def _ended(batches: int) -> str:
        return (
            f"The dataset ended after {batches} whole batches. It has to be endless: each class "
            "begins again when its examples are used up."
        )

    @staticmethod
    def _parts(batch: Plain, number: int) -> tuple[list[float], list[int]]:
        """Return values and labels of a batch, or say that it is no pair of vectors."""
        if isinstance(batch, list) and len(batch) == 2:
            x, y = batch
            if isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.ndim == y.ndim == 1:
                return x.tolist(), y.tolist()
        raise Wrong(f"Batch {number} is not a pair (x, label) of two vectors.")


@register
class ShardOfWorkerExercise(GivesDataset):
    """The batches of one worker."""

    name = "shard_of_worker"
    title = "The share of one worker"
    points = 3
    see = "One pipeline for many workers"
    hints = (
        "The order matters: first the worker's share, then shuffle, then batch.",
        "`shard(workers, index)` takes every `workers`-th element, from `index` on. If 7 elements "
        "are divided among 3 workers, one gets 3 and the others 2.",
        "`data.batch(workers, drop_remainder=True).unbatch()` leaves out an incomplete last round, "
        "so all workers get equally many.",
    )
    why = (
        "`shard` goes by position, so all workers must see the same order: shard first, shuffle "
        "afterwards. Workers that train together wait for each other at each step; if one had an "
        "example more, the others would wait for ever."
    )
    near_misses = (
        NearMiss(
            code="""
def shard_of_worker(data, workers, index, buffer, batch_size):
    whole_rounds = data.batch(workers, drop_remainder=True).unbatch()
    return whole_rounds.shuffle(buffer).shard(workers, index).batch(batch_size)
""",
            because="shuffled before the shard",
            says="were shuffled before they were divided",
        ),
        NearMiss(
            code="""
def shard_of_worker(data, workers, index, buffer, batch_size):
    return data.shard(workers, index).shuffle(buffer).batch(batch_size)
""",
            because="one worker has more",
            says="equally many",
        ),
        NearMiss(
            code="""
def shard_of_worker(data, workers, index, buffer, batch_size):
    whole_rounds = data.batch(workers, drop_remainder=True).unbatch()
    return whole_rounds.shard(workers, index).batch(batch_size).shuffle(buffer)
""",
            because="whole batches were shuffled",
            says="Whole batches were shuffled",
        ),
        NearMiss(
            code="""
def shard_of_worker(data, workers, index, buffer, batch_size):
    whole_rounds = data.batch(workers, drop_remainder=True).unbatch()
    shuffled = whole_rounds.shard(workers, index).shuffle(
        buffer, reshuffle_each_iteration=False
    )
    return shuffled.batch(batch_size)
""",
            because="the same order at each pass",
            says="the same order",
        ),
        NearMiss(
            code="""
def shard_of_worker(data, workers, index, buffer, batch_size):
    return data.batch(workers, drop_remainder=True).unbatch().shuffle(buffer).batch(batch_size)
""",
            because="no share",
            says="expected its share",
        ),
        NearMiss(
            code="""
def shard_of_worker(data, workers, index, buffer, batch_size):
    whole_rounds = data.batch(workers, drop_remainder=True).unbatch()
    return whole_rounds.shard(workers, index).shuffle(1000).batch(batch_size)
""",
            because="shuffled among more elements than buffer",
            says="places early",
        ),
        NearMiss(
            code="""
def shard_of_worker(data, workers, index, buffer, batch_size):
    whole_rounds = data.batch(workers, drop_remainder=True).unbatch()
    return whole_rounds.shard(workers, index).shuffle(batch_size).batch(batch_size)
""",
            because="shuffled among fewer elements than buffer",
            says="among fewer elements",
        ),
        NearMiss(
            code="""
def shard_of_worker(data, workers, index, buffer, batch_size):
    whole_rounds = data.batch(workers, drop_remainder=True).unbatch()
    its_own = whole_rounds.shard(workers, index).shuffle(buffer)
    return its_own.batch(batch_size, drop_remainder=True)
""",
            because="the last batch is missing",
            says="The last batch is missing",
        ),
    )
    alternatives = (
        """
def shard_of_worker(data, workers, index, buffer, batch_size):
    whole_rounds = data.take(len(data) // workers * workers)
    return whole_rounds.shard(workers, index).shuffle(buffer).batch(batch_size)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        """Yield pairs that leave one element over, with a buffer for all and a small one."""
        x = rng.permutation(500)[: 2 * 14 + 1].astype(np.float32)
        for index, buffer, note in ((0, 50, "one element is left over"), (1, 3, "a small buffer")):
            inputs = {"x": x, "workers": 2, "index": index, "buffer": buffer, "batch_size": 4}
            yield Case(inputs, note)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Return the batches of two passes over pairs of a number and its negative."""
        import tensorflow as tf

        x, *rest = inputs.values()
        data = tf.data.Dataset.from_tensor_slices((x, -x))
        result = submission(data, *rest)
        if not isinstance(result, tf.data.Dataset):
            return {"instead": f"a {type(result).__name__}"}
        quick = tf.data.Options()  # to rewrite so small a pipeline takes longer than to run it
        quick.autotune.enabled = False
        quick.experimental_optimization.apply_default_optimizations = False
        elements = result.with_options(quick).repeat(2).take(60)
        both = [list(e) if isinstance(e, tuple) else e for e in elements]
        return [both[: len(both) // 2], both[len(both) // 2 :]]

    def expected(
        self, x: np.ndarray, workers: int, index: int, buffer: int, batch_size: int
    ) -> list[float]:
        """Return the worker's share in the order of the data."""
        return [x[i] for i in range(len(x) // workers * workers) if i % workers == index]

    def judge(self, case: Case, observation: Observation) -> None:
        """Look at the share, at the sizes of the batches, and at two passes."""
        got = observation.value
        share = [float(value) for value in self.expected(**case.inputs)]
        if not isinstance(got, list) or len(got) != 2:
            super().judge(case, observation)
            raise Wrong("The result is no dataset of batches.")
        passes = [
            [self._values(batch) for batch in one] if isinstance(one, list) else [] for one in got
        ]
        whole = case.inputs["x"].tolist()
        size, buffer = case.inputs["batch_size"], case.inputs["buffer"]
        streams = [[value for batch in batches for value in batch] for batches in passes]
        for values in streams:
            if len(values) == len(share) // size * size and set(values) < set(share):
                raise Wrong(
                    "The last batch is missing. It is smaller, and its elements are data too."
                )
            self._check_share(values, share, whole)
        slices = [share[start : start + size] for start in range(0, len(share), size)]
        first, second = passes
        if all(batch in slices for batch in first):
            raise Wrong(
                "Whole batches were shuffled, or nothing: the same elements share a batch at each "
                "pass. Shuffle before you batch."
            )
        if first == second:
            raise Wrong("Two passes gave the same order. Shuffle anew at each pass.")
        early = max(share.index(v) - place for one in streams for place, v in enumerate(one))
        if early >= buffer:
            raise Wrong(
                f"An element came out {early} places early. With a buffer of {buffer} it can be "
                f"{buffer - 1} places at most: shuffle among `buffer` elements."
            )
        if buffer > len(share) and early < size:
            raise Wrong(
                f"No element came out more than {early} places early: the share was shuffled "
                "among fewer elements than `buffer`."
            )
        right = [len(part) for part in slices]
        for batches in passes:
            if (sizes := [len(batch) for batch in batches]) != right:
                raise Wrong(f"The batches hold {sizes} elements, expected {right}.")

    @staticmethod
    def _values(batch: Plain) -> list[float]:
        """Return the numbers of a batch of pairs, or say that it is none."""
        if isinstance(batch, list) and len(batch) == 2:
            x, y = batch
            if isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.ndim == y.ndim == 1:
                if np.array_equal(-x, y):
                    return x.tolist()  # type: ignore[no-any-return]
                raise Wrong("The parts of an element have come apart: they are no pairs any more.")
        raise Wrong("A batch is not a pair of two vectors, as the elements of data are pairs.")

    @staticmethod
    def _check_share(values: list[float], share: list[float], whole: list[float]) -> None:
        if sorted(values) == sorted(share):
            return
        if set(values) > set(share):
            others = len(values) - len(share)
            if set(values) - set(share) == {whole[-1]}:
                raise Wrong(
                    f"This worker got {len(values)} elements, expected {len(share)}: one more than "
                    "the others. All have to get equally many; leave out the incomplete round at "
                    "the end."
                )
            raise Wrong(f"This worker got {others} elements of others; expected its share alone.")
        if len(values) == len(share):
            raise Wrong(
                "The number of elements is right, but they are not this worker's. If they were "
                "shuffled before they were divided, workers get elements twice and others never. "
                "Shard first."
            )
        raise Wrong(f"This worker got {len(values)} elements, expected its share of {len(share)}.")
