"""Read code as Python would, as far as names and types are plain, and tell what is met.

A ``Reader`` goes through the statements in order and keeps, scope by scope, what each name
stands for: imports and aliases, objects of known classes, strings. It runs nothing. Functions
are read when the whole file is known, as they are called later than they are defined. What it
meets goes to a ``Listener``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kcourse.migration import namespaces
from kcourse.migration.calls import Calls
from kcourse.migration.handling import NOT_THERE, asks_for_a_version, exceptions, expected
from kcourse.migration.scopes import Function, Listener, Scope, merged
from kcourse.migration.values import (
    Constant,
    Either,
    Instance,
    Items,
    Named,
    UserClass,
    UserFunction,
    Value,
    joined,
)

_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


class Reader(Calls):
    """Reads blocks of code that share their names, as the cells of a notebook do."""

    def __init__(
        self, listener: Listener, assumed: dict[str, str], *, legacy: bool = False
    ) -> None:
        super().__init__(listener, assumed, legacy=legacy)
        self._block: Any = None
        #: Functions that are still to be read, with the block they stand in.
        self._later: list[tuple[Any, UserFunction]] = []
        #: Where the statement stands that the listener hears of: a body, and how far it was read.
        self._place: tuple[Sequence[ast.stmt], int] = ((), 0)
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

    def block_of(self, node: ast.AST) -> Any:
        """Return the block that a node stands in, which may be another than the one read now."""
        index = self.tree_of(node) if len(self.trees) > 1 else None
        return self._block if index is None else index

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
        guarded = asks_for_a_version(node.test)
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
        self._scope.names = merged(ends) if ends else before

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
            handled |= set(exceptions(handler.type, handler.body))
        self.handled = (*kept, frozenset(handled))
        before = dict(self._scope.names)
        self._body(node.body)
        self.handled = kept
        ends = [self._scope.names]
        self._depth += 1
        for handler in node.handlers:
            # What is done when a name is not there is for another version.
            fallback = bool(set(exceptions(handler.type, handler.body)) & NOT_THERE)
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
        self._scope.names = merged(ends)
        self._body(node.orelse)
        self._body(node.finalbody)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        kept = self.handled
        for item in node.items:
            value = self._evaluate(item.context_expr)
            self.handled = (*self.handled, frozenset(expected(item.context_expr)))
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
