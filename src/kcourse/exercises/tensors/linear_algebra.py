"""Exercises of the lesson on linear algebra."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, register
from kcourse.plain import Plain


def _matrix(rng: np.random.Generator, *shape: int, dtype: type = np.float32) -> np.ndarray:
    return rng.normal(size=shape).astype(dtype)


@register
class TransposeTimesVector(Exercise):
    """A batch of transposed matrices times a batch of vectors."""

    name = "transpose_times_vector"
    title = "Transposed matrices times vectors"
    points = 1
    see = "Multiply matrices"
    hints = (
        "One call does it. Which function of `tf.linalg` multiplies matrices by vectors?",
        "`tf.linalg.matvec` has an argument that transposes the matrices for you.",
    )
    why = (
        "`matvec` treats the last two axes of the first argument as a matrix and the last axis of "
        "the second as a vector; all axes before them are batch axes. `transpose_a=True` swaps "
        "the two matrix axes only."
    )
    near_misses = (
        NearMiss(
            code="""
def transpose_times_vector(matrices, vectors):
    return tf.linalg.matvec(matrices, vectors)
""",
            because="The matrices were not transposed.",
            like=lambda matrices, vectors: np.einsum("bij,bj->bi", matrices, vectors),
        ),
        NearMiss(
            code="""
def transpose_times_vector(matrices, vectors):
    return tf.linalg.matvec(tf.transpose(matrices), vectors)
""",
            because=(
                "`tf.transpose` without `perm` reverses all axes, so the batch axis became a "
                "matrix axis. Swap the last two axes only."
            ),
            like=lambda matrices, vectors: np.einsum("bij,bj->bi", matrices.T, vectors),
        ),
        NearMiss(
            code="""
def transpose_times_vector(matrices, vectors):
    return matrices * vectors[:, :, tf.newaxis]
""",
            because="A product with a vector also sums: this multiplies and does not add up.",
            says="has shape",
        ),
    )
    alternatives = (
        """
def transpose_times_vector(matrices, vectors):
    return tf.einsum("bij,bi->bj", matrices, vectors)
""",
        """
def transpose_times_vector(matrices, vectors):
    return tf.reduce_sum(matrices * vectors[:, :, tf.newaxis], axis=1)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(batch: int, m: int, n: int, note: str = "", dtype: type = np.float32) -> Case:
            inputs = {
                "matrices": _matrix(rng, batch, m, n, dtype=dtype),
                "vectors": _matrix(rng, batch, m, dtype=dtype),
            }
            return Case(inputs, note)

        yield case(3, 3, 3, "batch, rows and columns all equal")
        yield case(2, 4, 3)
        yield case(4, 2, 5, "float64, wide matrices", np.float64)
        yield case(1, 1, 1, "every axis of length 1")
        yield case(0, 3, 2, "an empty batch")

    def expected(self, matrices: np.ndarray, vectors: np.ndarray) -> Any:
        batch, m, n = matrices.shape
        result = np.zeros((batch, n), matrices.dtype)
        for b in range(batch):
            for j in range(n):
                result[b, j] = sum(matrices[b, i, j] * vectors[b, i] for i in range(m))
        return result


