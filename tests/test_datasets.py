"""The data that lessons use is real, has the stated form, and says what it is."""

from __future__ import annotations

from http.client import IncompleteRead
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from kcourse import datasets
from kcourse.errors import KcourseError


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


def test_made_up_passengers_say_so_have_gaps_and_a_pattern(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = datasets.passengers()
    assert "made-up" in capsys.readouterr().out
    assert table.shape == (891, 8)
    assert 0.15 < table["age"].isna().mean() < 0.25
    assert 0 < table["embarked"].isna().sum() < 30
    assert not table.drop(columns=["age", "embarked"]).isna().any(axis=None)
    assert table["age"].min() > 0
    assert table["fare"].min() > 0
    survival = table.groupby("sex")["survived"].mean()
    assert survival["female"] > survival["male"] + 0.3
    assert table.groupby("pclass")["survived"].mean().is_monotonic_decreasing
    pd.testing.assert_frame_equal(table, datasets.passengers())
    assert not table.equals(datasets.passengers(seed=2))


def test_a_table_without_rows_is_refused_in_one_line() -> None:
    with pytest.raises(KcourseError, match=r"passengers\(rows=0\): the table needs one row"):
        datasets.passengers(rows=0)


def openml_gives(monkeypatch: pytest.MonkeyPatch, frame: pd.DataFrame | Exception) -> None:
    def fetch(**arguments: object) -> SimpleNamespace:
        assert arguments["data_id"] == 40945
        if isinstance(frame, Exception):
            raise frame
        return SimpleNamespace(frame=frame)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)


def test_the_real_list_has_the_form_of_the_made_up_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made_up = datasets.passengers(20)
    made_up.loc[3, "fare"] = made_up.loc[4, "embarked"] = None  # gaps that must stay gaps
    as_published = made_up.astype(
        {"survived": "category", "sex": "category", "embarked": "category"}
    )
    openml_gives(monkeypatch, as_published.assign(name="somebody", boat=None))
    table = datasets.titanic()
    pd.testing.assert_frame_equal(table, made_up)
    assert "20 real passengers" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (OSError("no route to host"), "was not downloaded (OSError: no route to host)"),
        (ValueError("The md5 checksum does not match\nmore"), "md5 checksum does not match)."),
        (IncompleteRead(b"half"), "was not downloaded (IncompleteRead: IncompleteRead(4 bytes"),
        (EOFError("Compressed file ended"), "(EOFError: Compressed file ended)"),
        (pd.DataFrame({"survived": [1], "sex": ["male"]}), "no column pclass, age, sibsp"),
        (datasets.passengers(2).assign(survived="lived"), "has other values (invalid literal"),
    ],
)
def test_a_list_that_cannot_be_had_is_one_line_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, problem: Exception | pd.DataFrame, says: str
) -> None:
    openml_gives(monkeypatch, problem)
    with pytest.raises(KcourseError) as raised:
        datasets.titanic()
    assert says in str(raised.value)
    assert "datasets.passengers()" in str(raised.value)
    assert "\n" not in str(raised.value)
