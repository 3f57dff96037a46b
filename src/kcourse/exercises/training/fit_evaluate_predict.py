"""Exercises of the lesson on fit, evaluate and predict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register
from kcourse.plain import Plain


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@register
class PredictedClasses(Exercise):
    """Classes from logits or probabilities, with one column or one for each class."""

    name = "predicted_classes"
    title = "Classes from what predict returns"
    points = 1
    see = "Evaluate and predict"
    hints = (
        "How many columns are there? With one column there is nothing to compare it with in its "
        "row: you need a threshold. Otherwise the largest column wins, and that is the same for "
        "logits and probabilities.",
        "The threshold is 0.5 for a probability. Which logit has the sigmoid 0.5?",
        "`outputs[:, 0] > (0 if from_logits else 0.5)` for one column, made integers by "
        "`.astype(int)`; else `outputs.argmax(axis=1)`.",
    )
    why = (
        "Softmax and sigmoid keep the order, so the largest logit is the largest probability, "
        "and no softmax is needed. A single column has no rival but a threshold: probability 0.5 "
        "is logit 0. The column is taken by `[:, 0]` and not by `squeeze`, which would also "
        "remove the axis of a single row."
    )
    near_misses = (
        NearMiss(
            code="""
def predicted_classes(outputs, from_logits):
    return outputs.argmax(axis=1)
""",
            because=(
                "With one column, `argmax` always gives 0: it is the only column. Compare it with "
                "a threshold."
            ),
            like=lambda outputs, from_logits: outputs.argmax(axis=1),
        ),
        NearMiss(
            code="""
def predicted_classes(outputs, from_logits):
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > 0.5).astype(int)
    return outputs.argmax(axis=1)
""",
            because=(
                "0.5 is the threshold for probabilities. A logit is above one half when it is "
                "above 0."
            ),
            like=lambda outputs, from_logits: (
                (outputs[:, 0] > 0.5).astype(int)
                if outputs.shape[1] == 1
                else outputs.argmax(axis=1)
            ),
        ),
        NearMiss(
            code="""
def predicted_classes(outputs, from_logits):
    if outputs.shape[1] == 1:
        return (outputs > (0 if from_logits else 0.5)).astype(int)
    return outputs.argmax(axis=1)
""",
            because="The result has shape (N, 1), not (N,): compared with labels of shape (N,) it "
            "would broadcast to N×N.",
            like=lambda outputs, from_logits: (outputs > (0 if from_logits else 0.5)).astype(int),
        ),
        NearMiss(
            code="""
def predicted_classes(outputs, from_logits):
    if outputs.shape[1] == 1:
        return (outputs.squeeze() > (0 if from_logits else 0.5)).astype(int)
    return outputs.argmax(axis=1)
""",
            because="For a single row, `squeeze` removes the axis of the rows as well. Use [:, 0].",
            like=lambda outputs, from_logits: (
                outputs.squeeze() > (0 if from_logits else 0.5)
            ).astype(int),
        ),
        NearMiss(
            code="""
def predicted_classes(outputs, from_logits):
    if outputs.shape[1] == 1:
        return outputs[:, 0] > (0 if from_logits else 0.5)
    return outputs.argmax(axis=1)
""",
            because="Classes are integers, these are booleans.",
            says="booleans",
        ),
        NearMiss(
            code="""
def predicted_classes(outputs, from_logits):
    return (outputs > (0 if from_logits else 0.5)).astype(int).sum(axis=1)
""",
            because=(
                "This counts the columns above the threshold. With several columns the class is "
                "the number of the largest one."
            ),
            like=lambda outputs, from_logits: (
                (outputs > (0 if from_logits else 0.5)).astype(int).sum(axis=1)
            ),
        ),
    )
    alternatives = (
        """
def predicted_classes(outputs, from_logits):
    if from_logits:
        outputs = 1 / (1 + np.exp(-outputs))
    if outputs.shape[-1] > 1:
        return np.argmax(outputs, axis=-1)
    return np.array([1 if p > 0.5 else 0 for p in outputs.reshape(-1)], dtype=int)
""",
        """
def predicted_classes(outputs, from_logits):
    if outputs.shape[1] == 1:
        half = 0.5 * (1 - from_logits)
        outputs = np.hstack([np.full_like(outputs, half), outputs])
    return outputs.argmax(1)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer with what predict returns, a NumPy array."""
        return submission(*inputs.values())

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(columns: int, rows: int, from_logits: bool, note: str) -> Case:
            logits = 0.9 * rng.normal(size=(rows, columns))
            if columns == 1 and rows > 3:
                # Both signs, and one logit between 0 and 0.5, where the thresholds disagree.
                logits[:3, 0] = rng.uniform(0.1, 0.4), rng.uniform(1, 2), rng.uniform(-2, -1)
                rng.shuffle(logits)
            outputs = logits
            if not from_logits:
                outputs = 1 / (1 + np.exp(-logits)) if columns == 1 else _softmax(logits)
            return Case({"outputs": outputs.astype(np.float32), "from_logits": from_logits}, note)

        yield case(1, int(rng.integers(5, 9)), True, "two classes, one column of logits")
        yield case(1, int(rng.integers(5, 9)), False, "two classes, one column of probabilities")
        one = Case({"outputs": np.full((1, 1), 0.9, np.float32), "from_logits": False}, "one row")
        yield one
        half = np.array([[0.5], [0.25], [0.75]], np.float32)
        yield Case({"outputs": half, "from_logits": False}, "one half is not above one half")
        yield Case({"outputs": half * 4 - 2, "from_logits": True}, "the logit 0 is not above 0")
        yield case(4, 7, False, "four classes, probabilities")
        yield case(3, 6, True, "three classes, logits")
        yield case(2, 6, False, "two classes with a column each")

    def expected(self, outputs: np.ndarray, from_logits: bool) -> Any:
        classes = []
        for row in outputs.astype(float):
            if len(row) == 1:
                probability = 1 / (1 + np.exp(-row[0])) if from_logits else row[0]
                classes.append(int(probability > 0.5))
            else:
                classes.append(sorted(range(len(row)), key=lambda k: -row[k])[0])
        return np.array(classes, int)


@register
class StratifiedSplit(Exercise):
    """Rows for training and validation, each class cut on its own."""

    name = "stratified_split"
    title = "Split sorted rows before fit"
    points = 2
    see = "validation_split takes the last rows"
    hints = (
        "Work class by class: `np.unique(labels)` gives the classes, "
        "`np.flatnonzero(labels == label)` the row numbers of one of them.",
        "`rng.permutation(rows)` gives these row numbers in random order. The first "
        "`max(1, round(share * len(rows)))` of them go to the validation part.",
        "Collect them in a list, join by `np.concatenate`, and take the other rows for training: "
        "`np.setdiff1d(np.arange(len(labels)), validation)`.",
    )
    why = (
        "Shuffling before cutting is right on average; a small class can still be missing from a "
        "part by bad luck. Cutting each class on its own makes the shares right every time. The "
        "generator comes from the caller, so the split can be repeated. "
        "`sklearn.model_selection.train_test_split(…, stratify=labels)` does the same job."
    )
    near_misses = (
        NearMiss(
            code="""
