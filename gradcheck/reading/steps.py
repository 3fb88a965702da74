"""Code that takes steps: the gradient that a step follows, and the rate that may be built in.

From a step to its gradient: ``(before - after) / rate``. Forming the difference costs digits. So
the rate is huge where it can be chosen, and the weight's own digits vanish beside the change.
Code that changes weights before it is done reading them takes a step that is no multiple of its
rate: then the gradient is what is left as the rate goes to zero, and the rest shows in the check
of the step. A rate that is built in cannot be chosen; then parameters are given in extended
precision.

Any number may be a built-in rate, so it is taken from the source, never from a list: what is
multiplied where parameters are changed, or where nothing is, what is multiplied on the way
there. Which of them it is, or whether there is none, numbers decide.
"""

import ast
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats, Pair
from gradcheck.contract.problem import PosedNetwork as Network
from gradcheck.reading.batching import bodies
from gradcheck.reading.layout import Layout, from_own, stepped, to_own
from gradcheck.reading.names import is_loss

#: ``step(pairs, rate) -> pairs after``.
Step = Callable[[list[Any], float], list[Any]]

#: Two rates, powers of two, so that scaling rounds nothing.
HUGE = (2.0**30, 2.0**31)

#: Changes that agree to this part are the same multiple of the rate.
SAME = 1e-9


def extended(array: Floats) -> Any:
    """Return an array in extended precision, where the machine has it."""
    return array.astype(np.longdouble)


def flat(pairs: list[Any]) -> Any:
    """Return all numbers of some pairs in a row."""
    return np.concatenate([np.asarray(a).ravel() for pair in pairs for a in pair])


def shaped(values: Any, like: list[Pair]) -> list[Pair]:
    """Cut a row of numbers into pairs again."""
    pairs, start = [], 0
    for pair in like:
        parts = []
        for array in pair:
            part = values[start : start + array.size]
            parts.append(np.asarray(part, dtype=np.float64).reshape(array.shape))
            start += array.size
        pairs.append((parts[0], parts[1]))
    return pairs


def gradient(step: Step, pairs: list[Pair], rate: float | None, depth: int) -> list[Pair]:
    """Return the gradient that a step follows.

    Parameters
    ----------
    rate : float or None
        The rate that is built in; None when it can be chosen.
    depth : int
        Layers: the implied gradient of a step that reads changed weights is a polynomial in
        the rate, of degree ``2**(depth - 1) - 1``.
    """
    if rate is not None:
        return shaped(_change(step, pairs, rate, wide=True) / rate, pairs)
    one, two = (_change(step, pairs, r) / r for r in HUGE)
    parts, start = [], 0
    several = None
    for array in (array for pair in pairs for array in pair):
        cut = slice(start, start + array.size)
        start += array.size
        # what the difference of two parameters cannot show
        hidden = 4.0 * np.finfo(float).eps * float(np.abs(array).max(initial=0.0)) / HUGE[0]
        if _same(one[cut], two[cut], hidden):
            parts.append(two[cut])
            continue
        if several is None:
            several = _at_small_rates(step, pairs, depth)
        whole, half, polynomial = (values[cut] for values in several)
        power = any(_same(whole, half * factor) for factor in (1.0, 4.0))
        parts.append(whole if power else polynomial)
    return shaped(np.concatenate(parts), pairs)


def _same(one: Any, two: Any, hidden: float = 0.0) -> bool:
    finite = np.isfinite(one).all() and np.isfinite(two).all()
    allowed = SAME * max(np.abs(one).max(), 1e-300) + hidden
    return bool(finite and np.abs(one - two).max() <= allowed)


def _change(step: Step, pairs: list[Pair], rate: float, wide: bool = False) -> Any:
    given = [(extended(w), extended(b)) for w, b in pairs] if wide else pairs
    before = flat(given)
    after = flat(step([(w.copy(), b.copy()) for w, b in given], rate))
    return before - after


def _at_small_rates(step: Step, pairs: list[Pair], depth: int) -> tuple[Any, Any, Any]:
    """Return the changes at the rates 1 and 1/2, and what is implied at a rate of zero.

    Where a rate is ignored or squared, the change at a rate of 1 is the gradient.
    """
    count = min(2 ** (depth - 1), 8) if depth > 1 else 2
    rates = np.cos((2 * np.arange(count, dtype=np.longdouble) + 1) * np.pi / (2 * count))
    limit = np.zeros_like(extended(flat(pairs)))
    for rate in rates:
        others = rates[rates != rate]
        share = np.prod(others / (others - rate))
        limit = limit + share * _change(step, pairs, float(rate), wide=True) / float(rate)
    changes = (_change(step, pairs, rate, wide=True) for rate in (1.0, 0.5))
    return (*changes, limit)


class Stepping:
    """Code that takes steps, read as an implementation.

    Attributes
    ----------
    layout : Layout
    built_in : float or None
        Its learning rate; None where that can be set. Only then has it a ``step``.
    share : float
        How much of a rate that is set it uses.
    """

    def __init__(self, layout: Layout, built_in: float | None, share: float | None = None) -> None:
        self.layout, self.built_in, self.share = layout, built_in, share or 1.0
        if built_in is None:
            self.step = self._step

    def after(self, own: list[Any], x: Floats, y: Floats, rate: float) -> list[Any]:
        """Return the code's own parameters after a step from given ones."""
        raise NotImplementedError

    def loss_of(self, own: list[Any], x: Floats, y: Floats) -> Any:
        """Return the code's own loss; NaN where it has none."""
        raise NotImplementedError

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: Any
    ) -> tuple[Any, list[Pair]]:
        """Take steps at several rates, and see where they lead."""
        own, x = self._own(network, params, batch.x)
        loss = self.loss_of(own, x, batch.y)

        def step(pairs: list[Any], rate: float) -> list[Any]:
            return self.after(pairs, x, batch.y, rate / self.share)

        grads = gradient(step, own, self.built_in, len(own))
        return loss, from_own(self.layout, network, grads)

    def _step(self, network: Network, params: list[Pair], batch: Any, rate: float) -> list[Pair]:
        own, x = self._own(network, params, batch.x)
        after = self.after(own, x, batch.y, rate / self.share)
        return stepped(self.layout, network, params, own, after, rate)

    def _own(self, network: Network, params: list[Pair], x: Floats) -> tuple[list[Pair], Floats]:
        if network.l2:
            raise NotImplementedError("no weight penalty")
        return to_own(self.layout, network, params, x)


#: No more are tried: each is a reading of its own.
MOST_RATES = 6


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
    return tuple(dict.fromkeys(rates))[:MOST_RATES]


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
            number = _literal(side, known)
            if number is not None:
                yield 1.0 / number if isinstance(node.op, ast.Div) else number


def _literal(side: ast.expr, known: dict[str, Any]) -> float | None:
    if isinstance(side, ast.UnaryOp) and isinstance(side.op, ast.USub):
        side = side.operand
    value = known.get(side.id) if isinstance(side, ast.Name) else getattr(side, "value", None)
    return abs(float(value)) if _is_number(value) and value != 2 else None  # type: ignore[arg-type]
