"""Environment variables that count when libraries are imported, and so cannot be set afterwards.

A parent's kernels share its imports. So variables that Python and the C libraries read when they
start are part of the key by which a parent is found: other values, another parent. What Python
code reads while it is imported is noted by the parent; a kernel for which one of those differs is
started the ordinary way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

#: Read from C when Python, TensorFlow, NumPy, OpenMP, HDF5 and others start (found by tracing
#: ``getenv``), and what says where settings and packages lie.
_FAMILIES = (
    "ABSL_", "ACC_", "CUDA_", "CUDNN_", "DNNL_", "FREETYPE_", "GCS_", "GFORTRAN_", "GLIBC_",
    "GOMP_", "GOTO_", "GRPC_", "HDF5_", "HIP_", "HSA_", "KERAS_", "KMP_", "LANG", "LC_", "LD_",
    "LLVM_", "MALLOC_", "MATPLOTLIB", "MKL_", "MPL", "NPY_", "NUMPY_", "NVIDIA_", "OMP_",
    "ONEDNN_", "OPENBLAS_", "OPENSSL_", "PYTHON", "ROCM_", "TF_", "XLA_",
)  # fmt: skip
#: Those of them that people set in a notebook's first cell.
READ_FROM_C = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_ENABLE_ONEDNN_OPTS")
_NAMES = frozenset(
    {
        "HOME",
        "JUPYTER_PLATFORM_DIRS",
        "TZ",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
    }
)
#: Set anew in each kernel, or without effect on one: no reason for another parent.
_APPLIED = frozenset(
    {
        "DISPLAY",
        "JPY_INTERRUPT_EVENT",
        "JPY_PARENT_PID",
        "MPLBACKEND",
        "PATH",
        "PYDEVD_DISABLE_FILE_VALIDATION",  # of frozen modules, which no parent has
        "PYTHON",  # make's name for an interpreter; Python reads no such variable
        "PYTHONBREAKPOINT",
        "PYTHONSTARTUP",
        "PYTHONUNBUFFERED",
        "TEMP",
        "TERM",
        "TMP",
        "TMPDIR",
        "USER",
    }
)


def at_import(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a parent must have been started with."""
    return {
        name: value
        for name, value in sorted(environment.items())
        if (name in _NAMES or name.startswith(_FAMILIES)) and name not in _APPLIED
    }


def at_start() -> dict[str, str]:
    """Return the variables that this process was started with, whatever it has set since."""
    with open("/proc/self/environ", "rb") as file:
        pairs = [os.fsdecode(item).partition("=") for item in file.read().split(b"\0") if item]
    return {name: value for name, _, value in pairs}


@contextmanager
def noted(into: dict[str, str | None]) -> Iterator[None]:
    """Note in ``into`` each variable that Python code reads in the block, with its first value."""
    initial = at_start()
    environ: Any = os.environ
    environb: Any = os.environb

    class Noting(dict[bytes, bytes]):
        """What both views of the environment look into."""

        def __getitem__(self, key: bytes) -> bytes:
            if (name := os.fsdecode(key)) not in _APPLIED:
                into.setdefault(name, initial.get(name))
            return super().__getitem__(key)

    plain = environ._data
    environ._data = environb._data = noting = Noting(plain)
    try:
        yield
    finally:
        plain.clear()
        plain.update(noting)
        environ._data = environb._data = plain
