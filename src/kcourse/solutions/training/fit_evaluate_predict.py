"""Solutions of the lesson on fit, evaluate and predict."""

import math

import keras
import numpy as np


def predicted_classes(outputs: np.ndarray, from_logits: bool) -> np.ndarray:
    """Return the most probable class of each row of what ``predict`` returned.

    outputs: float array, shape (N, 1) of a model with two classes (the column belongs to
    class 1), or (N, K) with one column for each of K classes. from_logits: bool, whether
    these are logits and not probabilities.
    Result: integer array, shape (N,). With one column: 1 where the probability of class 1 is
    above one half, else 0.
    """
    if outputs.shape[1] == 1:
        # A probability of one half is the logit 0.
        threshold = 0.0 if from_logits else 0.5
        return (outputs[:, 0] > threshold).astype(int)
    return outputs.argmax(axis=1)


def stratified_split(
    labels: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Split the rows into a training and a validation part, class by class.

    labels: int array, shape (N,), in any order; every class has two rows or more.
    share: float, part of the rows for validation. rng: np.random.Generator, the only source
    of chance.
    Result: two int arrays of row numbers, training and validation; each row is in one of them.
    Of a class with n rows, max(1, round(share * n)) rows, chosen at random, are in the
    validation part. The order within a part does not matter.
    """
    chosen = []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        # Each class is cut on its own, so no class can end up on one side alone.
        chosen.append(rows[: max(1, round(share * len(rows)))])
    validation = np.concatenate(chosen)
    return np.setdiff1d(np.arange(len(labels)), validation), validation


def steps_and_epochs(
    rows: int,
    batch_size: int,
    epochs: int,
    initial_epoch: int,
    steps_per_epoch: int | None,
) -> tuple[list[int], int]:
    """Tell what a call of ``fit`` with these arguments does.

    steps_per_epoch: None if fit gets arrays with ``rows`` rows; an int if it gets an endless
    stream of batches drawn from ``rows`` rows. All others are ints, named as in fit.
    Result: the list of the epochs' numbers as in ``history.epoch``, and the number of updates
    of the weights, an int.
    """
    # The last batch of an epoch may be smaller, but it is an update: round up.
    steps = math.ceil(rows / batch_size) if steps_per_epoch is None else steps_per_epoch
    # `epochs` is where the counting ends, not how many epochs there will be.
    numbers = list(range(initial_epoch, epochs))
    return numbers, steps * len(numbers)


class BatchesOf(keras.utils.PyDataset):
    """Batches of rows in a new random order in each epoch.

    x: array, shape (N, …). y: array, shape (N, …). batch_size: int.
    rng: np.random.Generator, the only source of chance. kwargs: for PyDataset, such as workers.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        batch_size: int,
        rng: np.random.Generator,
        **kwargs: object,
    ) -> None:
        """Keep what is needed, and draw the order of the first epoch; x and y do not change."""
        super().__init__(**kwargs)
        self.x, self.y = x, y
        self.batch_size, self.rng = batch_size, rng
        self.on_epoch_end()

    def __len__(self) -> int:
        """Return the number of batches in an epoch, the last smaller one counted."""
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return batch ``index`` of this epoch, a tuple of two arrays: rows of x, rows of y."""
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self) -> None:
        """Draw a new order; Keras calls this after each epoch."""
        # Shuffle row numbers, not the arrays: x and y stay in pairs and as the caller left them.
        self.order = self.rng.permutation(len(self.x))


def read_history(history: dict[str, list[float]], run: int) -> tuple[int, int | None]:
    """Return the best epoch and the epoch in which overfitting starts.

    history: dict with the lists "loss" and "val_loss", one float for each epoch; some may be
    NaN, but never all of "val_loss". run: int, at least 1.
    Result: the epoch with the lowest validation loss (the first of several; NaN never counts),
    and the first of ``run`` epochs in a row, all after the best one, in which the training
    loss is below and the validation loss above its value in the best epoch; None if there are
    none. An epoch with NaN is not such an epoch. Epochs are counted from 0.
    """
    loss, val_loss = history["loss"], history["val_loss"]
    best = int(np.nanargmin(val_loss))
    in_a_row = 0
    for epoch in range(best + 1, len(loss)):
        # A comparison with NaN is false, so an epoch with NaN ends a run.
        apart = loss[epoch] < loss[best] and val_loss[epoch] > val_loss[best]
        in_a_row = in_a_row + 1 if apart else 0
        if in_a_row == run:
            return best, epoch - run + 1
    return best, None


def evaluate_by_hand(
    model: keras.Model, x: np.ndarray, y: np.ndarray, batch_size: int
) -> dict[str, float]:
    """Return what ``model.evaluate`` would, computed batch by batch.

    model: a built model that maps (batch, features) to logits (batch, classes); it need not be
    compiled and may have Dropout and weight penalties. x: array, shape (N, features).
    y: int array of labels, shape (N,). batch_size: int, the most rows the model gets at once.
    Result: dict with the floats "loss", the mean sparse categorical cross-entropy of the rows
    plus the penalties, and "accuracy".
    """
    loss_sum, right = 0.0, 0
    for start in range(0, len(x), batch_size):
        labels = y[start : start + batch_size]
        logits = model(x[start : start + batch_size], training=False)
        losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        # Sums, not means: the last batch may be smaller, and a row counts as much in it.
        loss_sum += float(keras.ops.sum(losses))
        right += int(np.sum(keras.ops.convert_to_numpy(logits).argmax(axis=1) == labels))
    # The penalties belong to the weights and not to rows: they are added once.
    return {"loss": loss_sum / len(x) + float(sum(model.losses)), "accuracy": right / len(x)}
