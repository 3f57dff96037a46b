"""Checks for the entries of chapter training."""

from __future__ import annotations

from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.training import fitting, loops, losses

registry = Registry().joined(module.registry for module in (fitting, losses, loops))
