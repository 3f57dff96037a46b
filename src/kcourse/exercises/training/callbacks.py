"""Exercises of the lesson on callbacks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register

_KINDS = ("train", "test", "predict")
_SIDES = ("begin", "end")
_HOOKS = (
    *(f"on_{kind}_{side}" for kind in _KINDS for side in _SIDES),
    *(f"on_{kind}_batch_{side}" for kind in _KINDS for side in _SIDES),
    *(f"on_{loop}_{side}" for loop in ("epoch", "batch") for side in _SIDES),
)


@register
class MisspeltHooks(Exercise):
    """Methods that look like hooks and are never called."""

    name = "misspelt_hooks"
    title = "Find hooks that are never called"
    points = 1
    see = "Hooks: when Keras calls you"
    hints = (
        "`dir(callback)` lists the names of all attributes, inherited ones too, in order. Which of "
        "them does `dir(keras.callbacks.Callback)` not know?",
        '`name.startswith("on_")` and `callable(getattr(callback, name))` keep the methods that '
        "look like hooks.",
        'A list comprehension: `[name for name in dir(callback) if name.startswith("on_") and '
        "name not in known and callable(getattr(callback, name))]`.",
    )
    why = (
        "The base class has an empty method for every hook, so its `dir` is the list of what Keras "
        "calls. A method with a new name is no mistake to Python; nobody but such a check can tell."
    )
    near_misses = (
        NearMiss(
            code="""
def misspelt_hooks(callback):
    return [name for name in dir(callback) if name.startswith("on_")]
""",
            because=(
                "These are all hooks, the right ones too. Leave out those that "
                "`keras.callbacks.Callback` has."
            ),
            says="the right ones too",
        ),
        NearMiss(
            code="""
def misspelt_hooks(callback):
    known = dir(keras.callbacks.Callback)
    names = vars(type(callback))
    return sorted(n for n in names if n.startswith("on_") and n not in known and callable(names[n]))
""",
            because="Methods inherited from the callback's own parent class are missing.",
            like=lambda own, inherited, data: sorted(_not_called(own)),
        ),
        NearMiss(
            code="""
def misspelt_hooks(callback):
    known = dir(keras.callbacks.Callback)
    return [name for name in dir(callback) if name.startswith("on_") and name not in known]
""",
            because="Only methods count; an attribute that holds data cannot be a hook.",
            like=lambda own, inherited, data: sorted(_not_called([*own, *inherited, *data])),
        ),
        NearMiss(
            code="""
def misspelt_hooks(callback):
    known = dir(keras.callbacks.Callback)
    return [n for n in dir(callback) if n not in known and callable(getattr(callback, n))]
""",
            because='A method whose name does not begin with "on_" does not look like a hook.',
            like=lambda own, inherited, data: sorted({*own, *inherited} - {*_HOOKS}),
        ),
    )
    alternatives = (
        """
def misspelt_hooks(callback):
    found = set()
    for kind in type(callback).__mro__:
        for name, value in vars(kind).items():
            if name[:3] == "on_" and callable(value):
                if not hasattr(keras.callbacks.Callback, name):
                    found.add(name)
    return sorted(found)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Make a callback of a class that has a parent, and hand it over."""
        import keras

        def method(self: Any, *_: Any, **__: Any) -> None:
            """Do nothing."""

        methods = dict.fromkeys(inputs["inherited"], method)
        parent = type("Parent", (keras.callbacks.Callback,), methods)
        members: dict[str, Any] = dict.fromkeys(inputs["own"], method)
        members.update(dict.fromkeys(inputs["data"], 3))
        return submission(type("Child", (parent,), members)())

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        misspelt = [
            "on_epoch_beign",
            "on_train__begin",
            "on_batch_start",
            "on_epochs_end",
            "on_test_batches_end",
            "on_predict_finish",
            "on_training_end",
        ]
        wrong = [str(name) for name in rng.permutation(misspelt)]
        right = [str(name) for name in rng.permutation(_HOOKS)]
        wrong[:2] = sorted(wrong[:2], reverse=True)
        yield Case(
            {
                "own": [*wrong[:2], *right[:2], "report"],
                "inherited": [wrong[2], right[2], "once_more"],
                "data": ["on_disk"],
            }
        )
        yield Case({"own": list(_HOOKS), "inherited": [], "data": []}, "every hook, spelt right")
        yield Case({"own": wrong[3:5], "inherited": [], "data": [wrong[5]]})

    def expected(self, own: list[str], inherited: list[str], data: list[str]) -> Any:
        return sorted(_not_called([*own, *inherited]))

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the names are those that Keras never calls."""
        names = observation.value
        if isinstance(names, list) and any(name in _HOOKS for name in map(str, names)):
            raise Wrong(
                "These are all hooks, the right ones too. Leave out those that "
                "`keras.callbacks.Callback` has.",
                expected=self.expected(**case.inputs),
            )
        super().judge(case, observation)


def _not_called(names: list[str]) -> set[str]:
    return {name for name in names if name.startswith("on_") and name not in _HOOKS}


