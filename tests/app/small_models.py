"""The models and the pictures of the page in a browser, as targets of the command."""

from tests.app.small_page import model
from tests.auditing.small_models import images

__all__ = ["first", "images", "second"]


def first() -> object:
    """A small model."""
    return model(0)


def second() -> object:
    """Another small model."""
    return model(1)
