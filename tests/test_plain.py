"""Whatever a learner's code returns becomes plain data, and no hostile object passes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kcourse.comparing import difference
from kcourse.plain import MAX_DEPTH, Opaque, describe, to_plain

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
arrays = hnp.arrays(
    dtype=st.sampled_from(["float32", "float64", "int32", "int64", "bool"]),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
nests = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)


@given(nests)
def test_plain_data_stays_as_it_is(value: Any) -> None:
    assert to_plain(value) == value


@given(arrays)
def test_arrays_are_copied(array: np.ndarray) -> None:
    plain = to_plain(array)
    np.testing.assert_array_equal(plain, array)
    assert plain.dtype == array.dtype
    assert not np.shares_memory(plain, array)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (tf.constant([[1, 2]]), np.array([[1, 2]], np.int32)),
        (tf.Variable([1.0, 2.0]), np.array([1.0, 2.0], np.float32)),
        (tf.constant(1.5, tf.bfloat16), np.float32(1.5)),
        (np.float64(2.0), np.array(2.0)),
        (np.asfortranarray([[1, 2], [3, 4]]), np.array([[1, 2], [3, 4]])),
        (tf.sparse.to_dense(tf.sparse.from_dense([[0, 3]])), np.array([[0, 3]], np.int32)),
    ],
)
def test_numbers_become_arrays(value: Any, expected: np.ndarray) -> None:
    plain = to_plain(value)
    assert type(plain) is np.ndarray
    np.testing.assert_array_equal(plain, expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (tf.constant("héllo"), "héllo"),
        (tf.constant(["a", "b"]), ["a", "b"]),
        (b"bytes", "bytes"),
        (tf.TensorShape([2, None]), [2, None]),
        (tf.TensorShape(None), None),
        (tf.float32, "float32"),
        (np.dtype("int64"), "int64"),
        (range(3), [0, 1, 2]),
        ({"b", "a"}, ["a", "b"]),
    ],
)
def test_other_data_becomes_built_in_types(value: Any, expected: Any) -> None:
    assert to_plain(value) == expected


def test_a_ragged_tensor_becomes_a_list_of_rows() -> None:
    assert difference(to_plain(tf.ragged.constant([[1], [2, 3]])), [[1], [2, 3]]) is None


class Hostile:
    """Equal to everything, and raises when looked into."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]

    def numpy(self) -> Any:
        raise RuntimeError("boo")


class Endless:
    """Gives a fresh object of its own type for ever."""

    def numpy(self) -> Any:
        return [Endless()]


@pytest.mark.parametrize("value", [Hostile(), lambda x: x, object(), print, int])
def test_what_is_no_data_keeps_only_the_name_of_its_type(value: Any) -> None:
    assert to_plain(value) == Opaque(type(value).__name__)


def test_bottomless_data_ends() -> None:
    plain, depth = to_plain(Endless()), 0
    while isinstance(plain, list):
        plain, depth = plain[0], depth + 1
    assert isinstance(plain, Opaque)
    assert depth <= MAX_DEPTH + 1


def test_a_keras_symbolic_tensor_is_opaque() -> None:
    import keras

    assert to_plain(keras.Input((2,))) == Opaque("KerasTensor")


@given(nests | arrays)
def test_descriptions_are_short_enough_to_read(value: Any) -> None:
    assert len(describe(to_plain(np.zeros(10_000)))) < 400
    assert isinstance(describe(to_plain(value)), str)


def test_a_float16_array_is_described_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = describe(np.array([1.5, 0.5], np.float16))
    assert text == "float16 array of shape (2,): [1.5, 0.5]"


def test_a_description_names_dtype_shape_and_values() -> None:
    text = describe(np.array([[1.0, 2.0]], np.float32))
    assert text == "float32 array of shape (1, 2): [[1., 2.]]"
