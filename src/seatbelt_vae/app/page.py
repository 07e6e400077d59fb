"""The page: live attacks and stored ones, each in a tab if there are both."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from seatbelt_vae.app.events import Live
from seatbelt_vae.app.lazy_gradio import gr
from seatbelt_vae.app.live_tab import live_tab
from seatbelt_vae.app.stored_rows import StoredRun
from seatbelt_vae.app.stored_tab import stored_tab

__all__ = ["page_of"]

TITLE = "Attack a variational autoencoder"
_MASTHEAD = Markup("""\
<div class="masthead"><h1>{title}</h1>
<p>Find the smallest change of a picture for which a model reconstructs another one.</p></div>""")


def page_of(live: Live | None, stored: Mapping[str, StoredRun]) -> Any:
    """The page as blocks of gradio.

    Args:
        live: the subjects to attack; None without one.
        stored: folders with stored attacks, by name.
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        gr.HTML(_MASTHEAD.format(title=TITLE))
        if live is not None and stored:
            with gr.Tab("Attack"):
                live_tab(live)
            with gr.Tab("Stored attacks"):
                stored_tab(stored)
        elif live is not None:
            live_tab(live)
        else:
            stored_tab(stored)
        known = {s.credit for s in (live.subjects.values() if live else ()) if s.credit}
        gr.HTML(Markup('<p class="credit">{}</p>').format(" ".join(sorted(known))))
    return page
