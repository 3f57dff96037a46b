"""The warm kernel: a parent process imports TensorFlow once, and kernels are forked from it.

It hangs on Jupyter's own extension point, a kernel provisioner, which Jupyter takes for every
kernel if the variable below says so: JupyterLab, nbval, papermill and nbconvert then start the
ordinary kernel ``python3`` as ever, and get it ready. Whenever a ready kernel cannot be had, the
kernel starts the ordinary way.

``provisioner`` is what Jupyter calls, and ``ports`` are kept for the kernel meanwhile; ``client``
finds or starts the parent and asks it for a kernel, which is then a ``process`` to it; ``place``
is where the two meet; ``parent`` answers; ``child`` and ``app`` are a kernel's life after the fork;
``preloading`` holds the rules of safe forking, which the grader's workers share, and
``environment`` what cannot be set afterwards.
"""

from __future__ import annotations

import os
import sys

#: The name under which ``pyproject.toml`` registers the provisioner with Jupyter.
PROVISIONER = "kcourse-warm"
#: Jupyter's own variable: the provisioner of kernels that name none.
VARIABLE = "JUPYTER_DEFAULT_PROVISIONER_NAME"

#: What a parent imports: what lessons and answers need first.
LIBRARIES = ("tensorflow", "keras", "matplotlib.pyplot", "sklearn.datasets", "kcourse.notebook")
#: A parent ends when it has had nothing to do for so many seconds.
IDLE = 900.0
#: After so many seconds without a ready kernel, the kernel starts the ordinary way.
PATIENCE = 5.0


def switched_off() -> str | None:
    """Return why there can be no warm kernel here, or ``None`` if there can be."""
    if os.environ.get("KCOURSE_WARM") == "0":
        return "KCOURSE_WARM=0 is set"
    if not sys.platform.startswith("linux"):
        return f"kernels cannot be forked safely on {sys.platform}"
    missing = [
        name
        for module, name in ((os, "fork"), (os, "pidfd_open"), (os, "P_PIDFD"))
        if not hasattr(module, name)
    ]
    if missing:
        return f"this Python has no os.{missing[0]}"
    return None


def variables() -> dict[str, str]:
    """Return the environment variables with which a program's kernels are warm if they can be."""
    return {} if switched_off() else {VARIABLE: PROVISIONER}
