"""The name under which declarations import :class:`Declaration`; see :mod:`gradcheck.reading`."""

from gradcheck.reading.declared import Declaration

__all__ = ["Declaration"]
