"""Exercises of the lesson on building datasets from arrays, tables, generators and files."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register

_PORTS = ("Southampton", "Cherbourg", "Queenstown", "南安普敦")


class GivesDataset(Exercise):
    """Base of exercises whose answer makes a dataset, or several.

    If something else came, ``observe`` returns under "instead" what it is, in words, or its type
    and that of its spec.
    """

    wanted = "a tf.data.Dataset"

    def judge(self, case: Case, observation: Observation) -> None:
        """Say so if the answer made no such dataset, and otherwise judge what it holds."""
        value = observation.value
        if isinstance(value, dict) and (came := _in_words(value.get("instead"))):
            raise Wrong(f"The result has to be {self.wanted}, not {came}.")
        super().judge(case, observation)


def _in_words(instead: Any) -> str | None:
    if isinstance(instead, str):
        return instead
    if not (isinstance(instead, list) and len(instead) == 2):
        return None
    name, spec = map(str, instead)
    if spec == "NoneType":
        return "None" if name == "NoneType" else f"an object of type {name}"
    kinds = {"TensorSpec": "single tensors", "dict": "dicts", "tuple": "other tuples"}
    return f"one of {kinds.get(spec, spec)}"


def _is_text(column: Any) -> bool:
    return isinstance(column, list)


def _table(
    columns: dict[str, Any],
    label: str,
    objects: list[str],
    *,
    number: str = "float32",
    keep: bool = False,
    blank: str = "",
    left: bool = True,
) -> dict[str, Any]:
    """Return what a dataset of the table's rows shows, and the table's columns afterwards."""
    features: dict[str, Any] = {}
    dtypes: dict[str, str] = {}
    for name, column in columns.items():
        if name == label and not keep:
            continue
        if _is_text(column):
            features[name] = [blank if item is None else item for item in column]
            dtypes[name] = "string"
        else:
            kept = column.dtype.name if number == "kept" else number
            features[name] = column.astype(kept)
            dtypes[name] = kept
    return {
        "features": features,
        "dtypes": dtypes,
        "shapes": {name: [] for name in features},
        "labels": columns[label].astype(np.int64),
        "label_dtype": "int64",
        "columns_afterwards": [name for name in columns if left or name != label],
    }


@register
class FrameToDataset(GivesDataset):
    """A frame of mixed columns becomes a dataset of dicts."""

    name = "frame_to_dataset"
    title = "A mixed table as a dataset"
    wanted = "a tf.data.Dataset of tuples (features, label), the features a dict"
    points = 2
    see = "Tables: pandas frames and dicts"
    rtol, atol = 0, 0
    hints = (
        "Make a dict of the columns first: one entry for each column of `frame.columns` but the "
        "label. `tf.data.Dataset.from_tensor_slices((columns, labels))` does the rest.",
        "`pd.api.types.is_numeric_dtype(frame[name])` is true for integers, floats and booleans, "
        "whatever their size. All other columns here hold text.",
        'Numbers: `frame[name].astype("float32")`. Text: `frame[name].fillna("")`. The label: '
        '`frame[label].astype("int64")`. None of them changes the frame.',
    )
    why = (
        "A dict of columns becomes a dict of tensors, one dtype a column. Text must have no gaps "
        "before it becomes a tensor; a gap in a column of numbers is NaN, which float32 can hold. "
        "Leaving the label out of the features, and the caller's frame as it was, is yours to see "
        "to: nothing fails if you do not."
    )
    near_misses = (
        NearMiss(
            code="""
def frame_to_dataset(frame, label):
    labels = frame.pop(label).astype("int64")
    columns = {}
    for name in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[name]):
            columns[name] = frame[name].astype("float32")
        else:
            columns[name] = frame[name].fillna("")
    return tf.data.Dataset.from_tensor_slices((columns, labels))
""",
            because=(
                "The dataset is right, but `frame.pop` took the label out of the caller's frame "
                "too. A second call would fail."
            ),
            like=lambda **inputs: _table(**inputs, left=False),
        ),
        NearMiss(
            code="""
def frame_to_dataset(frame, label):
    columns = {}
    for name in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[name]):
            columns[name] = frame[name].astype("float32")
        else:
            columns[name] = frame[name].fillna("")
    return tf.data.Dataset.from_tensor_slices((columns, frame[label].astype("int64")))
""",
            because=(
                "The label is among the features. A model would read the answer there, and its "
                "accuracy would mean nothing."
            ),
            like=lambda **inputs: _table(**inputs, keep=True),
        ),
        NearMiss(
            code="""
def frame_to_dataset(frame, label):
    columns = {}
    for name in frame.columns.drop(label):
        numeric = pd.api.types.is_numeric_dtype(frame[name])
        columns[name] = frame[name] if numeric else frame[name].fillna("")
    return tf.data.Dataset.from_tensor_slices((columns, frame[label].astype("int64")))
""",
            because=(
                "The numbers have the dtypes of pandas, such as float64. Each column of numbers is "
                "to be float32."
            ),
            like=lambda **inputs: _table(**inputs, number="kept"),
        ),
        NearMiss(
            code="""
def frame_to_dataset(frame, label):
    columns = {}
    for name in frame.columns.drop(label):
        if pd.api.types.is_numeric_dtype(frame[name]):
            columns[name] = frame[name].astype("float32")
        else:
            columns[name] = frame[name].map(str)
    return tf.data.Dataset.from_tensor_slices((columns, frame[label].astype("int64")))
