"""``python -m kcourse.kernel``: the parent process of warm kernels (see ``parent``)."""

import os
import sys

if __name__ == "__main__":
    if sys.path[0] == os.getcwd():  # a kernel finds modules where it runs, not where this runs
        del sys.path[0]
    from kcourse.kernel import parent

    parent.main()
