"""What differs between the backends that Keras can compute with: TensorFlow, JAX and PyTorch."""

from __future__ import annotations

#: The backends that lessons on Keras alone are proved with; the first is the course's own.
BACKENDS = ("tensorflow", "jax", "torch")


def make_deterministic() -> None:
    """Have the backend's operations give the same result in every run, at some cost in speed.

    TensorFlow and PyTorch have a switch for that. JAX's operations on a CPU are deterministic.
    """
    import keras

    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif backend == "torch":
        import torch

        torch.use_deterministic_algorithms(True)
