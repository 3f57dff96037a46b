"""A worker that is not forked: ``python -m kcourse.grading.fresh``, where no server can be had.

It confines itself before it imports anything that starts threads (as NumPy does): what confines a
process reaches the thread that asks for it, and those that this one starts.
"""

from __future__ import annotations

import argparse
import os

from kcourse.grading import sandbox


def main() -> None:
    """Be the worker that the session's command line describes."""
    parser = argparse.ArgumentParser()
    for name in ("requests", "replies", *sandbox.ARGUMENTS):
        parser.add_argument(name, type=int)
    given = vars(parser.parse_args())
    files = given.pop("requests"), given.pop("replies")
    for descriptor in files:
        os.set_inheritable(descriptor, False)
    confinement = sandbox.begin(**given)
    from kcourse.grading import worker

    worker.work(*files, confinement)


if __name__ == "__main__":
    main()
