"""Checks for the entries of chapter autograph."""

from __future__ import annotations

from kcourse.migration.checks.autograph import modules, tapes, tracing
from kcourse.migration.checks.registry import Registry

registry = Registry().joined(module.registry for module in (tapes, tracing, modules))
