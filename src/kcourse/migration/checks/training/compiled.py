"""What checks for training share: what a model ends in, and what it was compiled with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kcourse.migration import namespaces
from kcourse.migration.values import (
    UNKNOWN_PART,
    Bound,
    Call,
    Constant,
    Instance,
    Items,
    Mapping,
    Named,
    Text,
    UserClass,
    Value,
)

_CROSSENTROPY = re.compile(r"(binary|(?:sparse_)?categorical)(?:_focal)?_crossentropy|bce")
_CONVOLUTION = re.compile(r"keras\.layers\.Conv(olution)?[123]D")


@dataclass(frozen=True)
class End:
    """The end of a model: its last activation, and of how many units."""

    activation: str
    units: int | None


@dataclass(frozen=True)
class Crossentropy:
    """A cross-entropy as a loss or metric; ``from_logits`` is ``None`` where it is not known."""

    kind: Literal["binary", "categorical", "sparse"]
    from_logits: bool | None


def model_of(call: Call) -> Instance | None:
    """Return the model that a method of Keras's own is called of."""
    callee = call.callee
    owner = callee.owner if isinstance(callee, Bound) else None
    if not isinstance(callee, Bound) or not isinstance(owner, Instance):
        return None
    overridden = owner.user is not None and owner.user.defines(callee.name)
    return owner if owner.of("keras.Model") and not overridden else None


def written(call: Call, name: str, position: int | None = None) -> ast.expr | None:
    """Return an argument as it is written; ``None`` if it is not given, or not for certain."""
    for keyword in call.node.keywords:
        if keyword.arg == name:
            return keyword.value
    arguments = call.node.args
    if position is None or any(isinstance(one, ast.Starred) for one in arguments):
        return None
    return arguments[position] if position < len(arguments) else None


def loss(call: Call) -> Value:
    """Return the loss of a call of ``compile``, if it is one for all."""
    value = call.argument("loss", 1)
    if isinstance(value, Items) and len(value.values) == 1:
        return value.values[0]
    if isinstance(value, Mapping) and len(value.values) == 1:
        return next(iter(value.values.values()))
    return value


def metrics(call: Call) -> list[tuple[Value, ast.AST]]:
    """Return the metrics of a call of ``compile`` and where they are written."""
    value, node = call.argument("metrics", 3), written(call, "metrics", 3)
    if not isinstance(value, Items) or node is None:
        return []
    if isinstance(node, ast.List | ast.Tuple):
        return list(zip(value.values, node.elts, strict=True))
    return [(one, node) for one in value.values]


def name_of(value: Value, module: str) -> str:
    """Return by which name Keras knows a loss or metric, however it is given; else an empty one."""
    if isinstance(value, Text):
        return value.text
    if isinstance(value, Named):
        path = namespaces.standing(value.path)
    elif isinstance(value, Instance) and value.user is None:
        path = value.classes[0]
    else:
        return ""
    above, _, name = path.rpartition(".")
    return name if above == module else ""


