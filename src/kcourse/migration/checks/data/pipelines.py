"""Checks for datasets: what order their elements come in, and what their functions may do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.training.compiled import written
from kcourse.migration.resolving import Reader
from kcourse.migration.scopes import Function
from kcourse.migration.values import Bound, Call, Constant, Instance, Items, Named, UserFunction

registry = Registry()

_DATASET = "tensorflow.data.Dataset"

#: Functions of Python that open a file and need its name for it.
_OPENERS = {
    *("PIL.Image.open", "cv2.imread", "imageio.imread", "matplotlib.pyplot.imread", "numpy.load"),
    *("keras.preprocessing.image.load_img", "keras.utils.load_img", "skimage.io.imread"),
    *("tensorflow.keras.preprocessing.image.load_img", "tensorflow.keras.utils.load_img"),
}

#: Functions that give an image without a shape for one.
_SHAPELESS = {"tensorflow.cast", "tensorflow.image.convert_image_dtype"}

#: Methods and functions that say what shape an image has.
_SHAPING = {"ensure_shape", "reshape", "set_shape"}


# The order of elements.


@registry.of_call("skip")
def header_of_first_file_only(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``TextLineDataset([a, b]).skip(1)``."""
    callee = call.callee
    lines = callee.owner if isinstance(callee, Bound) else None
    if not isinstance(lines, Instance) or not lines.of("tensorflow.data.TextLineDataset"):
        return
    if lines.call is None or call.argument("count", 0) != Constant(1):
        return
    files, node = lines.call.argument("filenames", 0), written(lines.call, "filenames", 0)
    several = isinstance(files, Items) and len(files.values) > 1
    if several or _path(node, reader) in {"glob.glob", "tensorflow.io.gfile.glob"}:
        yield call.node


