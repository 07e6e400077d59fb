"""Formulas as MathML, which browsers draw without scripts."""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

__all__ = ["as_mathml", "visit_block", "visit_inline"]

logger = logging.getLogger(__name__)

_REWRITTEN = {r"\\dots\b": r"\\ldots", r"(\\[td]?frac)(\d)(\d)": r"\1{\2}{\3}"}
"""LaTeX that docutils lacks, or reads differently: it takes both digits of ``\\frac12`` as one."""


def as_mathml(formula: str, *, block: bool = False) -> str:
    """A formula in LaTeX as an element of a page.

    Raises:
        MathError: LaTeX that docutils cannot read.
    """
    for pattern, known in _REWRITTEN.items():
        formula = re.sub(pattern, known, formula)
    return str(tex2mathml(formula.strip(), as_block=block))


def _mathml(node: nodes.Node, block: bool) -> str:
    try:
        return as_mathml(node.astext(), block=block)
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
