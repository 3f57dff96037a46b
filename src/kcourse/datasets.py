"""Real data, offline first: what scikit-learn ships, as NumPy arrays.

Each loader prints one line on what was loaded, so that a lesson's output says what it used.
"""

from __future__ import annotations

from typing import Literal

import numpy as np


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
