"""What takes more than one call to see: the checks that the table names, one module a chapter.

A check is a function that hears of one kind of thing a reader meets and yields the places that
its entry of the table is about. Its name is the one that the table gives. What it cannot tell
for certain it does not yield.
"""

from __future__ import annotations

from kcourse.migration.checks import autograph, data, models, saving, tensors, training
from kcourse.migration.checks.registry import Registry

#: All checks, by what they hear of.
ALL = Registry().joined(
    module.registry for module in (tensors, autograph, models, training, data, saving)
)
