"""Solutions of the lesson on training steps and loops of one's own."""

import keras
import numpy as np
import tensorflow as tf


class ClippedModel(keras.Model):
    """A model whose training step clips the gradients; for the rest it is a keras.Model.

    limit: the largest norm that all gradients of one step may have together.
    """

    limit = 1.0

    def train_step(self, data: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        """Take one step with clipped gradients, and report means over the epoch so far.

        data: (x, y) or (x, y, sample_weight), the tensors of one batch.
        Result: dict of the loss (under "loss") and of the metrics given to compile.
        """
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        # One factor for all of them, so that the step keeps its direction.
        gradients, _ = tf.clip_by_global_norm(gradients, self.limit)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                # A mean over examples: a smaller last batch counts for less.
                metric.update_state(loss, sample_weight=tf.shape(y)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)


def epoch_means(
    model: keras.Model, batches: list[tuple[np.ndarray, np.ndarray]]
) -> dict[str, float]:
    """Train for one epoch by train_on_batch and return the means over its examples.

    model: compiled. batches: list of (x, y), arrays of shapes (n, …); n may differ.
    Result: dict from the names of the loss and of the metrics to floats, as in fit's history.
    """
    totals: dict[str, float] = {}
    examples = 0
    for x, y in batches:
        # return_dict gives the right names; metrics_names holds names of containers.
        logs = model.train_on_batch(x, y, return_dict=True)
        for name, value in logs.items():
            totals[name] = totals.get(name, 0.0) + len(x) * float(value)
        examples += len(x)
    return {name: total / examples for name, total in totals.items()}


def train_like_fit(
    model: keras.Model,
    optimizer: keras.Optimizer,
    loss: keras.losses.Loss,
    batches: tf.data.Dataset,
    epochs: int,
) -> list[float]:
    """Train a model as model.compile(optimizer, loss) and model.fit(batches, epochs=…) do.

    model: built; its layers may have penalties or behave differently in training. batches:
    dataset of (x, y), the same batches in the same order in every epoch; the last may be smaller.
    Result: list of floats, the loss of each epoch as fit reports it.
    """
    variables = model.trainable_variables
    optimizer.build(variables)
    mean = keras.metrics.Mean()

    @tf.function
    def one_epoch(iterator: tf.data.Iterator) -> tf.Tensor:
        mean.reset_state()
        # AutoGraph makes a loop of the graph of this: Python is back once an epoch.
        for x, y in iterator:
            with tf.GradientTape() as tape:
                value = loss(y, model(x, training=True)) + sum(model.losses)
            optimizer.apply(tape.gradient(value, variables), variables)
            mean.update_state(value, sample_weight=tf.shape(x)[0])
        return mean.result()

    return [float(one_epoch(iter(batches))) for _ in range(epochs)]


def accumulating_train_step(
    model: keras.Model,
    x: tf.Tensor,
    y: tf.Tensor,
    sample_weight: tf.Tensor | None,
    size: int,
) -> tf.Tensor:
    """Take one step with the gradients of a whole batch, at most size examples at a time.

    model: compiled; its compute_loss gives the loss of a part. x, y: shapes (n, …).
    sample_weight: shape (n,) or None. The last part may be smaller than size.
    Result: scalar, the loss of the whole batch before the step.
    """
    variables = model.trainable_variables
    total, gradients = 0.0, [0.0] * len(variables)
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        weights = None if sample_weight is None else sample_weight[part]
        with tf.GradientTape() as tape:
            y_pred = model(x[part], training=True)
            # The shares of the parts sum to 1, so the layers' penalties count once.
            share = len(x[part]) / len(x)
            loss = share * model.compute_loss(x[part], y[part], y_pred, weights)
        total += loss
        new = tape.gradient(loss, variables)
        gradients = [a + b for a, b in zip(gradients, new, strict=True)]
    model.optimizer.apply(gradients, variables)
    return total


def gan_step(
    generator: keras.Model,
    discriminator: keras.Model,
    g_optimizer: keras.Optimizer,
    d_optimizer: keras.Optimizer,
    real: tf.Tensor,
    noise: tf.Tensor,
    real_label: float,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Train the discriminator for one step, then the generator against it; return both losses.

    real: real images, shape (n, …). noise: input of the generator, shape (n, k), used for both
    steps. real_label: what the discriminator shall say of real images, such as 0.9; of generated
    ones 0. The discriminator gives logits; both networks run in training mode.
    Result: (d_loss, g_loss), binary cross-entropies; d_loss is the mean of that on the real and
    that on the generated images.
    """
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        on_real = discriminator(real, training=True)
        on_fake = discriminator(generator(noise, training=True), training=True)
        d_loss = entropy(real_label * tf.ones_like(on_real), on_real)
        d_loss = (d_loss + entropy(tf.zeros_like(on_fake), on_fake)) / 2
    variables = discriminator.trainable_variables
    d_optimizer.apply(tape.gradient(d_loss, variables), variables)

    with tf.GradientTape() as tape:
        on_fake = discriminator(generator(noise, training=True), training=True)
        g_loss = entropy(tf.ones_like(on_fake), on_fake)
    # The loss depends on both networks; this list decides that the generator alone moves.
    variables = generator.trainable_variables
    g_optimizer.apply(tape.gradient(g_loss, variables), variables)
    return d_loss, g_loss
