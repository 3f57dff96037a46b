"""Solutions of the lesson on tf.Module, saving and graphs."""

import collections

import keras
import tensorflow as tf


def parameter_counts(module: tf.Module) -> tuple[int, int]:
    """Return how many numbers the variables of a module hold: trainable ones, and all others.

    module: a tf.Module; it may hold modules, in lists and dictionaries as well.
    Result: two ints. A variable that is held in two places counts once.
    """
    trainable, fixed = 0, 0
    # The list already descends into submodules and holds every variable once.
    for variable in module.variables:
        if variable.trainable:
            trainable += variable.shape.num_elements()
        else:
            fixed += variable.shape.num_elements()
    return trainable, fixed


class LazyDense(tf.Module):
    """A layer x @ w + b that learns the number of features at its first call."""

    def __init__(self, units: int, name: str | None = None) -> None:
        """Keep the number of units; make no variable yet."""
        super().__init__(name)
        self.units = units
        self.w = None

    @tf.Module.with_name_scope
    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Return x @ w + b. x: float32, shape (batch, features). Result: (batch, units).

        The first call makes w, shape (features, units), with random values, and b, shape (units,),
        with zeros. Their names are "w" and "b" within the name scope of the module.
        """
        # Python's `if` asks an attribute, not a tensor: it is decided while tracing.
        if self.w is None:
            self.w = tf.Variable(tf.random.normal([x.shape[-1], self.units]), name="w")
            self.b = tf.Variable(tf.zeros([self.units]), name="b")
        return x @ self.w + self.b


class ExponentialAverage(tf.Module):
    """A mean of all values so far, in which the weight of a value decays with its age."""

    def __init__(self, decay: float, name: str | None = None) -> None:
        """Begin with no values. decay: float between 0 and 1."""
        super().__init__(name)
        self.decay = decay
        # State, not parameters: an optimizer must not touch these two.
        self.total = tf.Variable(0.0, trainable=False)
        self.weight = tf.Variable(0.0, trainable=False)

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def update(self, value: tf.Tensor) -> tf.Tensor:
        """Take in a value, a float32 scalar; return the mean, a float32 scalar.

        The newest value has weight 1, the one before it decay, the one before that decay², and
        so on; the result is the weighted sum divided by the sum of the weights.
        """
        # One step ages all values at once: both sums are multiplied by decay.
        self.total.assign(self.decay * self.total + value)
        self.weight.assign(self.decay * self.weight + 1.0)
        return self.total / self.weight


def trainable_weights(module: tf.Module) -> list[tf.Variable]:
    """Return all that can be trained in a module that holds Keras layers too, each weight once.

    module: a tf.Module. It and its submodules hold built Keras layers as attributes, or in
    lists that are attributes. A layer can be held in several places.
    Result: a list of variables, in any order. A Keras layer's may be Keras variables.
    """
    weights = list(module.trainable_variables)
    # `submodules` leaves out the module itself.
    for part in (module, *module.submodules):
        for value in tf.nest.flatten(list(vars(part).values())):
            if isinstance(value, keras.layers.Layer):
                weights += value.trainable_variables
    return list({id(weight): weight for weight in weights}.values())


def save_classifier(module: tf.Module, folder: str) -> None:
    """Save a classifier as a SavedModel that answers requests by a signature.

    module: a tf.Module with a variable w of shape (features, classes); module(x) takes float32 x
    of shape (batch, features) and returns logits of shape (batch, classes).
    folder: where to save.
    The signature "serving_default" takes `features`, float32, with any number of rows, and returns
    `label`, the class of each row, and `probability`, what the softmax gives to that class.
    """
    rows = tf.TensorSpec([None, module.w.shape[0]], tf.float32, name="features")

    @tf.function(input_signature=[rows])
    def serve(features):  # type: ignore[no-untyped-def]
        probabilities = tf.nn.softmax(module(features))
        # The keys of the dictionary become the names of the outputs.
        return {
            "label": tf.argmax(probabilities, axis=-1),
            "probability": tf.reduce_max(probabilities, axis=-1),
        }

    tf.saved_model.save(module, folder, signatures={"serving_default": serve})


def ops_by_scope(concrete: "tf.types.experimental.ConcreteFunction", depth: int) -> dict[str, int]:
    """Count the operations of a concrete function's graph by scope.

    concrete: a concrete function. depth: int, at least 1.
    The scope of an operation is its name without the last part; of that, the first `depth`
    parts are kept. An operation whose name has no "/" has the scope "".
    Result: a dictionary from scope to number of operations, for the scopes that occur.
    """
    counts: collections.Counter[str] = collections.Counter()
    for operation in concrete.graph.get_operations():
        # The last part is the operation's own name and is no scope, however deep it stands.
        scope = operation.name.split("/")[:-1]
        counts["/".join(scope[:depth])] += 1
    return dict(counts)
