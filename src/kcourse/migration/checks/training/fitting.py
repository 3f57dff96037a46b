"""Checks for fitting, evaluating and predicting."""

from __future__ import annotations

from kcourse.migration.checks.registry import Registry

registry = Registry()
