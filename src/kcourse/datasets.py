"""Real data, offline first: what scikit-learn ships, as NumPy arrays.

Each loader prints one line on what was loaded, so that a lesson's output says what it used. One
table is made up and says so; the real one it stands for is downloaded only when asked for.
"""

from __future__ import annotations

from http.client import HTTPException
from typing import TYPE_CHECKING, Literal

import numpy as np

from kcourse.errors import KcourseError

if TYPE_CHECKING:
    import pandas as pd


def digits(size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Return 1,797 handwritten digits: images (1797, 8, 8) float32 in 0–16, labels (1797,) int64.

    Another ``size`` enlarges the images to (1797, size, size) by bilinear interpolation; 28 gives
    the shape of MNIST's images, so that a model made for those runs unchanged.

    Source: UCI optical recognition of handwritten digits (test part), shipped by scikit-learn.
    """
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    data = load_digits()
    images = data.images.astype(np.float32)
    enlarged = "" if size == 8 else f", enlarged to {size}×{size}"
    if enlarged:
        scale = (1, size / 8, size / 8)
        images = zoom(images, scale, order=1, mode="nearest", grid_mode=True)
    print(f"digits: 1,797 real 8×8 images{enlarged}, shipped with scikit-learn")
    return images, data.target.astype(np.int64)


def iris() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return Fisher's iris flowers: features (150, 4) float32 in cm, species (150,) int64, names.

    The features are sepal length, sepal width, petal length and petal width.
    """
    from sklearn.datasets import load_iris

    data = load_iris()
    print("iris: 150 real flowers, 4 measurements in cm, shipped with scikit-learn")
    return data.data.astype(np.float32), data.target.astype(np.int64), list(data.target_names)


def wine() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return 178 wines: values (178, 13) float32, cultivar (178,) int64, and names of the values.

    The 13 values are chemical measurements, such as alcohol and malic acid.
    """
    from sklearn.datasets import load_wine

    data = load_wine()
    print("wine: 178 real wines, 13 measurements, shipped with scikit-learn")
    return data.data.astype(np.float32), data.target.astype(np.int64), list(data.feature_names)


def breast_cancer() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return 569 tumours: values (569, 30) float32, 1 if benign else 0 (569,) int64, value names.

    Source: UCI breast cancer Wisconsin (diagnostic), shipped by scikit-learn.
    """
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    print("breast cancer: 569 real tumours, 30 measurements, shipped with scikit-learn")
    return data.data.astype(np.float32), data.target.astype(np.int64), list(data.feature_names)


def photograph(name: Literal["china", "flower"] = "china") -> np.ndarray:
    """Return a real photograph: uint8 array of shape (427, 640, 3), red, green, blue.

    Both are shipped by scikit-learn under CC BY 2.0; "china" is the Summer Palace in Beijing.
    """
    from sklearn.datasets import load_sample_image

    image = load_sample_image(f"{name}.jpg")
    print(f"photograph {name!r}: 427×640 pixels, 3 channels, shipped with scikit-learn")
    return np.asarray(image)


def passengers(rows: int = 891, seed: int = 1912) -> pd.DataFrame:
    """Return a made-up table of passengers with the columns of the Titanic's list, and with gaps.

    Columns: survived int64 (1 or 0), pclass int64 (1 to 3), sex str, age float64 in years (a fifth
    missing), sibsp int64 (siblings and spouses), parch int64 (parents and children), fare float64
    in pounds, embarked str (S, C or Q; one in a hundred missing). The numbers are drawn so that
    women, children and the first class more often survive; they say nothing about the real ship.
    The same ``rows`` and ``seed`` give the same table. :func:`titanic` downloads the real list.
    """
    import pandas as pd

    if rows < 1:
        raise KcourseError(f"passengers(rows={rows}): the table needs one row or more.")
    rng = np.random.default_rng(seed)
    pclass = rng.choice([1, 2, 3], rows, p=[0.24, 0.21, 0.55])
    female = rng.random(rows) < 0.36
    age = np.clip(rng.normal(42 - 5 * pclass, 14), 0.5, 80).round(1)
    sibsp, parch = rng.poisson(0.5, rows), rng.poisson(0.4, rows)
    fare = (rng.lognormal(4.6 - 0.85 * pclass, 0.5) * (1 + 0.3 * (sibsp + parch))).round(2)
    embarked = rng.choice(["S", "C", "Q"], rows, p=[0.72, 0.19, 0.09]).astype(object)
    logits = -1.6 + 2.6 * female + 0.95 * (2.3 - pclass) + 1.4 * (age < 12) - 0.25 * (sibsp > 1)
    survived = rng.random(rows) < 1 / (1 + np.exp(-logits))
    age[rng.random(rows) < 0.2] = np.nan
    embarked[rng.random(rows) < 0.01] = None
    print(f"passengers: {rows} made-up rows with the columns of the Titanic's list")
    return pd.DataFrame(
        {
            "survived": survived.astype(np.int64),
            "pclass": pclass.astype(np.int64),
            "sex": np.where(female, "female", "male"),
            "age": age,
            "sibsp": sibsp.astype(np.int64),
            "parch": parch.astype(np.int64),
            "fare": fare,
            "embarked": pd.Series(embarked, dtype="str"),
        }
    )


def titanic() -> pd.DataFrame:
    """Download a list of 1,309 real passengers of the Titanic, with the columns of `passengers`.

    The file is kept in scikit-learn's data folder; later calls need no network. Its checksum is
    compared with the one that OpenML publishes.

    Raises:
        KcourseError: the list could not be had, or is not the one expected.

    Source: OpenML data set 40945, through ``sklearn.datasets.fetch_openml``.
    """
    from sklearn.datasets import fetch_openml

    instead = "datasets.passengers() gives a made-up table of the same form without a network."
    try:
        table = fetch_openml(data_id=40945, as_frame=True, parser="pandas").frame
    except (OSError, ValueError, EOFError, HTTPException) as problem:
        reason = f"{type(problem).__name__}: {problem}".splitlines()[0]
        raise KcourseError(f"The Titanic's list was not downloaded ({reason}). {instead}") from None
    types = {"survived": "int64", "pclass": "int64", "sibsp": "int64", "parch": "int64"}
    types |= {"age": "float64", "fare": "float64", "sex": "str", "embarked": "str"}
    columns = ["survived", "pclass", "sex", "age", "sibsp", "parch", "fare", "embarked"]
    missing = [name for name in columns if name not in table]
    if missing:
        raise KcourseError(f"The downloaded list has no column {', '.join(missing)}. {instead}")
    try:
        table = table[columns].astype(types)
    except (ValueError, TypeError) as problem:
        reason = str(problem).splitlines()[0]
        raise KcourseError(f"The downloaded list has other values ({reason}). {instead}") from None
    print(f"titanic: {len(table)} real passengers, OpenML data set 40945")
    return table
