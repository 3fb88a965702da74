"""gradcheck: is a hand-written backprop right, wrong, or can nobody tell?

    >>> import gradcheck
    >>> record = gradcheck.check("student.py")
    >>> record.verdict

Importing this loads nothing heavy: names are fetched when they are used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gradcheck.contract.version import __version__

if TYPE_CHECKING:
    from gradcheck.comparison.verdict import Finding, Verdict
    from gradcheck.contract.protocol import Implementation
    from gradcheck.errors import (
        GradcheckError,
        InternalError,
        LoadError,
        UsageError,
        WrongGradientError,
    )
    from gradcheck.functions.check_function import check_function
    from gradcheck.functions.tensors import FunctionCheck
    from gradcheck.networks.fast_estimate import Truth
    from gradcheck.networks.network import Network
    from gradcheck.networks.problem import Batch, Params, Problem
    from gradcheck.networks.sampling import problem
    from gradcheck.oracle import Estimate
    from gradcheck.records.record import Record
    from gradcheck.run.api import check
    from gradcheck.testing import parametrize_with_checks

_HOMES = {
    "Batch": "networks.problem",
    "Estimate": "oracle.estimate",
    "Finding": "comparison.verdict",
    "FunctionCheck": "functions.tensors",
    "GradcheckError": "errors",
    "Implementation": "contract.protocol",
    "InternalError": "errors",
    "LoadError": "errors",
    "Network": "networks.network",
    "Params": "networks.problem",
    "Problem": "networks.problem",
    "Record": "records.record",
    "Truth": "networks.fast_estimate",
    "UsageError": "errors",
    "Verdict": "comparison.verdict",
    "WrongGradientError": "errors",
    "check": "run.api",
    "check_function": "functions.check_function",
    "parametrize_with_checks": "testing",
    "problem": "networks.sampling",
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


def __dir__() -> list[str]:
    return __all__
