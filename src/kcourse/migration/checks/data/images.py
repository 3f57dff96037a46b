"""Checks for the layers that change images at random."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kcourse.migration import namespaces
from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.training.compiled import written
from kcourse.migration.resolving import Reader
from kcourse.migration.values import Call, Constant, Instance, Items, Named, Value

registry = Registry()


@registry.of_call("RandomRotation")
def rotation_in_degrees(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``RandomRotation(20)``."""
    factor = _number(call.argument("factor", 0))
    if _makes(call, "keras.layers.RandomRotation") and factor is not None and abs(factor) > 1:
        yield call.node


@registry.of_call("RandomContrast")
def contrast_of_one_number(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``RandomContrast(0.5)``."""
    factor = _number(call.argument("factor", 0))
    if _makes(call, "keras.layers.RandomContrast") and factor is not None:
        yield call.node


@registry.of_call("Sequential")
def brightness_after_rescaling(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``Sequential([Rescaling(1 / 255), RandomBrightness(0.2)])``."""
    layers, node = call.argument("layers", 0), written(call, "layers", 0)
    if not isinstance(layers, Items) or not isinstance(node, ast.List):
        return
    small = False
    for layer, place in zip(layers.values, node.elts, strict=True):
        if not isinstance(layer, Instance) or layer.call is None:
            continue
        if layer.of("keras.layers.Rescaling"):
            small = _is_fraction(written(layer.call, "scale", 0))
        elif layer.of("keras.layers.RandomBrightness"):
            told = layer.call.open or layer.call.gives("value_range", 1)
            if small and not told:
                yield place


def _is_fraction(scale: ast.expr | None) -> bool:
    """Whether it is what numbers up to 255 are multiplied with to come near to 1."""
    if isinstance(scale, ast.BinOp) and isinstance(scale.op, ast.Div):
        below = scale.right
        return isinstance(below, ast.Constant) and below.value in {127.5, 128, 255, 256}
    return isinstance(scale, ast.Constant) and scale.value in {0.0039, 0.00392, 0.003922}


@registry.of_call()
def augmenting_model_called(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``model(images)`` of a model that was compiled and begins with ``RandomFlip``."""
    model = call.callee
    if not isinstance(model, Instance) or not model.of("keras.Sequential"):
        return
    if model.compiled is None or call.open or call.gives("training", 1) or not _augments(model):
        return
    # Where models are put together, or trained in a loop of one's own, a plain call is right.
    if not {"Functional", "GradientTape", "Model"} & reader.words:
        yield call.node


def _augments(model: Instance) -> bool:
    """Whether a Sequential model, or one in it, has a layer that changes images at random."""
    return any(
        layer.classes[0].startswith("keras.layers.Random") or _augments(layer)
        for layer in model.layers or ()
        if layer is not None and layer.user is None
    )


def _makes(call: Call, path: str) -> bool:
    callee = call.callee
    return (
        isinstance(callee, Named)
        and not callee.reported
        and path in namespaces.classes(callee.path)
    )


def _number(value: Value) -> float | None:
    plain = isinstance(value, Constant) and isinstance(value.value, int | float)
    return value.value if isinstance(value, Constant) and plain else None
