"""Checks for metrics, optimizers, callbacks and loops of one's own."""

from __future__ import annotations

from kcourse.migration.checks.registry import Registry

registry = Registry()
