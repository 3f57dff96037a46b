"""Plain data: the only kind of value that passes from a learner's code to a judge.

A learner's function may return anything: a tensor, a variable, a NumPy scalar, a tuple of
tuples, an object with a hostile ``__eq__``. ``to_plain`` turns what is data into exact
built-in types and NumPy arrays, and everything else into an ``Opaque`` that holds nothing but
the name of its type. Judges therefore never touch an object that the learner's code made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

#: None, bool, int, float, complex, str, numeric NumPy array, Opaque; lists and dicts of these.
Plain = Any

MAX_ELEMENTS = 20_000_000
MAX_DEPTH = 16
#: Longer integers cannot be shown: Python refuses to write more than 4300 digits.
MAX_INTEGER_BITS = 4096
_WIDTH_OF_AN_ITEM = 15
_NUMERIC_KINDS = "biufc"


@dataclass(frozen=True)
class Opaque:
    """Stands for a value that is not data, such as a function or a symbolic tensor."""

    type_name: str

    def __str__(self) -> str:
        return f"an object of type {self.type_name}"


def to_plain(value: Any, *, depth: int = 0) -> Plain:
    """Return ``value`` as plain data, copying arrays.

    Tensors and variables become arrays of the same shape and dtype (``bfloat16`` becomes
    ``float32``, which holds each of its values exactly, and a long double a double); string
    tensors become (nested lists of) ``str``; a ``TensorShape`` becomes a list with ``None`` for
    unknown axes; a dtype becomes its name.
    """
    kind = type(value)
    if kind is int and value.bit_length() > MAX_INTEGER_BITS:
        return Opaque(f"int, of {value.bit_length()} bits")
    if value is None or kind in (bool, int, float, complex, str, Opaque):
        return value
    if depth > MAX_DEPTH:
        return Opaque(f"{kind.__name__}, nested more than {MAX_DEPTH} deep")
    if kind is bytes:
        return value.decode("utf-8", errors="replace")
    if isinstance(value, np.ndarray | np.generic):
        return _plain_array(np.asarray(value), depth)
    if isinstance(value, Mapping):
        return {str(key): to_plain(item, depth=depth + 1) for key, item in value.items()}
    if kind.__name__ == "TensorShape":
        return None if value.rank is None else [None if n is None else int(n) for n in value]
    if isinstance(value, list | tuple | set | frozenset | range):
        if len(value) > MAX_ELEMENTS:
            return Opaque(f"{kind.__name__} of {len(value)} items")
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [to_plain(item, depth=depth + 1) for item in items]
    if kind.__name__ == "DType" or isinstance(value, np.dtype):
        return str(value.name)
    for method in ("numpy", "to_list"):  # eager tensors and variables; ragged tensors
        if hasattr(value, method):
            try:
                converted = getattr(value, method)()
            except Exception:  # a symbolic tensor, or a learner's own object
                continue
            if type(converted) is not kind:
                return to_plain(converted, depth=depth + 1)
    return Opaque(kind.__name__)


def _plain_array(array: np.ndarray, depth: int) -> Plain:
    if array.size > MAX_ELEMENTS:
        return Opaque(f"array of {array.size} elements")
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    if array.dtype.kind in "fc" and array.dtype.itemsize > (8 if array.dtype.kind == "f" else 16):
        array = array.astype(np.float64 if array.dtype.kind == "f" else np.complex128)
    if array.dtype.kind in _NUMERIC_KINDS:
        return np.array(array, order="C", copy=True, subok=False)
    if array.dtype.kind in "SUO":
        return to_plain(array.tolist(), depth=depth + 1)
    return Opaque(f"array of dtype {array.dtype.name}")


def describe(value: Plain, *, width: int = 300) -> str:
    """Return a short, exact description of plain data for a message to the learner."""
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return f"{value.dtype.name} {value.item()!r}"
        # As a Python number the million would become a float16 too, which has none so large.
        small = value.dtype.kind == "f" and np.all(np.abs(value) < np.float64(1e6))
        text = np.array2string(
            value,
            precision=4,
            separator=", ",
            threshold=40,
            edgeitems=3,
            suppress_small=bool(small),
        )
        lines = " ".join(text.split())
        return f"{value.dtype.name} array of shape {value.shape}: {_shorten(lines, width)}"
    if isinstance(value, Opaque):
        return str(value)
    # The less there is room for, the fewer items: a hostile value costs no more than a fair one.
    few = max(1, width // _WIDTH_OF_AN_ITEM)
    if isinstance(value, dict):
        shown = [f"{k}: {describe(v, width=width // 2)}" for k, v in islice(value.items(), few)]
        return "{" + ", ".join(shown + ["…"] * (len(value) > few)) + "}"
    if isinstance(value, list):
        if any(isinstance(v, np.ndarray | Opaque | dict | list) for v in islice(value, few)):
            shown = [describe(v, width=width // 2) for v in islice(value, few)]
            return "[" + ", ".join(shown + ["…"] * (len(value) > few)) + "]"
        value = value[:width]
    return _shorten(repr(value), width)


def _shorten(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
