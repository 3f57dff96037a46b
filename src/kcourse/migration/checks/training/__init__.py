"""Checks for the entries of chapter training."""

from __future__ import annotations

from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.training import (
    callbacks,
    fitting,
    loops,
    losses,
    metrics,
    optimizers,
)

registry = Registry().joined(
    module.registry for module in (fitting, losses, metrics, optimizers, callbacks, loops)
)