def stratified_split(labels, share, rng):
    cut = len(labels) - round(share * len(labels))
    rows = np.arange(len(labels))
    return rows[:cut], rows[cut:]
""",
            because="The last rows of sorted labels are the last classes.",
            says="the last rows of the data",
        ),
        NearMiss(
            code="""
def stratified_split(labels, share, rng):
    rows = rng.permutation(len(labels))
    count = round(share * len(labels))
    return rows[count:], rows[:count]
""",
            because="Shuffled, but not cut class by class.",
            says="Cut each class on its own",
        ),
        NearMiss(
            code="""
def stratified_split(labels, share, rng):
    validation = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        validation.extend(rows[-max(1, round(share * len(rows))):])
    return np.setdiff1d(np.arange(len(labels)), validation), np.array(validation)
""",
            because="The rows of a class were not shuffled.",
            says="the same rows whatever `rng`",
        ),
        NearMiss(
            code="""
def stratified_split(labels, share, rng):
    validation = []
    for label in np.unique(labels):
        rows = np.random.permutation(np.flatnonzero(labels == label))
        validation.extend(rows[:max(1, round(share * len(rows)))])
    return np.setdiff1d(np.arange(len(labels)), validation), np.array(validation)
""",
            because="`np.random` knows nothing of `rng`.",
            says="not from `rng`",
        ),
        NearMiss(
            code="""
def stratified_split(labels, share, rng):
    validation = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        validation.extend(rng.choice(rows, max(1, round(share * len(rows)))))
    return np.setdiff1d(np.arange(len(labels)), validation), np.array(validation)
""",
            because="`rng.choice` draws with replacement unless told otherwise.",
            says="more than once",
        ),
        NearMiss(
            code="""
def stratified_split(labels, share, rng):
    validation = []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        validation.extend(rows[:max(1, round(share * len(rows)))])
    return np.arange(len(labels)), np.array(validation)
""",
            because="The training part holds all rows.",
            says="in both parts",
        ),
        NearMiss(
            code="""
def stratified_split(labels, share, rng):
    validation = []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        validation.extend(rows[:round(share * len(rows))])
    return np.setdiff1d(np.arange(len(labels)), validation), np.array(validation)
""",
            because="A class with two rows got none.",
            says="expected 1",
        ),
    )
    alternatives = (
        """
def stratified_split(labels, share, rng):
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    train, validation = [], []
    for rows in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        count = max(round(len(rows) * share), 1)
        validation += rows[:count].tolist()
        train += rows[count:].tolist()
    return train, validation
""",
        """
