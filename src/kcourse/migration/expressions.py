"""Read expressions: what a name, an attribute, a string or an operation stands for."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kcourse.migration import namespaces
from kcourse.migration.contents import Contents
from kcourse.migration.handling import asks_for_a_version
from kcourse.migration.scopes import Listener, Scope
from kcourse.migration.values import (
    UNKNOWN_PART,
    Bound,
    Constant,
    Either,
    Instance,
    Items,
    ListOf,
    Mapping,
    Named,
    Text,
    UserClass,
    Value,
    instance,
    joined,
)

#: Modules that are another name for one that is known.
_SAME_MODULE = re.compile(r"^tensorflow\.(_api\.v2\.v2|compat\.v2|_api\.v2\.compat\.v2)(?=\.|$)")

#: The expressions that the listener hears of as nodes.
_TOLD = {ast.Subscript, ast.Attribute, ast.Compare}


class Expressions(Contents):
    """The part of a reader that reads expressions."""

    def __init__(
        self, listener: Listener, assumed: dict[str, str], *, legacy: bool = False
    ) -> None:
        super().__init__()
        self._listener = listener
        #: ``tensorflow.keras`` is Keras 2 here.
        self._legacy = legacy
        self._assumed = assumed
        self._scope = self._module = Scope(None)
        #: Modules that all names were imported from; ``None`` for one that nothing is known of.
        self._stars: list[str | None] = []
        self._quiet = 0
        self._depth = 0
        self._frame: object = self._module
        #: What the function that is read now returns.
        self._returned: list[Value] | None = None
        #: Exceptions that the code around handles by name.
        self.handled: tuple[frozenset[str], ...] = ()
        #: The code around asks for the version, or whether a name is there.
        self.guarded = 0
        self._expressions: dict[type, Callable[[Any], Value]] = {
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Call: self._call,
            ast.Constant: self._constant,
            ast.JoinedStr: self._joined_str,
            ast.List: self._items,
            ast.Tuple: self._items,
            ast.Dict: self._dict,
            ast.Subscript: self._subscript,
            ast.BinOp: self._bin_op,
            ast.UnaryOp: self._unary_op,
            ast.IfExp: self._if_exp,
            ast.NamedExpr: self._named_expr,
            ast.Lambda: self._lambda,
            ast.Yield: self._yield,
            ast.YieldFrom: self._yield,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.DictComp: self._comprehension,
        }

    # What is read elsewhere.

    def _call(self, node: ast.Call) -> Value:
        raise NotImplementedError

    def _bind(self, target: ast.expr, value: Value) -> None:
        raise NotImplementedError

    def _body(self, body: Sequence[ast.stmt]) -> None:
        raise NotImplementedError

    def _attributes(self, user: UserClass) -> dict[str, Value]:
        raise NotImplementedError

    def _children(self, node: ast.AST) -> None:
        """Read what a statement or an expression is made of."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._evaluate(child)
            elif isinstance(child, ast.stmt):
                self._body([child])
            else:
                self._children(child)

    def _evaluate(self, node: ast.expr) -> Value:
        read = self._expressions.get(type(node))
        value: Value = None
        if read is not None:
            value = read(node)
        else:
            self._children(node)
        if type(node) in _TOLD:
            self._tell_node(node)
        return value

    def _constant(self, node: ast.Constant) -> Value:
        return Text(node.value) if isinstance(node.value, str) else Constant(node.value)

    def _name(self, node: ast.Name) -> Value:
        name = node.id
        scope: Scope | None = self._scope
        here = True
        while scope is not None:
            if here and name in scope.names:
                return scope.names[name]
            if not here and not scope.is_class and name in scope.seen:
                return scope.seen[name]
            here = here and (scope.inline or scope.is_class)
            scope = scope.parent
        return self._unbound(node)

    def _unbound(self, node: ast.Name) -> Value:
        """Return what a name may be that nothing in the file binds."""
        for module in self._stars:
            if module is None:
                continue
            if self._tell_name(node, f"{module}.{node.id}"):
                return Named(f"{module}.{node.id}", reported=True)
        known = [module for module in self._stars if module]
        for module in known:
            if namespaces.classes(f"{module}.{node.id}") or namespaces.returned(
                f"{module}.{node.id}"
            ):
                return Named(f"{module}.{node.id}")
        if node.id in self._assumed and None not in self._stars:
            return Named(self._assumed[node.id])
        return None

    def _attribute(self, node: ast.Attribute) -> Value:
        return self._get(self._evaluate(node.value), node)

    def _get(self, owner: Value, node: ast.Attribute) -> Value:
        """Return an attribute, and tell the listener of it."""
        name = node.attr
        if isinstance(owner, Named):
            path = self._standing(f"{owner.path}.{name}")
            return Named(path, owner.reported or self._tell_name(node, path))
        if isinstance(owner, Either):
            return self._get_of_either(owner, node)
        if isinstance(owner, Instance):
            return self._get_of_instance(owner, node)
        if owner is None or isinstance(owner, Bound):
            self._tell_attribute(node, None)
            return Bound(None, name)
        return Bound(owner, name) if isinstance(owner, Text) else None

    def _get_of_either(self, owner: Either, node: ast.Attribute) -> Value:
        paths = [self._standing(f"{one.path}.{node.attr}") for one in owner.names]
        reported = all(map(self._listener.knows, paths)) and self._tell_name(node, paths[0])
        return Either(tuple(Named(path, reported) for path in paths))

    def _get_of_instance(self, owner: Instance, node: ast.Attribute) -> Value:
        name = node.attr
        if owner.user is not None:
            attributes = self._attributes(owner.user)
            if attributes.get(name) is not None:
                return attributes[name]
            if owner.user.defines(name):
                return Bound(owner, name)
        if element := namespaces.elements(owner.classes, name):
            self._tell_attribute(node, owner)
            return ListOf(element)
        self._tell_attribute(node, owner)
        return instance(namespaces.attribute(owner.classes, name)) or Bound(owner, name)

    def _joined_str(self, node: ast.JoinedStr) -> Value:
        parts = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                parts.append(str(part.value))
            elif isinstance(part, ast.FormattedValue):
                value = self._evaluate(part.value)
                plain = isinstance(value, Text) and part.format_spec is None
                parts.append(value.text if plain and isinstance(value, Text) else UNKNOWN_PART)
        return Text("".join(parts))

    def _items(self, node: ast.List | ast.Tuple) -> Value:
        values = tuple(self._evaluate(one) for one in node.elts)
        if any(isinstance(one, ast.Starred) for one in node.elts):
            return None
        return Items(values)

    def _dict(self, node: ast.Dict) -> Value:
        known: dict[str, Value] = {}
        plain = True
        for key, item in zip(node.keys, node.values, strict=True):
            name = self._evaluate(key) if key is not None else None
            value = self._evaluate(item)
            if isinstance(name, Text) and UNKNOWN_PART not in name.text:
                known[name.text] = value
            else:
                plain = False
        return Mapping(known) if plain else None

    def _subscript(self, node: ast.Subscript) -> Value:
        owner = self._evaluate(node.value)
        key = self._evaluate(node.slice)
        if isinstance(owner, ListOf):
            return owner if isinstance(node.slice, ast.Slice) else instance(owner.element)
        if isinstance(owner, Items) and isinstance(key, Constant) and isinstance(key.value, int):
            inside = -len(owner.values) <= key.value < len(owner.values)
            return owner.values[key.value] if inside else None
        if isinstance(owner, Mapping) and isinstance(key, Text):
            return owner.values.get(key.text)
        for kind in ("keras.KerasTensor", "tensorflow.Tensor"):
            if isinstance(owner, Instance) and owner.of(kind):
                return Instance((kind,))
        return None

    def _bin_op(self, node: ast.BinOp) -> Value:
        left, right = self._evaluate(node.left), self._evaluate(node.right)
        if isinstance(node.op, ast.Add) and (isinstance(left, Text) or isinstance(right, Text)):
            return Text(text_of(left) + text_of(right))
        if isinstance(node.op, ast.Div) and (isinstance(left, Text) or isinstance(right, Text)):
            return Text(f"{text_of(left)}/{text_of(right)}")
        if isinstance(node.op, ast.Mod) and isinstance(left, Text):
            return Text(re.sub(r"%[-+ #0-9.]*[a-zA-Z]", UNKNOWN_PART, left.text))
        for kind in ("keras.KerasTensor", "tensorflow.Tensor"):
            if any(isinstance(one, Instance) and one.of(kind) for one in (left, right)):
                return Instance((kind,))
        if isinstance(left, Items) and isinstance(right, Items):
            return Items(left.values + right.values)
        return None

    def _unary_op(self, node: ast.UnaryOp) -> Value:
        value = self._evaluate(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(value, Constant):
            number = value.value
            return Constant(-number) if isinstance(number, int | float) else None
        return value if isinstance(value, Instance) else None

    def _if_exp(self, node: ast.IfExp) -> Value:
        self._evaluate(node.test)
        guarded = asks_for_a_version(node.test)
        self.guarded += guarded
        value = joined(self._evaluate(node.body), self._evaluate(node.orelse))
        self.guarded -= guarded
        return value

    def _named_expr(self, node: ast.NamedExpr) -> Value:
        value = self._evaluate(node.value)
        self._bind(node.target, value)
        return value

    def _lambda(self, node: ast.Lambda) -> Value:
        with self._inner_scope():
            arguments = node.args
            for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                self._scope.bind(one.arg, None)
            for other in (arguments.vararg, arguments.kwarg):
                if other:
                    self._scope.bind(other.arg, None)
            self._evaluate(node.body)
        return None

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> Value:
        self._children(node)
        plain = isinstance(self._frame, ast.FunctionDef) and not self._frame.decorator_list
        if plain and self._returned is not None:
            self._returned.append(Instance(("generator",)))  # that is what a call gives
        return None

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> Value:
        with self._inner_scope():
            for generator in node.generators:
                iterated = self._evaluate(generator.iter)
                self._bind(generator.target, self._element(iterated))
                for condition in generator.ifs:
                    self._evaluate(condition)
            if isinstance(node, ast.DictComp):
                self._evaluate(node.key)
                self._evaluate(node.value)
            else:
                self._evaluate(node.elt)
        return Instance(("generator",)) if isinstance(node, ast.GeneratorExp) else None

    # Parts of the above.

    def _standing(self, path: str) -> str:
        """Return a dotted name with the modules that have another name under their usual one."""
        if not path.startswith("tensorflow."):
            return path
        path = _SAME_MODULE.sub("tensorflow", path)
        if self._legacy and (path + ".").startswith("tensorflow.keras."):
            return f"tf_{path.removeprefix('tensorflow.')}"  # the package of Keras 2
        return path

    @staticmethod
    def _element(value: Value) -> Value:
        """Return what iterating over a value gives."""
        if isinstance(value, ListOf):
            return instance(value.element)
        if isinstance(value, Items) and value.values:
            element = value.values[0]
            for other in value.values[1:]:
                element = joined(element, other)
            return element
        return None

    def _annotation(self, node: ast.expr | None) -> Value:
        if node is None:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except (SyntaxError, ValueError):
                return None
            with self._quietly():
                value = self._evaluate(node)
        else:
            value = self._evaluate(node)
        if isinstance(value, Either):
            value = value.names[0]
        if isinstance(value, Named) and (above := namespaces.classes(value.path)):
            # An argument called a symbolic tensor is a tensor when its function runs.
            return Instance(above) if "keras.KerasTensor" not in above else None
        if isinstance(value, UserClass):
            return Instance(value.classes, user=value)
        return None

    @contextmanager
    def _inner_scope(self) -> Iterator[None]:
        self._scope = Scope(self._scope, inline=True)
        try:
            yield
        finally:
            assert self._scope.parent is not None
            self._scope = self._scope.parent

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        self._quiet += 1
        try:
            yield
        finally:
            self._quiet -= 1

    def _tell_name(self, node: ast.AST, path: str, statement: ast.ImportFrom | None = None) -> bool:
        return not self._quiet and self._listener.name(node, path, statement)

    def _tell_node(self, node: ast.AST) -> None:
        if not self._quiet:
            self._listener.node(node)

    def _tell_attribute(self, node: ast.Attribute, owner: Instance | None) -> None:
        if not self._quiet:
            self._listener.attribute(node, owner)


def is_symbolic(value: Value) -> bool:
    if isinstance(value, Items):
        return any(map(is_symbolic, value.values))
    return isinstance(value, Instance) and value.of("keras.KerasTensor")


def as_text(value: Value) -> Value:
    return value if isinstance(value, Text) else None


def text_of(value: Value) -> str:
    return value.text if isinstance(value, Text) else UNKNOWN_PART
