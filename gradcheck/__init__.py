"""gradcheck: is a hand-written backprop right, wrong, or can nobody tell?

    >>> import gradcheck
    >>> record = gradcheck.check("student.py")
    >>> record.verdict

Importing this loads nothing heavy: names are fetched when they are used.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gradcheck.version import __version__

if TYPE_CHECKING:
    from gradcheck.api import check
    from gradcheck.errors import (
        GradcheckError,
        InternalError,
        LoadError,
        UsageError,
        WrongGradientError,
    )
    from gradcheck.function_check import check_function
    from gradcheck.function_tensors import FunctionCheck
    from gradcheck.network import Network
    from gradcheck.oracle import Estimate, Truth
    from gradcheck.problem import Batch, Params, Problem
    from gradcheck.protocol import Implementation
    from gradcheck.record import Record
    from gradcheck.sampling import problem
    from gradcheck.testing import parametrize_with_checks
    from gradcheck.verdict import Finding, Verdict

_HOMES = {
    "Batch": "problem",
    "Estimate": "oracle",
    "Finding": "verdict",
    "FunctionCheck": "function_tensors",
    "GradcheckError": "errors",
    "Implementation": "protocol",
    "InternalError": "errors",
    "LoadError": "errors",
    "Network": "network",
    "Params": "problem",
    "Problem": "problem",
    "Record": "record",
    "Truth": "oracle",
    "UsageError": "errors",
    "Verdict": "verdict",
    "WrongGradientError": "errors",
    "check": "api",
    "check_function": "function_check",
    "parametrize_with_checks": "testing",
    "problem": "sampling",
}

__all__ = [
    "Batch",
    "Estimate",
    "Finding",
    "FunctionCheck",
    "GradcheckError",
    "Implementation",
    "InternalError",
    "LoadError",
    "Network",
    "Params",
    "Problem",
    "Record",
    "Truth",
    "UsageError",
    "Verdict",
    "WrongGradientError",
    "__version__",
    "check",
    "check_function",
    "parametrize_with_checks",
    "problem",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gradcheck' has no attribute {name!r}")
    return getattr(import_module(f"gradcheck.{_HOMES[name]}"), name)


class _Package(ModuleType):
    """Lets what ``problem.py`` holds never stand in for the public function ``problem``."""

    @property
    def problem(self) -> Any:
        return import_module("gradcheck.sampling").problem

    @problem.setter
    def problem(self, module: ModuleType) -> None:
        """Leave it: importing the module sets it."""


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return __all__
