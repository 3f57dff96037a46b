"""A learner's own copy of the course: create it, reset one exercise, update it without loss.

A workspace is a folder with the learner's lessons (``NN_chapter/NN_topic.ipynb``), a start page,
and a private folder ``.kcourse/``::

    workspace.json    format of the workspace and version of the course it was last brought to
    base/             each lesson exactly as last delivered: the base of the three-way merge
    history/          earlier states, one folder a time; nothing here is ever deleted
    progress.jsonl    the journal, written by kcourse.journal

Whatever the learner wrote stays: every change of a notebook keeps the state before it.
"""

from kcourse.workspace.creating import create
from kcourse.workspace.layout import Workspace, locate
from kcourse.workspace.resetting import reset
from kcourse.workspace.updating import update

__all__ = ["Workspace", "create", "locate", "reset", "update"]
