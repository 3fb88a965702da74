"""Checks as tests: what the pytest plugin and ``parametrize_with_checks`` are made of.

An implementation is examined once, when its first test runs, by the same call as
``gradcheck.check``; each of its tests reads one finding of that record.
"""

from gradcheck.testing.parametrize import parametrize_with_checks

__all__ = ["parametrize_with_checks"]
