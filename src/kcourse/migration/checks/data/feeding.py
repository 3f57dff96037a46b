"""Checks for what feeds a model: generators, arrays of strings, archives from the net."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.training.compiled import model_of, written
from kcourse.migration.resolving import Reader
from kcourse.migration.scopes import Function
from kcourse.migration.values import (
    Bound,
    Call,
    Constant,
    Instance,
    Items,
    Named,
    Text,
    UserClass,
    UserFunction,
    Value,
)

registry = Registry()

_TRAINING = ("evaluate", "fit", "predict")
#: Their arguments that may be a generator.
_FED = ("validation_data", "x")


# Generators.


@registry.of_class("keras.utils.PyDataset")
def sequence_gives_list_of_inputs(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """``return [x1, x2], y`` in ``__getitem__``."""
    method = user.methods.get("__getitem__")
    if method is not None and not _chooses_backend(reader):
        for given in _given(method, ast.Return):
            yield from _lists(given, method)


@registry.of_function
def generator_gives_list_of_inputs(function: UserFunction, reader: Reader) -> Iterator[ast.AST]:
    """``yield [x1, x2], y`` in a generator that a model is given."""
    yielded = [one for given in _yielded(function) for one in _lists(given, function.node)]
    if yielded and _feeds_model(function, reader) and not _chooses_backend(reader):
        yield from yielded


@registry.of_function
def generator_yields_list(function: UserFunction, reader: Reader) -> Iterator[ast.AST]:
    """``yield [x, y]`` in a generator that a model is given."""
    yielded = [given for given in _yielded(function) if isinstance(given, ast.List)]
    if yielded and _feeds_model(function, reader):
        yield from yielded


def _yielded(function: UserFunction) -> Iterator[ast.expr]:
    if function.owner is None and not function.node.decorator_list:
        yield from _given(function.node, ast.Yield)


def _feeds_model(function: UserFunction, reader: Reader) -> bool:
    """Whether a model is fitted to what this generator yields, however the model was made."""
    if not {"keras", "tensorflow"} & reader.words:
        return False
    functions = reader.everything(ast.FunctionDef, ast.AsyncFunctionDef)
    if any(node.name in _TRAINING for node in functions):
        return False  # it may be a method of the code's own
    for node in reader.everything(ast.Call):
        if not isinstance(node.func, ast.Attribute):
            continue
        places = [*node.args[:1], *(one.value for one in node.keywords if one.arg in _FED)]
        if node.func.attr in _TRAINING and any(
            _is_call_of(one, function, reader) for one in places
        ):
            return True
    return False


def _is_call_of(node: ast.expr, function: UserFunction, reader: Reader) -> bool:
    made = bound_once(node, reader)
    return isinstance(made, ast.Call) and _is_named(made.func, function.node.name)


def _given(function: Function, kind: type[ast.Return | ast.Yield]) -> Iterator[ast.expr]:
    """Yield what a function itself returns or yields."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, kind) and node.value is not None:
            yield node.value
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)


def _lists(given: ast.expr, function: Function) -> Iterator[ast.expr]:
    """Yield the parts of a tuple that are lists, or names that are bound to a list and no more."""
    for part in given.elts if isinstance(given, ast.Tuple) else ():
        if isinstance(_only_value(part, function), ast.List | ast.ListComp):
            yield part


def _chooses_backend(reader: Reader) -> bool:
    """Whether another backend than TensorFlow may run, which takes lists."""
    return bool({"jax", "torch"} & reader.words) or _says("KERAS_BACKEND", reader)


# Strings.


