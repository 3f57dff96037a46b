"""The figures that lessons share: one look, safe for colour-blind readers, calm in print."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from kcourse.quiet import standard_error_held_back

# Okabe and Ito's palette, in an order in which neighbours differ in lightness as well.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#56B4E9",
    "#CC79A7",
    "#F0E442",
    "#999999",
)
COLOURS = (BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE)


def use_course_style() -> None:
    """Set the course's matplotlib style: white ground, readable sizes, the palette above."""
    mpl.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=COLOURS, linestyle=["-", "--", "-.", ":", "-", "--"]),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": 11,
            "figure.constrained_layout.use": True,
            "figure.dpi": 96,
            "figure.facecolor": "white",
            "font.size": 10,
            "image.cmap": "cividis",
            "savefig.facecolor": "white",
        }
    )


def draw_array(
    axes: Axes,
    values: Any,
    *,
    title: str = "",
    marked: Any = None,
    faded: Any = None,
    colour: str = SKY,
    fmt: str | Callable[[Any], str] = "{}",
    index: bool = False,
) -> None:
    """Draw a vector or matrix as a grid of cells with its values written in them.

    Args:
        axes: where to draw; its frame and ticks are removed.
        values: array-like of shape (columns,) or (rows, columns).
        title: heading, such as the name and the shape.
        marked: boolean array of the same shape; these cells are filled with ``colour`` and
            hatched, so that the mark shows without colour as well.
        faded: boolean array of the same shape; these cells are drawn pale and dashed, for
            values that broadcasting repeats but nobody stores.
        colour: fill of marked cells.
        fmt: a format string or a function that makes a value's text.
        index: write row and column numbers at the edges.
    """
    grid = np.atleast_2d(np.asarray(values))
    marks = np.zeros(grid.shape, bool) if marked is None else np.atleast_2d(np.asarray(marked))
    pale = np.zeros(grid.shape, bool) if faded is None else np.atleast_2d(np.asarray(faded))
    write = fmt.format if isinstance(fmt, str) else fmt
    rows, columns = grid.shape
    for r in range(rows):
        for c in range(columns):
            axes.add_patch(
                Rectangle(
                    (c, r),
                    1,
                    1,
                    facecolor=colour if marks[r, c] else "white",
                    edgecolor="#bbbbbb" if pale[r, c] else "black",
                    linestyle="--" if pale[r, c] else "-",
                    hatch="///" if marks[r, c] else None,
                    alpha=0.95,
                )
            )
            text = axes.text(c + 0.5, r + 0.5, write(grid[r, c]), ha="center", va="center")
            text.set_color("#777777" if pale[r, c] else "black")
            if marks[r, c]:
                text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.0})
    if index:
        for c in range(columns):
            axes.text(c + 0.5, -0.25, str(c), ha="center", va="center", color="#555555", fontsize=8)
        for r in range(rows):
            axes.text(-0.25, r + 0.5, str(r), ha="center", va="center", color="#555555", fontsize=8)
    axes.set_xlim(-0.5, columns + 0.1)
    axes.set_ylim(rows + 0.1, -0.5)
    axes.set_aspect("equal")
    axes.axis("off")
    if title:
        axes.set_title(title)


def show_images(
    axes: Sequence[Axes], images: Sequence[Any], titles: Sequence[str], **kwargs: Any
) -> None:
    """Show one image in each axes, without ticks; keyword arguments go to ``imshow``."""
    for ax, image, title in zip(axes, images, titles, strict=True):
        ax.imshow(image, **kwargs)
        ax.set_title(title)
        ax.spines[:].set_visible(True)  # a frame, so that white images have a border
        ax.set_xticks([])
        ax.set_yticks([])


def draw_broadcast(axes: Axes, values: Any, shape: tuple[int, int], *, title: str = "") -> None:
    """Draw a scalar, vector or matrix as broadcasting sees it when the result has ``shape``.

    Stored cells are solid and hatched; the cells that broadcasting repeats are pale and dashed.
    The title is the shape of ``values`` unless another one is given.
    """
    array = np.asarray(values)
    stored = np.zeros(shape, bool)
    # The missing axes are added on the left; a stored axis of length 1 is repeated.
    rows, columns = (1,) * (2 - array.ndim) + array.shape
    stored[:rows, :columns] = True
    full = np.broadcast_to(array, shape)
    draw_array(axes, full, title=title or str(array.shape), marked=stored, faded=~stored)


def draw_model(model: Any, **options: Any) -> Image:
    """Draw a built Keras model as ``keras.utils.plot_model`` does, with the shapes of its tensors.

    Keras describes the drawing (``keras.utils.model_to_dot``, which takes ``options``), and the
    Graphviz library that pip installs makes the picture: no ``dot`` program is needed.
    """
    import keras
    import pygraphviz

    dot = keras.utils.model_to_dot(model, **{"show_shapes": True, "dpi": 72, **options})
    # Fontconfig warns of settings of the system's that it does not know.
    with _fonts_of_matplotlib(), standard_error_held_back():
        return Image(pygraphviz.AGraph(string=dot.to_string()).draw(format="png", prog="dot"))


@contextmanager
def _fonts_of_matplotlib() -> Iterator[None]:
    """Have Graphviz use the fonts that matplotlib brings: the same letters on every machine."""
    before = os.environ.get("FONTCONFIG_FILE")
    with tempfile.TemporaryDirectory(prefix="kcourse-fonts-") as folder:
        settings = Path(folder, "fonts.conf")
        fonts = Path(mpl.get_data_path(), "fonts", "ttf")
        settings.write_text(
            f"<fontconfig><dir>{fonts}</dir><cachedir>{folder}</cachedir></fontconfig>",
            encoding="utf-8",
        )
        os.environ["FONTCONFIG_FILE"] = str(settings)
        try:
            yield
        finally:
            if before is None:
                del os.environ["FONTCONFIG_FILE"]
            else:
                os.environ["FONTCONFIG_FILE"] = before
