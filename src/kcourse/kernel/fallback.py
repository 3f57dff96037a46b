"""Why the last kernel started the ordinary way: logged once, and kept for ``kcourse doctor``."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import datetime
from logging import Logger
from typing import Any

from kcourse.files import write_text

#: How the one warning begins; ``kcourse learn`` knows it by that.
NOT_WARM = "This kernel starts the ordinary way"
_FILE = "fallback.json"
_reported: set[str] = set()


def report(reason: str, log: Logger | Any) -> None:
    """Log the reason, once a process, and keep it."""
    if reason not in _reported:
        _reported.add(reason)
        log.warning("%s, not warm: %s.", NOT_WARM, reason)
    note = {"when": datetime.now().isoformat(" ", "seconds"), "reason": reason}
    with contextlib.suppress(Exception):  # it may be the directory that is out of order
        from kcourse.kernel import place

        os.close(place.open_folder())
        write_text(place.folder_path() / _FILE, json.dumps(note))


def forget() -> None:
    """Keep no reason: a kernel was warm."""
    with contextlib.suppress(Exception):
        from kcourse.kernel import place

        (place.folder_path() / _FILE).unlink()


def last() -> dict[str, str] | None:
    """Return ``when`` and ``reason`` of the last ordinary start, if no warm one came after."""
    with contextlib.suppress(Exception):
        from kcourse.kernel import place

        note = json.loads((place.folder_path() / _FILE).read_bytes())
        return {name: str(note[name]) for name in ("when", "reason")}
    return None
