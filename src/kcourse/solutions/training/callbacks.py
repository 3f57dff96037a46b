"""Solutions of the lesson on callbacks."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np


def misspelt_hooks(callback: keras.callbacks.Callback) -> list[str]:
    """Return the names of methods that look like hooks and that Keras never calls, sorted.

    callback: an object of a class derived from ``keras.callbacks.Callback``.
    Result: list of str.
    """
    known = dir(keras.callbacks.Callback)  # the base class has an empty method for every hook
    return [
        name
        for name in dir(callback)
        if name.startswith("on_") and name not in known and callable(getattr(callback, name))
    ]


class JsonLinesLog(keras.callbacks.Callback):
    """Append a line of JSON to a file at the end of each epoch.

    path: str, the file; it may exist already, with lines of an earlier training.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Append the epoch, all logs and the learning rate; the line is in the file on return."""
        numbers = {**(logs or {}), "learning_rate": self.model.optimizer.learning_rate}
        line: dict[str, float | None] = {"epoch": epoch}
        for name, value in numbers.items():
            number = float(value)  # a variable, a tensor or a NumPy scalar becomes plain
            line[name] = number if np.isfinite(number) else None  # JSON knows no NaN
        with Path(self.path).open("a") as file:  # closed at once: nothing stays in a buffer
            file.write(json.dumps(line) + "\n")


def cosine_with_warmup(
    step: keras.KerasTensor,
    peak: float,
    warmup_steps: int,
    total_steps: int,
    floor: float = 0.0,
) -> keras.KerasTensor:
    """Return the learning rate at each step: up on a line, then down on half a cosine.

    step: tensor of integers, at least 0, any shape. peak, floor: floats.
    warmup_steps, total_steps: ints, 0 <= warmup_steps < total_steps.
    Result: float32 tensor of the same shape.
    """
    step = keras.ops.cast(step, "float32")
    rising = peak * step / max(warmup_steps, 1)
    # clip holds the rate at the floor after the last step; the cosine would rise again.
    progress = keras.ops.clip((step - warmup_steps) / (total_steps - warmup_steps), 0, 1)
    falling = floor + (peak - floor) * (1 + keras.ops.cos(np.pi * progress)) / 2
    return keras.ops.where(step < warmup_steps, rising, falling)


class StopWhenStale(keras.callbacks.Callback):
    """Stop when a value in the logs no longer falls, and go back to the best weights.

    monitor: name in the logs. patience: int, at least 1. min_delta: float, at least 0.
    """

    def __init__(self, monitor: str = "val_loss", patience: int = 2, min_delta: float = 0.0):
        super().__init__()
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Forget an earlier training."""
        self.best = np.inf
        self.wait = 0
        self.weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the weights of a better epoch; count the others, and stop in time."""
        value = (logs or {})[self.monitor]  # a name that is not there raises KeyError
        if value < self.best - self.min_delta:
            self.best = value
            self.wait = 0
            self.weights = self.model.get_weights()  # copies: the variables go on changing
        else:
            self.wait += 1
            if self.wait >= self.patience:
                self.model.stop_training = True

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Put the best weights back, however the training ended."""
        if self.weights is not None:
            self.model.set_weights(self.weights)


def resume_training(
    make_model: "Callable[[], keras.Model]", x: np.ndarray, y: np.ndarray, folder: str, epochs: int
) -> keras.Model:
    """Train to a total of ``epochs``, going on from the checkpoint in ``folder`` if there is one.

    make_model: function without parameters; returns a new, built and compiled model at each call.
    x, y: arrays; batches of 4 rows, in this order. folder: str; may not exist yet.
    epochs: int, the total over all calls. Result: the trained model.
    """
    model = make_model()
    # Weights, optimizer state and epoch, after each epoch; kept for a call with more epochs.
    backup = keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
    model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0, callbacks=[backup])
    return model
