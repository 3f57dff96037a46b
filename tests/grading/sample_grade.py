"""The real command line, with the sample course in place of the installed one.

``python sample_grade.py COURSE FOLDER grade …`` makes the lessons of ``sample_course`` or of
``saving_course`` in FOLDER.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from kcourse import cli
from kcourse.grading.course import Course

if __name__ == "__main__":
    made = importlib.import_module(sys.argv.pop(1)).make_course(Path(sys.argv.pop(1)))
    Course.installed = classmethod(lambda cls: made)  # type: ignore[method-assign, assignment]
    cli.main()