def stratified_split(labels, share, rng):
    is_validation = np.zeros(len(labels), bool)
    for label in set(labels.tolist()):
        rows = np.flatnonzero(labels == label)
        count = max(1, round(share * len(rows)))
        is_validation[rng.choice(rows, count, replace=False)] = True
    return np.flatnonzero(~is_validation), np.flatnonzero(is_validation)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Split three times: with a seed, with the same seed again, with another one."""
        labels, share, seed = inputs["labels"], inputs["share"], inputs["seed"]
        import numpy as np

        return [
            submission(labels.copy(), share, np.random.default_rng(s))
            for s in (seed, seed, seed + 1)
        ]

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(labels: np.ndarray, share: float, note: str) -> Case:
            return Case({"labels": labels, "share": share, "seed": int(rng.integers(1000))}, note)

        counts = rng.permutation([13, 16, 18, 21, 23, 26])
        yield case(np.repeat(np.arange(6), counts), 0.2, "rows sorted by class")
        labels = np.repeat([7, 3, 12], rng.permutation([2, 17, 31]))
        yield case(rng.permutation(labels), 0.2, "a class with two rows; labels 3, 7 and 12")
        labels = rng.permutation(np.repeat([0, 1], [19, 9]))
        yield case(labels, 0.4, "rows in random order, a larger share")

    def expected(self, labels: np.ndarray, share: float, seed: int) -> Any:
        return {int(k): max(1, round(share * int((labels == k).sum()))) for k in np.unique(labels)}

    def judge(self, case: Case, observation: Observation) -> None:
        labels = case.inputs["labels"]
        splits = [_two_parts(value) for value in observation.value]
        for split in splits:
            if split is None:
                raise Wrong("The result must be two lists or arrays of row numbers.")
            self._judge_split(case, *split)
        first, again, other = (set(split[1].tolist()) for split in splits if split)
        if first != again:
            raise Wrong(
                "Two calls with generators of the same seed gave two different splits: the random "
                "numbers do not all come from the argument. They are not from `rng`."
            )
        if first == other and len(labels) > 2:
            raise Wrong(
                "The validation part holds the same rows whatever `rng` is. Choose the rows of a "
                "class at random: `rng.permutation(rows)`."
            )

    def _judge_split(self, case: Case, train: np.ndarray, validation: np.ndarray) -> None:
        labels = case.inputs["labels"]
        n = len(labels)
        both = np.concatenate([train, validation])
        if len(both) and (both.min() < 0 or both.max() >= n):
            raise Wrong(f"A row number is not in 0 to {n - 1}.")
        for part, name in ((train, "training"), (validation, "validation")):
            if len(np.unique(part)) < len(part):
                raise Wrong(f"The {name} part holds a row more than once.")
        if shared := np.intersect1d(train, validation).tolist():
            raise Wrong(f"Row {shared[0]} is in both parts: what is validated was trained on.")
        if missing := np.setdiff1d(np.arange(n), both).tolist():
            raise Wrong(f"Row {missing[0]} is in neither part.")
        for label, wanted in self.expected(**case.inputs).items():
            got = int((labels[validation] == label).sum())
            if got == wanted:
                continue
            reason = (
                f"Of class {label}, which has {int((labels == label).sum())} rows, {got} are in "
                f"the validation part, expected {wanted}."
            )
            if set(validation.tolist()) == set(range(n - len(validation), n)):
                raise Wrong(f"{reason} You took the last rows of the data, which are sorted.")
            raise Wrong(f"{reason} Cut each class on its own.")


def _two_parts(value: Plain) -> tuple[np.ndarray, np.ndarray] | None:
    """Return two arrays of row numbers, or None if the value is something else."""
    if isinstance(value, np.ndarray) and value.ndim:
        value = list(value)
    if not isinstance(value, list) or len(value) != 2:
        return None
    parts = []
    for part in value:
        try:
            rows = np.asarray(part)
        except ValueError:  # a nest of unlike things
            return None
        if rows.ndim != 1 or (rows.dtype.kind not in "iu" and len(rows)):
            return None
        parts.append(rows.astype(int))
    return parts[0], parts[1]


@register
class StepsAndEpochs(Exercise):
    """Which epochs a call of fit runs, and how often it updates the weights."""

    name = "steps_and_epochs"
    title = "What will this call of fit do?"
    points = 1
    see = "Epochs, steps and batches"
    hints = (
        "Two questions: how many batches has an epoch, and which numbers do the epochs have? "
        "Every batch is one update.",
        "Arrays: rows divided by batch size, rounded **up** (`math.ceil`). A stream: "
        "`steps_per_epoch`. Then think of `fit(epochs=5, initial_epoch=3)`: it ran 3 and 4.",
        "`numbers = list(range(initial_epoch, epochs))`",
    )
    why = (
        "`epochs` names the epoch at which to stop, so `range(initial_epoch, epochs)` are the "
        "numbers, and the list is empty if that epoch has been reached. The last batch is an "
        "update although it is smaller, therefore the division is rounded up."
    )
    near_misses = (
        NearMiss(
            code="""
def steps_and_epochs(rows, batch_size, epochs, initial_epoch, steps_per_epoch):
    steps = steps_per_epoch or math.ceil(rows / batch_size)
    numbers = list(range(initial_epoch, initial_epoch + epochs))
    return numbers, steps * len(numbers)
""",
            because=(
                "`epochs` is the number at which to stop, not how many epochs to add: "
                "`fit(epochs=5, initial_epoch=3)` runs the epochs 3 and 4."
            ),
            like=lambda rows, batch_size, epochs, initial_epoch, steps_per_epoch: [
                list(range(initial_epoch, initial_epoch + epochs)),
                epochs * (steps_per_epoch or -(-rows // batch_size)),
            ],
        ),
        NearMiss(
            code="""
def steps_and_epochs(rows, batch_size, epochs, initial_epoch, steps_per_epoch):
    steps = rows // batch_size if steps_per_epoch is None else steps_per_epoch
    numbers = list(range(initial_epoch, epochs))
    return numbers, steps * len(numbers)
""",
            because=(
                "The last, smaller batch of each epoch is missing. It is an update too: round up."
            ),
            like=lambda rows, batch_size, epochs, initial_epoch, steps_per_epoch: [
                list(range(initial_epoch, epochs)),
                max(0, epochs - initial_epoch) * (steps_per_epoch or rows // batch_size),
            ],
        ),
        NearMiss(
            code="""
def steps_and_epochs(rows, batch_size, epochs, initial_epoch, steps_per_epoch):
    numbers = list(range(initial_epoch, epochs))
    return numbers, math.ceil(rows / batch_size) * len(numbers)
""",
            because=(
                "An endless stream has no last batch: there an epoch ends after `steps_per_epoch` "
                "batches."
            ),
            like=lambda rows, batch_size, epochs, initial_epoch, steps_per_epoch: [
                list(range(initial_epoch, epochs)),
                -(-rows // batch_size) * max(0, epochs - initial_epoch),
            ],
        ),
        NearMiss(
            code="""
def steps_and_epochs(rows, batch_size, epochs, initial_epoch, steps_per_epoch):
    steps = steps_per_epoch or math.ceil(rows / batch_size)
    return list(range(initial_epoch, epochs)), steps * epochs
""",
            because="The epochs before `initial_epoch` do not run, so they bring no updates.",
            like=lambda rows, batch_size, epochs, initial_epoch, steps_per_epoch: [
                list(range(initial_epoch, epochs)),
                epochs * (steps_per_epoch or -(-rows // batch_size)),
            ],
        ),
        NearMiss(
            code="""
def steps_and_epochs(rows, batch_size, epochs, initial_epoch, steps_per_epoch):
    steps = steps_per_epoch or math.ceil(rows / batch_size)
    numbers = list(range(initial_epoch + 1, epochs + 1))
    return numbers, steps * len(numbers)
""",
            because="Epochs are counted from 0 in `history.epoch`; only the progress bar adds 1.",
            like=lambda rows, batch_size, epochs, initial_epoch, steps_per_epoch: [
                list(range(initial_epoch + 1, epochs + 1)),
                max(0, epochs - initial_epoch) * (steps_per_epoch or -(-rows // batch_size)),
            ],
        ),
        NearMiss(
            code="""
