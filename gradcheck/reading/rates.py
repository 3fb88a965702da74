"""Which learning rate may be built in: the numbers that the code itself multiplies by.

What trains in place with a rate that cannot be set shows its gradient times that rate. Any
number may stand there, so it is taken from the source, never from a list: what is
multiplied where parameters are changed, or where nothing is, what is multiplied on the way
there. Which of them it is, or whether there is none, numbers decide.
"""

import ast
from collections.abc import Iterator
from typing import Any

from gradcheck.reading.batching import bodies
from gradcheck.reading.names import is_loss

#: No more are tried: each is a reading of its own.
MOST = 6


def built_in(module: Any) -> tuple[float, ...]:
    """Return the rates that a module may have built in, the likeliest first."""
    values = {k: v for k, v in vars(module).items() if _is_number(v)}
    changing: list[float] = []
    before: list[float] = []
    for _, body in bodies(module):
        known = values | _defaults(body)
        for statement in ast.walk(body):
            if isinstance(statement, ast.AugAssign):
                changes = isinstance(statement.op, ast.Add | ast.Sub)
                (changing if changes else before).extend(_factors(statement.value, known))
            elif isinstance(statement, ast.Assign) and not _a_loss(statement):
                changes = _changes(statement)
                (changing if changes else before).extend(_factors(statement.value, known))
    rates = (*changing, 1.0) if changing else (1.0, *before)
    return tuple(dict.fromkeys(rates))[:MOST]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < abs(value) <= 100


def _defaults(body: ast.AST) -> dict[str, float]:
    """What arguments of functions are where they are not given."""
    found: dict[str, float] = {}
    for node in ast.walk(body):
        if isinstance(node, ast.FunctionDef):
            places = [*node.args.posonlyargs, *node.args.args][-len(node.args.defaults) or None :]
            for place, value in zip(places, node.args.defaults, strict=False):
                if isinstance(value, ast.Constant) and _is_number(value.value):
                    found[place.arg] = float(value.value)  # type: ignore[arg-type]
    return found


def _a_loss(statement: ast.Assign) -> bool:
    names = [n for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    return any(is_loss(name.id) for name in names)


def _changes(statement: ast.Assign) -> bool:
    """Whether what is assigned is what was there, and something added: ``W = W - ...``."""
    value = statement.value
    if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Add | ast.Sub):
        return False
    return ast.unparse(value.left) in {ast.unparse(target) for target in statement.targets}


def _factors(value: ast.expr, known: dict[str, Any]) -> Iterator[float]:
    """The numbers that something is multiplied by, or divided by."""
    for node in ast.walk(value):
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult | ast.Div):
            continue
        sides = (node.left, node.right) if isinstance(node.op, ast.Mult) else (node.right,)
        for side in sides:
            number = _number(side, known)
            if number is not None:
                yield 1.0 / number if isinstance(node.op, ast.Div) else number


def _number(side: ast.expr, known: dict[str, Any]) -> float | None:
    if isinstance(side, ast.UnaryOp) and isinstance(side.op, ast.USub):
        side = side.operand
    value = known.get(side.id) if isinstance(side, ast.Name) else getattr(side, "value", None)
    return abs(float(value)) if _is_number(value) and value != 2 else None  # type: ignore[arg-type]
