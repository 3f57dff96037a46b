"""Checks for the entries of chapter models."""

from __future__ import annotations

from kcourse.migration.checks.models import layers, networks, symbols
from kcourse.migration.checks.registry import Registry

registry = Registry().joined(module.registry for module in (layers, symbols, networks))