def steps_and_epochs(rows, batch_size, epochs, initial_epoch, steps_per_epoch):
    steps = steps_per_epoch or math.ceil(rows / batch_size)
    return list(range(initial_epoch, epochs)), steps * (epochs - initial_epoch)
""",
            because="If `initial_epoch` is past `epochs`, nothing runs: not a negative number.",
            says="expected 0",
        ),
    )
    alternatives = (
        """
def steps_and_epochs(rows, batch_size, epochs, initial_epoch, steps_per_epoch):
    if steps_per_epoch is None:
        steps_per_epoch = len(range(0, rows, batch_size))
    updates, epoch, numbers = 0, initial_epoch, []
    while epoch < epochs:
        numbers.append(epoch)
        updates += steps_per_epoch
        epoch += 1
    return numbers, updates
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer with plain numbers."""
        return submission(*inputs.values())

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(
            rows: int, batch: int, epochs: int, first: int, steps: int | None, note: str = ""
        ) -> Case:
            return Case(
                {
                    "rows": rows,
                    "batch_size": batch,
                    "epochs": epochs,
                    "initial_epoch": first,
                    "steps_per_epoch": steps,
                },
                note,
            )

        batch, steps, first, more = (int(n) for n in rng.integers(3, 9, size=4))
        rest = int(rng.integers(1, batch))
        yield case(batch * steps + rest, batch, first + more, first, None, "a smaller last batch")
        yield case(batch * steps, batch, more, 0, None, "the batches come out even")
        yield case(batch * (steps + 5), batch, first + more, first, steps, "an endless stream")
        yield case(batch * steps + rest, batch, first, first, None, "this epoch was reached before")
        yield case(batch, batch, first, first + more, steps, "this epoch is past")
        yield case(rest, batch, more + 1, more, None, "less than one batch")

    def expected(
        self,
        rows: int,
        batch_size: int,
        epochs: int,
        initial_epoch: int,
        steps_per_epoch: int | None,
    ) -> Any:
        numbers, updates = [], 0
        for epoch in range(epochs):
            if epoch < initial_epoch:
                continue
            numbers.append(epoch)
            if steps_per_epoch is not None:
                updates += steps_per_epoch
                continue
            seen = 0
            while seen < rows:
                seen += batch_size
                updates += 1
        return [numbers, updates]


@register
class BatchesOf(Exercise):
    """A dataset of batches with a right last one and a new order in each epoch."""

    name = "BatchesOf"
    title = "A dataset of your own"
    points = 3
    see = "Data that arrive in batches"
    hints = (
        "Keep an array `self.order` with the row numbers in random order. A batch is a slice of "
        "it: which rows belong to batch `index`?",
        "`rows = self.order[index * batch_size : (index + 1) * batch_size]`; a slice that goes "
        "past the end is cut short, which makes the last batch right. Return "
        "`self.x[rows], self.y[rows]`. The length is rounded up.",
        "`on_epoch_end` sets `self.order = self.rng.permutation(len(self.x))`. Call it in "
        "`__init__` too, after `super().__init__(**kwargs)`.",
    )
    why = (
        "One array of row numbers is shuffled, never x and y: they stay in pairs, and the "
        "caller's arrays stay as they are. The order changes in `on_epoch_end` only, because "
        "Keras may ask for the batches of an epoch in any order and from several threads. "
        "`super().__init__(**kwargs)` hands on `workers` and its companions."
    )
    near_misses = (
        NearMiss(
            code="""
class BatchesOf(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size, rng, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size, self.rng = x, y, batch_size, rng
        self.on_epoch_end()

    def __len__(self):
        return len(self.x) // self.batch_size

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.x))
""",
            because="Rounded down, the length leaves out the last, smaller batch.",
            says="last, smaller batch is left out",
        ),
        NearMiss(
            code="""
class BatchesOf(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size, rng, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size, self.rng = x, y, batch_size, rng
        self.on_epoch_end()

    def __len__(self):
        return len(self.x) // self.batch_size + 1

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.x))
""",
            because="When the batches come out even, one batch too many is empty.",
            says="is empty",
        ),
        NearMiss(
            code="""
class BatchesOf(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size, rng, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size, self.rng = x.copy(), y.copy(), batch_size, rng
        self.on_epoch_end()

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index):
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.rng.shuffle(self.x)
        self.rng.shuffle(self.y)
""",
            because="x and y were shuffled each on its own.",
            says="not the label of its row",
        ),
        NearMiss(
            code="""
class BatchesOf(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size, rng, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size, self.rng = x, y, batch_size, rng
        self.on_epoch_end()

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index):
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        order = self.rng.permutation(len(self.x))
        self.x[:], self.y[:] = self.x[order], self.y[order]
""",
            because="The caller's arrays were shuffled.",
            says="changed the arrays",
        ),
        NearMiss(
            code="""
class BatchesOf(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size, rng, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size, self.rng = x, y, batch_size, rng

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index):
        order = self.rng.permutation(len(self.x))
        rows = order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        pass
""",
            because="A new order for each batch: rows come twice, others never.",
            says="Draw the order once an epoch",
        ),
        NearMiss(
            code="""
class BatchesOf(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size, rng, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size = x, y, batch_size
        self.order = rng.permutation(len(self.x))

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        pass
""",
            because="The order is random, but the same in every epoch.",
            says="same order as the one before",
        ),
        NearMiss(
            code="""
class BatchesOf(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size, rng, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size, self.rng = x, y, batch_size, rng
        self.order = np.arange(len(x))

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.x))
""",
            because="The first epoch is not shuffled.",
            says="first epoch",
        ),
        NearMiss(
            code="""
class BatchesOf(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size, rng, **kwargs):
        self.x, self.y, self.batch_size, self.rng = x, y, batch_size, rng
        self.on_epoch_end()

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.x))
""",
            because="The base class was not set up.",
            says="super().__init__(**kwargs)",
        ),
    )
    alternatives = (
        """