@register
class JsonLinesLog(Exercise):
    """A log that is complete at every moment."""

    name = "JsonLinesLog"
    title = "A log that survives"
    points = 3
    see = "Write a log that survives"
    hints = (
        'Open the file in `on_epoch_end`, with `open(self.path, "a")` in a `with` block: "a" '
        "appends, and the end of the block writes everything to the file.",
        'Start with `{**(logs or {}), "learning_rate": self.model.optimizer.learning_rate}` and '
        "make each value a `float`. Put the epoch in front.",
        "JSON knows no NaN: `value if np.isfinite(value) else None`. Then "
        '`file.write(json.dumps(line) + "\\n")`.',
    )
    why = (
        "The file is opened, appended to and closed within one call, so nothing waits in a buffer "
        "for an end of training that may never come, and a second run goes on where the first one "
        "was cut off. `float` turns whatever a training loop puts into `logs` into what JSON can "
        "write, and `null` keeps the line readable for every program when a loss has become NaN."
    )
    rtol = 1e-5
    near_misses = (
        NearMiss(
            code="""
class JsonLinesLog(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.file = open(path, "w")

    def on_epoch_end(self, epoch, logs=None):
        numbers = {**(logs or {}), "learning_rate": self.model.optimizer.learning_rate}
        line = {name: float(value) for name, value in numbers.items()}
        line = {name: value if np.isfinite(value) else None for name, value in line.items()}
        self.file.write(json.dumps({"epoch": epoch, **line}) + "\\n")
        self.file.flush()
""",
            because='The mode `"w"` empties the file, so the second run lost the first one\'s lines.',
            says="lines of the first run",
        ),
        NearMiss(
            code="""
class JsonLinesLog(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.file = open(path, "a")

    def on_epoch_end(self, epoch, logs=None):
        numbers = {**(logs or {}), "learning_rate": self.model.optimizer.learning_rate}
        line = {name: float(value) for name, value in numbers.items()}
        line = {name: value if np.isfinite(value) else None for name, value in line.items()}
        self.file.write(json.dumps({"epoch": epoch, **line}) + "\\n")
""",
            because="The line is still in Python's buffer. A process that is killed takes it along.",
            says="buffer",
        ),
        NearMiss(
            code="""
class JsonLinesLog(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.path = path
        self.lines = []

    def on_epoch_end(self, epoch, logs=None):
        numbers = {**(logs or {}), "learning_rate": self.model.optimizer.learning_rate}
        line = {name: float(value) for name, value in numbers.items()}
        self.lines.append(json.dumps({"epoch": epoch, **line}))

    def on_train_end(self, logs=None):
        with open(self.path, "a") as file:
            file.write("\\n".join(self.lines) + "\\n")
""",
            because="A process that is killed never comes to `on_train_end`.",
            says="after epoch",
        ),
        NearMiss(
            code="""
class JsonLinesLog(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        numbers = {**(logs or {}), "learning_rate": self.model.optimizer.learning_rate}
        with open(self.path, "a") as file:
            file.write(json.dumps({"epoch": epoch, **numbers}, default=str) + "\\n")
""",
            because="Values that JSON does not know were written as text.",
            says="is text",
        ),
        NearMiss(
            code="""
class JsonLinesLog(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        numbers = {**(logs or {}), "learning_rate": self.model.optimizer.learning_rate}
        line = {name: float(value) for name, value in numbers.items()}
        with open(self.path, "a") as file:
            file.write(json.dumps({"epoch": epoch, **line}) + "\\n")
""",
            because="NaN is no JSON. Write `null` for numbers that are not finite.",
            says="is no JSON",
        ),
        NearMiss(
            code="""
class JsonLinesLog(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        line = {name: float(value) for name, value in (logs or {}).items()}
        line = {name: value if np.isfinite(value) else None for name, value in line.items()}
        with open(self.path, "a") as file:
            file.write(json.dumps({"epoch": epoch, **line}) + "\\n")
""",
            because="The learning rate is not in the logs of every training. Add it.",
            says="learning_rate is missing",
        ),
        NearMiss(
            code="""
class JsonLinesLog(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_train_begin(self, logs=None):
        self.rate = float(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch, logs=None):
        line = {name: float(value) for name, value in (logs or {}).items()}
        line = {name: value if np.isfinite(value) else None for name, value in line.items()}
        with open(self.path, "a") as file:
            file.write(json.dumps({"epoch": epoch, **line, "learning_rate": self.rate}) + "\\n")
""",
            because="The learning rate changes while the model trains: read it in every epoch.",
            says="changed between the epochs",
        ),
    )
    alternatives = (
        """
class JsonLinesLog(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.file = open(path, "a", buffering=1)

    def on_epoch_end(self, epoch, logs=None):
        line = {"epoch": int(epoch)}
        for name, value in dict(logs, learning_rate=self.model.optimizer.learning_rate).items():
            value = float(keras.ops.convert_to_numpy(value))
            line[name] = None if value != value or abs(value) == float("inf") else value
        print(json.dumps(line, allow_nan=False), file=self.file)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Play two runs as a training loop would; the first is cut off. Read what was written."""
        import tempfile
        from pathlib import Path

        import keras

        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1.0), "mse")
        texts = []
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            path = Path(folder, "log.jsonl")
            alive = []  # a process that is killed does not close its files either
            epoch = 0
            for run in inputs["runs"]:
                callback = submission(str(path))
                if not isinstance(callback, keras.callbacks.Callback):
                    return {"type": type(callback).__name__}
                alive.append(callback)
                callback.set_params({"epochs": 9, "steps": 1, "verbose": 0})
                callback.set_model(model)
                model.optimizer.learning_rate = inputs["rates"][epoch]
                callback.on_train_begin({})
                for logs in run:
                    model.optimizer.learning_rate = inputs["rates"][epoch]
                    callback.on_epoch_begin(epoch, {})
                    callback.on_epoch_end(epoch, logs)
                    texts.append(path.read_text(encoding="utf-8") if path.exists() else "")
                    epoch += 1
            for callback in alive:  # only now may a file be closed
                callback.on_train_end({})
            del alive, callback
        return {"texts": texts}

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def number() -> float:
            return round(float(rng.uniform(0.1, 3)), 4)

        def rates(count: int) -> list[float]:
            return [round(float(rate), 4) for rate in rng.uniform(0.001, 0.1, size=count)]

        names = [str(name) for name in rng.permutation(["loss", "mae", "val_loss"])]
        first = [{name: number() for name in names} for _ in range(2)]
        second = [{name: number() for name in names}]
        yield Case({"runs": [first, second], "rates": rates(3)})
        scalars = [{"loss": np.float32(number()), "accuracy": np.float32(number())}]
        yield Case({"runs": [scalars], "rates": rates(1)}, "NumPy scalars in the logs")
        broken = [{"loss": math.nan, "mae": number()}, {"loss": -math.inf, "mae": math.inf}]
        yield Case({"runs": [broken], "rates": rates(2)}, "a training that diverges")

    def expected(self, runs: list[list[dict[str, Any]]], rates: list[float]) -> Any:
        lines: list[dict[str, Any]] = []
        for logs in [logs for run in runs for logs in run]:
            line: dict[str, Any] = {"epoch": len(lines)}
            for name, value in logs.items():
                line[name] = float(value) if abs(float(value)) < math.inf else None
            lines.append({**line, "learning_rate": rates[len(lines)]})
        return lines

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless, after each epoch, the file holds all lines so far."""
        seen, lines = observation.value, self.expected(**case.inputs)
        if "type" in seen:
            raise Wrong(f"The class made an object of type {seen['type']}, which is no callback.")
        first = len(case.inputs["runs"][0])
        for epoch, text in enumerate(seen["texts"]):
            want = lines[: epoch + 1]
            got = text.splitlines()
            if len(got) < len(want):
                if epoch >= first and len(got) <= epoch - first + 1 and got:
                    raise Wrong(
                        "The second run, with a new callback, lost the lines of the first run. "
                        'Open the file with `"a"`, which appends.',
                        expected=want,
                    )
                raise Wrong(
                    f"The file has {len(got)} lines after epoch {epoch}, expected {len(want)}. A "
                    "line that waits in a buffer, or for `on_train_end`, is lost if the process is "
                    "killed: close or flush the file in `on_epoch_end`.",
                    expected=want,
                )
            if len(got) > len(want):
                raise Wrong(
                    f"The file has {len(got)} lines after epoch {epoch}, expected {len(want)}.",
                    expected=want,
                )
            self._judge_line(got[-1], want, case)
            if not text.endswith("\n"):
                raise Wrong('Each line has to end with "\\n".', expected=want)

    def _judge_line(self, got: str, want: list[dict[str, Any]], case: Case) -> None:
        try:
            line = json.loads(got, parse_constant=_refuse)
        except ValueError as error:
            if str(error) in ("NaN", "Infinity", "-Infinity"):
                raise Wrong(
                    f"{error} is no JSON, though Python writes and reads it. Write `null`, which "
                    "is Python's `None`, for numbers that are not finite.",
                    expected=want[-1],
                ) from None
            raise Wrong(f"This line is no JSON: {got[:80]}", expected=want[-1]) from None
        if not isinstance(line, dict):
            raise Wrong("A line has to be a dict.", expected=want[-1])
        for name in want[-1]:
            if name not in line:
                raise Wrong(f"{name} is missing in the line.", expected=want[-1])
            if isinstance(line[name], str):
                raise Wrong(
                    f"The value of {name} is text. Make it a plain number with `float`.",
                    expected=want[-1],
                )
        rates = case.inputs["rates"]
        if len(want) > 1 and line["learning_rate"] is not None:
            stale = self.differs(line["learning_rate"], rates[0]) is None
            if stale and self.differs(rates[0], rates[len(want) - 1]):
                raise Wrong(
                    "The learning rate changed between the epochs, the log did not: read "
                    "`self.model.optimizer.learning_rate` in every epoch.",
                    expected=want[-1],
                )
        reason = self.differs(line, want[-1])
        if reason:
            raise Wrong(reason, expected=want[-1])


def _refuse(name: str) -> None:
    raise ValueError(name)


@register
class CosineWithWarmup(Exercise):
    """The learning rate by step: up on a line, down on a cosine."""

    name = "cosine_with_warmup"
    title = "Warm up, then follow a cosine"
    points = 2
    see = "Change the learning rate"
    hints = (
        "Two formulas, one `keras.ops.where`: on the rise `peak * step / warmup_steps`, then a "
        "cosine. Cast the steps to float32 first.",
        "Let `progress` run from 0 at `warmup_steps` to 1 at `total_steps`, and keep it there with "
        "`keras.ops.clip(progress, 0, 1)`.",
        "`(1 + keras.ops.cos(np.pi * progress)) / 2` falls from 1 to 0. Stretch it from `peak` to "
        "`floor`: `floor + (peak - floor) * …`.",
    )
    why = (
        "Both branches give the peak where they meet, so there is no jump. `clip` holds the rate at "
        "the floor after the last planned step; without it the cosine would rise again. And "
        "`where` in place of `if` lets the function take many steps at once, or a tensor inside "
        "a compiled training step."
    )
    near_misses = (
        NearMiss(
            code="""
