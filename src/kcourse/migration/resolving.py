"""Read code as Python would, as far as names and types are plain, and tell what is met.

A ``Reader`` goes through the statements in order and keeps, scope by scope, what each name
stands for: imports and aliases, objects of known classes, strings. It runs nothing. Functions
are read when the whole file is known, as they are called later than they are defined. What it
meets goes to a ``Listener``.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol

from kcourse.migration import namespaces
from kcourse.migration.values import (
    UNKNOWN_PART,
    Bound,
    Call,
    Constant,
    Either,
    Instance,
    Items,
    ListOf,
    Mapping,
    Named,
    Text,
    UserClass,
    UserFunction,
    Value,
    instance,
    joined,
)

#: Stands for all exceptions among those that are handled.
EVERY_ERROR = "*"

#: Names that a text may use without showing the import.
CONVENTIONAL = {"tf": "tensorflow", "keras": "keras", "np": "numpy"}
#: Those that are assumed only when asked for.
PEDANTIC = {
    "K": "keras.backend",
    "layers": "keras.layers",
    "models": "keras.models",
    "optimizers": "keras.optimizers",
    "losses": "keras.losses",
    "metrics": "keras.metrics",
    "callbacks": "keras.callbacks",
}

#: Modules that are another name for one that is known.
_SAME_MODULE = re.compile(r"^tensorflow\.(_api\.v2\.v2|compat\.v2|_api\.v2\.compat\.v2)(?=\.|$)")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Listener(Protocol):
    """Hears what a reader meets, in no particular order."""

    def name(self, node: ast.AST, path: str, statement: ast.ImportFrom | None = None) -> bool:
        """Hear of a use or an import of a resolved name; return whether a change tells of it."""

    def knows(self, path: str) -> bool:
        """Return whether a change tells of this name."""

    def attribute(self, node: ast.Attribute, owner: Instance | None) -> None:
        """Hear of an attribute of an object; ``None`` is an object that nothing is known of."""

    def call(self, call: Call) -> None:
        """Hear of a call."""

    def node(self, node: ast.AST) -> None:
        """Hear of a statement, a subscript, an attribute or a comparison, after it was read."""

    def class_(self, user: UserClass) -> None:
        """Hear of a class definition."""

    def function(self, function: UserFunction) -> None:
        """Hear of a function definition."""


class Scope:
    """The names of a module, class or function."""

    __slots__ = ("before", "inline", "is_class", "module", "names", "parent", "seen")

    def __init__(self, parent: Scope | None, *, inline: bool = False, is_class: bool = False):
        self.parent = parent
        #: Read where it stands: a comprehension, a lambda.
        self.inline = inline
        self.is_class = is_class
        #: What names stand for now.
        self.names: dict[str, Value] = {}
        #: What names stand for at any time: what a function sees that is called later.
        self.seen: dict[str, Value] = {}
        #: Names that this scope says belong to the module.
        self.module: set[str] = set()

    def bind(self, name: str, value: Value) -> None:
        """Let a name stand for a value from here on."""
        self.names[name] = value
        self.seen[name] = joined(self.seen[name], value) if name in self.seen else value


class Reader:
    """Reads blocks of code that share their names, as the cells of a notebook do."""

    def __init__(
        self, listener: Listener, assumed: dict[str, str], *, legacy: bool = False
    ) -> None:
        self._listener = listener
        #: ``tensorflow.keras`` is Keras 2 here.
        self._legacy = legacy
        self._assumed = assumed
        self._scope = self._module = Scope(None)
        self._block: Any = None
        #: Functions that are still to be read, with the block they stand in.
        self._later: list[tuple[Any, UserFunction]] = []
        #: Modules that all names were imported from; ``None`` for one that nothing is known of.
        self._stars: list[str | None] = []
        self._quiet = 0
        self._depth = 0
        self._frame: object = self._module
        self._returned: list[Value] | None = None
        #: Exceptions that the code around handles by name.
        self.handled: tuple[frozenset[str], ...] = ()
        #: The code around asks for the version, or whether a name is there.
        self.guarded = 0
        #: The code of the whole file, for who gives it before it is read.
        self.trees: Sequence[ast.Module] = ()
        #: Where the statement stands that the listener hears of: a body, and how far it was read.
        self._place: tuple[Sequence[ast.stmt], int] = ((), 0)
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
        self._statements: dict[type, Callable[[Any], None]] = {
            ast.Expr: self._expression,
            ast.Assign: self._assign,
            ast.AnnAssign: self._ann_assign,
            ast.AugAssign: self._aug_assign,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.ClassDef: self._class,
            ast.Import: self._import,
            ast.ImportFrom: self._import_from,
            ast.If: self._if,
            ast.For: self._for,
            ast.AsyncFor: self._for,
            ast.While: self._while,
            ast.Try: self._try,
            ast.TryStar: self._try,
            ast.With: self._with,
            ast.AsyncWith: self._with,
            ast.Return: self._return,
            ast.Global: self._global,
            ast.Nonlocal: self._global,
            ast.Delete: self._delete,
        }

    # What others ask for.

    def read(self, tree: ast.Module, block: Any) -> None:
        """Read one block; ``block`` is what ``self.block`` gives while the listener hears of it."""
        self._block = block
        self._body(tree.body)

    def finish(self) -> None:
        """Read the functions, when all blocks were read."""
        while self._later:
            waiting, self._later = self._later, []
            for block, function in waiting:
                self._block = block
                self._read_function(function)

    @property
    def block(self) -> Any:
        """The block that is read now."""
        return self._block

    @property
    def aliases(self) -> Iterator[tuple[str, str]]:
        """Names that can be seen here and the modules they stand for."""
        scope: Scope | None = self._scope
        while scope is not None:
            for name, value in scope.names.items():
                if isinstance(value, Named) and scope.seen.get(name) == value:
                    yield name, value.path
            scope = scope.parent
        bound = self._module.seen
        yield from ((name, path) for name, path in self._assumed.items() if name not in bound)

    def standing_for(self, node: ast.expr) -> Value:
        """Return what an expression is, without telling the listener of it."""
        with self._quietly():
            return self._evaluate(node)

    @cached_property
    def _by_kind(self) -> dict[type[ast.AST], list[Any]]:
        found: dict[type[ast.AST], list[Any]] = defaultdict(list)
        for tree in self.trees:
            for node in ast.walk(tree):
                found[type(node)].append(node)
        return found

    def everything(self, *kinds: type[ast.AST]) -> Iterator[Any]:
        """Yield all that stands in the whole file and is of one of these kinds."""
        for kind in kinds:
            yield from self._by_kind.get(kind, ())

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name, attribute and imported name or module of the whole file."""
        found = {node.id for node in self.everything(ast.Name)}
        found |= {node.attr for node in self.everything(ast.Attribute)}
        for node in self.everything(ast.alias):
            found.update(node.name.split("."))
        for node in self.everything(ast.ImportFrom):
            found.update((node.module or "").split("."))
        return frozenset(found)

    @cached_property
    def assigned(self) -> frozenset[str]:
        """Every attribute that the file assigns, of any object or module."""
        attributes = self.everything(ast.Attribute)
        return frozenset(node.attr for node in attributes if isinstance(node.ctx, ast.Store))

    @cached_property
    def bindings(self) -> dict[str, list[ast.expr | None]]:
        """What the whole file binds each name to; ``None`` where that is no plain assignment."""
        found: dict[str, list[ast.expr | None]] = defaultdict(list)
        plain: set[int] = set()
        for node in self.everything(ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    plain.add(id(target))
                    found[target.id].append(node.value)
        for node in self.everything(ast.Name):
            if isinstance(node.ctx, ast.Store) and id(node) not in plain:
                found[node.id].append(None)
        for node in self.everything(ast.arg):
            found[node.arg].append(None)
        return found

    def block_of(self, node: ast.AST) -> Any:
        """Return the block that a node stands in, which may be another than the one read now."""
        if len(self.trees) > 1:
            for index, tree in enumerate(self.trees):
                if any(one is node for one in ast.walk(tree)):
                    return index
        return self._block

    @property
    def runs_later(self) -> bool:
        """Whether what is read now is in a function or a lambda, and not in the module's body."""
        return self._frame is not self._module or self._scope.inline

    @property
    def following(self) -> Sequence[ast.stmt]:
        """The statements after the one that the listener hears of, in the same body."""
        body, read = self._place
        return body[read:]

    # Statements.

    def _body(self, body: Sequence[ast.stmt]) -> None:
        for index, node in enumerate(body, 1):
            read = self._statements.get(type(node))
            if read is not None:
                read(node)
            else:
                self._children(node)
            self._place = (body, index)
            self._tell_node(node)

    def _children(self, node: ast.AST) -> None:
        """Read what a statement or an expression is made of."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._evaluate(child)
            elif isinstance(child, ast.stmt):
                self._body([child])
            else:
                self._children(child)

    def _expression(self, node: ast.Expr) -> None:
        self._evaluate(node.value)

    def _assign(self, node: ast.Assign) -> None:
        value = self._evaluate(node.value)
        for target in node.targets:
            self._bind(target, value)

    def _ann_assign(self, node: ast.AnnAssign) -> None:
        annotated = self._annotation(node.annotation)
        value = self._evaluate(node.value) if node.value else None
        if node.value or not isinstance(node.target, ast.Name):
            self._bind(node.target, value or annotated)

    def _aug_assign(self, node: ast.AugAssign) -> None:
        self._bind(node.target, self._bin_op(ast.BinOp(node.target, node.op, node.value)))

    def _bind(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            scope = self._module if target.id in self._scope.module else self._scope
            scope.bind(target.id, value)
        elif isinstance(target, ast.Tuple | ast.List):
            values = value.values if isinstance(value, Items) else ()
            fits = len(values) == len(target.elts)
            element = self._element(value) if not values else None
            for index, one in enumerate(target.elts):
                self._bind(one, values[index] if fits else element)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, None)
        elif isinstance(target, ast.Attribute):
            owner = self._evaluate(target.value)
            if isinstance(owner, Instance) and owner.user is not None:
                attributes = owner.user.attributes
                if attributes is not None and not owner.user.complete:
                    name = target.attr
                    known = name in attributes
                    attributes[name] = joined(attributes[name], value) if known else value
            else:
                self._get(owner, target)
        else:
            self._evaluate(target)
            if isinstance(target, ast.Subscript):
                self._forget(target.value)

    def _function(self, node: Function) -> None:
        self._define(node, None)

    def _define(self, node: Function, owner: UserClass | None) -> None:
        decorators = [self._evaluate(one) for one in node.decorator_list]
        arguments = node.args
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self._evaluate(default)
        function = UserFunction(node, self._scope, owner, tuple(decorators))
        # A decorator may return anything, but those of TensorFlow and Keras return what they wrap.
        self._scope.bind(node.name, function)
        if owner is not None:
            owner.functions.append(function)
        if not self._quiet:
            self._listener.function(function)
            self._later.append((self._block, function))

    def _read_function(self, function: UserFunction) -> None:
        """Read a function's body in a scope of its own."""
        node = function.node
        kept = (self._scope, self._depth, self._frame, self._returned, self.handled, self.guarded)
        self._scope, self._depth, self._frame = Scope(function.scope), 0, node
        self._returned, self.handled, self.guarded = [], (), 0
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        for one in (*positional, *arguments.kwonlyargs):
            self._scope.bind(one.arg, self._annotation(one.annotation))
        for other in (arguments.vararg, arguments.kwarg):
            if other:
                self._scope.bind(other.arg, None)
        if function.owner is not None and positional and not self._is_static(node):
            user = function.owner
            self._attributes(user)
            self._scope.bind(positional[0].arg, Instance(user.classes, user=user))
        try:
            self._body(node.body)
            returned = self._returned
            function.returns = returned[0] if returned else None
            for value in returned[1:]:
                function.returns = joined(function.returns, value)
            function.asked = True
        finally:
            scope, self._depth, self._frame, self._returned, self.handled, self.guarded = kept
            self._scope = scope

    @staticmethod
    def _is_static(node: Function) -> bool:
        names = {one.id for one in node.decorator_list if isinstance(one, ast.Name)}
        return bool(names & {"staticmethod", "classmethod"})

    def _returns(self, function: UserFunction) -> Value:
        """Return what a function returns, reading it now if nobody has asked."""
        if not function.asked:
            function.asked = True  # a function that calls itself finds nothing
            with self._quietly():
                self._read_function(function)
        return function.returns

    def _attributes(self, user: UserClass) -> dict[str, Value]:
        """Return what methods assign to ``self``, reading them now if nobody has asked."""
        if user.attributes is None:
            user.attributes = {}
            for parent in user.parents:
                user.attributes |= self._attributes(parent)
            with self._quietly():
                for function in list(user.functions):
                    self._read_function(function)
            user.complete = True
        return user.attributes

    def _class(self, node: ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self._evaluate(decorator)
        for keyword in node.keywords:
            self._evaluate(keyword.value)
        classes: list[str] = []
        parents: list[UserClass] = []
        for base in node.bases:
            above = self._evaluate(base)
            if isinstance(above, Either):
                above = above.names[0]
            if isinstance(above, Named):
                classes += namespaces.classes(above.path)
            elif isinstance(above, UserClass):
                parents.append(above)
                classes += above.classes
        methods = {
            one.name: one
            for one in node.body
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        user = UserClass(node, tuple(dict.fromkeys(classes)), tuple(parents), methods)
        self._scope.bind(node.name, user)
        outer, self._scope = self._scope, Scope(self._scope, is_class=True)
        try:
            for statement in node.body:
                if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                    self._define_method(statement, user, outer)
                else:
                    self._body([statement])
            user.names = set(self._scope.names)
        finally:
            self._scope = outer
        if not self._quiet:
            self._listener.class_(user)

    def _define_method(self, node: Function, user: UserClass, outer: Scope) -> None:
        self._define(node, user)
        user.functions[-1].scope = outer  # a method does not see the names of its class

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            path = self._standing(alias.name)
            reported = self._tell_name(alias, path)
            if alias.asname:
                self._scope.bind(alias.asname, Named(path, reported))
            else:
                first = alias.name.partition(".")[0]
                self._scope.bind(first, Named(first))

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = self._standing(node.module or "")
        for alias in node.names:
            if node.level or node.module is None:
                self._scope.bind(alias.asname or alias.name, None)
            elif alias.name == "*":
                self._tell_name(node, module)
                self._stars.append(module)
            else:
                path = f"{module}.{alias.name}"
                reported = self._tell_name(alias, path, node)
                self._scope.bind(alias.asname or alias.name, Named(self._standing(path), reported))
        if node.level and any(alias.name == "*" for alias in node.names):
            self._stars.append(None)

    def _if(self, node: ast.If) -> None:
        self._evaluate(node.test)
        guarded = _asks_for_a_version(node.test)
        self.guarded += guarded
        self._branches([node.body, node.orelse])
        self.guarded -= guarded

    def _branches(self, bodies: list[list[ast.stmt]], *, loop: bool = False) -> None:
        """Read ways of which one is taken, and keep what holds after all of them."""
        before = self._scope.names
        ends: list[dict[str, Value]] = []
        self._depth += 1
        for body in bodies:
            self._scope.names = dict(before)
            self._body(body)
            # What leaves the body of a loop goes on behind the loop.
            if loop or not (body and isinstance(body[-1], _LEAVES)):
                ends.append(self._scope.names)
        self._depth -= 1
        self._scope.names = _merged(ends) if ends else before

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        self._bind(node.target, self._element(self._evaluate(node.iter)))
        self._branches([node.body, []], loop=True)
        self._body(node.orelse)

    def _while(self, node: ast.While) -> None:
        self._evaluate(node.test)
        self._branches([node.body, []], loop=True)
        self._body(node.orelse)

    def _try(self, node: ast.Try) -> None:
        kept = self.handled
        handled: set[str] = set()
        for handler in node.handlers:
            handled |= set(_exceptions(handler.type, handler.body))
        self.handled = (*kept, frozenset(handled))
        before = dict(self._scope.names)
        self._body(node.body)
        self.handled = kept
        ends = [self._scope.names]
        self._depth += 1
        for handler in node.handlers:
            # What is done when a name is not there is for another version.
            fallback = bool(set(_exceptions(handler.type, handler.body)) & _NOT_THERE)
            self.guarded += fallback
            self._scope.names = dict(before)
            if handler.type:
                self._evaluate(handler.type)
            if handler.name:
                self._scope.bind(handler.name, None)
            self._body(handler.body)
            self.guarded -= fallback
            if not (handler.body and isinstance(handler.body[-1], _LEAVES)):
                ends.append(self._scope.names)
        self._depth -= 1
        self._scope.names = _merged(ends)
        self._body(node.orelse)
        self._body(node.finalbody)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        kept = self.handled
        for item in node.items:
            value = self._evaluate(item.context_expr)
            self.handled = (*self.handled, frozenset(_expected(item.context_expr)))
            if item.optional_vars:
                self._bind(item.optional_vars, value if isinstance(value, Instance) else None)
        self._body(node.body)
        self.handled = kept

    def _return(self, node: ast.Return) -> None:
        value = self._evaluate(node.value) if node.value else Constant(None)
        if self._returned is not None:
            self._returned.append(value)

    def _global(self, node: ast.Global | ast.Nonlocal) -> None:
        if isinstance(node, ast.Global):
            self._scope.module.update(node.names)
        else:
            for name in node.names:
                self._scope.names[name] = None

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._scope.names.pop(target.id, None)
            else:
                self._evaluate(target)

    # Expressions.

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

    def _call(self, node: ast.Call) -> Value:
        callee = self._evaluate(node.func)
        kept = self.handled
        if isinstance(callee, UserFunction):
            self.handled = (*kept, _tried(callee))
        try:
            call = self._arguments(node, callee)
        finally:
            self.handled = kept
        if not self._quiet:
            self._listener.call(call)
        self._hand_over(call)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
            self._forget(node.func.value)
        if isinstance(node.func, ast.Name) and callee is None:
            return self._builtin(node.func.id, call)
        return self._result(call)

    def _arguments(self, node: ast.Call, callee: Value) -> Call:
        positional: list[Value] = []
        open_ = False
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                self._evaluate(argument.value)
                open_ = True
            else:
                positional.append(self._evaluate(argument))
        keywords: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self._evaluate(keyword.value)
            if keyword.arg is None:
                open_ = True
                if isinstance(value, Mapping):
                    keywords |= value.values
            else:
                keywords[keyword.arg] = value
        return Call(node, callee, positional, keywords, open_)

    def _forget(self, node: ast.expr) -> None:
        """Note that a list or dict that is changed in place is not what was written any more."""
        if isinstance(node, ast.Name) and isinstance(self._name(node), Items | Mapping):
            self._bind(node, None)

    @staticmethod
    def _hand_over(call: Call) -> None:
        """Note that a function that is not of a library may add layers to a model."""
        callee, func = call.callee, call.node.func
        if isinstance(callee, Either):
            callee = callee.names[0]
        if isinstance(callee, Named) and callee.path.startswith(("keras.", "tensorflow.")):
            return
        if isinstance(callee, Instance):
            return
        if callee is None and isinstance(func, ast.Name) and hasattr(builtins, func.id):
            return
        owner = callee.owner if isinstance(callee, Bound) else None
        if isinstance(owner, Instance) and owner.user is None:
            return
        for value in (*call.positional, *call.keywords.values()):
            if isinstance(value, Instance) and value.layers is not None:
                value.layers = [*value.layers, None]

    def _builtin(self, name: str, call: Call) -> Value:
        """Return what a few of Python's own functions return."""
        if name == "super":
            return self._super()
        if name == "str" and len(call.positional) == 1:
            return _as_text(call.positional[0])
        if name in {"list", "tuple", "reversed", "sorted"} and call.positional:
            value = call.positional[0]
            return value if isinstance(value, ListOf) else None
        if name in {"map", "zip"}:
            return Instance((name,), call=call)
        return None

    def _super(self) -> Value:
        scope: Scope | None = self._scope
        while scope is not None:
            for value in scope.names.values():
                if isinstance(value, Instance) and value.user is not None:
                    return Instance(value.classes)
                break  # `self` is the first name of a method
            scope = scope.parent if scope.inline else None
        return None

    def _result(self, call: Call) -> Value:
        """Return what a call returns."""
        callee = call.callee
        if isinstance(callee, Either):
            callee = callee.names[0]
        if isinstance(callee, Named):
            return self._result_of_name(callee.path, call)
        if isinstance(callee, UserClass):
            return Instance(callee.classes, user=callee, call=call)
        if isinstance(callee, UserFunction):
            return self._returns(callee)
        if isinstance(callee, Bound):
            return self._result_of_method(callee, call)
        if (
            isinstance(callee, Instance)
            and callee.of("keras.layers.Layer")
            and any(map(_is_symbolic, call.positional))
        ):
            return Instance(("keras.KerasTensor",), call=call, producer=callee)
        return None

    def _result_of_name(self, path: str, call: Call) -> Value:
        if above := namespaces.classes(path):
            made = Instance(above, call=call)
            made.frame = (self._frame, self._depth)
            if "keras.Sequential" in above:
                given = call.argument("layers", 0)
                if not call.gives("layers", 0) and not call.open:
                    made.layers = []
                elif isinstance(given, Items):
                    made.layers = [
                        one if isinstance(one, Instance) else None for one in given.values
                    ]
            elif "keras.Model" in above:
                made.outputs = call.argument("outputs", 1)
            return made
        if path in {"os.path.join", "posixpath.join"}:
            parts = [_text_of(one) for one in call.positional]
            return Text("/".join(parts))
        if path in {"pathlib.Path", "pathlib.PurePath", "os.fspath"} and call.positional:
            return _as_text(call.positional[0])
        if path in _SAME_SYMBOL or path.startswith("keras.ops."):
            if any(map(_is_symbolic, call.positional)):
                return Instance(("keras.KerasTensor",))
            return None
        return instance(namespaces.returned(path), call)

    def _result_of_method(self, callee: Bound, call: Call) -> Value:
        owner = callee.owner
        if isinstance(owner, Text):
            return Text(_FIELD.sub(UNKNOWN_PART, owner.text)) if callee.name == "format" else None
        if owner is None:
            return None
        if owner.user is not None:
            for function in owner.user.functions:
                if function.node.name == callee.name:
                    return self._returns(function)
            if owner.user.defines(callee.name):
                return None
        if callee.name == "compile":
            owner.compiled = call
        if callee.name in {"add", "pop"} and owner.of("keras.Sequential"):
            self._add(owner, callee.name, call)
            return None
        if callee.name == "fit" and owner.of("keras.Model"):
            history = Instance(("keras.callbacks.History",), call=call)
            history.compiled = owner.compiled
            return history
        return instance(namespaces.method_returns(owner.classes, callee.name), call)

    def _add(self, model: Instance, method: str, call: Call) -> None:
        """Keep account of a Sequential model's layers."""
        if self._quiet and model.frame is not None and model.frame[0] is not self._frame:
            return
        if model.layers is None:
            return
        certain = model.frame == (self._frame, self._depth)
        if method == "pop":
            model.layers = model.layers[:-1] if certain else [*model.layers, None]
            return
        layer = call.argument("layer", 0)
        known = certain and isinstance(layer, Instance)
        model.layers.append(layer if known and isinstance(layer, Instance) else None)

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
            return Text(_text_of(left) + _text_of(right))
        if isinstance(node.op, ast.Div) and (isinstance(left, Text) or isinstance(right, Text)):
            return Text(f"{_text_of(left)}/{_text_of(right)}")
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
        guarded = _asks_for_a_version(node.test)
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


#: The expressions that the listener hears of as nodes.
_TOLD = {ast.Subscript, ast.Attribute, ast.Compare}

#: Methods that change a list or a dict in place.
_CHANGES = {
    *("append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault"),
    *("sort", "update"),
}

#: Exceptions that tell that a name is not there.
_NOT_THERE = {"AttributeError", "ImportError", "ModuleNotFoundError"}

_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)

#: A field of ``str.format``.
_FIELD = re.compile(r"\{[^{}]*\}")

#: Functions that give a symbolic tensor for a symbolic tensor; layers as functions of Keras 2.
_SAME_SYMBOL = {
    f"{keras}layers.{name}"
    for keras in ("keras.", "tensorflow.keras.")
    for name in ("add", "average", "concatenate", "dot", "maximum", "minimum", "multiply")
}


def _merged(ends: list[dict[str, Value]]) -> dict[str, Value]:
    """Return what names stand for after ways of which one was taken."""
    first, *others = ends
    for other in others:
        merged = dict(first)
        for name, value in other.items():
            merged[name] = joined(merged[name], value) if name in merged else value
        first = merged
    return first


def _is_symbolic(value: Value) -> bool:
    if isinstance(value, Items):
        return any(map(_is_symbolic, value.values))
    return isinstance(value, Instance) and value.of("keras.KerasTensor")


def _as_text(value: Value) -> Value:
    return value if isinstance(value, Text) else None


def _text_of(value: Value) -> str:
    return value.text if isinstance(value, Text) else UNKNOWN_PART


def _asks_for_a_version(test: ast.expr) -> bool:
    """Whether a condition asks which version runs, or whether a name is there."""
    for node in ast.walk(test):
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        if name == "hasattr" or (name and _VERSION.search(name)):
            return True
    return False


#: Names that stand for a version: ``__version__``, ``IS_TF2``, ``tf_v1``, ``keras_3``.
_VERSION = re.compile(r"version|(^|_)(tf|tensorflow|keras)_?v?[123](_|$)", re.IGNORECASE)


def _exceptions(node: ast.expr | None, body: list[ast.stmt]) -> Iterator[str]:
    """Yield the exceptions that a handler names.

    A handler for every exception does not know what it handles, unless it imports another way.
    """
    if node is None:
        names = ["Exception"]
    elif isinstance(node, ast.Tuple):
        names = [_last_name(one) for one in node.elts]
    else:
        names = [_last_name(node)]
    imports = any(isinstance(one, ast.Import | ast.ImportFrom) for one in body)
    for name in names:
        if name in {"Exception", "BaseException"}:
            if imports:
                yield from ("ImportError", "ModuleNotFoundError", "AttributeError")
        elif name:
            yield name


def _tried(function: UserFunction) -> frozenset[str]:
    """Return the exceptions that a function handles when it calls one of its arguments.

    What is handed to such a function is meant to fail: ``attempt(lambda: model.fit(...))``.
    """
    if function.tries is None:
        arguments = function.node.args
        names = {one.arg for one in (*arguments.args, *arguments.kwonlyargs)}
        tried: set[str] = set()
        for node in ast.walk(function.node):
            if not isinstance(node, ast.Try):
                continue
            calls = (one for part in node.body for one in ast.walk(part))
            if any(isinstance(one, ast.Call) and _last_name(one.func) in names for one in calls):
                for handler in node.handlers:
                    named = set(_exceptions(handler.type, []))
                    tried |= named if named and not named & names else {EVERY_ERROR}
        function.tries = frozenset(tried)
    return function.tries


def _expected(node: ast.expr) -> Iterator[str]:
    """Yield the exceptions that a ``with`` statement expects, as ``pytest.raises`` does."""
    if isinstance(node, ast.Call) and _last_name(node.func) in {
        "raises",
        "suppress",
        "assertRaises",
        "assertRaisesRegex",
    }:
        for argument in node.args:
            parts = argument.elts if isinstance(argument, ast.Tuple) else [argument]
            yield from filter(None, map(_last_name, parts))


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
