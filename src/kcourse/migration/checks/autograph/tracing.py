"""Checks for what happens once only, or never, in a function that is traced."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.tensors import called
from kcourse.migration.resolving import Reader
from kcourse.migration.scopes import Function
from kcourse.migration.values import Call, Instance, UserFunction

registry = Registry()

#: Functions of ``tensorflow`` and ``tensorflow.math`` that return a tensor.
_OPERATIONS = {
    *("abs", "add", "add_n", "argmax", "argmin", "cast", "clip_by_value", "concat", "constant"),
    *("convert_to_tensor", "cumsum", "divide", "einsum", "exp", "expand_dims", "gather", "log"),
    *("identity", "matmul", "maximum", "minimum", "multiply", "norm", "one_hot", "ones"),
    *("ones_like", "pow", "reduce_all", "reduce_any", "reduce_max", "reduce_mean", "reduce_min"),
    *("reduce_prod", "reduce_std", "reduce_sum", "reduce_variance", "reshape", "round", "sigmoid"),
    *("sqrt", "square", "squeeze", "stack", "subtract", "tanh", "tensordot", "tile", "transpose"),
    *("where", "zeros", "zeros_like"),
}

#: Functions of NumPy and Python that draw a number.
_DRAWS = {
    *("beta", "betavariate", "binomial", "choice", "choices", "exponential", "gauss", "gumbel"),
    *("laplace", "multinomial", "multivariate_normal", "normal", "normalvariate", "permutation"),
    *("poisson", "rand", "randint", "randn", "random", "random_integers", "random_sample"),
    *("randrange", "sample", "shuffle", "standard_normal", "triangular", "uniform"),
}

#: Where these occur, functions may run in eager mode, or in part.
_EAGER = {"run_functions_eagerly", "experimental_run_functions_eagerly", "init_scope"}


@registry.of_function
@registry.of_call("function")
def numpy_in_tf_function(thing: UserFunction | Call, reader: Reader) -> Iterator[ast.AST]:
    """``x.numpy()`` of a tensor in a traced function."""
    traced = _traced(thing, reader)
    if traced is None or _EAGER & reader.words:
        return
    known_names = _parameters(traced) | _tensors(traced, reader)
    for node in _always(traced):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            known = isinstance(owner, ast.Name) and owner.id in known_names
            if node.func.attr == "numpy" and (known or _is_operation(owner, reader)):
                yield node


@registry.of_function
@registry.of_call("function")
def variable_in_tf_function(thing: UserFunction | Call, reader: Reader) -> Iterator[ast.AST]:
    """``tf.Variable(…)`` in a traced function, made on every tracing."""
    variables = {"tensorflow.Variable", "keras.Variable", "tensorflow.keras.Variable"}
    for path, node in _calls(thing, reader):
        if path in variables:
            yield node


@registry.of_function
@registry.of_call("function")
def append_in_tf_function(thing: UserFunction | Call, reader: Reader) -> Iterator[ast.AST]:
    """``losses.append(loss)`` in a traced function, of a list that is not its own."""
    traced = _traced(thing, reader)
    if traced is None or _EAGER & reader.words:
        return
    tensors, parameters = _tensors(traced, reader), _parameters(traced)
    own = parameters | _stored(traced)
    for node in _always(traced):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr != "append" or len(node.args) != 1:
            continue
        owner, value = node.func.value, node.args[0]
        of_self = isinstance(owner, ast.Attribute) and ast.unparse(owner.value) == "self"
        kept = (isinstance(owner, ast.Name) or of_self) and ast.unparse(owner) not in own
        if kept and _is_tensor(value, tensors, parameters, reader):
            yield node


@registry.of_function
@registry.of_call("function")
def python_random_in_tf_function(thing: UserFunction | Call, reader: Reader) -> Iterator[ast.AST]:
    """``np.random.normal()`` in a traced function."""
    for path, node in _calls(thing, reader):
        module, _, name = path.rpartition(".")
        if module in {"numpy.random", "random"} and name in _DRAWS:
            yield node


def _calls(thing: UserFunction | Call, reader: Reader) -> Iterator[tuple[str, ast.Call]]:
    """Yield the calls of a traced function with the names of what they call."""
    traced = _traced(thing, reader)
    if traced is None or _EAGER & reader.words:
        return
    own = _parameters(traced) | _stored(traced)
    for node in _always(traced):
        if isinstance(node, ast.Call) and ast.unparse(node.func).partition(".")[0] not in own:
            yield called(reader.standing_for(node.func)), node


def _traced(thing: UserFunction | Call, reader: Reader) -> Function | ast.Lambda | None:
    """Return what ``@tf.function`` or ``tf.function(…)`` traces here."""
    if isinstance(thing, UserFunction):
        for decorator in thing.node.decorator_list:
            made = decorator.func if isinstance(decorator, ast.Call) else decorator
            if called(reader.standing_for(made)) == "tensorflow.function":
                return thing.node
        return None
    if called(thing.callee) != "tensorflow.function" or not thing.node.args:
        return None
    function, node = thing.positional[0] if thing.positional else None, thing.node.args[0]
    if isinstance(function, UserFunction) and function.owner is None:
        return function.node
    return node if isinstance(node, ast.Lambda) else None


def _always(traced: Function | ast.Lambda) -> Iterator[ast.AST]:
    """Yield the parts of a function that run whenever it is traced.

    What stands under a condition may be there to run once, or in eager mode only; but for every
    so many steps (``if step % 100 == 0``) it runs as well.
    """
    waiting: list[ast.AST] = [traced.body] if isinstance(traced, ast.Lambda) else [*traced.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function | ast.Lambda | ast.ClassDef | ast.Try):
            continue
        yield node
        if isinstance(node, ast.If | ast.IfExp):
            waiting.append(node.test)
            if any(isinstance(one, ast.Mod) for one in ast.walk(node.test)):
                waiting += node.body if isinstance(node.body, list) else [node.body]
        else:
            waiting += ast.iter_child_nodes(node)


def _parameters(traced: Function | ast.Lambda) -> set[str]:
    """Return the names of a function's arguments that it binds to nothing else."""
    arguments = [*traced.args.posonlyargs, *traced.args.args, *traced.args.kwonlyargs]
    return {one.arg for one in arguments} - {"self", "cls"} - _stored(traced)


