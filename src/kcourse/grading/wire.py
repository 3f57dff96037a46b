"""Frames between the trusted process and a worker: JSON plus raw array buffers, nothing pickled.

A frame is ``magic, length of the JSON, length of the buffers``, then the JSON, then the buffers.
The JSON holds plain data (see ``kcourse.plain``); what JSON has no form for is a list whose first
item is a tag, and an array's elements stand in the buffers, in the order of their mention. Both
lengths are capped before a byte is read, so a hostile worker cannot make the reader allocate
more. Every value that comes out has one of the exact types of plain data.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np

from kcourse.plain import MAX_DEPTH, MAX_INTEGER_BITS, Opaque, Plain

MAX_JSON = 4 << 20
MAX_BUFFERS = 64 << 20
#: A message wraps plain data in a dictionary or two of its own.
MAX_NESTING = MAX_DEPTH + 4
MAX_AXES = 32
MAX_TYPE_NAME = 200

HEADER = struct.Struct("!4sIQ")
_MAGIC = b"KCF1"
_DTYPES = frozenset(np.dtype(code).name for code in "?bhiqBHIQefdFD")


class WireError(Exception):
    """A frame that is too long or malformed, or a value that has no form on the wire."""


def pack(message: Plain) -> bytes:
    """Return ``message`` as one frame; raises ``WireError`` if it is too large or not plain."""
    buffers: list[bytes] = []
    text = json.dumps(_encode(message, buffers, 0), separators=(",", ":")).encode()
    body = b"".join(buffers)
    _check_lengths(len(text), len(body))
    return HEADER.pack(_MAGIC, len(text), len(body)) + text + body


def body_lengths(header: bytes) -> tuple[int, int]:
    """Return the lengths of the JSON and of the buffers that a frame's header announces."""
    magic, text, buffers = HEADER.unpack(header)
    if magic != _MAGIC:
        raise WireError(f"A frame starts with {magic!r}, not {_MAGIC!r}.")
    _check_lengths(text, buffers)
    return text, buffers


def unpack(text: bytes, buffers: bytes) -> Plain:
    """Return the message of a frame's two parts; raises ``WireError`` if they are malformed."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError(f"The JSON of a frame cannot be read: {error}.") from None
    reader = _Reader(buffers)
    message = reader.decode(document, 0)
    if reader.position != len(buffers):
        raise WireError(f"A frame holds {len(buffers) - reader.position} bytes too many.")
    return message


def _check_lengths(text: int, buffers: int) -> None:
    if text > MAX_JSON:
        raise WireError(f"A frame's JSON has {text} bytes; at most {MAX_JSON} are taken.")
    if buffers > MAX_BUFFERS:
        raise WireError(f"A frame's arrays have {buffers} bytes; at most {MAX_BUFFERS} are taken.")


def _encode(value: Plain, buffers: list[bytes], depth: int) -> Any:
    if depth > MAX_NESTING:
        raise WireError(f"A value is nested more than {MAX_NESTING} deep.")
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if kind is int:
        if value.bit_length() > MAX_INTEGER_BITS:
            raise WireError(f"An integer has {value.bit_length()} bits.")
        return value
    if kind is list:
        return ["list", [_encode(item, buffers, depth + 1) for item in value]]
    if kind is dict:
        if any(type(key) is not str for key in value):
            raise WireError("A key of a dictionary is not a string.")
        return {key: _encode(item, buffers, depth + 1) for key, item in value.items()}
    if kind is complex:
        return ["complex", value.real, value.imag]
    if kind is Opaque:
        return ["opaque", value.type_name[:MAX_TYPE_NAME]]
    if kind is np.ndarray and value.dtype.name in _DTYPES and value.ndim <= MAX_AXES:
        array = value.astype(value.dtype.newbyteorder("<"), order="C", copy=False)
        buffers.append(array.tobytes())
        return ["array", value.dtype.name, list(value.shape)]
    raise WireError(f"A value of type {kind.__name__} has no form on the wire.")


class _Reader:
    """Decodes one document and takes the elements of its arrays from the buffers, in order."""

    def __init__(self, buffers: bytes) -> None:
        self.buffers = buffers
        self.position = 0

    def decode(self, item: Any, depth: int) -> Plain:
        if depth > MAX_NESTING:
            raise WireError(f"A value is nested more than {MAX_NESTING} deep.")
        kind = type(item)
        if item is None or kind in (bool, float, str):
            return item
        if kind is int:
            if item.bit_length() > MAX_INTEGER_BITS:
                raise WireError(f"An integer has {item.bit_length()} bits.")
            return item
        if kind is dict:
            return {key: self.decode(part, depth + 1) for key, part in item.items()}
        return self._tagged(item, depth)

    def _tagged(self, item: list[Any], depth: int) -> Plain:
        match item:
            case ["list", list(parts)]:
                return [self.decode(part, depth + 1) for part in parts]
            case ["complex", real, imag] if type(real) is float and type(imag) is float:
                return complex(real, imag)
            case ["opaque", name] if type(name) is str and len(name) <= MAX_TYPE_NAME:
                return Opaque(name)
            case ["array", dtype, list(shape)] if type(dtype) is str and dtype in _DTYPES:
                return self._array(np.dtype(dtype).newbyteorder("<"), shape)
            case _:
                raise _malformed(item)

    def _array(self, dtype: np.dtype[Any], shape: list[Any]) -> np.ndarray:
        if len(shape) > MAX_AXES or any(type(n) is not int or n < 0 for n in shape):
            raise _malformed(["array", dtype.name, shape])
        start, end = self.position, self.position + math.prod(shape) * dtype.itemsize
        if end > len(self.buffers) or any(n > MAX_BUFFERS for n in shape):
            raise WireError(f"An array of shape {shape!r:.200} is longer than what was sent.")
        self.position = end
        flat = np.frombuffer(self.buffers, np.uint8, end - start, start)
        # A byte other than 0 and 1 is no boolean: NumPy would compare it in surprising ways.
        typed = flat != 0 if dtype.kind == "b" else flat.view(dtype)
        try:
            return typed.reshape(shape).astype(dtype.newbyteorder("="))
        except ValueError:  # axes too long for NumPy, beside one of length 0
            raise _malformed(["array", dtype.name, shape]) from None


def _malformed(item: Any) -> WireError:
    return WireError(f"A frame holds a malformed value: {item!r:.200}")
