"""Where code stands in a file: a module, the cells of a notebook, the fenced blocks of a text.

``find_files`` lists the files, ``read`` cuts one into blocks of Python, and ``rewritten`` puts
new code in their place and leaves every other byte of the file as it was.
"""

from __future__ import annotations

from kcourse.migration.sources.blocks import Block
from kcourse.migration.sources.files import KINDS, Kind, Unreadable, decode, find_files
from kcourse.migration.sources.notebooks import lines_of_cells
from kcourse.migration.sources.reading import Source, read
from kcourse.migration.sources.rewriting import rewritten

__all__ = [
    "KINDS",
    "Block",
    "Kind",
    "Source",
    "Unreadable",
    "decode",
    "find_files",
    "lines_of_cells",
    "read",
    "rewritten",
]