""",
            because=(
                "A missing text became a word such as “nan” or “None”, which looks like a category "
                "of its own. Fill gaps with the empty string."
            ),
            says="Fill gaps with the empty string",
        ),
    )
    alternatives = (
        """
def frame_to_dataset(frame, label):
    features = frame.drop(columns=label)
    numbers = features.select_dtypes(include=["number", "bool"]).astype("float32")
    texts = features.drop(columns=numbers.columns)
    texts = texts.where(texts.notna(), "")
    columns = {**dict(numbers), **dict(texts)}
    return tf.data.Dataset.from_tensor_slices(
        ({name: columns[name].to_numpy() for name in features}, np.int64(frame[label]))
    )
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Make the frame, hand it over, and read the dataset to its end."""
        import pandas as pd

        columns = {}
        for name, column in inputs["columns"].items():
            dtype = "str" if isinstance(column, list) else None
            columns[name] = pd.Series(
                column, dtype="object" if name in inputs["objects"] else dtype
            )
        frame = pd.DataFrame(columns)
        dataset = submission(frame, inputs["label"])
        spec = getattr(dataset, "element_spec", None)
        if not (isinstance(spec, tuple) and len(spec) == 2 and isinstance(spec[0], dict)):
            return {"instead": [type(dataset).__name__, type(spec).__name__]}
        features, labels = spec
        rows = list(dataset.as_numpy_iterator())
        return {
            "features": {name: [row[0][name] for row in rows] for name in features},
            "dtypes": {name: spec.dtype for name, spec in features.items()},
            "shapes": {name: spec.shape for name, spec in features.items()},
            "labels": [row[1] for row in rows],
            "label_dtype": labels.dtype,
            "columns_afterwards": list(frame.columns),
        }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def texts(n: int) -> list[str | None]:
            words: list[str | None] = [str(word) for word in rng.choice(_PORTS, n)]
            words[int(rng.integers(n))] = None
            return words

        n = int(rng.integers(5, 8))
        age = np.round(rng.uniform(1, 80, n), 1)
        age[rng.integers(n)] = np.nan
        columns = {
            "port": texts(n),
            "survived": rng.integers(0, 2, n).astype(np.int32),
            "age": age,
            "class": rng.integers(1, 4, n),
            "alone": rng.random(n) < 0.5,
            "deck": texts(n),
        }
        yield Case({"columns": columns, "label": "survived", "objects": ["deck"]})
        few = {"grade": rng.integers(0, 100, 3).astype(np.int8), "name": texts(3)}
        yield Case({"columns": few, "label": "grade", "objects": []}, "only text as a feature")

    def expected(self, columns: dict[str, Any], label: str, objects: list[str]) -> Any:
        return _table(columns, label, objects)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the rows are the frame's; say what became of missing text."""
        value = observation.value
        features = value.get("features") if isinstance(value, dict) else None
        if isinstance(features, dict):
            for name, column in case.inputs["columns"].items():
                got = features.get(name)
                if not _is_text(column) or not isinstance(got, list) or len(got) != len(column):
                    continue
                filled = {str(b) for a, b in zip(column, got, strict=True) if a is None} - {""}
                if filled:
                    raise Wrong(
                        f"A missing text in the column {name!r} became {filled.pop()!r}, which "
                        "looks like a category of its own. Fill gaps with the empty string."
                    )
        super().judge(case, observation)


def _readings(
    values: np.ndarray,
    labels: list[int],
    *,
    shapes: Any = "known",
    lazy: bool = True,
    again: bool = True,
) -> dict[str, Any]:
    """Return what a dataset of the readings shows."""
    known = [[values.shape[1], 2], []]
    rows = values.astype(np.float32)
    return {
        "shapes": known if shapes == "known" else shapes,
        "dtypes": ["float32", "int64"],
        "values": rows,
        "labels": labels,
        "values_again": rows if again else [],
        "pulls_only_what_is_used": lazy,
    }


