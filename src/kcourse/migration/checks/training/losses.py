"""Checks for losses, the last layer and outputs."""

from __future__ import annotations

from kcourse.migration.checks.registry import Registry

registry = Registry()
