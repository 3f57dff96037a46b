"""What the audit knows of TensorFlow's and Keras's names without importing them.

Classes are known by where they stand: a name with a capital letter in ``keras.layers`` is a
layer, and so on. That holds for classes that are gone as well, and tests compare it with the
installed Keras.
"""

from __future__ import annotations

from functools import cache

#: Modules of TensorFlow that are Keras's.
_ALIASES = ("tensorflow.losses.", "tensorflow.metrics.", "tensorflow.optimizers.")

#: Where old code finds what stands one module higher today.
_OLD_MODULES = (
    "keras.layers.experimental.preprocessing",
    "keras.layers.experimental",
    "keras.layers.advanced_activations",
    "keras.layers.convolutional",
    "keras.layers.core",
    "keras.layers.embeddings",
    "keras.layers.local",
    "keras.layers.merge",
    "keras.layers.noise",
    "keras.layers.normalization",
    "keras.layers.pooling",
    "keras.layers.preprocessing",
    "keras.layers.recurrent",
    "keras.layers.wrappers",
    "keras.optimizers.experimental",
    "keras.optimizers.legacy",
    "keras.callbacks.experimental",
    "keras.models",
)

#: The class that every class (a name with a capital letter) of a module is of.
_MODULES = {
    "keras.layers": "keras.layers.Layer",
    "keras.optimizers": "keras.optimizers.Optimizer",
    "keras.optimizers.schedules": "keras.optimizers.schedules.LearningRateSchedule",
    "keras.metrics": "keras.metrics.Metric",
    "keras.losses": "keras.losses.Loss",
    "keras.callbacks": "keras.callbacks.Callback",
    "keras.initializers": "keras.initializers.Initializer",
    "keras.regularizers": "keras.regularizers.Regularizer",
    "keras.constraints": "keras.constraints.Constraint",
}

#: Classes whose place does not tell, or that stand below another than their module's.
_PARENTS = {
    "keras.layers.Layer": "",
    "keras.Layer": "keras.layers.Layer",
    "keras.layers.LSTM": "keras.layers.RNN",
    "keras.layers.GRU": "keras.layers.RNN",
    "keras.layers.SimpleRNN": "keras.layers.RNN",
    "keras.layers.ConvLSTM2D": "keras.layers.RNN",
    "keras.layers.CuDNNLSTM": "keras.layers.RNN",
    "keras.layers.CuDNNGRU": "keras.layers.RNN",
    "keras.Model": "keras.layers.Layer",
    "keras.Sequential": "keras.Model",
    "keras.Functional": "keras.Model",
    "keras.optimizers.Optimizer": "",
    "keras.mixed_precision.LossScaleOptimizer": "keras.optimizers.Optimizer",
    "keras.mixed_precision.experimental.LossScaleOptimizer": "keras.optimizers.Optimizer",
    "keras.Optimizer": "keras.optimizers.Optimizer",
    "keras.losses.Loss": "",
    "keras.Loss": "keras.losses.Loss",
    "keras.metrics.Metric": "",
    "keras.Metric": "keras.metrics.Metric",
    "keras.callbacks.Callback": "",
    "keras.constraints.Constraint": "",
    "keras.initializers.Initializer": "",
    "keras.optimizers.schedules.LearningRateSchedule": "",
    "keras.regularizers.Regularizer": "",
    "keras.callbacks.CallbackList": "",
    "keras.callbacks.History": "keras.callbacks.Callback",
    "keras.Initializer": "keras.initializers.Initializer",
    "keras.Regularizer": "keras.regularizers.Regularizer",
    "keras.Variable": "",
    "keras.KerasTensor": "",
    "keras.utils.PyDataset": "",
    "keras.utils.Sequence": "keras.utils.PyDataset",
    "keras.preprocessing.image.ImageDataGenerator": "",
    "keras.preprocessing.text.Tokenizer": "",
    "keras.utils.FeatureSpace": "",
    "keras.wrappers.SKLearnClassifier": "",
    "keras.wrappers.SKLearnRegressor": "",
    "tensorflow.data.Dataset": "",
    "tensorflow.data.TextLineDataset": "tensorflow.data.Dataset",
    "tensorflow.data.TFRecordDataset": "tensorflow.data.Dataset",
    "tensorflow.data.FixedLengthRecordDataset": "tensorflow.data.Dataset",
    "tensorflow.data.experimental.CsvDataset": "tensorflow.data.Dataset",
    "tensorflow.data.Options": "",
    "tensorflow.Tensor": "",
    "tensorflow.Variable": "",
    "tensorflow.Module": "",
    "tensorflow.GradientTape": "",
    "tensorflow.train.Checkpoint": "",
    "tensorflow.train.CheckpointManager": "",
    "tensorflow.compat.v1.train.Optimizer": "",
    **{
        f"tensorflow.compat.v1.train.{name}Optimizer": "tensorflow.compat.v1.train.Optimizer"
        for name in ("Adadelta", "Adagrad", "Adam", "GradientDescent", "Momentum", "RMSProp")
    },
    "tensorflow.lite.Interpreter": "",
    "tensorflow.lite.TFLiteConverter": "",
    "tensorflow.distribute.Strategy": "",
    "tensorflow.distribute.MirroredStrategy": "tensorflow.distribute.Strategy",
    "tensorflow.distribute.OneDeviceStrategy": "tensorflow.distribute.Strategy",
    "tensorflow.distribute.TPUStrategy": "tensorflow.distribute.Strategy",
    "tensorflow.distribute.MultiWorkerMirroredStrategy": "tensorflow.distribute.Strategy",
    "tensorflow.distribute.ParameterServerStrategy": "tensorflow.distribute.Strategy",
    "tensorflow.distribute.experimental.TPUStrategy": "tensorflow.distribute.Strategy",
    "tensorflow.distribute.experimental.ParameterServerStrategy": "tensorflow.distribute.Strategy",
    "tensorflow.distribute.experimental.CentralStorageStrategy": "tensorflow.distribute.Strategy",
    "tensorflow.distribute.experimental.MultiWorkerMirroredStrategy": (
        "tensorflow.distribute.Strategy"
    ),
}