def crossentropy(value: Value, module: str = "keras.losses") -> Crossentropy | None:
    """Return what cross-entropy this is, if it is one of Keras's."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name_of(value, module)).lower()
    if not _CROSSENTROPY.fullmatch(name):
        return None
    kinds: tuple[Literal["sparse", "categorical", "binary"], ...]
    kinds = ("sparse", "categorical", "binary")
    return Crossentropy(next(one for one in kinds if name[0] == one[0]), _from_logits(value))


def _from_logits(value: Value) -> bool | None:
    if not isinstance(value, Instance):
        return False  # a function, or the name of one
    call = value.call
    if call is None or call.open:
        return None
    given = call.argument("from_logits")
    if not call.gives("from_logits"):
        if not call.positional:
            return False
        plain = "Focal" not in value.classes[0] and value.of("keras.losses.Loss")
        given = call.positional[0] if plain else None
    return given.value if isinstance(given, Constant) and isinstance(given.value, bool) else None


def end(model: Instance) -> End | None:
    """Return what a model ends in, if that is known."""
    layers = _from_the_last(model)
    last = next(layers, None)
    activation = _activation(last) if last is not None else None
    if last is None or activation is None:
        return None
    if _is_activation(last):
        before = next(layers, None)
        return End(activation, _units(before) if before is not None else None)
    return End(activation, _units(last))


def _from_the_last(model: Instance) -> Iterator[Instance]:
    """Yield the last layer of a model, the one before it and so on, as far as they are known."""
    if model.layers is not None:
        for layer in reversed(model.layers):
            if layer is None:
                return
            yield _inner(layer)
    tensor = outputs(model)
    while isinstance(tensor, Instance) and tensor.producer is not None and tensor.call is not None:
        yield _inner(tensor.producer)
        tensor = tensor.call.argument("inputs", 0)


def outputs(model: Instance) -> Value:
    """Return the outputs of a functional model, one alone without the list around it."""
    given = model.outputs if is_functional(model) else None
    return given.values[0] if isinstance(given, Items) and len(given.values) == 1 else given


def is_functional(model: Instance) -> bool:
    """Whether it was made by ``Model(inputs, outputs)``, with nothing hidden in ``**``."""
    call = model.call
    if call is None or call.open or not isinstance(call.callee, Named):
        return False
    path = namespaces.standing(call.callee.path)
    return path in {"keras.Model", "keras.Functional"} and call.gives("outputs", 1)


def _inner(layer: Instance) -> Instance:
    """Return the layer that is applied to each step, for one that does only that."""
    if layer.of("keras.layers.TimeDistributed") and layer.call is not None:
        inner = layer.call.argument("layer", 0)
        return inner if isinstance(inner, Instance) else layer
    return layer


def _is_activation(layer: Instance) -> bool:
    return any(layer.of(f"keras.layers.{name}") for name in ("Activation", "ReLU", "Softmax"))


def _activation(layer: Instance) -> str | None:
    """Return the name of a layer's activation; ``None`` where it is not known."""
    call = layer.call
    if call is None or call.open or layer.user is not None:
        return None
    if layer.of("keras.layers.Softmax") or layer.of("keras.layers.ReLU"):
        plain = not call.positional and not call.keywords.keys() - {"name", "dtype"}
        return layer.classes[0].rpartition(".")[2].lower() if plain else None
    position: int | None
    if layer.of("keras.layers.Dense"):
        position = 1
    elif layer.of("keras.layers.Activation"):
        position = 0
    elif _CONVOLUTION.fullmatch(layer.classes[0]) and len(call.positional) < 5:
        position = None
    else:
        return None
    given = call.argument("activation", position)
    if not call.gives("activation", position):
        return "linear"
    if isinstance(given, Constant) and given.value is None:
        return "linear"
    if isinstance(given, Text):
        return given.text
    theirs = isinstance(given, Named) and given.path.startswith(("keras.", "tensorflow."))
    return given.path.rpartition(".")[2] if theirs and isinstance(given, Named) else None


def _units(layer: Instance) -> int | None:
    name = "units" if layer.of("keras.layers.Dense") else "filters"
    given = layer.call.argument(name, 0) if layer.call and layer.user is None else None
    dense = layer.of("keras.layers.Dense") or _CONVOLUTION.fullmatch(layer.classes[0])
    known = isinstance(given, Constant) and type(given.value) is int
    return given.value if dense and known and isinstance(given, Constant) else None


def layer_end(call: Call) -> End | None:
    """Return what the layer that a call makes ends in."""
    callee = call.callee
    made = namespaces.classes(callee.path) if isinstance(callee, Named) else ()
    if not made or call.open:
        return None
    layer = Instance(made, call=call)
    activation = _activation(layer)
    return End(activation, _units(layer)) if activation is not None else None


def input_names(model: Instance) -> list[str]:
    """Return the names of a functional model's inputs; none unless all were named."""
    given = model.call.argument("inputs", 0) if model.call and is_functional(model) else None
    return _names(
        one.call if isinstance(one, Instance) and one.of("keras.KerasTensor") else None
        for one in (given.values if isinstance(given, Items) else (given,))
    )


def output_names(model: Instance) -> list[str]:
    """Return the names of a functional model's several outputs; none unless all were named."""
    layers = (one.producer for one in several_outputs(model))
    return _names(one.call if one and one.user is None else None for one in layers)


def several_outputs(model: Instance) -> list[Instance]:
    """Return the outputs of a functional model that has a list of more than one."""
    given = outputs(model)
    if not isinstance(given, Items):
        return []
    known = [
        one for one in given.values if isinstance(one, Instance) and one.of("keras.KerasTensor")
    ]
    return known if len(known) == len(given.values) else []


def calls_no_init(user: UserClass) -> ast.AST | None:
    """Return the constructor of a class if it does not call the one above it."""
    init = user.methods.get("__init__")
    if init is None or isinstance(init.body[-1], ast.Raise):
        return None
    called = any(
        isinstance(one, ast.Attribute) and one.attr == "__init__" for one in ast.walk(init)
    )
    return None if called else init


def _names(made: Iterator[Call | None]) -> list[str]:
    """Return the ``name`` that each of these calls gives, if all give different ones."""
    names = []
    for call in made:
        name = call.argument("name") if call is not None else None
        if not isinstance(name, Text) or not name.text or UNKNOWN_PART in name.text:
            return []
        names.append(name.text)
    return names if len(set(names)) == len(names) else []