@register
class GeneratorDataset(GivesDataset):
    """A dataset from a generator, with shapes that are known."""

    name = "generator_dataset"
    title = "A generator with known shapes"
    wanted = "a tf.data.Dataset of tuples (values, label)"
    points = 2
    see = "Generators"
    rtol, atol = 0, 0
    hints = (
        "`tf.data.Dataset.from_generator` wants the function, not what the function returned: it "
        "calls it anew for each pass.",
        "`output_signature` takes one `tf.TensorSpec(shape, dtype)` for each part of an element, "
        "in a tuple as the generator yields them.",
        "The values: `tf.TensorSpec((sensors, 2), tf.float32)`. The label has the shape `()`.",
    )
    why = (
        "With an `output_signature` all that comes later knows the shapes: `batch`, a model that "
        "builds its weights, `element_spec`. As a function the generator can start again for the "
        "second epoch, and elements are made when somebody asks for them."
    )
    near_misses = (
        NearMiss(
            code="""
def generator_dataset(readings, sensors):
    return tf.data.Dataset.from_generator(readings, output_types=(tf.float32, tf.int64))
""",
            because=(
                "The values are right, but their shapes are unknown: `output_types` says nothing "
                "of them. Use `output_signature`."
            ),
            like=lambda **inputs: _readings(**inputs, shapes=[None, None]),
        ),
        NearMiss(
            code="""
def generator_dataset(readings, sensors):
    iterator = readings()
    signature = (tf.TensorSpec((sensors, 2), tf.float32), tf.TensorSpec((), tf.int64))
    return tf.data.Dataset.from_generator(lambda: iterator, output_signature=signature)
""",
            because=(
                "The first pass is right and the second is empty: one generator was used up. Give "
                "`from_generator` the function itself, so that each pass gets a new generator."
            ),
            like=lambda **inputs: _readings(**inputs, again=False),
        ),
        NearMiss(
            code="""
def generator_dataset(readings, sensors):
    values, labels = zip(*readings())
    return tf.data.Dataset.from_tensor_slices((np.float32(values), np.int64(labels)))
""",
            because=(
                "All readings were made before anybody asked for one. A generator may be endless, "
                "or too large for memory."
            ),
            like=lambda **inputs: _readings(**inputs, lazy=False),
        ),
    )
    alternatives = (
        """
def generator_dataset(readings, sensors):
    def rows():
        for values, label in readings():
            yield tf.constant(values, tf.float32), tf.constant(label, tf.int64)

    return tf.data.Dataset.from_generator(
        rows,
        output_signature=(
            tf.TensorSpec(shape=[sensors, 2], dtype="float32"),
            tf.TensorSpec(shape=[], dtype="int64"),
        ),
    )
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Count what the generator is asked for, and pass over the dataset twice."""
        import tensorflow as tf

        pulled = 0

        def readings() -> Any:
            nonlocal pulled
            for values, label in zip(inputs["values"].tolist(), inputs["labels"], strict=True):
                pulled += 1
                yield values, label

        dataset = submission(readings, inputs["values"].shape[1])
        spec = getattr(dataset, "element_spec", None)
        if not (isinstance(spec, tuple) and len(spec) == 2):
            return {"instead": [type(dataset).__name__, type(spec).__name__]}
        alone = tf.data.Options()  # without it tf.data itself asks for an element ahead
        alone.autotune.enabled = False
        dataset = dataset.with_options(alone).take(100)  # an answer may repeat for ever
        values, labels = spec
        rows, used = [], len(inputs["labels"])
        for row in dataset.as_numpy_iterator():
            used = min(used, pulled)  # how much was asked for before the first element came
            rows.append(row)
        return {
            "shapes": [values.shape, labels.shape],
            "dtypes": [values.dtype, labels.dtype],
            "values": [row[0] for row in rows],
            "labels": [row[1] for row in rows],
            "values_again": [row[0] for row in dataset.as_numpy_iterator()],
            "pulls_only_what_is_used": used < len(inputs["labels"]),
        }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        rows, sensors = 6, int(rng.choice([1, 3, 4]))
        values = np.round(rng.normal(size=(rows, sensors, 2)), 2)
        yield Case({"values": values, "labels": [int(n) for n in rng.integers(-9, 9, rows)]})

    def expected(self, values: np.ndarray, labels: list[int]) -> Any:
        return _readings(values, labels)


def _lines(files: dict[str, str], *, how: str = "each header") -> list[str]:
    """Return the lines of the CSV files in the order of their names, without headers."""
    texts = [files[name].splitlines() for name in sorted(files) if name.endswith(".csv")]
    if how == "first header":
        return [line for text in texts for line in text][1:]
    if how == "equal to the first":
        return [line for text in texts for line in text if line != texts[0][0]]
    return [line for text in texts for line in text[1:]]


@register
class LinesWithoutHeaders(GivesDataset):
    """Lines of several files, without the header of each."""

    name = "lines_without_headers"
    title = "Many files, no header"
    points = 2
    see = "Lines of text"
    hints = (
        "First a dataset of file names, in an order that is the same everywhere: "
        "`tf.data.Dataset.list_files(pattern, shuffle=False)`.",
        "Then make each name into a dataset of its lines, and skip the first line there, before "
        "the files are joined. Which transformation joins datasets one after another?",
        "`files.flat_map(lambda file: …)`, with a `tf.data.TextLineDataset(file)` inside.",
    )
    why = (
        "After the files are joined nobody can tell any more where one began. So skip the header "
        "while each file is a dataset of its own; `flat_map` joins them in order."
    )
    near_misses = (
        NearMiss(
            code="""
def lines_without_headers(pattern):
    files = tf.data.Dataset.list_files(pattern, shuffle=False)
    return tf.data.TextLineDataset(files).skip(1)
""",
            because=(
                "Only the first file lost its header; those of the others are still among the "
                "lines. Skip a line in each file, before the files are joined."
            ),
            like=lambda files: _lines(files, how="first header"),
        ),
        NearMiss(
            code="""
def lines_without_headers(pattern):
    files = tf.data.Dataset.list_files(pattern)
    return files.flat_map(lambda file: tf.data.TextLineDataset(file).skip(1))
""",
            because=(
                "These are the right lines in another order. `list_files` shuffles the names "
                "unless told not to."
            ),
            says="the right lines in another order",
        ),
        NearMiss(
            code="""
def lines_without_headers(pattern):
    lines = tf.data.TextLineDataset(tf.data.Dataset.list_files(pattern, shuffle=False))
    header = next(iter(lines))
    return lines.filter(lambda line: line != header)
""",
            because=(
                "Lines equal to the first file's header were taken out, but the header of another "
                "file may be written otherwise. Skip the first line of each file, whatever it says."
            ),
            like=lambda files: _lines(files, how="equal to the first"),
        ),
    )
    alternatives = (
        """
def lines_without_headers(pattern):
    lines = None
    for name in sorted(tf.io.gfile.glob(pattern)):
        more = tf.data.TextLineDataset([name]).skip(1)
        lines = more if lines is None else lines.concatenate(more)
    return lines
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Write the files and hand over the pattern of their names."""
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as folder:
            for name, text in inputs["files"].items():
                Path(folder, name).write_text(text, encoding="utf-8")
            dataset = submission(str(Path(folder, "*.csv")))
            if not hasattr(dataset, "element_spec"):
                return {"instead": [type(dataset).__name__, "NoneType"]}
            return list(dataset.take(1000).as_numpy_iterator())

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        names = [f"{n}.csv" for n in rng.permutation(np.arange(10, 19))]
        headers = ["age,port", "age,port", "Age,Port"]
        files = {
            name: "".join(
                f"{line}\n"
                for line in [
                    headers[k % 3],
                    *(f"{n},{rng.choice(_PORTS)}" for n in rng.integers(1, 80, k % 4)),
                ]
            )
            for k, name in enumerate(names)
        }
        files |= {"notes.txt": "not a table\nat all\n", "20.csv": "", "21.csv": "age,port\n\n7,S"}
        yield Case({"files": files}, "one file is empty, and some have nothing but a header")

    def expected(self, files: dict[str, str]) -> Any:
        return _lines(files)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the lines are those of the files, in order."""
        expected, got = _lines(**case.inputs), observation.value
        if isinstance(got, list) and got != expected and sorted(map(str, got)) == sorted(expected):
            raise Wrong(
                "These are the right lines in another order. They are wanted file by file, in the "
                "order of the files' names. `list_files` shuffles, `interleave` mixes.",
                expected=expected,
            )
        super().judge(case, observation)


def _parsed(lines: list[str], how: str = "strict") -> dict[str, Any]:
    """Return the rows that parse and the number of the others, field by field."""
    rows: list[list[Any]] = []
    dropped = 0
    for line in lines[1:]:
        fields = line.split(",") if how == "split" else next(csv.reader([line]), [])
        if how == "gaps filled" and len(fields) == 3:
            fields = [field or filler for field, filler in zip(fields, ("0", "0", ""), strict=True)]
        try:
            if len(fields) != 3 or (how != "gaps filled" and not all(fields)):
                raise ValueError
            rows.append([float(fields[0]), float(fields[1]), fields[2]])
        except ValueError:
            dropped += 1
            if how == "until one fails":
                break
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    if how == "header counted":
        dropped += 1
    if how == "kept counted":
        dropped = len(rows)
    return {"rows": columns, "dtypes": ["float32", "float32", "string"], "dropped": dropped}


@register
class ReadRowsThatParse(GivesDataset):
    """A table with bad rows, read without losing count."""

    name = "read_rows_that_parse"
    title = "Survive bad rows, and count them"
    wanted = (
        "a tf.data.Dataset of tuples (age, fare, port), and with it in a tuple the number of "
        "rows left out"
    )
    points = 3
    see = "Rows that do not parse"
    hints = (
        "`tf.data.experimental.CsvDataset(file, record_defaults, header=True)` parses row by row. "
        "A dtype such as `tf.float32` in `record_defaults` makes a field required; a value such "
        "as `[0.0]` would fill gaps in silence.",
        "`.ignore_errors()` leaves out the rows that fail, and tells nobody. Count yourself: how "
        "many lines has the file after its header, and how many rows are left?",
        "`tf.data.TextLineDataset(file).skip(1)` has all lines; "
        "`sum(1 for _ in dataset)` counts the elements of a dataset.",
    )
    why = (
        "Required fields turn a gap into an error instead of a zero, and `ignore_errors` turns an "
        "error into a missing row. The count makes the loss visible: one row in a thousand is a "
        "slip of the pen, every second row a wrong separator."
    )
    near_misses = (
        NearMiss(
            code="""
def read_rows_that_parse(file):
    rows = tf.data.experimental.CsvDataset(file, [[0.0], [0.0], [""]], header=True)
    rows = rows.ignore_errors()
    lines = tf.data.TextLineDataset(file).skip(1)
    return rows, sum(1 for _ in lines) - sum(1 for _ in rows)
""",
            because=(
                "A row with an empty field was kept, and the gap filled: an age of 0 that nobody "
                "wrote. Make the fields required."
            ),
            like=lambda lines: _parsed(lines, "gaps filled"),
        ),
        NearMiss(
            code="""
def read_rows_that_parse(file):
    lines = tf.data.TextLineDataset(file)
    required = [tf.constant([], dtype) for dtype in (tf.float32, tf.float32, tf.string)]
    rows = lines.map(lambda line: tuple(tf.io.decode_csv(line, required))).ignore_errors()
    return rows, sum(1 for _ in lines) - sum(1 for _ in rows)
""",
            because=(
                "The rows are right, but the header was counted as a bad row. It is no row at all."
            ),
            like=lambda lines: _parsed(lines, "header counted"),
        ),
        NearMiss(
            code="""
def read_rows_that_parse(file):
    required = [tf.float32, tf.float32, tf.string]
    return tf.data.experimental.CsvDataset(file, required, header=True).ignore_errors()
""",
            because=(
                "The rows are right, but nobody learns how many were lost: the number of rows left "
                "out is to be returned as well."
            ),
            says="with it in a tuple the number of rows left out",
        ),
        NearMiss(
            code="""
def read_rows_that_parse(file):
    required = [tf.float32, tf.float32, tf.string]
    rows = tf.data.experimental.CsvDataset(file, required, header=True).ignore_errors()
    return rows, sum(1 for _ in rows)
""",
            because="The second part is the number of rows that were kept, not of those left out.",
            like=lambda lines: _parsed(lines, "kept counted"),
        ),
        NearMiss(
            code="""
def read_rows_that_parse(file):
    rows, dropped = [], 0
    for line in tf.data.TextLineDataset(file).skip(1).as_numpy_iterator():
        try:
            age, fare, port = line.split(b",")
            if not port:
                raise ValueError
            rows.append((float(age), float(fare), port))
        except ValueError:
            dropped += 1
    columns = tuple(np.array(column) for column in zip(*rows)) or ([], [], np.array([], str))
    return tf.data.Dataset.from_tensor_slices(columns).map(
        lambda a, b, c: (tf.cast(a, tf.float32), tf.cast(b, tf.float32), c)
    ), dropped
""",
            because=(
                "A quoted field with a comma in it was taken for two fields. Let a CSV parser find "
                "the fields."
            ),
            like=lambda lines: _parsed(lines, "split"),
        ),
        NearMiss(
            code="""
def read_rows_that_parse(file):
    required = [tf.float32, tf.float32, tf.string]
    source = tf.data.experimental.CsvDataset(file, required, header=True)
    rows, dropped = [], 0
    try:
        for row in source:
            rows.append(row)
    except tf.errors.InvalidArgumentError:
        dropped += 1
    return source.take(len(rows)), dropped
""",
            because=(
                "All rows after the first bad one are lost. One row may fail; the next ones are to "
                "be read again."
            ),
            like=lambda lines: _parsed(lines, "until one fails"),
        ),
    )
    alternatives = (
        """
def read_rows_that_parse(file):
    import csv

    kept, dropped = [], 0
    with open(file, encoding="utf-8", newline="") as text:
        for line in text.read().splitlines()[1:]:
            fields = next(csv.reader([line]), [])
            try:
                age, fare, port = fields
                if not port:
                    raise ValueError
                kept.append((float(age), float(fare), port))
            except ValueError:
                dropped += 1
    ages, fares, ports = ([row[k] for row in kept] for k in range(3))
    columns = tf.constant(ages, tf.float32), tf.constant(fares, tf.float32), tf.constant(ports)
    if not kept:
        columns = columns[0], columns[1], tf.constant([], tf.string)
    return tf.data.Dataset.from_tensor_slices(columns), dropped
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Write the file, hand over its name, and read all rows."""
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "table.csv")
            file.write_text("\n".join(inputs["lines"]) + "\n", encoding="utf-8")
            result = submission(str(file))
            if not isinstance(result, tuple | list) or len(result) != 2:
                return {"instead": [type(result).__name__, "NoneType"]}
            rows, dropped = result
            spec = getattr(rows, "element_spec", None)
            if not (isinstance(spec, tuple) and len(spec) == 3):
                return {"instead": [type(rows).__name__, type(spec).__name__]}
            found = list(rows.take(1000).as_numpy_iterator())
            return {
                "rows": [[row[part] for row in found] for part in range(len(rows.element_spec))],
                "dtypes": [spec.dtype for spec in rows.element_spec],
                "dropped": dropped,
            }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def row() -> str:
            return f"{rng.integers(1, 80)},{rng.integers(400, 9000) / 100},{rng.choice(_PORTS)}"

        n = int(rng.integers(3, 79))
        bad = [
            f"{n},7.25",
            f"{n},8.05,S,extra",
            f"unknown,{n}.5,Q",
            f",{n}.1,S",
            f"{n},,C",
            f"{n},{n}.9,",
            "",
            f"{n}; 26.0; C",
        ]
        mixed = [row(), *bad, f'{n},12.5,"Dover, {rng.choice(_PORTS)}"', row(), row()]
        mixed[1:] = [mixed[1 + k] for k in rng.permutation(len(mixed) - 1)]
        yield Case({"lines": ["age,fare,port", *mixed]})
        yield Case({"lines": ["age,fare,port", row(), row()]}, "every row parses")

    def expected(self, lines: list[str]) -> Any:
        return _parsed(lines)


def _labelled(files: list[str], folders: list[str], *, how: str = "right") -> dict[str, Any]:
    """Return names and labels of the images, in the order of their paths."""
    images = sorted(file for file in files if "/" in file and file.endswith(".jpg"))
    hidden = [name for name in folders if name.startswith(".")]
    if how != "hidden too":
        folders = [name for name in folders if name not in hidden]
        images = [file for file in images if file.split("/")[0] not in hidden]
    names = sorted(folders)
    if how == "with stray files":
        names = sorted([*folders, *(file for file in files if "/" not in file)])
    if how == "only filled":
        names = sorted({file.split("/")[0] for file in images})
    if how == "all files":
        images = sorted(file for file in files if file.split("/")[0] in folders)
    return {
        "files": images,
        "labels": [names.index(file.split("/")[0]) for file in images],
        "dtypes": ["string", "int64"],
    }


@register
class LabelledFiles(GivesDataset):
    """Labels that are the same on every machine."""

    name = "labelled_files"
    title = "The same labels on every machine"
    wanted = "a tf.data.Dataset of tuples (path, label)"
    points = 2
    see = "Files: names, order, labels"
    hints = (
        "The classes are the folders in `folder`, in sorted order: take `entry.name` of all "
        "`entry` in `Path(folder).iterdir()` if `entry.is_dir()`, but for names that begin with a "
        "dot.",
        '`sorted(Path(folder, name).glob("*.jpg"))` are the images of a class, in an order that '
        "does not depend on the machine. The class of an image is `file.parent.name`.",
        "`tf.data.Dataset.from_tensor_slices((paths, labels))` with paths as strings and labels "
        "as `np.int64`; the label is `classes.index(file.parent.name)`.",
    )
    why = (
        "The system lists a folder in any order it likes. A label that is a place in such a list "
        "means one thing on your machine and another on the server. Sorted names give the same "
        "numbers everywhere, as long as the set of folders is the same; hidden folders, which "
        "programs make without asking, must not count."
    )
    near_misses = (
        NearMiss(
            code="""
def labelled_files(folder):
    folder = Path(folder)
    classes = [n for n in os.listdir(folder) if (folder / n).is_dir() and n[0] != "."]
    files = [file for name in sorted(classes) for file in sorted((folder / name).glob("*.jpg"))]
    labels = [classes.index(file.parent.name) for file in files]
    return tf.data.Dataset.from_tensor_slices(([str(file) for file in files], np.int64(labels)))
""",
            because=(
                "The labels do not follow the sorted names of the folders. `os.listdir` gives "
                "names in any order."
            ),
            says="do not follow the sorted names",
        ),
        NearMiss(
            code="""
def labelled_files(folder):
    classes = sorted(name for name in os.listdir(folder) if name[0] != ".")
    files = [file for name in classes for file in sorted(Path(folder, name).glob("*.jpg"))]
    labels = [classes.index(file.parent.name) for file in files]
    return tf.data.Dataset.from_tensor_slices(([str(file) for file in files], np.int64(labels)))
""",
            because=(
                "A file that lies beside the folders was counted as a class, so the labels after "
                "it are shifted. Only folders are classes."
            ),
            like=lambda files, folders: _labelled(files, folders, how="with stray files"),
        ),
        NearMiss(
            code="""
def labelled_files(folder):
    files = sorted(Path(folder).glob("*/*.jpg"))
    files = [file for file in files if file.parent.name[0] != "."]
    classes = sorted({file.parent.name for file in files})
    labels = [classes.index(file.parent.name) for file in files]
    return tf.data.Dataset.from_tensor_slices(([str(file) for file in files], np.int64(labels)))
""",
            because=(
                "A folder without images got no number, so the labels after it are shifted. Take "
                "the classes from the folders, not from the files."
            ),
            like=lambda files, folders: _labelled(files, folders, how="only filled"),
        ),
        NearMiss(
            code="""
def labelled_files(folder):
    classes = sorted(entry.name for entry in Path(folder).iterdir() if entry.is_dir())
    files = sorted(Path(folder).glob("*/*.jpg"))
    labels = [classes.index(file.parent.name) for file in files]
    return tf.data.Dataset.from_tensor_slices(([str(file) for file in files], np.int64(labels)))
""",
            because=(
                "A hidden folder, whose name begins with a dot, was taken for a class. Programs "
                "make such folders; leave them out."
            ),
            like=lambda files, folders: _labelled(files, folders, how="hidden too"),
        ),
        NearMiss(
            code="""
def labelled_files(folder):
    folder = Path(folder)
    classes = sorted(e.name for e in folder.iterdir() if e.is_dir() and e.name[0] != ".")
    files = [file for name in classes for file in sorted((folder / name).iterdir())]
    labels = [classes.index(file.parent.name) for file in files]
    return tf.data.Dataset.from_tensor_slices(([str(file) for file in files], np.int64(labels)))
""",
            because="Not every file is an image: only names that end in .jpg are wanted.",
            like=lambda files, folders: _labelled(files, folders, how="all files"),
        ),
    )
    alternatives = (
        """
def labelled_files(folder):
    paths, labels = [], []
    folders = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir())
    folders = [path for path in folders if not os.path.basename(path).startswith(".")]
    for label, path in enumerate(folders):
        for name in sorted(os.listdir(path)):
            if name.endswith(".jpg"):
                paths.append(os.path.join(path, name))
                labels.append(label)
    labels = tf.constant(labels, tf.int64)
    return tf.data.Dataset.from_tensor_slices((tf.constant(paths), labels))
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Make the folders, in the order given, and show paths relative to the whole."""
        import os
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as folder:
            for name in inputs["folders"]:
                Path(folder, name).mkdir()
            for name in inputs["files"]:
                Path(folder, name).write_bytes(b"an image")
            dataset = submission(folder)
            spec = getattr(dataset, "element_spec", None)
            if not (isinstance(spec, tuple) and len(spec) == 2):
                return {"instead": [type(dataset).__name__, type(spec).__name__]}
            path, label = spec
            rows = list(dataset.as_numpy_iterator())
            return {
                "files": [os.path.relpath(row[0].decode(), folder) for row in rows],
                "labels": [row[1] for row in rows],
                "dtypes": [path.dtype, label.dtype],
            }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        words = ["bird", "cat", "deer", "frog", "horse", "ship", "truck", "lorry", "plane", "dog"]
        for _ in range(2):
            folders = [str(word) for word in rng.permutation(words)[:8]]
            empty = sorted(folders)[2]
            files = [
                f"{folder}/{number}.jpg"
                for folder in folders
                for number in rng.permutation(np.arange(10, 13))[: 1 + (folder > "e")]
                if folder != empty
            ]
            extra = [f"{max(folders)}/labels.txt", "a-readme.txt", ".trash/10.jpg"]
            yield Case({"files": [*files, *extra], "folders": [".trash", *folders]})

    def expected(self, files: list[str], folders: list[str]) -> Any:
        return _labelled(files, folders)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless files and labels are right; say if only the numbering is not."""
        expected, value = _labelled(**case.inputs), observation.value
        reason = self._recognise(case, observation)
        if not reason and isinstance(value, dict) and value.get("files") == expected["files"]:
            got, want = value.get("labels"), expected["labels"]
            if isinstance(got, list) and len(got) == len(want):
                pairs = {(str(a), str(b)) for a, b in zip(got, want, strict=True)}
                if len(pairs) == len({b for _, b in pairs}) and self.differs(got, want):
                    reason = (
                        "Each folder has a number of its own, but the numbers do not follow the "
                        "sorted names of the folders."
                    )
        if reason:
            raise Wrong(reason, expected=expected)
        super().judge(case, observation)


_SIGNATURES = {"JPEG": [0xFF, 0xD8, 0xFF], "PNG": [0x89, 0x50, 0x4E, 0x47]}


@register
class ExampleFileExercise(GivesDataset):
    """Images and labels in a TFRecord file, and back."""

    name = "ExampleFile"
    title = "Images into a TFRecord file, and back"
    wanted = "for `read` a tf.data.Dataset of tuples (image, label)"
    points = 4
    see = "Reading records back"
    rtol, atol = 0, 0
    hints = (
        "`write`: `with tf.io.TFRecordWriter(self.path) as writer:`, and for each image one "
        "`tf.train.Example` with two features, as `example_of` in the lesson makes it. The PNG "
        "bytes are `tf.io.encode_png(image).numpy()`.",
        "`read`: `tf.data.TFRecordDataset(self.path).map(…)`. The function given to `map` calls "
        "`tf.io.parse_single_example(record, description)` with a `tf.io.FixedLenFeature([], …)` "
        'for "image" (tf.string) and for "label" (tf.int64).',
        'Then `tf.io.decode_png(parsed["image"], channels=3)`: with the number of channels, the '
        "dataset knows it as well. Return `(image, label)`.",
    )
    why = (
        "PNG loses nothing and remembers height and width, so images of any size come back as they "
        "were, bit for bit. JPEG is smaller and changes pixels; raw bytes forget the shape. "
        "`channels=3` makes the last axis known before any image is read."
    )
    near_misses = (
        NearMiss(
            code="""
class ExampleFile:
    def __init__(self, path):
        self.path = path

    def write(self, images, labels):
        with tf.io.TFRecordWriter(self.path) as writer:
            for image, label in zip(images, labels):
                data = tf.io.encode_jpeg(image).numpy()
                feature = {
                    "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[data])),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())

    def read(self):
        description = {
            "image": tf.io.FixedLenFeature([], tf.string),
            "label": tf.io.FixedLenFeature([], tf.int64),
        }

        def parse(record):
            parsed = tf.io.parse_single_example(record, description)
            return tf.io.decode_png(parsed["image"], channels=3), parsed["label"]

        return tf.data.TFRecordDataset(self.path).map(parse)
""",
            because="The images were written as JPEG, which changes pixels. Use `tf.io.encode_png`.",
            says="written as JPEG",
        ),
        NearMiss(
            code="""
class ExampleFile:
    def __init__(self, path):
        self.path = path

    def write(self, images, labels):
        with tf.io.TFRecordWriter(self.path) as writer:
            for image, label in zip(images, labels):
                feature = {
                    "image": tf.train.Feature(
                        bytes_list=tf.train.BytesList(value=[np.array(image).tobytes()])
                    ),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())

    def read(self):
        description = {
            "image": tf.io.FixedLenFeature([], tf.string),
            "label": tf.io.FixedLenFeature([], tf.int64),
        }

        def parse(record):
            parsed = tf.io.parse_single_example(record, description)
            return tf.io.decode_png(parsed["image"], channels=3), parsed["label"]

        return tf.data.TFRecordDataset(self.path).map(parse)
""",
            because="The feature “image” holds no PNG file. Bare pixels forget height and width.",
            says="holds no PNG file",
        ),
        NearMiss(
            code="""
class ExampleFile:
    def __init__(self, path):
        self.path = path

    def write(self, images, labels):
        with tf.io.TFRecordWriter(self.path) as writer:
            for image, label in zip(images, labels):
                data = tf.io.encode_png(image).numpy()
                feature = {
                    "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[data])),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())

    def read(self):
        description = {
            "image": tf.io.FixedLenFeature([], tf.string),
            "label": tf.io.FixedLenFeature([], tf.int64),
        }

        def parse(record):
            parsed = tf.io.parse_single_example(record, description)
            return tf.io.decode_png(parsed["image"]), parsed["label"]

        return tf.data.TFRecordDataset(self.path).map(parse)
""",
            because=(
                "The images come back right, but the dataset does not know how many channels they "
                "have: their shape is (None, None, None). Give `channels=3`."
            ),
            says="does not know how many channels",
        ),
        NearMiss(
            code="""
class ExampleFile:
    def __init__(self, path):
        self.path = path

    def write(self, images, labels):
        with tf.io.TFRecordWriter(self.path) as writer:
            for image, label in zip(images, labels):
                data = tf.io.encode_png(image).numpy()
                feature = {
                    "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[data])),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())

    def read(self):
        description = {
            "image": tf.io.FixedLenFeature([], tf.string),
            "label": tf.io.FixedLenFeature([], tf.int64),
        }

        def parse(record):
            parsed = tf.io.parse_single_example(record, description)
            image = tf.io.decode_png(parsed["image"], channels=3)
            return tf.image.convert_image_dtype(image, tf.float32), parsed["label"]

        return tf.data.TFRecordDataset(self.path).map(parse)
""",
            because="The pixels come back as float32; they are to be uint8, as they were.",
            says="come back as float32",
        ),
    )
    alternatives = (
        """
class ExampleFile:
    def __init__(self, path):
        self.path = path

    def write(self, images, labels):
        writer = tf.io.TFRecordWriter(self.path)
        for k in range(len(images)):
            example = tf.train.Example()
            features = example.features.feature
            features["image"].bytes_list.value.append(tf.io.encode_png(images[k]).numpy())
            features["label"].int64_list.value.append(int(labels[k]))
            writer.write(example.SerializeToString())
        writer.close()

    def read(self):
        description = {
            "image": tf.io.FixedLenFeature((), "string"),
            "label": tf.io.FixedLenFeature((), "int64"),
        }
        def parse(record):
            one = tf.io.parse_single_example(record, description)
            image = tf.image.decode_image(one["image"], 3, expand_animations=False)
            return tf.ensure_shape(image, (None, None, 3)), one["label"]

        return tf.data.TFRecordDataset([self.path]).map(parse)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Look into the file that was written, and read one that was written elsewhere."""
        import tempfile
        from pathlib import Path

        import tensorflow as tf

        def records_of(images: Any, labels: Any) -> list[Any]:
            records = []
            for image, label in zip(images, labels, strict=True):
                example = tf.train.Example()
                features = example.features.feature
                features["image"].bytes_list.value.append(tf.io.encode_png(image).numpy())
                features["label"].int64_list.value.append(label)
                records.append(example.SerializeToString())
            return records

        with tempfile.TemporaryDirectory() as folder:
            mine, theirs = str(Path(folder, "mine")), str(Path(folder, "theirs"))
            submission(mine).write(inputs["images"], inputs["labels"])
            written = []
            for record in tf.data.TFRecordDataset(mine).as_numpy_iterator():
                features = tf.train.Example.FromString(record).features.feature
                data = list(features["image"].bytes_list.value) if "image" in features else []
                labels = list(features["label"].int64_list.value) if "label" in features else []
                png = len(data) == 1 and data[0][:4] == bytes([0x89, 0x50, 0x4E, 0x47])
                written.append(
                    {
                        "features": sorted(features),
                        "label": labels,
                        "signature": list(data[0][:4]) if data else [],
                        "image": tf.io.decode_png(data[0]) if png else None,
                    }
                )
            with tf.io.TFRecordWriter(theirs) as writer:
                for record in records_of(inputs["images"][::-1], inputs["labels"][::-1]):
                    writer.write(record)
            dataset = submission(theirs).read()
            spec = getattr(dataset, "element_spec", None)
            if not (isinstance(spec, tuple) and len(spec) == 2):
                return {"instead": [type(dataset).__name__, type(spec).__name__]}
            image, label = spec
            rows = (
                list(dataset.as_numpy_iterator())
                if all(w["image"] is not None for w in written)
                else []
            )
            return {
                "written": written,
                "read": [list(row) for row in rows],
                "shape": image.shape,
                "dtypes": [image.dtype, label.dtype],
            }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def image(height: int, width: int) -> np.ndarray:
            return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)

        sizes = [(4, 3), (int(rng.integers(2, 6)), 1)]
        labels = [int(rng.integers(-2, 9)), 2**40 + int(rng.integers(9))]
        yield Case({"images": [image(*size) for size in sizes], "labels": labels})

    def expected(self, images: list[np.ndarray], labels: list[int]) -> Any:
        return {
            "written": [
                {
                    "features": ["image", "label"],
                    "label": [label],
                    "signature": _SIGNATURES["PNG"],
                    "image": image,
                }
                for image, label in zip(images, labels, strict=True)
            ],
            "read": [
                [image, label] for image, label in zip(images[::-1], labels[::-1], strict=True)
            ],
            "shape": [None, None, 3],
            "dtypes": ["uint8", "int64"],
        }

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless file and dataset hold the images; name what was lost."""
        value = observation.value
        if isinstance(value, dict):
            reason = self._lost(value, len(case.inputs["images"]))
            if reason:
                raise Wrong(reason)
        super().judge(case, observation)

    def _lost(self, value: dict[str, Any], count: int) -> str | None:
        """Return a sentence or two on what the file or the dataset does not hold."""
        if "instead" in value:
            return None
        written = value.get("written")
        if isinstance(written, list):
            if len(written) != count:
                reason = f"The file holds {len(written)} records for {count} images."
                return reason if written else reason + " Does `write` close the writer?"
            for one in written:
                names = one.get("features") if isinstance(one, dict) else None
                if isinstance(names, list) and names != ["image", "label"]:
                    return (
                        f"A record has features of the names {', '.join(map(str, names)) or '–'}; "
                        "they are to be image and label."
                    )
            signatures = [one.get("signature") for one in written if isinstance(one, dict)]
            if any(s[:3] == _SIGNATURES["JPEG"] for s in signatures if isinstance(s, list)):
                return (
                    "The images were written as JPEG, which changes pixels. Use `tf.io.encode_png`."
                )
            if any(s != _SIGNATURES["PNG"] for s in signatures):
                return (
                    'The feature "image" holds no PNG file. Bare pixels forget height and width; '
                    "`tf.io.encode_png` keeps them."
                )
        if value.get("shape") == [None, None, None] or value.get("shape") is None:
            return (
                "The dataset does not know how many channels the images have. Decode with "
                "`channels=3`."
            )
        dtypes = value.get("dtypes")
        if isinstance(dtypes, list) and dtypes and dtypes[0] != "uint8":
            return f"The pixels come back as {dtypes[0]}; they are to be uint8, as they were."
        return None
