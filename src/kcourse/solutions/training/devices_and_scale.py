"""Solutions of the lesson on devices and scale."""

import json

import keras
import tensorflow as tf


def training_memory(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> dict[str, int]:
    """Count the bytes that training keeps, whatever the size of a batch.

    model: a built Keras model; weights may have any dtype, layers may be frozen.
    optimizer: a Keras optimizer that is not built yet; build it for this model.
    Result: a dictionary of int: "weights", all weights of the model; "gradients", one gradient
    for each weight that is trained, in the weight's dtype; "optimizer", all of the optimizer's
    variables.
    """
    optimizer.build(model.trainable_variables)

    def count_bytes(variables: list[keras.Variable]) -> int:
        # What is stored has the variable's dtype; a mixed policy computes in another one.
        return sum(v.shape.num_elements() * tf.as_dtype(v.dtype).size for v in variables)

    return {
        "weights": count_bytes(model.weights),
        "gradients": count_bytes(model.trainable_weights),
        "optimizer": count_bytes(optimizer.variables),
    }


def loss_scale_step(
    gradients: list[tf.Tensor], scale: float, good_steps: int, growth_steps: int
) -> tuple[list[tf.Tensor] | None, float, int]:
    """Take the scale out of gradients, or refuse them, and choose the next scale.

    gradients: list of floating tensors of any shapes, of a loss that was multiplied by scale.
    scale: float above 0. good_steps: int, how many finite steps came before this one since the
    scale last changed. growth_steps: int, at least 1.
    If every number is finite: the gradients divided by scale, in float32; after growth_steps
    finite steps in a row the scale is doubled and counting begins at 0 again.
    If any number is infinite or NaN: None in place of the gradients, half the scale, and 0.
    Result: (gradients or None, scale, good_steps), the last two as they are for the next step.
    """
    if not all(tf.reduce_all(tf.math.is_finite(g)) for g in gradients):
        return None, scale / 2, 0
    # float32 first: in float16 the quotient would underflow, which scaling was to prevent.
    unscaled = [tf.cast(g, tf.float32) / scale for g in gradients]
    good_steps += 1
    if good_steps == growth_steps:
        return unscaled, scale * 2, 0
    return unscaled, scale, good_steps


def split_global_batch(n: int, global_batch: int, replicas: int) -> list[list[tuple[int, int]]]:
    """Say which rows each replica gets in each step of one epoch.

    n: rows in all, may be 0. global_batch: rows in a batch; the last batch may be smaller.
    replicas: how many share a batch. Each takes the rows of the batch divided by replicas,
    rounded up, in order, until none are left; for a replica without rows start and stop are both
    the end of the batch.
    Result: a list with one item a batch: a list with (start, stop) for each replica.
    """
    steps = []
    for begin in range(0, n, global_batch):
        end = min(begin + global_batch, n)
        # Rounded up, from the rows that are there: nothing is lost, and nobody gets too many.
        share = -(-(end - begin) // replicas)
        starts = [min(begin + i * share, end) for i in range(replicas)]
        steps.append([(start, min(start + share, end)) for start in starts])
    return steps


def global_loss(
    losses: tf.Tensor, penalty: tf.Tensor, global_batch: int, replicas: int
) -> tf.Tensor:
    """Return one replica's part of the loss; all parts add up to the loss of one process.

    losses: float32, shape (rows,), the loss of each of this replica's examples; may be empty.
    penalty: float32 scalar, such as an L2 penalty; every replica computes the same one, and it
    counts once. global_batch: int, rows of the batch over all replicas.
    replicas: int, how many replicas there are.
    Result: float32 scalar. One process has the mean of all losses, plus penalty.
    """
    # The whole batch divides, not this replica's rows; what all replicas have is shared out.
    return tf.reduce_sum(losses) / global_batch + penalty / replicas


def cluster_config(workers: list[str], index: int) -> str:
    """Return the value of TF_CONFIG for one worker, as JSON.

    workers: addresses "host:port", the same list in the same order for every worker.
    index: which of them this worker is.
    Raises ValueError if there is no worker, if an address comes twice, has no host, or has no
    port from 1 to 65535, and if index is not one of 0, 1, …, len(workers) - 1.
    """
    if not workers or len(set(workers)) < len(workers):
        raise ValueError(f"Give each worker an address of its own, not {workers}.")
    for address in workers:
        # From the right: the host may contain colons, as in "[::1]:5000".
        host, _, port = address.rpartition(":")
        if not (host and port.isdecimal() and 1 <= int(port) <= 65535):
            raise ValueError(f"{address!r} is no address; write it as 'host:port'.")
    if index not in range(len(workers)):
        raise ValueError(f"index is {index}; the workers are 0 to {len(workers) - 1}.")
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
