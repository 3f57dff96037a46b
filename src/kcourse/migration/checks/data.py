"""Checks for the entries of chapter data."""

from __future__ import annotations

from kcourse.migration.checks.registry import Registry

registry = Registry()
