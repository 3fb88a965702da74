"""The record as one page that needs nothing else: no network, no other file."""

from gradcheck.renderers.html.page import notebook, render

__all__ = ["notebook", "render"]