class BatchesOf(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size, rng, **kwargs):
        super().__init__(**kwargs)
        self.all = (x, y)
        self.size, self.chance = batch_size, rng
        self.shuffle()

    def shuffle(self):
        order = np.arange(len(self.all[0]))
        self.chance.shuffle(order)
        self.batches = [
            tuple(array[order[start : start + self.size]] for array in self.all)
            for start in range(0, len(order), self.size)
        ]

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]

    def on_epoch_end(self):
        self.shuffle()
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Read three epochs as Keras would, and the first of a second dataset of the same seed."""
        x, y, batch_size, seed = inputs["x"], inputs["y"], inputs["batch_size"], inputs["seed"]
        import warnings

        import keras
        import numpy as np

        with warnings.catch_warnings():
            # A base class that was not set up: the judge says it in its own words.
            warnings.filterwarnings("ignore", message="Your `PyDataset` class should call")
            kept = x.copy(), y.copy()
            data = submission(x, y, batch_size, np.random.default_rng(seed), workers=2)
            if not isinstance(data, keras.utils.PyDataset):
                return {"type": type(data).__name__}
            epochs = []
            for _ in range(3):
                epochs.append([data[index] for index in range(len(data))])
                if epochs[-1] and not np.array_equal(data[0][0], epochs[-1][0][0]):
                    return {"unsteady": True}
                data.on_epoch_end()
            twin = submission(*kept, batch_size, np.random.default_rng(seed))
            return {
                "epochs": epochs,
                "workers": getattr(data, "workers", None),
                "changed": not (np.array_equal(x, kept[0]) and np.array_equal(y, kept[1])),
                "repeats": all(
                    np.array_equal(twin[index][0], batch[0])
                    for index, batch in enumerate(epochs[0])
                ),
            }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for rows, batch_size, note in (
            (11, 4, "a smaller last batch"),
            (12, 4, "the batches come out even"),
            (9, 16, "less than one batch"),
        ):
            x = rng.normal(size=(rows, 3)).astype(np.float32)
            y = rng.permutation(rows * 10)[:rows]
            yield Case(
                {"x": x, "y": y, "batch_size": batch_size, "seed": int(rng.integers(1000))}, note
            )

    def expected(self, x: np.ndarray, y: np.ndarray, batch_size: int, seed: int) -> Any:
        sizes, left = [], len(x)
        while left > 0:
            sizes.append(min(left, batch_size))
            left -= batch_size
        return sizes

    def judge(self, case: Case, observation: Observation) -> None:
        got, sizes = observation.value, self.expected(**case.inputs)
        if "type" in got:
            raise Wrong(f"A call of `BatchesOf` gave {got['type']}, not a keras.utils.PyDataset.")
        if "unsteady" in got:
            raise Wrong(
                "The same index gave two different batches in one epoch, so some rows come twice "
                "and others never. Draw the order once an epoch, in `on_epoch_end`."
            )
        orders = [self._order(case, epoch, sizes) for epoch in got["epochs"]]
        if got["changed"]:
            raise Wrong("Your dataset changed the arrays it was given. Shuffle row numbers.")
        if orders[0] == list(range(len(orders[0]))):
            raise Wrong("In the first epoch the rows came in their given order: shuffle there too.")
        if orders[0] == orders[1] or orders[1] == orders[2]:
            raise Wrong("An epoch has the same order as the one before: reshuffle between them.")
        if not got["repeats"]:
            raise Wrong("With a generator of the same seed the order was another: use `rng` alone.")
        if got["workers"] != 2:
            raise Wrong(
                "`workers=2` did not reach the base class. Begin with `super().__init__(**kwargs)`."
            )

    def _order(self, case: Case, batches: Plain, sizes: list[int]) -> list[int]:
        """Return the row numbers of an epoch in the order in which they came."""
        x, y = case.inputs["x"], case.inputs["y"]
        if len(batches) < len(sizes):
            raise Wrong(
                f"An epoch has {len(batches)} batches, expected {len(sizes)}: the last, smaller "
                "batch is left out. Round the length up."
            )
        order: list[int] = []
        for index, batch in enumerate(batches):
            if not isinstance(batch, list) or len(batch) != 2:
                raise Wrong("A batch must be a tuple of two arrays: rows of x, rows of y.")
            rows, labels = batch
            if not isinstance(rows, np.ndarray) or not isinstance(labels, np.ndarray):
                raise Wrong("A batch must be a tuple of two arrays: rows of x, rows of y.")
            if len(rows) == 0:
                raise Wrong(f"Batch {index} is empty: an epoch has {len(sizes)} batches.")
            wanted = sizes[index] if index < len(sizes) else 0
            if rows.shape != (wanted, x.shape[1]) or labels.shape != (wanted,):
                raise Wrong(
                    f"Batch {index} has the shapes {rows.shape} and {labels.shape}, expected "
                    f"({wanted}, {x.shape[1]}) and ({wanted},)."
                )
            for row, label in zip(rows, labels, strict=True):
                found = np.flatnonzero((x == row).all(axis=1))
                if not len(found):
                    raise Wrong(f"Batch {index} holds a row that is not in x.")
                if y[found[0]] != label:
                    raise Wrong(
                        f"In batch {index}, {label} is not the label of its row, which is "
                        f"{y[found[0]]}: x and y have lost their pairs."
                    )
                order.append(int(found[0]))
        if len(set(order)) < len(order):
            raise Wrong(
                "A row comes twice in one epoch, so another never comes. Draw the order once an "
                "epoch, in `on_epoch_end`."
            )
        return order


def _history_like(best: int | None, start: int | None) -> list[int | None]:
    return [best, start]


@register
class ReadHistory(Exercise):
    """The best epoch, and the one in which overfitting starts."""

    name = "read_history"
    title = "Read a history by rule"
    points = 2
    see = "Read the curves"
    hints = (
        "First the best epoch: the position of the smallest `val_loss`. What do `np.argmin` and "
        "`np.nanargmin` give if there is a NaN?",
        "Then walk through the epochs after it and count how many in a row have a lower `loss` "
        "**and** a higher `val_loss` than the best epoch. Any other epoch sets the count to 0.",
        "When the count reaches `run` in epoch e, the run began in epoch `e - run + 1`. If the "
        "loop ends before that, return `best, None`.",
    )
    why = (
        "Only the validation loss can say which epoch is best; the training loss falls as long "
        "as one trains. `np.argmin` takes a NaN for the minimum, so a training that blew up "
        "would look best where it broke. Asking for several epochs in a row keeps a single "
        "unlucky epoch from being taken for overfitting."
    )
    near_misses = (
        NearMiss(
            code="""
