"""Checks for how a model is made again: from its config, and where its classes are not known."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kcourse.migration import namespaces
from kcourse.migration.checks.registry import Registry
from kcourse.migration.resolving import Reader
from kcourse.migration.values import Bound, Call, Instance, Named

registry = Registry()


@registry.of_call("from_config")
def sequential_config_given_to_model(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``keras.Model.from_config(sequential.get_config())``."""
    callee = call.callee
    if not isinstance(callee, Named):
        return
    owner = callee.path.rpartition(".")[0]
    config = call.argument("config", 0)
    if namespaces.standing(owner) != "keras.Model" or not isinstance(config, Instance):
        return
    if not config.of(namespaces.CONFIG) or config.call is None:
        return
    asked = config.call.callee
    model = asked.owner if isinstance(asked, Bound) else None
    if isinstance(model, Instance) and model.of("keras.Sequential"):
        yield call.node


@registry.of_node(ast.Try)
def value_error_of_load_model(node: ast.Try, reader: Reader) -> Iterator[ast.AST]:
    """``load_model`` under a handler for ``ValueError`` that lets ``TypeError`` through."""
    names = {
        one.id
        for handler in node.handlers
        for one in ast.walk(handler.type or ast.Name("BaseException"))
        if isinstance(one, ast.Name)
    }
    if "ValueError" not in names or names & {"TypeError", "Exception", "BaseException"}:
        return
    for part in node.body:
        for call in (one for one in ast.walk(part) if isinstance(one, ast.Call)):
            callee = reader.standing_for(call.func)
            path = namespaces.standing(callee.path) if isinstance(callee, Named) else ""
            known = any(one.arg == "custom_objects" for one in call.keywords)
            if path in {"keras.models.load_model", "keras.saving.load_model"} and not known:
                yield call