def cosine_with_warmup(step, peak, warmup_steps, total_steps, floor=0.0):
    step = keras.ops.cast(step, "float32")
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    falling = floor + (peak - floor) * (1 + keras.ops.cos(np.pi * progress)) / 2
    return keras.ops.where(step < warmup_steps, peak * step / max(warmup_steps, 1), falling)
""",
            because=(
                "After `total_steps` the cosine rises again. Keep the progress at 1 with "
                "`keras.ops.clip`."
            ),
            like=lambda step, peak, warmup_steps, total_steps, floor: _rate(
                step, peak, warmup_steps, total_steps, floor, clip=False
            ),
        ),
        NearMiss(
            code="""
def cosine_with_warmup(step, peak, warmup_steps, total_steps, floor=0.0):
    step = keras.ops.cast(step, "float32")
    progress = keras.ops.clip(step / total_steps, 0, 1)
    falling = floor + (peak - floor) * (1 + keras.ops.cos(np.pi * progress)) / 2
    return keras.ops.where(step < warmup_steps, peak * step / max(warmup_steps, 1), falling)
""",
            because=(
                "The cosine has to begin at the end of the warm-up; here it began at step 0, so "
                "the rate jumps down where the two meet."
            ),
            like=lambda step, peak, warmup_steps, total_steps, floor: _rate(
                step, peak, warmup_steps, total_steps, floor, begin=0
            ),
        ),
        NearMiss(
            code="""