@registry.of_call("zip")
def shuffled_lists_of_files_zipped(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``Dataset.zip((list_files(images), list_files(masks)))``."""
    if not isinstance(call.callee, Named) or call.callee.path != f"{_DATASET}.zip":
        return
    given = call.argument("datasets", 0)
    datasets = given.values if isinstance(given, Items) else tuple(call.positional)
    if sum(_lists_files_in_disorder(one) for one in datasets) > 1:
        yield call.node


def _lists_files_in_disorder(dataset: object) -> bool:
    made = [_name(one) for one in _chain(dataset)]
    # Functions may be mapped over the names; anything else may put them in order again.
    return made[-1:] == ["list_files"] and set(made[:-1]) <= {"map"} and _is_shuffled(dataset)


@dataclass(frozen=True)
class _Cut:
    """A call ``name.take(count)`` or ``name.skip(count)``."""

    call: ast.Call
    dataset: ast.Name
    method: str
    count: str

    def is_other_side_of(self, other: _Cut) -> bool:
        """Whether the two cut the same dataset at the same place."""
        same = (self.dataset.id, self.count) == (other.dataset.id, other.count)
        return same and self.method != other.method


@registry.of_node(ast.Assign)
def split_after_shuffle(node: ast.Assign, reader: Reader) -> Iterator[ast.AST]:
    """``train = data.take(80)`` and ``test = data.skip(80)`` of data that was shuffled."""
    own = [one for one in _cuts(node) if one.dataset.id not in _stored(node)]
    later, changed = list(own), _stored(node)
    for statement in reader.following if own else ():
        later += [one for one in _cuts(statement) if one.dataset.id not in changed]
        changed |= _stored(statement)
    for index, cut in enumerate(own, 1):
        other = next((one for one in later[index:] if one.is_other_side_of(cut)), None)
        if other is not None and _is_shuffled(reader.standing_for(cut.dataset)):
            yield other.call


def _cuts(statement: ast.stmt) -> Iterator[_Cut]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
            method = node.func
            if not isinstance(method, ast.Attribute) or method.attr not in {"skip", "take"}:
                continue
            if isinstance(method.value, ast.Name):
                yield _Cut(node, method.value, method.attr, ast.dump(node.args[0]))


def _is_shuffled(dataset: object) -> bool:
    """Whether a dataset comes in another order each time."""
    for call in _chain(dataset):
        name = _name(call)
        if name == "shuffle":
            return _is_true_or_not_given(call, "reshuffle_each_iteration", 2)
        if name == "list_files":
            return _is_true_or_not_given(call, "shuffle", 1) and not call.gives("seed", 2)
        if name.endswith("_dataset_from_directory"):
            return len(call.positional) < 2 and _is_true_or_not_given(call, "shuffle", None)
        if name in {"apply", "cache", "snapshot"}:
            return False
    return False


def _is_true_or_not_given(call: Call, name: str, position: int | None) -> bool:
    if call.open:
        return False
    given = call.argument(name, position)
    return not call.gives(name, position) or given == Constant(True)


# What a dataset's functions do.


@registry.of_call("filter", "flat_map", "interleave", "map")
def python_value_in_dataset_map(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``dataset.map(lambda x: x.numpy())``, and files opened by the name in a tensor."""
    function, place = _mapped(call)
    if function is None or place is None or "enable_debug_mode" in reader.words:
        return
    parameters = {one.arg for one in function.args.args} - _stored(function)
    for node in _always(function):
        if isinstance(node, ast.Call) and _needs_value(node, parameters, reader):
            yield _nearest(node, place, reader)
            return


def _needs_value(node: ast.Call, parameters: set[str], reader: Reader) -> bool:
    """Whether a call is one that needs the value of one of these names."""

    def is_one(given: ast.expr) -> bool:
        return isinstance(given, ast.Name) and given.id in parameters

    func = node.func
    if isinstance(func, ast.Attribute) and is_one(func.value):
        return func.attr in {"decode", "numpy"}
    if not node.args or not is_one(node.args[0]):
        return False
    if isinstance(func, ast.Name) and func.id == "open":
        return reader.standing_for(func) is None
    return _path(node, reader) in _OPENERS


@registry.of_call("map")
def unshaped_image_resized(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``tf.image.resize(tf.io.decode_image(data), size)`` in a function that is mapped."""
    function, place = _mapped(call)
    if function is None or place is None:
        return
    names = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    if "decode_image" not in names or names & _SHAPING:
        return
    unshaped: set[str] = set()
    for statement in _body(function):
        if not isinstance(statement, ast.Assign | ast.Expr | ast.Return):
            return
        for node in ast.walk(statement):
            if _path(node, reader) == "tensorflow.image.resize":
                assert isinstance(node, ast.Call)
                if node.args and _is_unshaped(node.args[0], unshaped, reader):
                    yield _nearest(node, place, reader)
                    return
        if isinstance(statement, ast.Assign):
            fits = _is_unshaped(statement.value, unshaped, reader)
            unshaped = unshaped | _stored(statement) if fits else unshaped - _stored(statement)


def _is_unshaped(node: ast.expr, unshaped: set[str], reader: Reader) -> bool:
    """Whether it is an image of ``decode_image`` that may be an animation as well."""
    if isinstance(node, ast.Name):
        return node.id in unshaped
    if isinstance(node, ast.BinOp):
        return any(_is_unshaped(one, unshaped, reader) for one in (node.left, node.right))
    path = _path(node, reader)
    if not isinstance(node, ast.Call) or not node.args:
        return False
    if path in {"tensorflow.io.decode_image", "tensorflow.image.decode_image"}:
        return len(node.args) < 5 and all(
            one.arg not in {None, "expand_animations"} for one in node.keywords
        )
    return path in _SHAPELESS and _is_unshaped(node.args[0], unshaped, reader)


@registry.of_node(ast.Attribute)
def class_names_after_transformation(node: ast.Attribute, reader: Reader) -> Iterator[ast.AST]:
    """``image_dataset_from_directory(folder).cache().class_names``."""
    if node.attr not in {"class_names", "file_paths"} or not isinstance(node.ctx, ast.Load):
        return
    made = [_name(one) for one in _chain(reader.standing_for(node.value))]
    if len(made) < 2 or "apply" in made or not made[-1].endswith("_dataset_from_directory"):
        return
    given_back = any(
        one.attr == node.attr and isinstance(one.ctx, ast.Store)
        for one in reader.everything(ast.Attribute)
    )
    if not given_back:
        yield node


# Parts of the above.


def _chain(dataset: object) -> Iterator[Call]:
    """Yield the calls that made a dataset, the last one first."""
    while isinstance(dataset, Instance) and dataset.of(_DATASET) and dataset.call is not None:
        yield dataset.call
        callee = dataset.call.callee
        dataset = callee.owner if isinstance(callee, Bound) else None


def _name(call: Call) -> str:
    """Return the name of the method or function that is called."""
    callee = call.callee
    if isinstance(callee, Named):
        return callee.path.rpartition(".")[2]
    return callee.name if isinstance(callee, Bound) else ""


def _path(node: ast.AST | None, reader: Reader) -> str:
    """Return the dotted name of what a call calls."""
    if not isinstance(node, ast.Call):
        return ""
    callee = reader.standing_for(node.func)
    return callee.path if isinstance(callee, Named) else ""


def _mapped(call: Call) -> tuple[Function | ast.Lambda | None, ast.expr | None]:
    """Return the function that a dataset's method is given, and where that is written."""
    callee = call.callee
    owner = callee.owner if isinstance(callee, Bound) else None
    if not isinstance(owner, Instance) or not owner.of(_DATASET):
        return None, None
    name = "predicate" if isinstance(callee, Bound) and callee.name == "filter" else "map_func"
    node, value = written(call, name, 0), call.argument(name, 0)
    if isinstance(node, ast.Lambda):
        return node, node
    # What a decorator makes of a function is not known, and a method's first argument is no tensor.
    plain = isinstance(value, UserFunction) and value.owner is None
    if isinstance(value, UserFunction) and plain and not value.node.decorator_list:
        return value.node, node
    return None, None


def _nearest(inside: ast.AST, place: ast.expr, reader: Reader) -> ast.AST:
    """Return a part of a function, or where it is given if that is another cell of a notebook."""
    return inside if reader.block_of(inside) == reader.block_of(place) else place


def _body(function: Function | ast.Lambda) -> list[ast.stmt]:
    """Return the statements of a function; a lambda's expression as one."""
    return [ast.Expr(function.body)] if isinstance(function, ast.Lambda) else function.body


def _always(function: Function | ast.Lambda) -> Iterator[ast.AST]:
    """Yield the parts of a function that run whenever it is called."""
    waiting: list[ast.AST] = [*_body(function)]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.If | ast.IfExp):
            waiting.append(node.test)
        elif not isinstance(node, Function | ast.Lambda | ast.ClassDef | ast.Try):
            yield node
            waiting += ast.iter_child_nodes(node)


def _stored(node: ast.AST) -> set[str]:
    """Return the names that are bound in a statement or a function."""
    return {
        one.id
        for one in ast.walk(node)
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)
    }
