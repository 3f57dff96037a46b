"""The data that lessons use is real, has the stated form, and says what it is."""

from __future__ import annotations

import numpy as np
import pytest

from kcourse import datasets


def test_digits_are_as_they_were_scanned(capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = datasets.digits()
    assert (images.shape, images.dtype) == ((1797, 8, 8), np.float32)
    assert (images.min(), images.max()) == (0, 16)
    assert (labels.shape, labels.dtype) == ((1797,), np.int64)
    assert capsys.readouterr().out == "digits: 1,797 real 8×8 images, shipped with scikit-learn\n"


def test_enlarged_digits_show_the_same_and_say_that_they_are_enlarged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    small, _ = datasets.digits()
    images, _ = datasets.digits(28)
    assert (images.shape, images.dtype) == ((1797, 28, 28), np.float32)
    assert 0 <= images.min() <= images.max() <= 16
    np.testing.assert_allclose(images.mean((1, 2)), small.mean((1, 2)), rtol=0.05)
    # In the middle of an old pixel, where the neighbours have no say, its value is kept.
    middle = np.arange(8) * 3.5 + 1.25
    near = images[:, middle.round().astype(int)][:, :, middle.round().astype(int)]
    assert np.corrcoef(near.ravel(), small.ravel())[0, 1] > 0.99
    assert "enlarged to 28×28" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("load", "rows", "columns", "classes"),
    [
        (datasets.iris, 150, 4, 3),
        (datasets.wine, 178, 13, 3),
        (datasets.breast_cancer, 569, 30, 2),
    ],
)
def test_tables_have_a_name_for_each_column_or_class(
    load: object, rows: int, columns: int, classes: int
) -> None:
    values, labels, names = load()  # type: ignore[operator]
    assert (values.shape, values.dtype) == ((rows, columns), np.float32)
    assert (labels.shape, labels.dtype) == ((rows,), np.int64)
    assert sorted(set(labels)) == list(range(classes))
    assert len(names) in (columns, classes)


def test_photographs_are_colour_images() -> None:
    for name in ("china", "flower"):
        image = datasets.photograph(name)  # type: ignore[arg-type]
        assert (image.shape, image.dtype) == ((427, 640, 3), np.uint8)
