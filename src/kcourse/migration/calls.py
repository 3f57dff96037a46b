"""Read calls: what is given, and what comes back."""

from __future__ import annotations

import ast
import builtins
import re

from kcourse.migration import namespaces
from kcourse.migration.expressions import Expressions, as_text, is_symbolic, text_of
from kcourse.migration.handling import tried
from kcourse.migration.scopes import Scope
from kcourse.migration.values import (
    UNKNOWN_PART,
    Bound,
    Call,
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
)

#: Methods that change a list or a dict in place.
_CHANGES = {
    *("append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault"),
    *("sort", "update"),
}

#: A field of ``str.format``.
_FIELD = re.compile(r"\{[^{}]*\}")

#: Functions that give a symbolic tensor for a symbolic tensor; layers as functions of Keras 2.
_SAME_SYMBOL = {
    f"{keras}layers.{name}"
    for keras in ("keras.", "tensorflow.keras.")
    for name in ("add", "average", "concatenate", "dot", "maximum", "minimum", "multiply")
}


class Calls(Expressions):
    """The part of a reader that reads calls."""

    def _returns(self, function: UserFunction) -> Value:
        raise NotImplementedError

    def _call(self, node: ast.Call) -> Value:
        callee = self._evaluate(node.func)
        kept = self.handled
        if isinstance(callee, UserFunction):
            self.handled = (*kept, tried(callee))
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
            return as_text(call.positional[0])
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
            and any(map(is_symbolic, call.positional))
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
            parts = [text_of(one) for one in call.positional]
            return Text("/".join(parts))
        if path in {"pathlib.Path", "pathlib.PurePath", "os.fspath"} and call.positional:
            return as_text(call.positional[0])
        if path in _SAME_SYMBOL or path.startswith("keras.ops."):
            if any(map(is_symbolic, call.positional)):
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