@register
class SpectralNorms(Exercise):
    """The largest stretch of every matrix of a batch."""

    name = "spectral_norms"
    title = "The spectral norm of every matrix"
    points = 1
    see = "Measure a matrix: norms"
    hints = (
        "`tf.linalg.norm` needs two arguments to give a spectral norm. Which two?",
        "`ord=2`, and `axis=` a pair: the two axes that hold the rows and the columns.",
        "Count the axes from the end: the last two are `(-2, -1)`.",
    )
    why = (
        "`ord=2` means the spectral norm only together with a pair of axes. With the last two "
        "axes every matrix of the batch gets its own norm; without `axis` the whole batch is "
        "flattened into one vector."
    )
    near_misses = (
        NearMiss(
            code="""
def spectral_norms(matrices):
    return tf.linalg.norm(matrices, axis=(-2, -1))
""",
            because="These are Frobenius norms, the default. The spectral norm needs `ord=2` too.",
            like=lambda matrices: np.sqrt((matrices**2).sum((-2, -1))),
        ),
        NearMiss(
            code="""
def spectral_norms(matrices):
    return tf.linalg.norm(matrices, ord=2, axis=-1)
""",
            because="`axis=-1` gives the length of each row. A matrix norm needs a pair of axes.",
            says="has shape",
        ),
        NearMiss(
            code="""
def spectral_norms(matrices):
    return tf.linalg.norm(matrices, ord=2)
""",
            because="Without `axis` everything is flattened into one vector.",
            says="has shape",
        ),
        NearMiss(
            code="""
def spectral_norms(matrices):
    return tf.reduce_max(tf.abs(tf.linalg.eigvals(matrices)), axis=-1)
""",
            because=(
                "This is the largest eigenvalue in size, the spectral radius. It is the spectral "
                "norm of symmetric matrices only; take singular values instead."
            ),
            like=lambda matrices: np.abs(np.linalg.eigvals(matrices)).max(-1),
        ),
        NearMiss(
            code="""
def spectral_norms(matrices):
    return tf.reduce_max(tf.linalg.norm(matrices, axis=-2), axis=-1)
""",
            because=(
                "This is the longest column: how far the unit vectors along the axes are "
                "stretched. Another direction may be stretched more."
            ),
            like=lambda matrices: np.sqrt((matrices**2).sum(-2)).max(-1),
        ),
    )
    alternatives = (
        """
def spectral_norms(matrices):
    return tf.reduce_max(tf.linalg.svd(matrices, compute_uv=False), axis=-1)
""",
        """
def spectral_norms(matrices):
    gram = tf.matmul(matrices, matrices, transpose_a=True)
    return tf.sqrt(tf.linalg.eigvalsh(gram)[:, -1])
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        yield Case({"matrices": _matrix(rng, 3, 2, 2)})
        yield Case({"matrices": _matrix(rng, 2, 4, 3)}, "tall matrices")
        yield Case({"matrices": _matrix(rng, 2, 2, 5, dtype=np.float64)}, "float64, wide matrices")
        yield Case({"matrices": _matrix(rng, 1, 1, 1)}, "a single number in a batch of one")
        yield Case({"matrices": _matrix(rng, 1, 3, 1)}, "one column: its Euclidean length")

    def expected(self, matrices: np.ndarray) -> Any:
        return np.array([np.linalg.norm(matrix, 2) for matrix in matrices], matrices.dtype)


@register
class EigenvaluesBySymmetry(Exercise):
    """The right eigenvalue routine for the matrix at hand."""

    name = "eigenvalues_by_symmetry"
    title = "Eigenvalues of any square matrix"
    points = 3
    see = "Trace, determinant and eigenvalues"
    hints = (
        "Two routines, one question: is `m` symmetric? First compute the largest entry of "
        "`tf.abs(m - tf.transpose(m))`.",
        "The largest allowed asymmetry is `100 * eps * tf.reduce_max(tf.abs(m))`; "
        "`np.finfo(m.dtype.as_numpy_dtype).eps` is the eps of m's dtype.",
        "`if asymmetry <= tolerance: return tf.linalg.eigvalsh(m)`, otherwise "
        "`return tf.linalg.eigvals(m)`.",
    )
    why = (
        "`eigvalsh` is right for symmetric matrices only, and does not test it; `eigvals` is right "
        "for all, but costs more and returns complex numbers. Whether m is symmetric is asked "
        "with a tolerance relative to its largest entry and to its dtype: rounding errors grow "
        "with both."
    )
    near_misses = (
        NearMiss(
            code="""
def eigenvalues_by_symmetry(m):
    if np.allclose(m, tf.transpose(m)):
        return tf.linalg.eigvalsh(m)
    return tf.linalg.eigvals(m)
""",
            because=(
                "The symmetry of this matrix was judged wrongly. The default tolerances of "
                "`np.allclose` (rtol 1e-5, atol 1e-8) follow neither the dtype nor the entries' size."
            ),
            like=lambda m: (
                np.linalg.eigvalsh(m) if np.allclose(m, m.T) else np.linalg.eigvals(m) + 0j
            ),
        ),
        NearMiss(
            code="""
def eigenvalues_by_symmetry(m):
    if tf.reduce_all(m == tf.transpose(m)):
        return tf.linalg.eigvalsh(m)
    return tf.linalg.eigvals(m)
""",
            because=(
                "This matrix is symmetric up to rounding, so its eigenvalues should be real. "
                "`==` allows for no rounding, and a fixed tolerance not for that of large numbers."
            ),
            like=lambda m: np.linalg.eigvalsh(m) if (m == m.T).all() else np.linalg.eigvals(m) + 0j,
        ),
        NearMiss(
            code="""
def eigenvalues_by_symmetry(m):
    return tf.linalg.eigvalsh(m)
""",
            because=(
                "This matrix is not symmetric, and `eigvalsh` does not test that: it read the lower "
                "triangle and invented the rest."
            ),
            like=lambda m: np.linalg.eigvalsh(m),
        ),
        NearMiss(
            code="""
def eigenvalues_by_symmetry(m):
    return tf.linalg.eigvals(m)
""",
            because="This matrix is symmetric: its eigenvalues should come back real and ascending.",
            like=lambda m: np.linalg.eigvals(m) + 0j,
        ),
    )
    alternatives = (
        """
def eigenvalues_by_symmetry(m):
    m = m.numpy()
    tolerance = 100 * np.finfo(m.dtype).eps * np.abs(m).max()
    if np.allclose(m, m.T, rtol=0, atol=tolerance):
        return tf.linalg.eigvalsh(m)
    return tf.linalg.eigvals(m)
""",
    )
    #: Relative to the largest eigenvalue: float32 and a matrix with nearly equal eigenvalues.
    rtol = 2e-3

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def symmetric(n: int, dtype: type = np.float32) -> np.ndarray:
            m = _matrix(rng, n, n, dtype=dtype)
            result: np.ndarray = m + m.T
            return result

        yield Case({"m": _matrix(rng, 3, 3)}, "not symmetric")
        a, b = rng.uniform(0.5, 2, size=2)
        yield Case({"m": np.array([[a, -b], [b, a]], np.float32)}, "complex eigenvalues")
        yield Case({"m": symmetric(3)}, "symmetric")
        rounded = symmetric(4)
        rounded[0, 2] = rounded[2, 0] = np.abs(rounded).max()
        rounded[0, 2] *= 1 + 30 * np.finfo(np.float32).eps
        yield Case({"m": rounded}, "float32, symmetric up to rounding")
        off = symmetric(3, np.float64)
        off[0, 1] += 1e-8 * np.abs(off).max()
        yield Case({"m": off}, "float64, one entry off by a hundred-millionth of the largest")
        tiny = 1e-9 * _matrix(rng, 3, 3, dtype=np.float64)
        yield Case({"m": tiny}, "not symmetric, all entries about 1e-9")
        yield Case({"m": np.float32(1e6) * symmetric(2)}, "symmetric, entries about 1e6")
        yield Case({"m": np.zeros((2, 2), np.float32)}, "zeros only, which is symmetric")
        yield Case({"m": _matrix(rng, 1, 1)}, "a single number")
        eps = np.finfo(np.float64).eps
        corner = rng.uniform(-3, 3)
        for steps, note in ((398, "barely inside"), (402, "barely outside")):
            # max|m| is 4, so the limit is 400 eps; both sums are exact in float64.
            m = np.array([[4.0, 1 + steps * eps], [1.0, corner]])
            yield Case({"m": m}, f"asymmetry {note} the allowed 100 · eps · max|m|")

    def expected(self, m: np.ndarray) -> Any:
        n = len(m)
        limit = 100 * np.finfo(m.dtype).eps * np.abs(m).max()
        if all(abs(m[i, j] - m[j, i]) <= limit for i in range(n) for j in range(n)):
            return np.linalg.eigvalsh(m.astype(np.float64)).astype(m.dtype)
        return np.linalg.eigvals(m.astype(np.float64)) + 0j

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Compare real eigenvalues in order, and complex ones as a set with repetitions."""
        if not isinstance(got, np.ndarray) or got.shape != expected.shape:
            return super().differs(got, expected)
        kinds = {True: "complex", False: "real"}
        is_complex, wants_complex = (array.dtype.kind == "c" for array in (got, expected))
        if is_complex != wants_complex:
            return (
                f"The eigenvalues came back {kinds[is_complex]} ({got.dtype.name}) and should be "
                f"{kinds[wants_complex]}: by the given rule m is "
                f"{'not ' if wants_complex else ''}symmetric."
            )
        tolerance = self.rtol * np.abs(expected).max()
        if not wants_complex:
            if np.allclose(got, expected, rtol=0, atol=tolerance):
                return None
            if np.allclose(np.sort(got), expected, rtol=0, atol=tolerance):
                return "The eigenvalues are right, but not in ascending order."
            return super().differs(got, expected) or "The eigenvalues differ."
        left = list(got)
        for value in expected:
            nearest = min(left, key=lambda other: abs(other - value))
            if not abs(nearest - value) <= tolerance:
                return f"No eigenvalue that came back is near {complex(value):.4g}."
            left.remove(nearest)
        return None


@register
class LeastSquaresQR(Exercise):
    """Least squares by a QR factorisation."""

    name = "least_squares_qr"
    title = "Least squares by QR"
    points = 3
    see = "QR and least squares"
    hints = (
        "With A = QR the best x solves R x = Qᵀ b. Start with `q, r = tf.linalg.qr(a)`.",
        "Qᵀ b is `tf.linalg.matvec(q, b, transpose_a=True)`, shape `(n,)`. "
        "`tf.linalg.triangular_solve` wants a matrix on the right: add an axis, drop it afterwards.",
        "R is *upper* triangular; `triangular_solve` has to be told: `lower=False`.",
    )
    why = (
        "Q has orthonormal columns, so it changes no length and the problem becomes a triangular "
        "system with R, solved from the last row upwards. R has the condition number of A, while "
        "the normal equations AᵀA x = Aᵀb have its square and lose twice as many digits."
    )
    near_misses = (
        NearMiss(
            code="""
def least_squares_qr(a, b):
    q, r = tf.linalg.qr(a)
    right_side = tf.linalg.matvec(q, b, transpose_a=True)
    return tf.linalg.triangular_solve(r, right_side[:, tf.newaxis])[:, 0]
""",
            because=(
                "`triangular_solve` takes its matrix to be lower triangular unless you pass "
                "`lower=False`. Of R it then used the diagonal only."
            ),
            like=lambda a, b: _solve_with_the_diagonal_of_r(a, b),
        ),
        NearMiss(
            code="""
def least_squares_qr(a, b):
    gram = tf.matmul(a, a, transpose_a=True)
    right_side = tf.linalg.matvec(a, b, transpose_a=True)
    return tf.linalg.solve(gram, right_side[:, tf.newaxis])[:, 0]
""",
            because="The normal equations square the condition number.",
            says="nearly dependent columns",
        ),
        NearMiss(
            code="""
def least_squares_qr(a, b):
    q, r = tf.linalg.qr(a)
    right_side = tf.linalg.matvec(q, b, transpose_a=True)
    return tf.linalg.triangular_solve(r, right_side[:, tf.newaxis], lower=False)
""",
            because="The result is a column of shape (n, 1); a vector of shape (n,) was asked for.",
            says="has shape",
        ),
    )
    alternatives = (
        """
def least_squares_qr(a, b):
    q, r = tf.linalg.qr(a)
    return tf.squeeze(tf.linalg.solve(r, tf.matmul(q, b[:, tf.newaxis], adjoint_a=True)), -1)
""",
        """
def least_squares_qr(a, b):
    return tf.linalg.lstsq(a, b[:, tf.newaxis], fast=False)[:, 0]
""",
    )
    #: Roomy enough for float32 with a condition number of 10⁴.
    rtol = 2e-2
    atol = 2e-2

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def tall(m: int, n: int, dtype: type = np.float32) -> np.ndarray:
            """Return a well-conditioned matrix that is not upper triangular after QR."""
            result: np.ndarray = _matrix(rng, m, n, dtype=dtype) + np.eye(m, n, dtype=dtype) * 2 + 1
            return result

        yield Case({"a": tall(6, 2), "b": _matrix(rng, 6)})
        yield Case({"a": tall(9, 4), "b": _matrix(rng, 9)})
        yield Case({"a": tall(5, 3, np.float64), "b": _matrix(rng, 5, dtype=np.float64)}, "float64")
        yield Case({"a": 2 + rng.random((4, 1)).astype(np.float32), "b": _matrix(rng, 4)}, "n = 1")
        powers = np.vander(np.linspace(0, 1, 30), 7, increasing=True)
        for _ in range(2):  # by luck the normal equations can be right once
            b = powers @ (rng.choice([-1, 1], size=7) * rng.uniform(1, 2, size=7))
            yield Case(
                {"a": powers.astype(np.float32), "b": b.astype(np.float32)},
                "powers of t: nearly dependent columns, condition number about 10⁴",
            )

    def expected(self, a: np.ndarray, b: np.ndarray) -> Any:
        x, *_ = np.linalg.lstsq(a.astype(np.float64), b.astype(np.float64), rcond=None)
        return x.astype(a.dtype)


def _solve_with_the_diagonal_of_r(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    q, r = np.linalg.qr(a)
    result: np.ndarray = (q.T @ b) / np.diag(r)
    return result


@register
class RebuildFromSVD(Exercise):
    """The product of the factors of a singular value decomposition."""

    name = "rebuild_from_svd"
    title = "From the factors back to the matrix"
    points = 2
    see = "The singular value decomposition"
    hints = (
        "M = U · diag(s) · Vᵀ. Which of the three factors does TensorFlow not give in this form?",
        "`tf.linalg.diag(s)` makes the matrix in the middle, for a batch as well.",
        "`tf.matmul(…, v, adjoint_b=True)` transposes the last two axes of `v` while multiplying.",
    )
    why = (
        "The columns of `v` are the right singular vectors, so the last factor is the transpose of "
        "`v` (NumPy returns it transposed already). `adjoint_b=True` swaps the last two axes only, "
        "which keeps a batch in place, and conjugates complex numbers."
    )
    near_misses = (
        NearMiss(
            code="""
def rebuild_from_svd(s, u, v):
    return u @ tf.linalg.diag(s) @ v
""",
            because="`v` was not transposed: TensorFlow returns V, and M = U · diag(s) · Vᵀ.",
            like=lambda s, u, v: (u * s[..., None, :]) @ v,
        ),
        NearMiss(
            code="""
def rebuild_from_svd(s, u, v):
    return u @ tf.linalg.diag(s) @ tf.transpose(v)
""",
            because=(
                "Right for one matrix. For a batch `tf.transpose` reverses all axes, the batch "
                "axis too; swap the last two only."
            ),
            like=lambda s, u, v: (u * s[..., None, :]) @ v.T,
        ),
        NearMiss(
            code="""
def rebuild_from_svd(s, u, v):
    return tf.matmul(u, v, adjoint_b=True) * s[..., tf.newaxis, :]
""",
            because="The singular values belong between U and Vᵀ: they scale the columns of U.",
            like=lambda s, u, v: (u @ np.swapaxes(v, -1, -2)) * s[..., None, :],
        ),
        NearMiss(
            code="""
def rebuild_from_svd(s, u, v):
    return tf.matmul(u, v, adjoint_b=True)
""",
            because="The singular values are missing: M = U · diag(s) · Vᵀ.",
            like=lambda s, u, v: u @ np.swapaxes(v, -1, -2),
        ),
    )
    alternatives = (
        """
def rebuild_from_svd(s, u, v):
    return tf.einsum("...k,...ik,...jk->...ij", s, u, v)
""",
        """
def rebuild_from_svd(s, u, v):
    return (u * s[..., tf.newaxis, :]) @ tf.linalg.matrix_transpose(v)
""",
    )
    rtol = 1e-4
    atol = 1e-4

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(*shape: int, note: str, dtype: type = np.float32) -> Case:
            u, s, vt = np.linalg.svd(_matrix(rng, *shape, dtype=dtype), full_matrices=False)
            return Case({"s": s, "u": u, "v": np.swapaxes(vt, -1, -2).copy()}, note)

        yield case(3, 3, note="a 3×3 matrix")
        yield case(3, 3, 3, note="a batch of three 3×3 matrices")
        yield case(4, 2, note="a tall matrix")
        yield case(2, 3, note="a wide matrix", dtype=np.float64)
        yield case(2, 2, 5, 3, note="two batch axes")
        yield case(3, 1, note="one column")

    def expected(self, s: np.ndarray, u: np.ndarray, v: np.ndarray) -> Any:
        result = np.zeros((*u.shape[:-1], v.shape[-2]), u.dtype)
        for place in np.ndindex(s.shape[:-1]):
            for k, value in enumerate(s[place]):
                result[place] += value * np.outer(u[place][:, k], v[place][:, k])
        return result


@functools.cache
def _photograph() -> np.ndarray:
    from sklearn.datasets import load_sample_image

    return np.asarray(load_sample_image("china.jpg")) / 255


@register
class CompressImage(Exercise):
    """The best approximation of low rank, channel by channel."""

    name = "compress_image"
    title = "Compress a photograph"
    points = 4
    see = "Compress a photograph"
    hints = (
        "`tf.linalg.svd` takes the last two axes as the matrix. Put the channels first with "
        "`tf.transpose(image, [2, 0, 1])`.",
        "Singular values come in descending order: keep the first `rank` of them, and the first "
        "`rank` *columns* of `u` and of `v`.",
        "Rebuild with `tf.matmul(u[..., :rank] * s[..., tf.newaxis, :rank], v[..., :rank], "
        "adjoint_b=True)` and bring the channels back to the end.",
    )
    why = (
        "With the channels first, one call of `svd` decomposes all of them as a batch. The first "
        "`rank` triples of singular value and vectors give the best approximation of that rank "
        "(Eckart and Young, 1936). The last transposition has to undo the first: `[1, 2, 0]`, not "
        "`[2, 0, 1]` again."
    )
    near_misses = (
        NearMiss(
            code="""
def compress_image(image, rank):
    s, u, v = tf.linalg.svd(image)
    scaled = u[..., :rank] * s[..., tf.newaxis, :rank]
    return tf.matmul(scaled, v[..., :rank], adjoint_b=True)
""",
            because=(
                "The shape is right, but `svd` decomposed every row of pixels as a "
                "(width, channels) matrix. Put the channels first."
            ),
            like=lambda image, rank: _truncated(image, slice(0, rank)),
        ),
        NearMiss(
            code="""
def compress_image(image, rank):
    s, u, v = tf.linalg.svd(tf.transpose(image, [2, 0, 1]))
    scaled = u[..., -rank:] * s[..., tf.newaxis, -rank:]
    return tf.transpose(tf.matmul(scaled, v[..., -rank:], adjoint_b=True), [1, 2, 0])
""",
            because="These are the smallest singular values. They come in descending order.",
            like=lambda image, rank: np.moveaxis(
                _truncated(np.moveaxis(image, -1, 0), slice(-rank, None)), 0, -1
            ),
        ),
        NearMiss(
            code="""
def compress_image(image, rank):
    s, u, v = tf.linalg.svd(tf.transpose(image, [2, 0, 1]))
    scaled = u[..., :rank] * s[..., tf.newaxis, :rank]
    return tf.transpose(tf.matmul(scaled, v[..., :rank], adjoint_b=True), [2, 0, 1])
""",
            because="`[2, 0, 1]` twice does not lead back; the inverse is `[1, 2, 0]`.",
            says="has shape",
        ),
    )
    alternatives = (
        """
def compress_image(image, rank):
    channels = []
    for channel in tf.unstack(image, axis=-1):
        s, u, v = tf.linalg.svd(channel)
        kept = tf.where(tf.range(tf.size(s)) < rank, s, tf.zeros_like(s))
        channels.append(tf.matmul(u @ tf.linalg.diag(kept), v, adjoint_b=True))
    return tf.stack(channels, axis=-1)
""",
    )
    rtol = 1e-3
    atol = 1e-3

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        # float64, so that two nearly equal singular values do not make the answer doubtful
        yield Case({"image": rng.random((5, 7, 3)), "rank": 2})
        top, left = rng.integers(0, 400), rng.integers(0, 600)
        crop = _photograph()[top : top + 12, left : left + 16]
        yield Case({"image": crop, "rank": 4}, "a corner of a real photograph")
        yield Case({"image": rng.random((6, 4, 3)), "rank": 1}, "taller than wide, rank 1")
        yield Case({"image": rng.random((4, 4, 1)), "rank": 2}, "one channel")
        whole = rng.random((4, 3, 2)).astype(np.float32)
        yield Case({"image": whole, "rank": 3}, "float32, full rank: nothing is lost")

    def expected(self, image: np.ndarray, rank: int) -> Any:
        result = np.zeros(image.shape)
        for channel in range(image.shape[-1]):
            u, s, vt = np.linalg.svd(image[..., channel].astype(np.float64), full_matrices=False)
            for k in range(rank):
                result[..., channel] += s[k] * np.outer(u[:, k], vt[k])
        return result


def _truncated(matrices: np.ndarray, kept: slice) -> np.ndarray:
    """Return a batch of matrices rebuilt from some of its singular values, as (..., m, n)."""
    u, s, vt = np.linalg.svd(matrices, full_matrices=False)
    result: np.ndarray = (u[..., kept] * s[..., None, kept]) @ vt[..., kept, :]
    return result
