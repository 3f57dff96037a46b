"""Frames carry plain data unchanged and refuse everything else."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kcourse.grading import wire
from kcourse.plain import Opaque, Plain

_DTYPES = st.sampled_from(
    [np.dtype(code) for code in ("?", "i1", "u8", "<i4", ">i4", "f2", ">f4", "f8", "c8", "c16")]
)
_ARRAYS = hnp.arrays(_DTYPES, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**300), 2**300)
    | st.floats()
    | st.complex_numbers()
    | st.text()
    | st.text(max_size=50).map(Opaque)
    | _ARRAYS
)
PLAIN = st.recursive(
    _LEAVES, lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts), max_leaves=20
)


def _sent(message: Plain) -> Plain:
    frame = wire.pack(message)
    header, body = frame[: wire.HEADER.size], frame[wire.HEADER.size :]
    text, buffers = wire.body_lengths(header)
    assert len(body) == text + buffers
    return wire.unpack(body[:text], body[text:])


def _same(one: Plain, other: Plain) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        native = one.astype(one.dtype.newbyteorder("="))
        return bool(
            native.dtype == other.dtype
            and one.shape == other.shape
            and native.tobytes() == other.tobytes()
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, complex):
        return _same(one.real, other.real) and _same(one.imag, other.imag)
    return bool(one == other)


@settings(deadline=None)
@given(PLAIN)
def test_plain_data_comes_out_as_it_went_in(value: Plain) -> None:
    assert _same(value, _sent(value))


def test_an_array_that_is_not_contiguous_comes_out_alike() -> None:
    array = np.arange(24.0).reshape(2, 3, 4)[:, ::-1, 1::2].T
    assert _same(np.array(array), _sent(array))


@settings(deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=50))
def test_random_bytes_are_refused_or_are_plain_data(text: bytes, buffers: bytes) -> None:
    try:
        value = wire.unpack(text, buffers)
    except wire.WireError:
        return
    assert _same(value, _sent(value))


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["list", "array", "complex", "opaque", "float32", "bool", "object"])
    | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
    max_leaves=20,
)


@settings(deadline=None)
@given(_JSON, st.binary(max_size=64))
def test_any_json_is_refused_or_is_plain_data(document: Any, buffers: bytes) -> None:
    try:
        value = wire.unpack(json.dumps(document).encode(), buffers)
    except wire.WireError:
        return
    assert _same(value, _sent(value))


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "malformed"),
        ([1, 2], "malformed"),
        (["tuple", [1]], "malformed"),
        (["list", 1], "malformed"),
        (["complex", 1, 2], "malformed"),
        (["opaque", 3], "malformed"),
        (["opaque", "x" * 1000], "malformed"),
        (["array", "object", [1]], "malformed"),
        (["array", "float64", [-1]], "malformed"),
        (["array", "float64", [True]], "malformed"),
        (["array", "float64", [1.0]], "malformed"),
        (["array", "float64", [1] * 100], "malformed"),
        (["array", "float64", [2**40, 2**40]], "longer than what was sent"),
        (["array", "float64", [2**62, 0]], "longer than what was sent"),
        (["array", "float64", [2]], "longer than what was sent"),
        (["array", "uint8", [3]], "5 bytes too many"),
        (10**2000, "bits"),
    ],
)
def test_malformed_values_are_refused(document: Any, says: str) -> None:
    with pytest.raises(wire.WireError, match=says):
        wire.unpack(json.dumps(document).encode(), b"12345678")


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5000])
def test_text_that_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(wire.WireError, match="cannot be read"):
        wire.unpack(text, b"")


@pytest.mark.parametrize("unit", ['["list",[%s]]', '{"k":%s}'])
def test_deep_nesting_is_refused(unit: str) -> None:
    text = "1"
    for _ in range(wire.MAX_NESTING + 1):
        text = unit % text
    with pytest.raises(wire.WireError, match="deep"):
        wire.unpack(text.encode(), b"")


@pytest.mark.parametrize(
    "header",
    [
        wire.HEADER.pack(b"KCF1", wire.MAX_JSON + 1, 0),
        wire.HEADER.pack(b"KCF1", 1, wire.MAX_BUFFERS + 1),
        wire.HEADER.pack(b"KCF1", 1, 2**63),
        b"\x80\x04pickled-as-it-w"[: wire.HEADER.size],
    ],
)
def test_a_header_that_announces_too_much_is_refused(header: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.body_lengths(header)


def test_bytes_that_are_no_booleans_become_booleans() -> None:
    array = wire.unpack(b'["array","bool",[3]]', b"\x00\x01\x02")
    assert array.view(np.uint8).tolist() == [0, 1, 1]


class _Float(float):
    pass


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1: 2},
        {1, 2},
        b"bytes",
        object(),
        _Float(1),
        np.float64(1),
        np.array([None]),
        np.array(["text"]),
        1 << 5000,
        "x" * (wire.MAX_JSON + 1),
        np.zeros(wire.MAX_BUFFERS + 1, np.uint8),
        np.ma.masked_array([1.0]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain_or_too_large_is_not_sent(value: Any) -> None:
    with pytest.raises(wire.WireError):
        wire.pack(value)


def test_a_value_that_contains_itself_is_not_sent() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(wire.WireError, match="deep"):
        wire.pack(loop)