def read_history(history, run):
    best = int(np.nanargmin(history["loss"]))
    count = 0
    for epoch in range(best + 1, len(history["loss"])):
        lower = history["loss"][epoch] < history["loss"][best]
        higher = history["val_loss"][epoch] > history["val_loss"][best]
        count = count + 1 if lower and higher else 0
        if count == run:
            return best, epoch - run + 1
    return best, None
""",
            because=(
                "This is the epoch with the lowest training loss. The best epoch is that with the "
                "lowest **validation** loss."
            ),
            like=lambda history, run: [int(np.nanargmin(history["loss"])), None],
        ),
        NearMiss(
            code="""
def read_history(history, run):
    best = int(np.argmin(history["val_loss"]))
    count = 0
    for epoch in range(best + 1, len(history["loss"])):
        lower = history["loss"][epoch] < history["loss"][best]
        higher = history["val_loss"][epoch] > history["val_loss"][best]
        count = count + 1 if lower and higher else 0
        if count == run:
            return best, epoch - run + 1
    return best, None
""",
            because=(
                "`np.argmin` takes NaN for the smallest number: the epoch in which training broke "
                "was called the best. Use `np.nanargmin`."
            ),
            like=lambda history, run: [int(np.argmin(history["val_loss"])), None],
        ),
        NearMiss(
            code="""
def read_history(history, run):
    best = int(np.nanargmin(history["val_loss"]))
    for epoch in range(best + 1, len(history["loss"])):
        if history["loss"][epoch] < history["loss"][best]:
            if history["val_loss"][epoch] > history["val_loss"][best]:
                return best, epoch
    return best, None
""",
            because=(
                "One such epoch is not enough: overfitting starts with the first of `run` epochs "
                "in a row."
            ),
            like=lambda history, run: _history_like(*_read(history, 1)),
        ),
        NearMiss(
            code="""
def read_history(history, run):
    best = int(np.nanargmin(history["val_loss"]))
    count = 0
    for epoch in range(best + 1, len(history["loss"])):
        lower = history["loss"][epoch] < history["loss"][best]
        higher = history["val_loss"][epoch] > history["val_loss"][best]
        count = count + 1 if lower and higher else 0
        if count == run:
            return best, epoch
    return best, None
""",
            because="This is the last epoch of the run. It began `run - 1` epochs earlier.",
            like=lambda history, run: _history_like(*_read(history, run, last=True)),
        ),
        NearMiss(
            code="""
def read_history(history, run):
    best = int(np.nanargmin(history["val_loss"]))
    count = 0
    for epoch in range(best + 1, len(history["loss"])):
        higher = history["val_loss"][epoch] > history["val_loss"][best]
        count = count + 1 if higher else 0
        if count == run:
            return best, epoch - run + 1
    return best, None
""",
            because=(
                "You looked at the validation loss alone. Where the training loss is higher as "
                "well, the model got worse at everything: that is not overfitting."
            ),
            like=lambda history, run: _history_like(*_read(history, run, training=False)),
        ),
    )
    alternatives = (
        """
def read_history(history, run):
    loss, val = np.array(history["loss"]), np.array(history["val_loss"])
    best = np.where(np.isnan(val), np.inf, val).argmin()
    apart = (loss < loss[best]) & (val > val[best])
    apart[: best + 1] = False
    for start in range(len(apart) - run + 1):
        if apart[start : start + run].all():
            return best, start
    return best, None
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer with a history as Keras keeps it."""
        return submission(inputs["history"], inputs["run"])

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(loss: np.ndarray, val_loss: np.ndarray, run: int, note: str) -> Case:
            history = {"loss": loss.tolist(), "val_loss": val_loss.tolist()}
            return Case({"history": history, "run": run}, note)

        def falling(n: int) -> np.ndarray:
            return np.sort(rng.uniform(0.1, 1, size=n))[::-1].copy()

        n, best = 14, int(rng.integers(2, 5))
        loss = falling(n)
        val_loss = 1.2 + np.abs(np.arange(n) - best) * rng.uniform(0.02, 0.05)
        # A higher training loss, one epoch apart, again a higher one, then apart to the end.
        loss[[best + 1, best + 3, best + 4]] = loss[best] + rng.uniform(0.1, 0.3, size=3)
        yield case(loss, val_loss, 2, "one epoch alone, then a run")
        longer = val_loss.copy()
        longer[best + 7] = longer[best]
        yield case(loss, longer, 4, "the lowest value comes twice")
        broken, broken_val = falling(n), 0.3 + falling(n)
        broken[9:], broken_val[9:] = np.nan, np.nan
        yield case(broken, broken_val, 3, "training breaks in epoch 9")
        yield case(falling(8), 0.3 + falling(8), 1, "validation loss falls to the end")
        yield case(falling(n), val_loss, 1, "a run of one epoch is enough")
        short = falling(best + 3)
        yield case(short, val_loss[: best + 3], 3, "training ended before the run was long enough")
        gap = falling(n)
        lifted = val_loss.copy()
        lifted[best + 2 : best + 9 : 2] = np.nan
        yield case(gap[: best + 9], lifted[: best + 9], 2, "NaN in every second epoch")

    def expected(self, history: dict[str, list[float]], run: int) -> Any:
        return _history_like(*_read(history, run))


def _read(
    history: dict[str, list[float]], run: int, *, last: bool = False, training: bool = True
) -> tuple[int, int | None]:
    """Look at every window of ``run`` epochs after the best one; variants for the near misses."""
    loss, val_loss = history["loss"], history["val_loss"]
    best, lowest = 0, float("inf")
    for epoch, value in enumerate(val_loss):
        if value < lowest:
            best, lowest = epoch, value
    for start in range(best + 1, len(loss) - run + 1):
        window = range(start, start + run)
        if all(val_loss[e] > lowest and (loss[e] < loss[best] or not training) for e in window):
            return best, window[-1] if last else start
    return best, None


@register
class EvaluateByHand(Exercise):
    """Loss and accuracy over batches, with the penalties, as evaluate gives them."""

    name = "evaluate_by_hand"
    title = "Evaluate by hand"
    points = 3
    see = "Why the training loss looks higher"
    hints = (
        "Add up over the batches what belongs to rows: the losses and the number of right "
        "answers. Divide by the number of rows at the end. What happens to a mean of means if "
        "the last batch is smaller?",
        "`keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)` gives "
        "one loss for each row; add up its sum. Call the model with `training=False`.",
        "At the end add the penalties once: `loss_sum / len(x) + float(sum(model.losses))`.",
    )
    why = (
        "A mean of batch means gives the rows of a small last batch more weight than the others; "
        "sums divided once by the number of rows do not. Dropout must be off. The penalties "
        "depend on the weights alone and are part of the loss in evaluation as in training, so "
        "they are added once, not once for each batch."
    )
    near_misses = (
        NearMiss(
            code="""