def _stored(traced: Function | ast.Lambda) -> set[str]:
    """Return the names and attributes that a function assigns to."""
    return {ast.unparse(node) for node in ast.walk(traced) if _is_stored(node)}


def _is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store)


def _tensors(traced: Function | ast.Lambda, reader: Reader) -> set[str]:
    """Return the names that a function binds to what it computes with TensorFlow, and only that."""
    if isinstance(traced, ast.Lambda):
        return set()
    parameters = _parameters(traced)
    tensors: set[str] = set()
    others: set[str] = set()
    assigned: set[ast.AST] = set()
    statements = [node for node in ast.walk(traced) if isinstance(node, ast.Assign)]
    for statement in sorted(statements, key=lambda one: one.lineno):
        target = statement.targets[0]
        if len(statement.targets) == 1 and isinstance(target, ast.Name):
            assigned.add(target)
            fits = _is_tensor(statement.value, tensors, parameters, reader)
            (tensors if fits else others).add(target.id)
    for node in ast.walk(traced):
        if isinstance(node, ast.Name) and _is_stored(node) and node not in assigned:
            others.add(node.id)
    return tensors - others


def _is_tensor(node: ast.AST, tensors: set[str], parameters: set[str], reader: Reader) -> bool:
    """Whether an expression in a traced function is a tensor without a value."""
    if isinstance(node, ast.Name):
        return node.id in tensors
    if isinstance(node, ast.BinOp):
        return any(
            (isinstance(side, ast.Name) and side.id in parameters)
            or _is_tensor(side, tensors, parameters, reader)
            for side in (node.left, node.right)
        )
    return _is_operation(node, reader)


def _is_operation(node: ast.AST, reader: Reader) -> bool:
    """Whether this is a call that returns a tensor: of TensorFlow, of a layer or of a loss."""
    if not isinstance(node, ast.Call):
        return False
    callee = reader.standing_for(node.func)
    if isinstance(callee, Instance):
        return callee.of("keras.layers.Layer") or callee.of("keras.losses.Loss")
    module, _, name = called(callee).rpartition(".")
    return (module == "tensorflow" and name in _OPERATIONS) or (
        module == "tensorflow.nn" and name.islower()
    )


@registry.of_node(ast.Compare)
def type_compared_with_tensor(node: ast.Compare, reader: Reader) -> Iterator[ast.AST]:
    """``type(x) == tf.Tensor``."""
    if len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
        return
    sides = (node.left, node.comparators[0])
    for one, other in (sides, sides[::-1]):
        of_type = isinstance(one, ast.Call) and ast.unparse(one.func) == "type"
        if of_type and called(reader.standing_for(other)) == "tensorflow.Tensor":
            yield node
