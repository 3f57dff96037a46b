"""A ``tf.data`` pipeline as a small simulation: when each piece of work begins and ends.

The pipeline is ``range(elements).map(read).map(prepare, num_parallel_calls=calls).batch(batch)
.prefetch(prefetch)``, and a training step takes its batches. ``book/_static/explorers/pipeline.js``
is the same in JavaScript, for the explorer in the book; tests compare the two with each other,
and with ``tf.data`` itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stage = Literal["read", "map", "train"]


@dataclass(frozen=True)
class Pipeline:
    """A pipeline and its training step; times are in milliseconds.

    Attributes:
        elements: how many elements are read; at least 1.
        read: time to read one element. Elements are read one after the other.
        map: time to prepare one element.
        calls: ``num_parallel_calls`` of the map; 0 for none.
        batch: elements in a batch; at least 1.
        prefetch: batches that are made ahead; 0 for none.
        train: time of the training step for one batch.
    """

    elements: int = 8
    read: int = 10
    map: int = 40
    calls: int = 2
    batch: int = 2
    prefetch: int = 1
    train: int = 50


@dataclass(frozen=True)
class Event:
    """One piece of work: ``index`` counts elements, or batches where the stage is ``train``."""

    stage: Stage
    index: int
    begin: float
    end: float


def simulate(pipeline: Pipeline) -> list[Event]:
    """Return every piece of work with its times in milliseconds, batch by batch.

    Threads and cores are never short, and handing over takes no time.
    """
    events: list[Event] = []
    read_end: list[float] = []  # of elements; as are the next two
    ready: list[float] = []
    taken: list[float] = []
    batched: list[float] = []  # of batches; as are the next two
    handed_over: list[float] = []
    trained: list[float] = []
    calls, prefetch = pipeline.calls, pipeline.prefetch
    for step, first in enumerate(range(0, pipeline.elements, pipeline.batch)):
        asked = _at(trained, step - 1)
        now = asked
        if prefetch:  # it works ahead as long as its buffer has room
            now = max(_at(batched, step - 1), _at(handed_over, step - prefetch))
        for i in range(first, min(first + pipeline.batch, pipeline.elements)):
            begin = now
            if calls:
                # One thread reads, as long as fewer than `calls` elements are under way or waiting.
                begin = max(_at(read_end, i - 1), _at(taken, i - calls), _at(ready, i - calls))
                taken.append(max(now, begin))
            read_end.append(begin + pipeline.read)
            ready.append(read_end[i] + pipeline.map)
            now = max(now, ready[i])
            events.append(Event("read", i, begin, read_end[i]))
            events.append(Event("map", i, read_end[i], ready[i]))
        batched.append(now)
        handed_over.append(max(asked, now))
        trained.append(handed_over[step] + pipeline.train)
        events.append(Event("train", step, handed_over[step], trained[step]))
    return events


def total(events: list[Event]) -> float:
    """Return the milliseconds until the last training step ends."""
    return max(event.end for event in events)


def costs(pipeline: Pipeline) -> dict[str, float]:
    """Return the milliseconds a batch takes in each stage that can overlap with others."""
    # A batch, or the calls under way, cannot be more than there are elements.
    batch = min(pipeline.batch, pipeline.elements)
    if not pipeline.calls:
        in_turns = batch * (pipeline.read + pipeline.map)
        return {"reading and mapping": in_turns, "training": pipeline.train}
    calls = min(pipeline.calls, pipeline.elements)
    return {
        "reading": batch * pipeline.read,
        "mapping": batch * (pipeline.read + pipeline.map) / calls,
        "training": pipeline.train,
    }


def _at(times: list[float], index: int) -> float:
    return times[index] if index >= 0 else 0
