"""What goes wrong on the way to a warm kernel; none of it reaches the learner as an error."""

from __future__ import annotations


class Unavailable(Exception):
    """There is no warm kernel to be had now; the message says why, for the log and the doctor."""


class NotForkable(Exception):
    """Forking this process would not be safe; the message says why."""
