"""Explorers: small forms in the pages whose results are computed in the browser.

``{explorer} NAME`` writes the form, and below it a still picture with its caption. The scripts
in ``_static/explorers`` put the result in the picture's place; without JavaScript the picture
stays and the form is not shown. A page loads only the scripts of the explorers that it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from kcourse.explorers import figures
from kcourse.explorers.pipeline import Pipeline
from kcourse.files import write_text

_FOLDER = "explorers"
#: Still pictures stand here below the source folder while the book is built.
_PICTURES = "_explorers"


@dataclass(frozen=True)
class Field:
    """A labelled control of a form.

    Attributes:
        name: what the scripts call it.
        label: what the reader sees.
        value: the first value; a bool makes a checkbox.
        choices: what can be chosen, if it is not typed.
        hint: what may be written.
        only: values of the form's first control for which the field is shown; all if empty.
    """

    name: str
    label: str
    value: str | bool
    choices: Sequence[str] = ()
    hint: str = ""
    only: Sequence[str] = ()


@dataclass(frozen=True)
class Form:
    """An explorer: its title and its fields."""

    title: str
    fields: Sequence[Field]


_CONVOLUTIONS = ("Conv2D", "Conv1D", "SeparableConv2D", "DepthwiseConv2D", "Conv2DTranspose")
_POOLING = ("MaxPooling2D", "AveragePooling2D")
_WITH_FILTERS = tuple(name for name in _CONVOLUTIONS if name != "DepthwiseConv2D")
_SMOOTH = ("ExponentialDecay", "InverseTimeDecay")
_COSINES = ("CosineDecay", "CosineDecayRestarts")
_DECAYS = (*_SMOOTH, *_COSINES, "PolynomialDecay")
_FIRST = Pipeline()

FORMS = {
    "broadcasting": Form(
        "Try it: broadcast two shapes",
        (
            Field("first", "First shape", "3, 1", hint="Such as 3, 1. Empty is a scalar."),
            Field("second", "Second shape", "4", hint="Such as 4 or 5, 1, 3."),
        ),
    ),
    "convolution": Form(
        "Try it: size and parameters of a convolution",
        (
            Field("layer", "Layer", "Conv2D", choices=(*_CONVOLUTIONS, *_POOLING)),
            Field("size", "Input size", "9", hint="9, or height, width."),
            Field("channels", "Input channels", "3"),
            Field("filters", "Filters", "8", only=_WITH_FILTERS),
            Field("kernel", "Kernel or pool size", "3", hint="3, or 3, 5."),
            Field("strides", "Strides", "2", hint="Pooling: empty is the pool size."),
            Field("padding", "Padding", "same", choices=("valid", "same", "causal")),
            Field("dilation", "Dilation rate", "1", only=_CONVOLUTIONS),
            Field("groups", "Groups", "1", only=("Conv1D", "Conv2D")),
            Field(
                "multiplier",
                "Depth multiplier",
                "1",
                only=("DepthwiseConv2D", "SeparableConv2D"),
            ),
            Field("bias", "Use bias", True, only=_CONVOLUTIONS),
        ),
    ),
    "pipeline": Form(
        "Try it: the timeline of a pipeline",
        (
            Field("elements", "Elements", str(_FIRST.elements), hint="1 to 48."),
            Field("read", "Read one, ms", str(_FIRST.read)),
            Field("map", "Map one, ms", str(_FIRST.map)),
            Field("calls", "Parallel map calls", str(_FIRST.calls), hint="0 is none."),
            Field("batch", "Batch size", str(_FIRST.batch)),
            Field("prefetch", "Prefetch, batches", str(_FIRST.prefetch), hint="0 is none."),
            Field("train", "Train a batch, ms", str(_FIRST.train)),
        ),
    ),
    "schedules": Form(
        "Try it: the curve of a learning-rate schedule",
        (
            Field("schedule", "Schedule", "CosineDecay", (*_DECAYS, "PiecewiseConstantDecay")),
            Field("initial", "Initial rate", "0.01", only=_DECAYS),
            Field("decay_steps", "Decay steps", "450", only=_DECAYS),
            Field("decay_rate", "Decay rate", "0.5", only=_SMOOTH),
            Field("staircase", "Staircase", False, only=_SMOOTH),
            Field("alpha", "Alpha", "0", only=_COSINES, hint="The lowest share, 0 to 1."),
            Field("warmup_steps", "Warm-up steps", "50", only=("CosineDecay",), hint="0 is none."),
            Field("warmup_target", "Warm-up target", "0.1", only=("CosineDecay",)),
            Field("t_mul", "t_mul", "2", only=("CosineDecayRestarts",), hint="Longer each time."),
            Field("m_mul", "m_mul", "1", only=("CosineDecayRestarts",), hint="Lower each time."),
            Field("end", "End rate", "0.0001", only=("PolynomialDecay",)),
            Field("power", "Power", "1", only=("PolynomialDecay",)),
            Field("cycle", "Cycle", False, only=("PolynomialDecay",)),
            Field("boundaries", "Boundaries", "150, 300", only=("PiecewiseConstantDecay",)),
            Field("values", "Rates", "0.1, 0.05, 0.01", only=("PiecewiseConstantDecay",)),
            Field("shown", "Steps to show", "600"),
            Field("step", "Rate at step", "100"),
            Field("log", "Log axis", False),
        ),
    ),
}


class explorer(nodes.General, nodes.Element):  # noqa: N801, as docutils names its nodes
    """The form of an explorer; its child is the still picture."""


class Explorer(SphinxDirective):
    """``{explorer} NAME``: one of the explorers, at most once on a page."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the explorer with its still picture, which is drawn here."""
        name = self.arguments[0]
        if name not in FORMS:
            raise self.error(f"There is no explorer {name!r}. There are {', '.join(FORMS)}.")
        on_page = self.env.temp_data.setdefault("kcourse_explorers", set())
        if name in on_page:
            raise self.error(f"The explorer {name!r} stands on this page already.")
        on_page.add(name)
        still = figures.still(name)
        picture = Path(self.env.srcdir, _PICTURES, f"{name}.svg")
        write_text(picture, still.svg)
        image = nodes.image(uri=f"/{_PICTURES}/{picture.name}", alt=still.alt)
        caption = nodes.caption("", still.caption)
        self.set_source_info(image)
        return [explorer("", nodes.figure("", image, caption), name=name)]


