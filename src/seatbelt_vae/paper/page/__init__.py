"""The page of a reproduction: claims, figures, and the rows beneath them."""

from seatbelt_vae.paper.page.page import write_page
from seatbelt_vae.paper.page.section import Section, show

__all__ = ["Section", "show", "write_page"]
