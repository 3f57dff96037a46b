"""What makes every page readable by everybody, offline: formulas, Chinese, images.

Formulas become MathML while the book is built, which browsers set and screen readers read
without a script. Chinese is marked as Chinese, so that it is spoken and set as such. An image
without a text alternative is a warning, and warnings fail the build. For paper, see `print.css`.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

_log = logging.getLogger(__name__)
_CHINESE = re.compile(r"([\u3400-\u9fff]+)")
_MARK = "language-zh-Hans"  # docutils makes it the attribute lang


def _visit_math(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(_mathml(node, as_block=False))
    raise nodes.SkipNode


def _visit_math_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(
        f"<div class='math-block'>{_mathml(node, as_block=True)}</div>\n",
    )
    raise nodes.SkipNode


def _mathml(node: nodes.Element, *, as_block: bool) -> str:
    try:
        return str(tex2mathml(node.astext(), as_block=as_block))
    except MathError as error:
        _log.warning(
            "the formula %r cannot be set: %s", node.astext(), error, location=_place(node)
        )
        return ""


def _place(node: nodes.Node) -> nodes.Node:
    """Return the nearest node around ``node`` that knows its line."""
    while not node.line and node.parent is not None:
        node = node.parent
    return node


class MarkChinese(SphinxPostTransform):
    """Put Chinese characters into an element of their own with the language's tag."""

    default_priority = 900

    def run(self, **kwargs: Any) -> None:
        """Split every text that mixes Chinese with anything else."""
        for text in list(self.document.findall(nodes.Text)):
            parent = text.parent
            if isinstance(parent, nodes.raw | nodes.comment | nodes.literal_block | nodes.math):
                continue
            parts = [part for part in _CHINESE.split(text.astext()) if part]
            if not any(_CHINESE.fullmatch(part) for part in parts):
                continue
            if isinstance(parent, nodes.literal):  # inline code is written as one element
                parent["classes"].append(_MARK)
                continue
            parent.replace(
                text,
                [
                    nodes.inline("", part, classes=[_MARK])
                    if _CHINESE.fullmatch(part)
                    else nodes.Text(part)
                    for part in parts
                ],
            )


class RequireTextAlternatives(SphinxPostTransform):
    """Warn of every image that says nothing to a reader who cannot see it."""

    default_priority = 900

    def run(self, **kwargs: Any) -> None:
        """Look at all images of the page, those of code cells' outputs among them."""
        for image in self.document.findall(nodes.image):
            if not image.get("alt", "").strip():
                _log.warning("the image %s has no alt text", image["uri"], location=_place(image))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register everything with Sphinx."""
    app.add_html_math_renderer("mathml", (_visit_math, None), (_visit_math_block, None))
    app.add_post_transform(MarkChinese)
    app.add_post_transform(RequireTextAlternatives)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
