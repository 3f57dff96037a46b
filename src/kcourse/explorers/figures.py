"""Still pictures of the explorers at their first settings, for pages without JavaScript."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kcourse.explorers.pipeline import Event, Pipeline, simulate, total
from kcourse.plotting import BLUE, ORANGE, SKY, draw_array, draw_broadcast, use_course_style


class Still(NamedTuple):
    """A picture, what it shows in words for who cannot see it, and the sentence below it."""

    svg: str
    alt: str
    caption: str


def still(explorer: str) -> Still:
    """Return the still picture of an explorer. Raises ``KeyError`` if there is no such explorer."""
    draw = _DRAWN[explorer]
    # rc_context: the style must not reach figures that others draw in this process.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": explorer}):
        use_course_style()
        mpl.rcParams["font.family"] = "sans-serif"
        figure, alt, caption = draw()
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return Still(text.getvalue(), alt, caption)


def _broadcasting() -> tuple[Figure, str, str]:
    column, row = np.arange(3).reshape(3, 1), np.arange(4)
    figure = Figure(figsize=(6.4, 2.1))
    left, middle, right = figure.subplots(1, 3)
    draw_broadcast(left, column, (3, 4), title="(3, 1)")
    draw_broadcast(middle, row, (3, 4), title="(4,)")
    sums = [[f"{i}+{j}" for j in row] for i in column[:, 0]]
    draw_array(right, sums, title="(3, 4)")
    return (
        figure,
        "Three grids of 3 rows and 4 columns. In the first, one column of 3 values is stored and "
        "repeated 4 times. In the second, one row of 4 values is stored and repeated 3 times. "
        "The third is the result.",
        "The shapes (3, 1) and (4,) broadcast to (3, 4). Hatched cells are stored; dashed cells "
        "are repeated.",
    )


def _convolution() -> tuple[Figure, str, str]:
    figure = Figure(figsize=(6.4, 2.9))
    n, kernel, stride = 9, 3, 2
    for axes, padding in zip(figure.subplots(1, 2), ("valid", "same"), strict=True):
        stops = (n - kernel) // stride + 1 if padding == "valid" else -(-n // stride)
        zeros = 0 if padding == "valid" else max((stops - 1) * stride + kernel - n, 0)
        before = zeros // 2
        for place in range(-before, n + zeros - before):
            pale = not 0 <= place < n
            axes.add_patch(
                Rectangle(
                    (place, 0),
                    1,
                    1,
                    facecolor="white" if pale else SKY,
                    edgecolor="#888888" if pale else "black",
                    linestyle="--" if pale else "-",
                )
            )
        for stop in range(stops):
            corner = (stop * stride - before + 0.08, 1.35 + 0.75 * stop)
            axes.add_patch(Rectangle(corner, kernel - 0.16, 0.5, facecolor=ORANGE))
        axes.set(xlim=(-1.2, n + 1.2), ylim=(5.2, -0.2), aspect="equal")
        axes.axis("off")
        axes.set_title(f"{padding}: {stops}")
    return (
        figure,
        "A row of 9 cells, twice. With valid padding, 4 bars of 3 cells lie below it, each 2 cells "
        "further. With same padding there is a zero at each end, and 5 bars.",
        "A kernel of 3 with stride 2 along an axis of 9: (9 − 3) // 2 + 1 = 4 windows with valid "
        "padding; 9 / 2, rounded up = 5 with same padding.",
    )


def _pipeline() -> tuple[Figure, str, str]:
    yours = Pipeline()
    runs = [simulate(replace(yours, calls=0, prefetch=0)), simulate(yours)]
    figure = Figure(figsize=(6.4, 3.2))
    panels = figure.subplots(2, 1, sharex=True)
    titles = ("one after the other", f"{yours.calls} parallel calls, prefetch {yours.prefetch}")
    for axes, title, events in zip(panels, titles, runs, strict=True):
        _draw_timeline(axes, events, lanes=1 if events is runs[0] else yours.calls)
        axes.set_title(f"{title}: {total(events):.0f} ms")
    panels[-1].set_xlabel("milliseconds")
    before, after = (total(events) for events in runs)
    return (
        figure,
        "Two timelines with bars for read, map and train. Above, no two bars overlap. Below, "
        "reading and mapping go on while the model trains, and the end comes earlier.",
        f"{yours.elements} elements in batches of {yours.batch}: {yours.read} ms to read one, "
        f"{yours.map} ms to prepare it, {yours.train} ms to train on a batch. One after the other "
        f"this takes {before:.0f} ms; with {yours.calls} parallel calls and one batch prefetched, "
        f"{after:.0f} ms.",
    )


def _draw_timeline(axes: Axes, events: list[Event], lanes: int) -> None:
    """Draw a bar for each piece of work; those of ``map`` in as many lanes as it has calls."""
    looks = {"read": (0, SKY, ""), "map": (1, BLUE, "///"), "train": (2, ORANGE, "")}
    for event in events:
        row, colour, hatch = looks[event.stage]
        height = 0.8 / (lanes if event.stage == "map" else 1)
        lane = event.index % lanes if event.stage == "map" else 0
        axes.barh(
            row - 0.4 + height * (lane + 0.5),
            event.end - event.begin,
            left=event.begin,
            height=height,
            color=colour,
            hatch=hatch,
            edgecolor="black",
            lw=0.6,
        )
    axes.set(ylim=(2.6, -0.6), yticks=[row for row, _, _ in looks.values()], yticklabels=looks)


def _schedules() -> tuple[Figure, str, str]:
    from keras.optimizers.schedules import CosineDecay

    schedule = CosineDecay(0.01, decay_steps=450, alpha=0.0, warmup_target=0.1, warmup_steps=50)
    figure = Figure(figsize=(6.4, 2.6))
    axes = figure.subplots()
    steps = np.arange(0, 601, 5)
    axes.plot(steps, [float(schedule(step)) for step in steps])
    axes.set(xlabel="step", ylabel="learning rate")
    return (
        figure,
        "A curve of the learning rate over 600 steps: it rises in a straight line from 0.01 "
        "to 0.1 at step 50, falls like half a cosine wave to 0 at step 500, and stays there.",
        "CosineDecay with 50 steps of warm-up from 0.01 to 0.1 and 450 steps of decay.",
    )


_DRAWN: dict[str, Callable[[], tuple[Figure, str, str]]] = {
    "broadcasting": _broadcasting,
    "convolution": _convolution,
    "pipeline": _pipeline,
    "schedules": _schedules,
}
