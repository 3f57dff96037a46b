"""Read Python that does not parse as a whole: study notes, notebook cells, Python 2, drafts.

``parse`` never raises. What parses goes through ``ast.parse`` as it stands. In what does not, the
lines are sorted into statements by brackets and indentation, each statement is tried alone, and
the text is put together again without those that are no Python. Every line keeps its number.
"""

from __future__ import annotations

from kcourse.migration.recovery.indents import indent_of
from kcourse.migration.recovery.parsed import Parsed
from kcourse.migration.recovery.parsing import neutral, parse

__all__ = ["Parsed", "indent_of", "neutral", "parse"]
