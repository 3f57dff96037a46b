"""Compare what came back with what an oracle expects, and say the first difference in words."""

from __future__ import annotations

import numpy as np

from kcourse.plain import Opaque, Plain, describe

# A longer Python integer fits no integer of NumPy's, and beyond the second not even a float.
_BITS_OF_AN_INTEGER, _BITS_OF_A_FLOAT = 63, 1023


def difference(
    got: Plain,
    expected: Plain,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    where: str = "The result",
) -> str | None:
    """Return one sentence on the first difference between two plain values, or ``None``.

    Numbers and arrays are compared as numbers: a Python float, a 0-d array, a nested list and
    an array are alike when they hold the same values in the same shape. ``NaN`` equals ``NaN``.
    Booleans, strings, dictionaries and lists of unlike things must match exactly.
    """
    if isinstance(got, Opaque):
        return f"{where} is {got}, not {_wanted(expected)}."
    if isinstance(expected, dict):
        return _difference_of_dicts(got, expected, rtol, atol, where)
    if isinstance(expected, list) and _as_numbers(expected) is None:
        return _difference_of_lists(got, expected, rtol, atol, where)
    numbers = _as_numbers(expected)
    if numbers is None:  # str or None
        if type(got) is type(expected) and got == expected:
            return None
        return f"{where} is {describe(got)}, expected {describe(expected)}."
    return _difference_of_arrays(got, numbers, rtol, atol, where)


def _wanted(expected: Plain) -> str:
    if isinstance(expected, dict | str):
        return f"a {type(expected).__name__}"
    return "numbers" if _as_numbers(expected) is not None else "what was asked for"


def _as_numbers(value: Plain) -> np.ndarray | None:
    """Return ``value`` as a numeric array if it is a number, an array or a nest of numbers."""
    if isinstance(value, np.ndarray):
        return value
    if type(value) is int and value.bit_length() > _BITS_OF_AN_INTEGER:
        return np.asarray(float(value) if value.bit_length() <= _BITS_OF_A_FLOAT else np.inf)
    if type(value) in (bool, int, float, complex):
        return np.asarray(value)
    if type(value) is list:
        parts = [_as_numbers(item) for item in value]
        if (
            any(part is None for part in parts)
            or len({p.shape for p in parts if p is not None}) > 1
        ):
            return None
        return np.asarray(parts) if parts else np.zeros((0,))
    return None


def _difference_of_dicts(
    got: Plain, expected: dict[str, Plain], rtol: float, atol: float, where: str
) -> str | None:
    if type(got) is not dict:
        return f"{where} is {describe(got)}, expected a dictionary with keys {sorted(expected)}."
    if missing := sorted(expected.keys() - got.keys()):
        return f"{where} lacks the key {missing[0]!r}; it has {sorted(got)}."
    if extra := sorted(got.keys() - expected.keys()):
        return f"{where} has a key that was not asked for: {extra[0]!r}."
    for key, item in expected.items():
        reason = difference(got[key], item, rtol=rtol, atol=atol, where=f"{key!r}")
        if reason:
            return reason
    return None


def _difference_of_lists(
    got: Plain, expected: list[Plain], rtol: float, atol: float, where: str
) -> str | None:
    if isinstance(got, np.ndarray) and got.ndim:
        got = list(got)
    if type(got) is not list:
        return f"{where} is {describe(got)}, expected {len(expected)} values."
    if len(got) != len(expected):
        return f"{where} has {len(got)} values, expected {len(expected)}."
    for index, item in enumerate(expected):
        at = f"Value {index} of the result" if where == "The result" else f"{where}[{index}]"
        reason = difference(got[index], item, rtol=rtol, atol=atol, where=at)
        if reason:
            return reason
    return None


def _difference_of_arrays(
    got: Plain, expected: np.ndarray, rtol: float, atol: float, where: str
) -> str | None:
    array = _as_numbers(got)
    if array is None:
        kind = "nothing (None)" if got is None else describe(got)
        return f"{where} is {kind}, expected numbers of shape {expected.shape}."
    if array.shape != expected.shape:
        return f"{where} has shape {array.shape}, expected {expected.shape}."
    if (array.dtype.kind == "b") != (expected.dtype.kind == "b") and expected.size:
        kinds = {True: "booleans", False: "numbers"}
        return (
            f"{where} holds {kinds[array.dtype.kind == 'b']} ({array.dtype.name}), "
            f"expected {kinds[expected.dtype.kind == 'b']} ({expected.dtype.name})."
        )
    close = np.isclose(array, expected, rtol=rtol, atol=atol, equal_nan=True)
    if close.all():
        return None
    if array.ndim == 0:
        return f"{where} is {array.item()!r}, expected {expected.item()!r}."
    first = tuple(int(i) for i in np.argwhere(~close)[0])
    count = int((~close).sum())
    some = "1 element differs" if count == 1 else f"{count} of {array.size} elements differ"
    if count == array.size:
        some = "every element differs" if count > 1 else some
    at = "[" + ", ".join(map(str, first)) + "]"
    pair = f"{array[first].item()!r}, expected {expected[first].item()!r}"
    return f"{some[0].upper()}{some[1:]}; the first, at {at}, is {pair}."
