"""gradio, imported when it is first used: modules of the page load without the extra ``app``."""

from importlib import import_module
from typing import Any

__all__ = ["gr"]


class _Gradio:
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # tools look for these in every object
            raise AttributeError(name)
        return getattr(import_module("gradio"), name)


gr: Any = _Gradio()
"""The package gradio."""