def cosine_with_warmup(step, peak, warmup_steps, total_steps, floor=0.0):
    step = keras.ops.cast(step, "float32")
    progress = keras.ops.clip((step - warmup_steps) / (total_steps - warmup_steps), 0, 1)
    falling = floor + peak * (1 + keras.ops.cos(np.pi * progress)) / 2
    return keras.ops.where(step < warmup_steps, peak * step / max(warmup_steps, 1), falling)
""",
            because=(
                "The floor was added to the whole cosine, which now starts above the peak. Let it "
                "fall by `peak - floor`."
            ),
            like=lambda step, peak, warmup_steps, total_steps, floor: _rate(
                step, peak, warmup_steps, total_steps, floor, span=peak
            ),
        ),
        NearMiss(
            code="""
def cosine_with_warmup(step, peak, warmup_steps, total_steps, floor=0.0):
    step = keras.ops.cast(step, "float32")
    progress = keras.ops.clip((step - warmup_steps) / (total_steps - warmup_steps), 0, 1)
    falling = floor + (peak - floor) * (1 + keras.ops.cos(np.pi * progress)) / 2
    return keras.ops.where(step < warmup_steps, peak * (step + 1) / max(warmup_steps, 1), falling)
""",
            because=(
                "Here the warm-up is one step ahead: the rate is 0 at step 0 and reaches the peak "
                "at step `warmup_steps`."
            ),
            like=lambda step, peak, warmup_steps, total_steps, floor: _rate(
                step, peak, warmup_steps, total_steps, floor, ahead=1
            ),
        ),
        NearMiss(
            code="""
def cosine_with_warmup(step, peak, warmup_steps, total_steps, floor=0.0):
    step = keras.ops.cast(step, "float32")
    progress = keras.ops.clip((step - warmup_steps) / total_steps, 0, 1)
    falling = floor + (peak - floor) * (1 + keras.ops.cos(np.pi * progress)) / 2
    return keras.ops.where(step < warmup_steps, peak * step / max(warmup_steps, 1), falling)
""",
            because=(
                "`total_steps` counts the warm-up too, so the cosine has `total_steps - "
                "warmup_steps` of them. Here it does not reach the floor in time."
            ),
            like=lambda step, peak, warmup_steps, total_steps, floor: _rate(
                step, peak, warmup_steps, total_steps + warmup_steps, floor
            ),
        ),
    )
    alternatives = (
        """
def cosine_with_warmup(step, peak, warmup_steps, total_steps, floor=0.0):
    step = np.asarray(keras.ops.convert_to_numpy(step), dtype="float32")
    if step.ndim:
        rest = (peak, warmup_steps, total_steps, floor)
        return np.array([cosine_with_warmup(one, *rest) for one in step.ravel()],
                        dtype="float32").reshape(step.shape)
    if step < warmup_steps:
        return step / warmup_steps * peak
    if step >= total_steps:
        return np.float32(floor)
    angle = np.pi * (step - warmup_steps) / (total_steps - warmup_steps)
    return np.float32(floor + (peak - floor) * np.cos(angle / 2) ** 2)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer with a tensor of steps."""
        import keras

        step = keras.ops.convert_to_tensor(inputs.pop("step"))
        rate = submission(step, **inputs)
        return keras.ops.convert_to_numpy(rate) if keras.ops.is_tensor(rate) else rate

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def settings(warmup: int) -> dict[str, Any]:
            return {
                "peak": round(float(rng.uniform(0.01, 2)), 3),
                "warmup_steps": warmup,
                "total_steps": warmup + int(rng.integers(6, 12)),
                "floor": round(float(rng.uniform(0.001, 0.005)), 4),
            }

        long = settings(int(rng.integers(3, 6)))
        steps = np.arange(2 * long["total_steps"], dtype=np.int32)
        yield Case({"step": steps, **long}, "up to far beyond the last planned step")
        short = settings(0)
        yield Case({"step": np.arange(10, dtype=np.int32), **short}, "no warm-up")
        one = settings(int(rng.integers(3, 6)))
        yield Case({"step": np.array(2, np.int32), **one, "floor": 0.0}, "a single step")

    def expected(
        self, step: np.ndarray, peak: float, warmup_steps: int, total_steps: int, floor: float
    ) -> Any:
        rates = []
        for number in step.ravel():
            if number < warmup_steps:
                rates.append(peak * number / warmup_steps)
            elif number >= total_steps:
                rates.append(floor)
            else:
                share = (number - warmup_steps) / (total_steps - warmup_steps)
                rates.append(floor + (peak - floor) * (math.cos(math.pi * share) + 1) / 2)
        return np.array(rates, np.float32).reshape(step.shape)


def _rate(
    step: np.ndarray,
    peak: float,
    warmup: int,
    total: int,
    floor: float,
    *,
    clip: bool = True,
    begin: int | None = None,
    span: float | None = None,
    ahead: int = 0,
) -> np.ndarray:
    """Return the rates of plausible slips; by default those that are right."""
    steps = step.astype(np.float32)
    begin = warmup if begin is None else begin
    progress = (steps - begin) / (total - begin)
    if clip:
        progress = np.clip(progress, 0, 1)
    span = peak - floor if span is None else span
    falling = floor + span * (1 + np.cos(np.pi * progress)) / 2
    rising = peak * (steps + ahead) / max(warmup, 1)
    return np.where(steps < warmup, rising, falling).astype(np.float32)


@register
class StopWhenStale(Exercise):
    """Early stopping that goes back to the best weights."""

    name = "StopWhenStale"
    title = "Stop early, go back to the best"
    points = 3
    see = "Stop in time and keep the best"
    hints = (
        "In `on_train_begin` set `self.best = np.inf`, `self.wait = 0` and `self.weights = None`. "
        "In `on_epoch_end` look at `logs[self.monitor]`.",
        "Better than before means `value < self.best - self.min_delta`. If so, keep the value and "
        "`self.model.get_weights()`, and set the wait to 0. If not, count it.",
        "`if self.wait >= self.patience: self.model.stop_training = True`. Put the weights back in "
        "`on_train_end`, which is called however the training ends.",
    )
    why = (
        "State is set in `on_train_begin` and not in `__init__`, so one object serves several "
        "trainings. `get_weights` returns copies; the variables themselves would go on changing. "
        "And because the weights are put back in `on_train_end`, a training that runs out of "
        "epochs ends with the best weights too. The bare `logs[…]` raises `KeyError` for a name "
        "that is not there, where the built-in callback warns and never stops."
    )
    near_misses = (
        NearMiss(
            code="""