@registry.of_call(*_TRAINING)
def numpy_strings_to_model(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``model.predict(np.array(["some text"]))``."""
    place, array = written(call, "x", 0), call.argument("x", 0)
    if model_of(call) is None or not isinstance(array, Instance) or array.call is None:
        return
    made = array.call
    # With `dtype=object` it is an array of Python's strings, which is taken.
    plain = array.of("numpy.ndarray") and not made.open and not made.gives("dtype", 1)
    if place is not None and plain and made.positional and _are_texts(made.positional[0]):
        yield place


def _are_texts(value: Value) -> bool:
    if not isinstance(value, Items) or not value.values:
        return False
    return all(isinstance(one, Text) or _are_texts(one) for one in value.values)


# Methods that are not there, and whose names many other objects have.


@registry.of_call("adapt")
def layer_with_nothing_to_adapt(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``CategoryEncoding(…).adapt(data)``."""
    if _is_of_one(call, "CategoryEncoding", "HashedCrossing", "Hashing"):
        yield call.node


@registry.of_call("next")
def image_iterator_next(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``ImageDataGenerator().flow(x).next()``."""
    owner = call.callee.owner if isinstance(call.callee, Bound) else None
    if isinstance(owner, Instance) and owner.of("keras.preprocessing.image.Iterator"):
        yield call.node


def _is_of_one(call: Call, *layers: str) -> bool:
    owner = call.callee.owner if isinstance(call.callee, Bound) else None
    if not isinstance(owner, Instance) or owner.user is not None:
        return False
    return any(owner.of(f"keras.layers.{name}") for name in layers)


# Archives.


@registry.of_call("dirname")
def parent_of_extracted_archive(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``os.path.dirname(get_file(…, extract=True))``."""
    if not isinstance(call.callee, Named) or call.callee.path != "os.path.dirname":
        return
    if _is_extracted(call.argument("p", 0)) and not _says("_extracted", reader):
        yield call.node


@registry.of_node(ast.Attribute)
def path_beside_extracted_archive(node: ast.Attribute, reader: Reader) -> Iterator[ast.AST]:
    """``Path(get_file(…, extract=True)).parent``, or ``.with_suffix("")``."""
    if node.attr not in {"parent", "with_suffix"}:
        return
    made = bound_once(node.value, reader)
    if not isinstance(made, ast.Call) or len(made.args) != 1:
        return
    callee = reader.standing_for(made.func)
    if not isinstance(callee, Named) or callee.path != "pathlib.Path":
        return
    if _is_extracted(reader.standing_for(made.args[0])) and not _says("_extracted", reader):
        yield node


def _is_extracted(path: Value) -> bool:
    """Whether it is what ``get_file`` returns that has unpacked an archive."""
    if not isinstance(path, Instance) or not path.of("keras.utils.get_file") or not path.call:
        return False
    return path.call.argument("extract", 7) == Constant(True)


# Parts of the above.


def bound_once(node: ast.expr | None, reader: Reader) -> ast.expr | None:
    """Return what a name stands for that the whole file binds once; other expressions as they are.

    This is for values that the reader does not keep, such as what a function of NumPy returns.
    """
    if not isinstance(node, ast.Name):
        return node
    values = reader.bindings.get(node.id, [])
    return values[0] if len(values) == 1 else None


def _only_value(node: ast.expr | None, function: Function) -> ast.expr | None:
    """Return what a name stands for that a function binds once."""
    if not isinstance(node, ast.Name):
        return node
    values: list[ast.expr | None] = []
    for one in ast.walk(function):
        if isinstance(one, ast.Assign):
            values += [one.value for target in one.targets if _is_named(target, node.id)]
        elif _is_named(one, node.id) and isinstance(one.ctx, ast.Store):
            values.append(None)
        elif isinstance(one, ast.arg) and one.arg == node.id:
            values += [None, None]
    known = [one for one in values if one is not None]
    # Each assignment was met as a name, too.
    return known[0] if len(known) == 1 and len(values) == 2 else None


def _is_named(node: ast.AST, name: str) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and node.id == name


def _says(text: str, reader: Reader) -> bool:
    """Whether a string of the file holds this text."""
    constants = reader.everything(ast.Constant)
    return any(isinstance(node.value, str) and text in node.value for node in constants)
