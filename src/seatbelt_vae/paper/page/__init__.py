"""The page of a reproduction: claims, figures, and the commands that print their rows."""

from seatbelt_vae.paper.page.page import write_page
from seatbelt_vae.paper.page.section import Section, draw_section

__all__ = ["Section", "draw_section", "write_page"]
