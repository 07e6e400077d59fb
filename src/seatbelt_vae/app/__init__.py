"""The live page: attacks on models in a browser, with gradio of the extra ``app``.

gradio is imported when the page is made, see `lazy_gradio`; a case is repeated without it.
"""