#: Names with a capital letter that are no classes of the module they stand in.
_NO_CLASSES = {"keras.layers.Input", "keras.layers.InputSpec", "keras.layers.DenseFeatures"}

_MODEL, _LAYER, _DATASET = "keras.Model", "keras.layers.Layer", "tensorflow.data.Dataset"
_SYMBOLIC, _TENSOR, _ARRAY = "keras.KerasTensor", "tensorflow.Tensor", "numpy.ndarray"

#: What stands for the dict that ``get_config`` returns; its call tells of which object.
CONFIG = "keras.layers.Layer.get_config"

#: What functions return.
_RETURNS = {
    "keras.Input": _SYMBOLIC,
    "keras.layers.Input": _SYMBOLIC,
    "keras.models.load_model": _MODEL,
    "keras.saving.load_model": _MODEL,
    "keras.models.clone_model": _MODEL,
    "keras.models.model_from_json": _MODEL,
    "keras.models.model_from_yaml": _MODEL,
    "keras.models.model_from_config": _MODEL,
    "keras.models.from_json": _MODEL,
    "keras.Model.from_config": _MODEL,
    "keras.Sequential.from_config": "keras.Sequential",
    "keras.models.Model.from_config": _MODEL,
    "keras.models.Sequential.from_config": "keras.Sequential",
    "keras.optimizers.get": "keras.optimizers.Optimizer",
    "keras.metrics.get": "keras.metrics.Metric",
    "tensorflow.data.experimental.make_csv_dataset": _DATASET,
    "tensorflow.data.experimental.make_batched_features_dataset": _DATASET,
    **{
        f"tensorflow.lite.TFLiteConverter.from_{source}": "tensorflow.lite.TFLiteConverter"
        for source in ("keras_model", "saved_model", "concrete_functions", "session")
    },
    "tensorflow.distribute.get_strategy": "tensorflow.distribute.Strategy",
    "keras.utils.to_categorical": _ARRAY,
    "keras.utils.np_utils.to_categorical": _ARRAY,
    "tensorflow.one_hot": _TENSOR,
    "sklearn.utils.compute_class_weight": _ARRAY,
    "sklearn.utils.class_weight.compute_class_weight": _ARRAY,
    **{f"numpy.{name}": _ARRAY for name in ("array", "asarray", "ones", "zeros")},
    "tensorflow.train.latest_checkpoint": "tensorflow.train.latest_checkpoint",
    "keras.utils.get_file": "keras.utils.get_file",
} | {
    f"{module}.{name}": _DATASET
    for module in ("keras.utils", "keras.preprocessing")
    for name in (
        "image_dataset_from_directory",
        "text_dataset_from_directory",
        "timeseries_dataset_from_array",
        "audio_dataset_from_directory",
    )
}

