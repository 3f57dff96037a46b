"""The public names and arguments of the TensorFlow and the Keras that the table is proved with.

``names.txt`` and ``arguments.txt`` hold them, so that the audit can tell a name that is not
there without importing TensorFlow. ``python -m kcourse.migration.installed`` writes both anew
from what is installed; a test compares.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

#: Modules that are other ways to the same names, or too many to list.
_LEFT_OUT = {"compat", "raw_ops", "src"}
#: Parts of TensorFlow's source that can be imported though no public module lists them.
_SOURCE = (
    *("_api", "compat", "compiler", "core", "python", "raw_ops", "tools", "tsl"),
    *("distribute.experimental.rpc", "lite.experimental", "lite.profiling", "lite.python"),
    *("lite.testing", "lite.toco", "lite.tools"),
)
#: Classes whose methods are listed as names are, and their arguments.
_CLASSES = ("tensorflow.GradientTape", "tensorflow.data.Dataset")
#: Methods whose arguments are listed.
_METHODS = {
    "keras.Model": (
        *("compile", "evaluate", "fit", "get_layer", "predict", "predict_on_batch"),
        *("save_weights", "summary", "test_on_batch", "train_on_batch"),
    ),
    "keras.Sequential": ("add",),
}
#: A model is made of arguments that its signature does not name.
_ANY_ARGUMENTS = {"Functional", "Model"}


@cache
def names() -> dict[str, frozenset[str]]:
    """Return the public names of each module, and of a few classes."""
    return _read("names.txt")


@cache
def arguments() -> dict[str, frozenset[str]]:
    """Return the keyword arguments of each function, class and method that takes no others."""
    return _read("arguments.txt")


@cache
def versions() -> str:
    """Return which TensorFlow and Keras the lists are of."""
    first = files("kcourse.migration").joinpath("names.txt").read_text("utf-8").partition("\n")[0]
    return first.removeprefix("# ")


def missing(path: str) -> tuple[str, str] | None:
    """Return the module and the name at which a dotted name stops to be there; else ``None``."""
    known = names()
    parts = path.split(".")
    if any(path == f"tensorflow.{one}" or path.startswith(f"tensorflow.{one}.") for one in _SOURCE):
        return None
    module = parts[0]
    if module not in known:
        return None
    for part in parts[1:]:
        if part.startswith("_") or module not in known:
            return None
        if part not in known[module] and part not in _LEFT_OUT:
            return module, part
        module = f"{module}.{part}"
    return None


def _read(name: str) -> dict[str, frozenset[str]]:
    text = files("kcourse.migration").joinpath(name).read_text("utf-8")
    lines = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {head: frozenset(rest.split()) for head, _, rest in lines}


def collect() -> tuple[str, str]:
    """Return the texts of ``names.txt`` and ``arguments.txt`` for what is installed."""
    import keras
    import tensorflow as tf

    head = f"# TensorFlow {tf.__version__}, Keras {keras.__version__}\n"
    modules = dict(_modules(tf, "tensorflow")) | dict(_modules(keras, "keras"))
    listed = {path: _public(module) for path, module in modules.items()}
    listed["tensorflow.keras"] |= {"saving"}  # it can be imported, though it is no attribute
    listed["tensorflow.keras.saving"] = listed["keras.saving"]
    taken: dict[str, set[str]] = {}
    for path, module in modules.items():
        if path.startswith("keras"):
            for name in _public(module) - _ANY_ARGUMENTS:
                thing = getattr(module, name)
                if callable(thing) and (known := _arguments(thing)) is not None:
                    taken[f"{path}.{name}"] = known
    for path in (*_CLASSES, *_METHODS):
        owner, _, name = path.rpartition(".")
        cls = getattr(modules[owner], name)
        if path in _CLASSES:
            listed[path] = _public(cls)
        for method in _METHODS.get(path, _public(cls)):
            thing = getattr(cls, method)
            if inspect.isroutine(thing) and (known := _arguments(thing)) is not None:
                taken[f"{path}.{method}"] = known
    return head + _lines(listed), head + _lines(taken)


def _lines(table: dict[str, set[str]]) -> str:
    return "".join(f"{head}: {' '.join(sorted(rest))}\n" for head, rest in sorted(table.items()))


def _modules(module: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, module
    for name in sorted(_public(module) - _LEFT_OUT):
        below = getattr(module, name)
        # The modules of the public interface, and none that one of them imports.
        if isinstance(below, types.ModuleType) and _PUBLIC.match(below.__name__):
            yield from _modules(below, f"{path}.{name}")


def _public(module: Any) -> set[str]:
    return {name for name in dir(module) if not name.startswith("_") and hasattr(module, name)}


def _arguments(thing: Callable[..., Any]) -> set[str] | None:
    """Return the keyword arguments that a function or class takes; ``None`` if it takes any."""
    inits = [thing]
    if isinstance(thing, type):
        inits = [vars(one)["__init__"] for one in thing.__mro__[:-1] if "__init__" in vars(one)]
    taken: set[str] = set()
    for init in inits:
        try:
            parameters = inspect.signature(init).parameters.values()
        except (TypeError, ValueError):
            return None
        taken |= {one.name for one in parameters if one.kind in _BY_NAME}
        rest = next((one.name for one in parameters if one.kind is one.VAR_KEYWORD), None)
        if rest is None:
            return taken - {"self"}
        source = inspect.getsource(init)
        taken |= {name for pair in _POPPED.findall(source) for name in pair if name}
        if _REFUSES.search(source):
            return taken - {"self"}
        if not re.search(_HANDS_ON + rest, source):
            return None  # they are not for the class above, so they may be anything
    return None


_PUBLIC = re.compile(r"tensorflow\._api\.v2\.|tensorflow\.keras$|keras\.(?!src)|keras$")
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
#: Arguments that a function takes out of its ``**kwargs``, and that it refuses the rest.
_POPPED = re.compile(r'kwargs\.(?:pop|get)\(\s*"(\w+)"|"(\w+)" in kwargs')
#: … or hands them on.
_HANDS_ON = r"super\(\)\.__init__\((?:[^()]|\([^()]*\))*\*\*"
_REFUSES = re.compile(r"if kwargs:\s+raise (?:ValueError|TypeError)")


if __name__ == "__main__":
    for name, text in zip(("names.txt", "arguments.txt"), collect(), strict=True):
        Path(__file__).with_name(name).write_text(text, encoding="utf-8")
