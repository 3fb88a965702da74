"""How much of its rate code uses: ``lr *= decay``, or ``lr / (1 + decay * t)``, before a step.

A step then shows the gradient times that share. Where code keeps what it made of its rate, or
forms it of numbers that it keeps, the share is seen where its functions return and where a
round of their loops ends. Whether it is used, or is for the next step, numbers decide. A plain
factor beside the gradient (``2 * lr * dW``) is none: it is kept nowhere.

A rate that shrinks at each sample or batch falls within what is run to see it. The first step
is the one that is asked for, so what is left of the rate first is what counts.
"""

import ast
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np

from gradcheck.reading.foreign_call import UnsuitedError, attempt
from gradcheck.reading.names import plays
from gradcheck.reading.source import bodies

#: The rates at which code is watched, and how equal its shares of them are.
_RATES, _SAME = (1.0, 0.25), 1e-12

#: No more are tried: each is a reading of its own.
_MOST = 3

#: After so many looks at a function, how its shares go is known.
_LOOKS = 64

_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}


def shares(module: Any, step: Callable[[float], Any]) -> tuple[float | None, ...]:
    """Return which shares of its rate a module may use, all of it first; None where that is sure.

    Parameters
    ----------
    module : module
    step : callable
        Takes a step at a given rate.
    """
    wanted: dict[str, list[ast.expr]] = {}
    for name, body in bodies(module):
        scopes = [node for node in ast.walk(body) if isinstance(node, ast.FunctionDef)]
        if name == "training loop":
            wanted.setdefault("<module>", []).extend(_made_of_a_rate(body))
        for scope in scopes:
            wanted.setdefault(scope.name, []).extend(_made_of_a_rate(scope))
    if not any(wanted.values()):
        return (None,)
    try:
        one, two = (_seen(wanted, step, rate) for rate in _RATES)
    except UnsuitedError:
        return (None,)
    both = (
        share
        for place, share in one.items()
        if place in two and abs(share - two[place]) <= _SAME * share
    )
    less = tuple(dict.fromkeys(both))[:_MOST]
    return (1.0, *less) if less else (None,)


def _made_of_a_rate(body: ast.AST) -> Iterator[ast.expr]:
    """Yield names that are bound to something made of a rate, and products of one with a name."""
    whole = set()
    for node in ast.walk(body):
        if isinstance(node, ast.AugAssign) and _rate(node.target):
            yield node.target
        elif isinstance(node, ast.Assign) and any(map(_rate, ast.walk(node.value))):
            whole.add(node.value)
            yield from (t for t in node.targets if isinstance(t, ast.Name | ast.Attribute))
    for node in ast.walk(body):
        if isinstance(node, ast.BinOp) and node not in whole:
            leaves = [n for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)]
            rates = [n for n in leaves if _rate(n)]
            owners = [n.value for n in leaves if isinstance(n, ast.Attribute)]
            if rates and len(leaves) > len(rates) + len(owners):
                yield node


def _rate(node: ast.AST) -> bool:
    name = getattr(node, "id", getattr(node, "attr", None))
    return isinstance(name, str) and plays(name, "rate")


def _seen(
    wanted: dict[str, list[ast.expr]], step: Callable[[float], Any], rate: float
) -> dict[str, float]:
    """Return the first share of the rate that each expression is, where it never rises."""
    seen: dict[str, list[float]] = {}
    looks: Counter[str] = Counter()

    def look(frame: FrameType) -> dict[str, float]:
        names = {**frame.f_globals, **frame.f_locals}
        function = frame.f_code.co_name
        values = ((ast.unparse(node), _value(node, names)) for node in wanted[function])
        return {f"{function}: {text}": value for text, value in values if value is not None}

    def called(frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        function = frame.f_code.co_name
        if function not in wanted or looks[function] >= _LOOKS:
            return None
        before, line = look(frame), 0  # what earlier runs left

        def within(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
            nonlocal line
            round_ends = event == "line" and frame.f_lineno <= line
            line = frame.f_lineno
            if (round_ends or event == "return") and looks[function] < _LOOKS:
                looks[function] += 1
                for place, value in look(frame).items():
                    if event == "return" or value != before.get(place):
                        seen.setdefault(place, []).append(value / rate)
            return within

        return within

    before = sys.gettrace()
    sys.settrace(called)
    try:
        attempt(lambda: step(rate))
    finally:
        sys.settrace(before)
    firsts = ((place, _first(values)) for place, values in seen.items() if _falls(values))
    return {place: share for place, share in firsts if share is not None}


def _falls(values: list[float]) -> bool:
    return all(later <= earlier for earlier, later in itertools.pairwise(values))


def _first(values: list[float]) -> float | None:
    """Return the first share that is less than all: a rate does not grow by itself."""
    return next((value for value in values if 0.0 < value < 1.0 - _SAME), None)


def _value(node: ast.expr, names: dict[str, Any]) -> float | None:
    """Return the number that arithmetic of names gives; None where it gives none."""
    try:
        value = np.asarray(_evaluated(node, names))
        return float(value.reshape(())) if value.dtype.kind in "iuf" else None
    except Exception:  # whatever the code's own objects raise
        return None


def _evaluated(node: ast.expr, names: dict[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.Attribute):
        return getattr(_evaluated(node.value, names), node.attr)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluated(node.operand, names)
    if isinstance(node, ast.BinOp):
        sides = (_evaluated(side, names) for side in (node.left, node.right))
        return _ARITHMETIC[type(node.op)](*sides)
    raise KeyError(ast.unparse(node))