#: What attributes are, and what methods return when they are called.
_ATTRIBUTES = {
    "keras.Model": {
        "optimizer": "keras.optimizers.Optimizer",
        "output": _SYMBOLIC,
        "input": _SYMBOLIC,
        "history": "keras.callbacks.History",
    },
    "keras.layers.Layer": {"output": _SYMBOLIC, "input": _SYMBOLIC},
    "keras.callbacks.Callback": {"model": _MODEL},
    "tensorflow.data.Options": {
        "experimental_distribute": "tensorflow.data.experimental.DistributeOptions",
        "experimental_optimization": "tensorflow.data.experimental.OptimizationOptions",
    },
}
_LISTS = {
    "keras.Model": {
        "layers": _LAYER,
        "outputs": _SYMBOLIC,
        "inputs": _SYMBOLIC,
        "metrics": "keras.metrics.Metric",
    },
}
_METHODS = {
    "keras.Model": {
        "fit": "keras.callbacks.History",
        "fit_generator": "keras.callbacks.History",
        "get_layer": _LAYER,
        "load_weights": "NoneType",
        # A model with several outputs returns a list of arrays.
        "predict": "numpy.ndarray",
    },
    "keras.layers.Layer": {"get_config": CONFIG},
    "keras.preprocessing.image.ImageDataGenerator": {
        "flow": "keras.preprocessing.image.Iterator",
        "flow_from_dataframe": "keras.preprocessing.image.Iterator",
        "flow_from_directory": "keras.preprocessing.image.Iterator",
    },
}
#: Methods of a dataset that return no dataset.
_NO_DATASETS = {
    "as_numpy_iterator",
    "cardinality",
    "element_spec",
    "get_single_element",
    "make_initializable_iterator",
    "make_one_shot_iterator",
    "options",
    "output_classes",
    "output_shapes",
    "output_types",
    "reduce",
    "save",
}

#: Functions of ``tensorflow`` whose result is a tensor, whatever they are given.
_TENSORS = {
    "constant",
    "convert_to_tensor",
    "eye",
    "fill",
    "linspace",
    "ones",
    "range",
    "zeros",
    "random.normal",
    "random.uniform",
    "random.truncated_normal",
    # A symbolic tensor of Keras raises in these, so what they return is a tensor.
    *("abs", "add", "argmax", "argmin", "cast", "concat", "divide", "equal", "exp", "expand_dims"),
    *("gather", "greater", "less", "matmul", "maximum", "minimum", "multiply", "one_hot", "pow"),
    *("reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "reshape", "sqrt"),
    *("square", "squeeze", "stack", "subtract", "tanh", "transpose", "zeros_like", "ones_like"),
    *("math.log", "math.exp", "math.reduce_mean", "math.reduce_sum", "nn.relu", "nn.softmax"),
}


@cache
def standing(path: str) -> str:
    """Return a dotted name as it stands in ``keras``: ``tensorflow.keras.X`` is ``keras.X``.

    Modules that were only places in Keras's source are left out.
    """
    if path.startswith(("tensorflow.keras", *_ALIASES)):
        path = path.removeprefix("tensorflow.")
        path = path if path.startswith("keras") else f"keras.{path}"
    for module in _OLD_MODULES:
        if path.startswith(module + ".") and "." not in path[len(module) + 1 :]:
            name = path[len(module) + 1 :]
            parent = "keras" if module == "keras.models" else ".".join(module.split(".")[:2])
            if module == "keras.models" and not name[:1].isupper():
                return path
            return f"{parent}.{name}"
    return path


@cache
def classes(path: str) -> tuple[str, ...]:
    """Return a class and the classes above it, as they stand in ``keras``; empty if it is none."""
    path = standing(path)
    if path in _NO_CLASSES:
        return ()
    if path in _PARENTS:
        parent = _PARENTS[path]
        return (path, *(classes(parent) if parent else ()))
    module, _, name = path.rpartition(".")
    if module in _MODULES and name[:1].isupper():
        return (path, *classes_or_itself(_MODULES[module]))
    return ()


def classes_or_itself(path: str) -> tuple[str, ...]:
    """Return ``classes(path)``, or the name alone where nothing is known of it."""
    return classes(path) or (path,)


@cache
def returned(path: str) -> str:
    """Return the class of what this function returns; empty if that is not known."""
    path = standing(path)
    if path in _RETURNS:
        return _RETURNS[path]
    if path.startswith("keras.applications.") and path.rpartition(".")[2][:1].isupper():
        return _MODEL
    if path.startswith("tensorflow.") and path.removeprefix("tensorflow.") in _TENSORS:
        return _TENSOR
    owner, _, method = path.rpartition(".")
    if _DATASET in classes(owner) and method not in _NO_DATASETS and method.islower():
        return _DATASET
    return ""


def attribute(of: tuple[str, ...], name: str) -> str:
    """Return the class of an attribute of an object of these classes; empty if not known."""
    return _first(_ATTRIBUTES, of, name)


def elements(of: tuple[str, ...], name: str) -> str:
    """Return the class of the elements of a list that is an attribute; empty if not known."""
    return _first(_LISTS, of, name)


def method_returns(of: tuple[str, ...], name: str) -> str:
    """Return the class of what a method of these classes returns; empty if not known."""
    if _DATASET in of:
        return "" if name in _NO_DATASETS else _DATASET
    return _first(_METHODS, of, name)


def _first(table: dict[str, dict[str, str]], of: tuple[str, ...], name: str) -> str:
    return next((table[one][name] for one in of if name in table.get(one, ())), "")