class StopWhenStale(keras.callbacks.Callback):
    def __init__(self, monitor="val_loss", patience=2, min_delta=0.0):
        super().__init__()
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta

    def on_train_begin(self, logs=None):
        self.best, self.wait, self.weights = np.inf, 0, None

    def on_epoch_end(self, epoch, logs=None):
        value = logs[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.wait, self.weights = value, 0, self.model.get_weights()
        else:
            self.wait += 1
            if self.wait >= self.patience:
                self.model.stop_training = True
                self.model.set_weights(self.weights)
""",
            because="The weights are restored only if the training was stopped.",
            says="ran out of epochs",
        ),
        NearMiss(
            code="""
class StopWhenStale(keras.callbacks.Callback):
    def __init__(self, monitor="val_loss", patience=2, min_delta=0.0):
        super().__init__()
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta

    def on_train_begin(self, logs=None):
        self.best, self.wait, self.weights = np.inf, 0, None

    def on_epoch_end(self, epoch, logs=None):
        value = logs[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.wait, self.weights = value, 0, self.model.weights
        else:
            self.wait += 1
            if self.wait >= self.patience:
                self.model.stop_training = True

    def on_train_end(self, logs=None):
        for variable, best in zip(self.model.weights, self.weights):
            variable.assign(best)
""",
            because="The variables were kept and not their values, and they went on changing.",
            says="weights of the last epoch",
        ),
        NearMiss(
            code="""
class StopWhenStale(keras.callbacks.Callback):
    def __init__(self, monitor="val_loss", patience=2, min_delta=0.0):
        super().__init__()
        self.monitor, self.patience = monitor, patience

    def on_train_begin(self, logs=None):
        self.best, self.wait, self.weights = np.inf, 0, None

    def on_epoch_end(self, epoch, logs=None):
        value = logs[self.monitor]
        if value < self.best:
            self.best, self.wait, self.weights = value, 0, self.model.get_weights()
        else:
            self.wait += 1
            if self.wait >= self.patience:
                self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.model.set_weights(self.weights)
""",
            because="An improvement smaller than `min_delta` counted.",
            says="min_delta",
        ),
        NearMiss(
            code="""
class StopWhenStale(keras.callbacks.Callback):
    def __init__(self, monitor="val_loss", patience=2, min_delta=0.0):
        super().__init__()
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta

    def on_train_begin(self, logs=None):
        self.best, self.wait, self.weights = np.inf, 0, None

    def on_epoch_end(self, epoch, logs=None):
        value = logs[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.weights = value, self.model.get_weights()
        else:
            self.wait += 1
            if self.wait >= self.patience:
                self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.model.set_weights(self.weights)
""",
            because="The epochs without improvement have to come one after another.",
            says="in a row",
        ),
        NearMiss(
            code="""
class StopWhenStale(keras.callbacks.Callback):
    def __init__(self, monitor="val_loss", patience=2, min_delta=0.0):
        super().__init__()
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta

    def on_train_begin(self, logs=None):
        self.best, self.wait, self.weights = np.inf, 0, None

    def on_epoch_end(self, epoch, logs=None):
        value = logs[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.wait, self.weights = value, 0, self.model.get_weights()
        else:
            self.wait += 1
            if self.wait > self.patience:
                self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.model.set_weights(self.weights)
""",
            because="Training went on one epoch too long.",
            says="one epoch later",
        ),
        NearMiss(
            code="""
class StopWhenStale(keras.callbacks.Callback):
    def __init__(self, monitor="val_loss", patience=2, min_delta=0.0):
        super().__init__()
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.best, self.wait, self.weights = np.inf, 0, None

    def on_epoch_end(self, epoch, logs=None):
        value = logs[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.wait, self.weights = value, 0, self.model.get_weights()
        else:
            self.wait += 1
            if self.wait >= self.patience:
                self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.model.set_weights(self.weights)
""",
            because="In a second training the callback still knew the first one's best value.",
            says="second training",
        ),
        NearMiss(
            code="""
class StopWhenStale(keras.callbacks.Callback):
    def __init__(self, monitor="val_loss", patience=2, min_delta=0.0):
        super().__init__()
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta

    def on_train_begin(self, logs=None):
        self.best, self.wait, self.weights = np.inf, 0, None

    def on_epoch_end(self, epoch, logs=None):
        value = logs.get(self.monitor, np.inf)
        if value < self.best - self.min_delta:
            self.best, self.wait, self.weights = value, 0, self.model.get_weights()
        else:
            self.wait += 1
            if self.wait >= self.patience:
                self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.weights is not None:
            self.model.set_weights(self.weights)
""",
            because="A name that is not in the logs passed in silence.",
            says="KeyError",
        ),
    )
    alternatives = (
        """
class StopWhenStale(keras.callbacks.Callback):
    def __init__(self, monitor="val_loss", patience=2, min_delta=0.0):
        super().__init__()
        self.options = monitor, patience, min_delta

    def on_train_begin(self, logs=None):
        self.values, self.best = [], None

    def on_epoch_end(self, epoch, logs=None):
        monitor, patience, min_delta = self.options
        value = logs[monitor]
        if self.best is None or value + min_delta < self.values[self.best]:
            self.best = len(self.values)
            self.kept = [np.array(weight) for weight in self.model.get_weights()]
        self.values.append(value)
        if len(self.values) - 1 - self.best == patience:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.model.set_weights(self.kept)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Play two trainings with one callback, then one whose logs lack the name."""
        import keras
        import numpy as np

        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        callback = submission("error", inputs["patience"], inputs["min_delta"])
        if not isinstance(callback, keras.callbacks.Callback):
            return {"type": type(callback).__name__}
        callback.set_params({"epochs": 9, "steps": 1, "verbose": 0})
        callback.set_model(model)

        def play(values: Any, name: str) -> list[float]:
            model.stop_training = False
            callback.on_train_begin({})
            for epoch, value in enumerate(values):
                callback.on_epoch_begin(epoch, {})
                callback.on_train_batch_begin(0, logs={})
                # After epoch n, the only weight is n + 1.
                model.set_weights([np.array([[epoch + 1.0]], "float32")])
                logs = {"loss": 10.0 - epoch, name: float(value)}
                callback.on_train_batch_end(0, logs={"loss": 10.0 - epoch})
                callback.on_epoch_end(epoch, logs)
                if model.stop_training:
                    break
            callback.on_train_end({})
            return [epoch + 1, float(model.get_weights()[0][0, 0])]

        seen: dict[str, Any] = {"trainings": []}
        for values in inputs["trainings"]:
            seen["trainings"].append(play(values, "error"))
        try:
            play([2.0, 1.0], "other")
        except KeyError:
            seen["missing"] = "KeyError"
        return seen

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def shifted(*values: float) -> np.ndarray:
            # Eighths up to 64 are exact in float32, so no rounding decides a comparison.
            return np.array(values) + int(rng.integers(0, 20))

        small = shifted(3, 2, 1.875, 1.75, 1.75, 1.75)
        yield Case(
            {"trainings": [small, small], "patience": 2, "min_delta": 0.25},
            "steps of 0.125, too small to count",
        )
        yield Case(
            {
                "trainings": [shifted(4, 3, 3.5, 2, 2.5, 1, 1.5, 2, 0, 0), shifted(6, 5.5, 5, 5)],
                "patience": 2,
                "min_delta": 0.0,
            },
            "setbacks in between; the second training runs out of epochs",
        )
        falls = np.cumsum(rng.integers(1, 4, size=4))[::-1]
        yield Case(
            {
                "trainings": [
                    shifted(*falls, *(falls[-1] + rng.integers(0, 3, size=5))),
                    shifted(25, 24, 24.5, 24.5, 24.5, 24.5),
                ],
                "patience": 3,
                "min_delta": 0.5,
            },
            "the second training starts at a worse value",
        )

    def expected(self, trainings: list[np.ndarray], patience: int, min_delta: float) -> Any:
        return [_stopped(values, patience, min_delta) for values in trainings]

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless both trainings end when and as they should."""
        seen, want = observation.value, self.expected(**case.inputs)
        if "type" in seen:
            raise Wrong(f"The class made an object of type {seen['type']}, which is no callback.")
        for number, (got, right) in enumerate(zip(seen["trainings"], want, strict=True)):
            if self.differs(got, right) is None:
                continue
            shown = [{"epochs": epochs, "from epoch": best - 1} for epochs, best in want]
            raise Wrong(self._reason(case, number, got, right), expected=shown)
        if seen.get("missing") != "KeyError":
            raise Wrong(
                "`monitor` is not in the logs, and nothing happened. Raise `KeyError`, so that a "
                "misspelt name is noticed: `logs[self.monitor]` does."
            )

    def _reason(self, case: Case, number: int, got: list[float], right: list[float]) -> str:
        values = case.inputs["trainings"][number]
        patience, min_delta = case.inputs["patience"], case.inputs["min_delta"]
        epochs, weight = got
        if epochs == right[0]:
            if weight == epochs and epochs == len(values):
                return (
                    "This training ran out of epochs and has the weights of the last epoch. Put "
                    "the best ones back in `on_train_end`, which is always called."
                )
            if weight == epochs:
                return (
                    "The model has the weights of the last epoch, not of the best one. Keep copies "
                    "with `get_weights`: the variables themselves go on changing."
                )
        if min_delta and got == _stopped(values, patience, 0.0):
            return (
                "An improvement smaller than `min_delta` counted: a value has to be below "
                "`best - min_delta`."
            )
        if got == _stopped(values, patience, min_delta, in_a_row=False):
            return (
                "All epochs without improvement were counted. Only those in a row count: an "
                "improvement sets the count back to 0."
            )
        if got == _stopped(values, patience + 1, min_delta):
            return (
                "Training stopped one epoch later than it should: stop as soon as `patience` "
                "epochs in a row brought no improvement."
            )
        if number == 1:
            return (
                f"The second training with the same callback ended after {epochs} epochs with the "
                f"weights of epoch {weight - 1:g}. Does it still remember the first one? Set all "
                "that is remembered in `on_train_begin`."
            )
        return (
            f"Training ended after {epochs} epochs with the weights of epoch {weight - 1:g}, "
            f"expected {right[0]} epochs and the weights of epoch {right[1] - 1:g}."
        )


def _stopped(
    values: np.ndarray, patience: int, min_delta: float, *, in_a_row: bool = True
) -> list[float]:
    """Return how many epochs are run, and the weight, which is one more than the best epoch."""
    best, stale, best_epoch = math.inf, 0, 0
    for epoch, value in enumerate(values):
        if value < best - min_delta:
            best, best_epoch = float(value), epoch
            stale = 0 if in_a_row else stale
        else:
            stale += 1
        if stale == patience:
            break
    return [epoch + 1, best_epoch + 1.0]


@register
class ResumeTraining(Exercise):
    """Go on where a training was cut off."""

    name = "resume_training"
    title = "Resume a training that was killed"
    points = 4
    see = "Survive a kill"
    hints = (
        "`keras.callbacks.BackupAndRestore(folder)` saves weights, optimizer state and the epoch "
        "at the end of each epoch, and restores them when `fit` begins.",
        "It deletes the folder when `fit` comes to its end. Look for the argument that keeps it: "
        "the next call may ask for more epochs.",
        "`model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0, "
        "callbacks=[keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)])`",
    )
    why = (
        "Three things make a training: weights, optimizer state, and the place in the plan. "
        "`BackupAndRestore` keeps all three; `epochs` stays the total, because the callback tells "
        "`fit` at which epoch to begin. With `delete_checkpoint=False` a finished training can "
        "be prolonged too. What was trained of a broken epoch is lost, and rightly: its batches "
        "come again."
    )
    rtol = 1e-3
    atol = 1e-4
    near_misses = (
        NearMiss(
            code="""
def resume_training(make_model, x, y, folder, epochs):
    model = make_model()
    model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0)
    return model
""",
            because="The checkpoint was not used.",
            says="from the beginning",
        ),
        NearMiss(
            code="""
def resume_training(make_model, x, y, folder, epochs):
    model = make_model()
    backup = keras.callbacks.BackupAndRestore(folder)
    model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0, callbacks=[backup])
    return model
""",
            because="The checkpoint is gone after the first complete training.",
            says="delete_checkpoint=False",
        ),
        NearMiss(
            code="""
def resume_training(make_model, x, y, folder, epochs):
    Path(folder).mkdir(parents=True, exist_ok=True)
    model = make_model()
    done = len(list(Path(folder).iterdir()))
    if done:
        with np.load(Path(folder, f"{done - 1}.npz")) as saved:
            model.set_weights([saved[name] for name in saved.files])

    def save(epoch, logs):
        np.savez(Path(folder, f"{epoch}.npz"), *model.get_weights())

    keep = keras.callbacks.LambdaCallback(on_epoch_end=save)
    model.fit(x, y, batch_size=4, epochs=epochs, initial_epoch=done, shuffle=False, verbose=0,
              callbacks=[keep])
    return model
""",
            because="The optimizer began anew.",
            says="optimizer",
        ),
        NearMiss(
            code="""
def resume_training(make_model, x, y, folder, epochs):
    model = make_model()
    path = Path(folder, "model.weights.h5")
    if path.exists():
        model.optimizer.build(model.trainable_variables)
        model.load_weights(path)
    keep = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0, callbacks=[keep])
    return model
""",
            because="After resuming, all epochs were trained once more.",
            says="total",
        ),
        NearMiss(
            code="""
def resume_training(make_model, x, y, folder, epochs):
    model = make_model()
    backup = keras.callbacks.BackupAndRestore(folder, save_freq=1, delete_checkpoint=False)
    model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0, callbacks=[backup])
    return model
""",
            because="A checkpoint from within an epoch, whose first batches then come twice.",
            says="twice",
        ),
    )
    alternatives = (
        """
def resume_training(make_model, x, y, folder, epochs):
    model = make_model()
    path = Path(folder, "state.weights.h5")
    done = 0
    if path.exists():
        model.optimizer.build(model.trainable_variables)
        model.load_weights(path)
        done = int(model.optimizer.iterations) // -(-len(x) // 4)
    keep = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    model.fit(x, y, batch_size=4, epochs=epochs, initial_epoch=done, shuffle=False, verbose=0,
              callbacks=[keep])
    return model
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Cut a training off within an epoch, resume it, then prolong it."""
        import contextlib
        import tempfile
        import zipfile
        from pathlib import Path

        import keras
        import numpy as np

        class CutOff(BaseException):
            """Ends a training as a kill would; no answer catches it by accident."""

        class Cut(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                self.epoch = epoch

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                if self.epoch == inputs["cut"] and batch == 0:
                    raise CutOff

        starts = iter(inputs["starts"])

        def make_model(*watching: Any) -> Any:
            model = keras.Sequential(
                [keras.Input((inputs["x"].shape[1],)), keras.layers.Dense(1, use_bias=False)]
            )
            model.set_weights([next(starts)])
            optimizer = keras.optimizers.SGD(inputs["rate"], momentum=inputs["momentum"])
            model.compile(optimizer, "mse", run_eagerly=True)
            kernel = model.weights[0]

            def step(rows: Any, targets: Any) -> None:
                misses = rows @ keras.ops.convert_to_numpy(kernel) - targets
                gradient = keras.ops.convert_to_tensor(2 * rows.T @ misses / len(rows))
                optimizer.apply([gradient], [kernel])

            def fit(x: Any, y: Any, batch_size: int = 32, epochs: int = 1, **more: Any) -> Any:
                """Do what Keras's own fit does for this model, in a tenth of its time."""
                given = more.get("callbacks") or []
                given = list(given) if isinstance(given, list | tuple) else [given]
                # The answer's callbacks are called before the one that cuts the training off.
                calls = keras.callbacks.CallbackList(
                    [*given, *watching], add_history=True, model=model, epochs=epochs
                )
                model.stop_training = False
                calls.on_train_begin()
                for epoch in range(model._initial_epoch or more.get("initial_epoch", 0), epochs):
                    calls.on_epoch_begin(epoch)
                    order = np.arange(len(x))
                    if more.get("shuffle", True):
                        np.random.default_rng().shuffle(order)
                    for batch, first in enumerate(range(0, len(x), batch_size)):
                        calls.on_train_batch_begin(batch)
                        chosen = order[first : first + batch_size]
                        step(np.asarray(x)[chosen], np.asarray(y)[chosen])
                        calls.on_train_batch_end(batch, {"loss": 1.0})
                    calls.on_epoch_end(epoch, {"loss": 1.0})
                    if model.stop_training:
                        break
                calls.on_train_end()
                return model.history

            def save_weights(filepath: Any, overwrite: bool = True) -> None:
                """Write what Keras writes, but as plain arrays, in a tenth of its time."""
                if not str(filepath).endswith(".weights.h5"):
                    return keras.Model.save_weights(model, filepath, overwrite)
                state = [kernel, *optimizer.variables]
                with Path(filepath).open("wb") as file:
                    np.savez(file, *map(keras.ops.convert_to_numpy, state))
                return None

            def load_weights(filepath: Any, **more: Any) -> None:
                """Read it again; as in Keras, an optimizer that is not built takes nothing."""
                if str(filepath).endswith(".keras") or not zipfile.is_zipfile(filepath):
                    return keras.Model.load_weights(model, filepath, **more)
                with np.load(filepath) as saved:
                    weights, *state = (saved[name] for name in saved.files)
                kernel.assign(weights)
                if len(state) == len(optimizer.variables):
                    for variable, value in zip(optimizer.variables, state, strict=True):
                        variable.assign(value)
                return None

            model.fit = fit
            model.save_weights = save_weights
            model.load_weights = load_weights
            return model

        results = []
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
            folder = str(Path(place, "checkpoint"))
            data = inputs["x"], inputs["y"]
            with contextlib.suppress(CutOff):
                submission(lambda: make_model(Cut()), *data, folder, inputs["epochs"])
            for more in (0, 1):
                model = submission(make_model, *data, folder, inputs["epochs"] + more)
                if not isinstance(model, keras.Model):
                    return {"type": type(model).__name__}
                results.append(model.get_weights()[0])
        return {"results": results}

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        rows, features, epochs = 8, int(rng.integers(2, 5)), 3
        x = rng.normal(size=(rows, features)).astype(np.float32)
        y = (x @ rng.normal(size=(features, 1)) + 1).astype(np.float32)
        starts = [
            rng.uniform(2, 4, size=(features, 1)).astype(np.float32) * sign for sign in (1, -1, 2)
        ]
        yield Case(
            {
                "x": x,
                "y": y,
                "starts": starts,
                "epochs": epochs,
                "cut": 1,
                "rate": 0.02,
                "momentum": 0.8,
            }
        )

    def expected(self, x: np.ndarray, y: np.ndarray, starts: list[np.ndarray], **plan: Any) -> Any:
        ends = []
        for more in (0, 1):
            ends.append(_trained(x, y, starts[0], range(plan["epochs"] + more), plan)[0])
        return ends

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless both results are those of a training without a break."""
        seen, want = observation.value, self.expected(**case.inputs)
        if "type" in seen:
            raise Wrong(f"The result is of type {seen['type']}, not a model.")
        resumed, prolonged = seen["results"]
        if self.differs(resumed, want[0]):
            raise Wrong(
                self._reason(case, resumed)
                or "The resumed training did not end with the weights of an unbroken one.",
                expected=want[0],
            )
        if self.differs(prolonged, want[1]):
            raise Wrong(
                "The training was resumed as it should be. But called once more with one epoch "
                "more, it did not go on from there. By default `BackupAndRestore` deletes its "
                "folder at the end of `fit`; `delete_checkpoint=False` keeps it.",
                expected=want[1],
            )

    def _reason(self, case: Case, got: Any) -> str | None:
        x, y, starts = (case.inputs[name] for name in ("x", "y", "starts"))
        cut, epochs = case.inputs["cut"], case.inputs["epochs"]
        kept, speed = _trained(x, y, starts[0], range(cut), case.inputs)
        left = range(cut, epochs)

        def end(start: Any, plan: range, speed: Any = 0.0) -> Any:
            return _trained(x, y, start, plan, case.inputs, speed)[0]

        again = _trained(x[:4], y[:4], kept, range(1), case.inputs, speed)
        reasons = (
            (
                end(starts[1], range(epochs)),
                "The training started from the beginning: nothing of the checkpoint was used.",
            ),
            (
                end(starts[1], left),
                "The right number of epochs was trained, but from new random weights: load the "
                "weights of the checkpoint.",
            ),
            (
                end(kept, left),
                "The weights were restored, but the optimizer began anew: its momentum was lost. "
                "Save and load its state too.",
            ),
            (
                end(kept, range(epochs), speed),
                "The state was restored, but then all epochs were trained. `epochs` is the total: "
                "train only those that are left.",
            ),
            (
                end(again[0], left, again[1]),
                "The checkpoint was made within an epoch, and that epoch then began anew, so its "
                "first batches were trained twice. Save at the end of epochs.",
            ),
        )
        return next((reason for end, reason in reasons if self.differs(got, end) is None), None)


def _trained(
    x: np.ndarray,
    y: np.ndarray,
    start: np.ndarray,
    epochs: range,
    plan: Mapping[str, Any],
    speed: Any = 0.0,
) -> tuple[np.ndarray, Any]:
    """Train a linear model by SGD with momentum, in batches of 4; return weights and velocity."""
    w = start.astype(np.float64)
    for _ in epochs:
        for first in range(0, len(x), 4):
            rows, targets = x[first : first + 4], y[first : first + 4]
            gradient = 2 * rows.T @ (rows @ w - targets) / len(rows)
            speed = plan["momentum"] * speed - plan["rate"] * gradient
            w = w + speed
    return w.astype(np.float32), speed
