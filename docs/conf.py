"""Settings of the site: ``make docs`` builds it."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "src")]

import seatbelt_vae  # noqa: E402

REPORT_CSS = Path(seatbelt_vae.__file__).parent / "report" / "templates" / "report.css"
GENERATED = HERE / "_build" / "static"
GENERATED.mkdir(parents=True, exist_ok=True)
(colours,) = re.findall(r"(?s)^:root \{\n  color-scheme.*?\n(.*?)^\}", REPORT_CSS.read_text(), re.M)
(GENERATED / "colours.css").write_text(f"body {{\n{colours}}}\n", encoding="utf-8")

project = "seatbelt-vae"
author = "the seatbelt-vae authors"
release = seatbelt_vae.__version__
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docs.site",
]
source_suffix = {".md": "markdown", ".ipynb": "markdown"}
exclude_patterns = ["_build", "_templates", "figures", "site", "reproduction"]
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!seatbelt_vae\.).*")]  # no inventories of other libraries
default_role = "py:obj"
smartquotes = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
myst_fence_as_directive = []

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = "seatbelt-vae"
templates_path = ["_templates"]
html_static_path = ["_static", str(GENERATED)]
html_css_files = ["colours.css", "site.css"]
html_js_files = ["access.js"]
html_theme_options = {"top_of_page_buttons": []}  # no link to the source of a page
html_math_renderer = "mathml"
html_show_copyright = False
html_show_sphinx = False
copybutton_exclude = ".linenos, .gp, .go"
