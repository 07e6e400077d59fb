"""Sphinx extension of the site: pages made from declarations, and formulas as MathML."""

import warnings

from docs.site import mathml, source
from docutils.nodes import Element, Text, document
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

__all__ = ["setup"]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    warnings.filterwarnings("ignore", "get_parser", DeprecationWarning)
    app.connect("source-read", source.on_source_read)
    app.connect("missing-reference", _plain_text)
    app.connect("doctree-read", _with_dashes)
    app.connect("autodoc-process-signature", _with_known_defaults)
    app.add_html_math_renderer("mathml", (mathml.visit_inline, None), (mathml.visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _plain_text(
    _app: Sphinx, _env: BuildEnvironment, node: pending_xref, content: Element
) -> Element | None:
    """Names in backticks, and types of signatures, that no page documents stay without a link."""
    return content if node["reftype"] in ("obj", "class") else None


def _with_dashes(_app: Sphinx, page: document) -> None:
    """Put dashes between parameters and their descriptions; smart quotes would change flags."""
    for text in list(page.findall(lambda node: isinstance(node, Text) and node == " -- ")):
        text.parent.replace(text, Text(" – "))


def _with_known_defaults(
    _app: Sphinx,
    _kind: str,
    _name: str,
    _value: object,
    _options: object,
    call: str | None,
    result: str,
) -> tuple[str, str] | None:
    """A signature that Sphinx can parse: a default made by a factory is an ellipsis."""
    return (call.replace("<factory>", "..."), result) if call else None
