"""Formulas as MathML, which browsers draw without scripts."""

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

__all__ = ["visit_block", "visit_inline"]

logger = logging.getLogger(__name__)


_UNKNOWN = {r"\dots": r"\ldots"}
"""Commands that docutils lacks."""


def _mathml(node: nodes.Node, block: bool) -> str:
    text = node.astext()
    for command, known in _UNKNOWN.items():
        text = text.replace(command, known)
    try:
        return tex2mathml(text.strip(), as_block=block)
    except MathError as error:
        logger.warning("formula %r: %s", node.astext(), error, location=node)
        return ""


def visit_inline(translator: nodes.NodeVisitor, node: nodes.math) -> None:
    """Write a formula within a sentence."""
    translator.body.append(_mathml(node, block=False))
    raise nodes.SkipNode


def visit_block(translator: nodes.NodeVisitor, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    translator.body.append(f'<div class="formula">{_mathml(node, block=True)}</div>')
    raise nodes.SkipNode