def evaluate_by_hand(model, x, y, batch_size):
    losses, rights = [], []
    for start in range(0, len(x), batch_size):
        labels = y[start : start + batch_size]
        logits = model(x[start : start + batch_size], training=False)
        loss = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        losses.append(float(keras.ops.mean(loss)))
        rights.append(np.mean(keras.ops.convert_to_numpy(logits).argmax(axis=1) == labels))
    return {"loss": np.mean(losses) + float(sum(model.losses)), "accuracy": np.mean(rights)}
""",
            because=(
                "This is the mean of the batches' means: the rows of the smaller last batch count "
                "more than the others. Add up sums and divide by the number of rows."
            ),
            like=lambda **inputs: _evaluated(**inputs, mean_of_means=True),
        ),
        NearMiss(
            code="""
def evaluate_by_hand(model, x, y, batch_size):
    loss_sum, right = 0.0, 0
    for start in range(0, len(x), batch_size):
        labels = y[start : start + batch_size]
        logits = model(x[start : start + batch_size], training=False)
        losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        loss_sum += float(keras.ops.sum(losses))
        right += int(np.sum(keras.ops.convert_to_numpy(logits).argmax(axis=1) == labels))
    return {"loss": loss_sum / len(x), "accuracy": right / len(x)}
""",
            because=(
                "The penalties are missing. `evaluate` includes them: add `sum(model.losses)` once."
            ),
            like=lambda **inputs: _evaluated(**inputs, penalties=0),
        ),
        NearMiss(
            code="""
def evaluate_by_hand(model, x, y, batch_size):
    loss_sum, right = 0.0, 0
    for start in range(0, len(x), batch_size):
        labels = y[start : start + batch_size]
        logits = model(x[start : start + batch_size], training=False)
        losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        loss_sum += float(keras.ops.sum(losses)) + float(sum(model.losses))
        right += int(np.sum(keras.ops.convert_to_numpy(logits).argmax(axis=1) == labels))
    return {"loss": loss_sum / len(x), "accuracy": right / len(x)}
""",
            because=(
                "The penalties were added in every batch and then divided by the number of rows. "
                "They belong to the weights: add them once, at the end."
            ),
            like=lambda **inputs: _evaluated(
                **inputs, penalties=-(-len(inputs["x"]) // inputs["batch_size"]) / len(inputs["x"])
            ),
        ),
        NearMiss(
            code="""
def evaluate_by_hand(model, x, y, batch_size):
    loss_sum, right = 0.0, 0
    for start in range(0, len(x), batch_size):
        labels = y[start : start + batch_size]
        logits = model(x[start : start + batch_size], training=False)
        losses = keras.losses.sparse_categorical_crossentropy(labels, logits)
        loss_sum += float(keras.ops.sum(losses))
        right += int(np.sum(keras.ops.convert_to_numpy(logits).argmax(axis=1) == labels))
    return {"loss": loss_sum / len(x) + float(sum(model.losses)), "accuracy": right / len(x)}
""",
            because="The logits were taken for probabilities.",
            says="`from_logits=True`",
        ),
        NearMiss(
            code="""
def evaluate_by_hand(model, x, y, batch_size):
    loss_sum, right = 0.0, 0
    for start in range(0, len(x), batch_size):
        labels = y[start : start + batch_size]
        logits = model(x[start : start + batch_size], training=True)
        losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        loss_sum += float(keras.ops.sum(losses))
        right += int(np.sum(keras.ops.convert_to_numpy(logits).argmax(axis=1) == labels))
    return {"loss": loss_sum / len(x) + float(sum(model.losses)), "accuracy": right / len(x)}
""",
            because="Dropout is on.",
            says="`training=True`",
        ),
        NearMiss(
            code="""
def evaluate_by_hand(model, x, y, batch_size):
    logits = model(x, training=False)
    losses = keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
    right = keras.ops.convert_to_numpy(logits).argmax(axis=1) == y
    loss = float(keras.ops.mean(losses)) + float(sum(model.losses))
    return {"loss": loss, "accuracy": np.mean(right)}
""",
            because="All rows at once: with a large data set that does not fit into memory.",
            says="rows at once",
        ),
        NearMiss(
            code="""
