"""Checks as tests: what the pytest plugin and ``parametrize_with_checks`` are made of.

An implementation is examined once, when its first test runs, by the same call as
``gradcheck.check``; each of its tests reads one finding of that record.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

__all__ = ["parametrize_with_checks"]

F = TypeVar("F", bound=Callable[..., Any])

#: The marker by which the plugin finds decorated tests.
PYTEST_MARKER = "gradcheck_checks"


def parametrize_with_checks(implementations: Iterable[Any]) -> Callable[[F], F]:
    """Run a test once for each implementation and check.

    ::

        @gradcheck.parametrize_with_checks(["student.py", my_module, MyNetwork()])
        def test_backprop(implementation, check):
            check(implementation)

    The tests are called ``test_backprop[student-gradient]`` and so on. An
    implementation is examined once, when its first test runs; the options of the
    plugin (``--gradcheck-seed``, ``--gradcheck-examples``, ``--gradcheck-xfails``) hold
    here too.

    Parameters
    ----------
    implementations : iterable of path, module or object
        Whatever ``gradcheck.check`` takes.

    Returns
    -------
    decorator
        For a function with the arguments ``implementation`` and ``check``;
        ``check(implementation)`` fails the test with what was found.

    Raises
    ------
    TypeError
        When given a single text in place of a list.
    """
    import pytest  # only people who write tests need it

    if isinstance(implementations, str):
        raise TypeError(f"parametrize_with_checks takes a list; write [{implementations!r}]")
    mark: Callable[[F], F] = getattr(pytest.mark, PYTEST_MARKER)(tuple(implementations))
    return mark
