"""Checks for the entries of chapter data."""

from __future__ import annotations

from kcourse.migration.checks.data import feeding, images, pipelines
from kcourse.migration.checks.registry import Registry

registry = Registry().joined(module.registry for module in (pipelines, feeding, images))