def _visit(translator: HTML5Translator, node: explorer) -> None:
    name = node["name"]
    form = FORMS[name]
    fields = "".join(_markup(name, field, form.fields[0]) for field in form.fields)
    translator.body.append(
        f'<div class="kcourse-explorer" data-explorer="{name}" role="group" '
        f'aria-labelledby="explorer-{name}">'
        f'<p class="kcourse-explorer-title" id="explorer-{name}">{escape(form.title)}</p>'
        f'<form class="pst-js-only" autocomplete="off">{fields}</form>'
        "<noscript><p>With JavaScript switched on, you can set the numbers here.</p></noscript>"
        '<div class="kcourse-explorer-stage">\n'
    )


def _depart(translator: HTML5Translator, node: explorer) -> None:
    translator.body.append("</div></div>\n")


def _markup(explorer_name: str, field: Field, first: Field) -> str:
    """Return the HTML of a field: label, control, hint, and an empty place for what is wrong."""
    key = f"explorer-{explorer_name}-{field.name}"
    described = f' aria-describedby="{f"{key}-hint " if field.hint else ""}{key}-error"'
    only = f' data-only="{" ".join(field.only)}"' if field.only else ""
    hidden = " hidden" if field.only and first.value not in field.only else ""
    named = f'id="{key}" name="{field.name}"'
    label = f'<label for="{key}">{escape(field.label)}</label>'
    if isinstance(field.value, bool):
        checked = " checked" if field.value else ""
        control = f'<input type="checkbox" {named}{checked}{described}>'
        parts = f'<span class="kcourse-explorer-check">{control}{label}</span>'
    elif field.choices:
        options = "".join(
            f"<option{' selected' if choice == field.value else ''}>{escape(choice)}</option>"
            for choice in field.choices
        )
        parts = f"{label}<select {named}{described}>{options}</select>"
    else:
        value = escape(field.value, quote=True)
        parts = f'{label}<input type="text" {named} value="{value}" spellcheck="false"{described}>'
    hint = f'<span class="kcourse-explorer-hint" id="{key}-hint">{escape(field.hint)}</span>'
    error = f'<span class="kcourse-explorer-error" id="{key}-error"></span>'
    shown = hint if field.hint else ""
    return f'<div class="kcourse-explorer-field"{only}{hidden}>{parts}{shown}{error}</div>'


def _keep_from_other_pages(app: Sphinx, config: Config) -> None:
    """Undo what Jupyter Book does: it has every page load every script below ``_static``."""
    for option in ("html_css_files", "html_js_files"):
        config[option] = [
            file for file in config[option] if not str(file).startswith(f"{_FOLDER}/")
        ]


def _add_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Have a page load what its explorers need; a page without one loads nothing."""
    names = [node["name"] for node in doctree.findall(explorer)] if doctree else []
    if names:
        app.add_css_file(f"{_FOLDER}/explorers.css")
        for script in _scripts(names):
            app.add_js_file(f"{_FOLDER}/{script}.js", loading_method="defer")


def _scripts(names: Sequence[str]) -> Iterator[str]:
    yield "reading"
    yield "panel"
    for name in names:
        yield name
        yield f"{name}_view"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive, and the scripts of pages that use it."""
    app.add_node(explorer, html=(_visit, _depart))
    app.add_directive("explorer", Explorer)
    app.connect("config-inited", _keep_from_other_pages)
    app.connect("html-page-context", _add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