def evaluate_by_hand(model, x, y, batch_size):
    loss_sum, right = 0.0, 0
    for batch in range(len(x) // batch_size):
        rows = slice(batch * batch_size, (batch + 1) * batch_size)
        logits = model(x[rows], training=False)
        losses = keras.losses.sparse_categorical_crossentropy(y[rows], logits, from_logits=True)
        loss_sum += float(keras.ops.sum(losses))
        right += int(np.sum(keras.ops.convert_to_numpy(logits).argmax(axis=1) == y[rows]))
    return {"loss": loss_sum / len(x) + float(sum(model.losses)), "accuracy": right / len(x)}
""",
            because="The last batch was left out.",
            says="never saw",
        ),
    )
    alternatives = (
        """
def evaluate_by_hand(model, x, y, batch_size):
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    total = {"loss": 0.0, "accuracy": 0.0}
    for start in range(0, len(x), batch_size):
        inputs, labels = x[start : start + batch_size], y[start : start + batch_size]
        logits = model(inputs)
        total["loss"] += float(cross_entropy(labels, logits)) / len(x)
        total["accuracy"] += float(
            keras.ops.sum(keras.metrics.sparse_categorical_accuracy(labels, logits))
        ) / len(x)
    for penalty in model.losses:
        total["loss"] += float(penalty)
    return total
""",
        """
def evaluate_by_hand(model, x, y, batch_size):
    loss, accuracy = keras.metrics.Mean(), keras.metrics.SparseCategoricalAccuracy()
    for start in range(0, len(x), batch_size):
        labels = y[start : start + batch_size]
        logits = model(x[start : start + batch_size], training=False)
        loss.update_state(
            keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        )
        accuracy.update_state(labels, logits)
    penalty = float(keras.ops.sum(model.losses)) if model.losses else 0.0
    return {"loss": float(loss.result()) + penalty, "accuracy": float(accuracy.result())}
""",
    )
    rtol = 1e-4

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Build a linear model with Dropout that notes how it is called."""
        x, y, kernel, batch_size, penalty = (
            inputs["x"],
            inputs["y"],
            inputs["kernel"],
            inputs["batch_size"],
            inputs["penalty"],
        )
        import keras

        calls: list[Any] = []

        class Noted(keras.layers.Layer):
            """Gives its input and notes the number of rows and the mode."""

            def call(self, rows: Any, training: Any = None) -> Any:
                calls.append([rows.shape[0], bool(training)])
                return rows

        dense = keras.layers.Dense(
            kernel.shape[1],
            use_bias=False,
            kernel_regularizer=keras.regularizers.L2(penalty) if penalty else None,
        )
        model = keras.Sequential(
            [keras.Input((x.shape[1],)), Noted(), keras.layers.Dropout(0.5), dense]
        )
        dense.set_weights([kernel])
        calls.clear()
        return {"calls": calls, "result": submission(model, x, y, batch_size)}

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for rows, batch_size, penalty, note in (
            (7, 3, 0.1, "a last batch of one row, and a weight penalty"),
            (6, 3, 0.02, "the batches come out even"),
            (3, 5, 0.0, "less than one batch, no penalty"),
        ):
            kernel = rng.normal(size=(4, 3)).astype(np.float32)
            x = rng.normal(size=(rows, 4)).astype(np.float32)
            logits = x @ kernel
            y = logits.argmax(axis=1)
            # About half the answers are wrong; the last row, a batch of its own, is right, and
            # the rows before it have a mean of their own.
            y[: (rows + 1) // 2] = logits[: (rows + 1) // 2].argmin(axis=1)
            yield Case(
                {
                    "x": x,
                    "y": y,
                    "kernel": kernel,
                    "batch_size": batch_size,
                    "penalty": penalty,
                },
                note,
            )

    def expected(self, **inputs: Any) -> Any:
        return _evaluated(**inputs)

    def judge(self, case: Case, observation: Observation) -> None:
        got, expected = observation.value["result"], self.expected(**case.inputs)
        calls, batch_size = observation.value["calls"], case.inputs["batch_size"]
        if any(training for _, training in calls):
            raise Wrong(
                "The model was called with `training=True`, so Dropout was on. Evaluation is "
                "inference: `training=False`."
            )
        # Inside predict or evaluate the number of rows may be unknown (None).
        sizes = [rows for rows, _ in calls if isinstance(rows, int)]
        if sizes and max(sizes) > batch_size:
            raise Wrong(
                f"The model got {max(sizes)} rows at once, but `batch_size` is {batch_size}."
            )
        if len(sizes) == len(calls) > 0 and sum(sizes) < len(case.inputs["x"]):
            raise Wrong(
                f"The model never saw the last {len(case.inputs['x']) - sum(sizes)} of "
                f"{len(case.inputs['x'])} rows: the last batch may be smaller."
            )
        reason = self.differs(got, expected)
        if not reason:
            return
        for miss in self.near_misses:
            if miss.like and not self.differs(got, miss.like(**case.inputs)):
                raise Wrong(miss.because, expected=expected)
        if self._only_the_loss_differs(got, expected):
            reason += " Are the logits taken for what they are (`from_logits=True`)?"
        raise Wrong(reason, expected=expected)

    def _only_the_loss_differs(self, got: Plain, expected: dict[str, float]) -> bool:
        return (
            isinstance(got, dict)
            and got.keys() == expected.keys()
            and self.differs(got["accuracy"], expected["accuracy"]) is None
        )


def _evaluated(
    x: np.ndarray,
    y: np.ndarray,
    kernel: np.ndarray,
    batch_size: int,
    penalty: float,
    *,
    penalties: float = 1,
    mean_of_means: bool = False,
) -> dict[str, float]:
    """Return loss and accuracy of the linear model, row by row; variants for the near misses."""
    losses, rights = [], []
    for row, label in zip(x.astype(float), y, strict=True):
        logits = row @ kernel.astype(float)
        losses.append(-float(np.log(_softmax(logits)[label])))
        rights.append(float(logits.argmax() == label))

    def mean(values: list[float]) -> float:
        parts = [values]
        if mean_of_means:
            parts = [values[i : i + batch_size] for i in range(0, len(values), batch_size)]
        return float(np.mean([np.mean(part) for part in parts]))

    weights = penalty * float((kernel.astype(float) ** 2).sum())
    return {"loss": mean(losses) + penalties * weights, "accuracy": mean(rights)}
