"""Checks for the entries of chapter saving."""

from __future__ import annotations

from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.saving import loading, storing

registry = Registry().joined(module.registry for module in (storing, loading))
