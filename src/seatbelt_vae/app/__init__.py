"""The live page: attacks on models in a browser, with gradio of the extra ``app``.

Only `page`, `events` and `server` import gradio; a case is repeated without it.
"""
