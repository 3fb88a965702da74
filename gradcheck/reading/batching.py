"""Is code written for a batch, or for one sample a call? Read from its source alone.

Whether a backward *runs* on a batch does not say whether it is meant to: one that sums over
the wrong axis fails there, and is right for a single sample as few others are. So it is
what the file itself does that counts. Code that divides by the number of samples or sums
over an axis handles a batch; code whose own loop hands it a sample at a time does not.

Code that takes the number of classes from the labels of a batch: ``Y.max() + 1``.

It is right for batches in which the last class occurs, as in a whole training set, and
says nothing of others. So it is asked those. No batch is lost by it: where the last class
is missing, it changes places with one that is there, in the targets and in the last layer,
and the gradient is changed back. That is the same problem with its outputs in another order.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats, Pair
from gradcheck.contract.problem import PosedNetwork as Network
from gradcheck.reading.foreign_call import classes, functions, methods
from gradcheck.reading.names import plain, plays

#: What names of functions hold that take part in forming a gradient, or a loss.
_WORKS = ("back", "grad", "nabla", "train", "fit", "update", "learn", "step", "loss", "cost")

#: Functions that sum over the units of a sample, too.
_WITHIN_A_SAMPLE = ("softmax", "normal", "standard", "accuracy", "predict")

_COUNT = re.compile(r"(num|n)(samples|examples)|batchsize|minibatchsize|samplesize|bs|nbatch")


def handles_batches(code: Any) -> bool:
    """Whether the functions of a module are written for several samples a call."""
    written = dict(bodies(code))
    working = {name for name in written if any(part in plain(name) for part in _WORKS)}
    if any(_one_a_call(body, working) for body in written.values()):
        return False
    reached, ahead = set(working), list(working)
    while ahead:
        for name in _called(written[ahead.pop()]) & set(written) - reached:
            reached.add(name)
            ahead.append(name)
    kept = (n for n in reached if not any(part in plain(n) for part in _WITHIN_A_SAMPLE))
    return any(_over_samples(written[name]) for name in kept)


def bodies(code: Any) -> Iterator[tuple[str, ast.AST]]:
    """Yield the functions and methods of a module, as far as their source is to be had."""
    helpers = getattr(code, "__gradcheck_helpers__", {})
    made: dict[str, Any] = {n: f for n, f in helpers.items() if not isinstance(f, type)}
    made |= functions(code)
    helping = (helper for helper in helpers.values() if isinstance(helper, type))
    for cls in (*helping, *classes(code).values()):
        made |= methods(cls)
    for name, function in made.items():
        if isinstance(function, FunctionType):
            try:
                yield name, ast.parse(textwrap.dedent(inspect.getsource(function.__code__)))
            except Exception:  # no source to be had
                continue
    loop = getattr(code, "__gradcheck_loop__", None)
    if isinstance(loop, ast.AST):
        yield "training loop", loop


def _called(body: ast.AST) -> set[str]:
    return {_name(node) for node in ast.walk(body) if isinstance(node, ast.Call)}


def _name(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _data(names: set[str]) -> bool:
    return any(plays(name, "x") or plays(name, "y") for name in names)


def _one_a_call(body: ast.AST, working: set[str]) -> bool:
    """Whether a loop hands samples to a working function one by one: inputs and targets."""
    for loop in ast.walk(body):
        if not isinstance(loop, ast.For) or _of_batches(loop):
            continue
        targets = _names(loop.target)
        counter = isinstance(loop.target, ast.Name)
        for call in ast.walk(loop):
            if isinstance(call, ast.Call) and _name(call) in working:
                given = [_sample(argument, targets, counter) for argument in call.args]
                told = set().union(*given, _names(loop.iter))
                if sum(map(bool, given)) >= 2 and _data(told):
                    return True
    return False


def _of_batches(loop: ast.For) -> bool:
    several = ("batches", "loader", "iterate")
    return "batch" in plain(ast.unparse(loop.target)) or any(
        word in plain(ast.unparse(loop.iter)) for word in several
    )


def _sample(argument: ast.expr, targets: set[str], counter: bool) -> set[str]:
    """Name the data of which an argument is what a loop is at: ``x.reshape(-1, 1)``, ``X[i]``."""
    found = set()
    for node in ast.walk(argument):
        if isinstance(node, ast.Subscript) and counter:
            cut = any(isinstance(inner, ast.Slice) for inner in ast.walk(node.slice))
            first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
            if _names(first) & targets and (not cut or isinstance(first, ast.Name)):
                found |= _names(node.value)
        elif isinstance(node, ast.Name) and node.id in targets and not counter:
            found.add(node.id)
    return found


def _over_samples(body: ast.AST) -> bool:
    """Whether something is divided by the number of samples, or summed over an axis."""
    counts = {
        target.id
        for node in ast.walk(body)
        if isinstance(node, ast.Assign) and _is_count(node.value, set())
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(body):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            if _is_count(node.right, counts):
                return True
        elif isinstance(node, ast.Call) and _name(node) in ("sum", "mean", "average"):
            axis = any(keyword.arg == "axis" for keyword in node.keywords)
            method = isinstance(node.func, ast.Attribute) and not _is_numpy(node.func.value)
            positional = len(node.args) > (0 if method else 1)
            if (axis or positional) and "exp" not in ast.unparse(node):
                return True
    return False


def _is_numpy(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "numpy", "jnp")


def _is_count(node: ast.expr, known: set[str]) -> bool:
    """Whether an expression holds the number of samples: ``m``, ``len(X)``, ``X.shape[1]``."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            if inner.id in known or _COUNT.fullmatch(plain(inner.id)) or inner.id in ("m", "N"):
                return True
        elif isinstance(inner, ast.Subscript) and ast.unparse(inner.value).endswith(".shape"):
            return True
        elif isinstance(inner, ast.Call) and _name(inner) == "len":
            argument = inner.args[0] if inner.args else None
            if isinstance(argument, ast.Name) and (
                plays(argument.id, "x") or plays(argument.id, "y")
            ):
                return True
    return False


def counts_classes(module: Any) -> bool:
    """Whether functions of a module add one to a largest label."""
    return any(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Add)
        and any(isinstance(s, ast.Constant) and s.value == 1 for s in (node.left, node.right))
        and any(_largest(side) for side in (node.left, node.right))
        for _, body in bodies(module)
        for node in ast.walk(body)
    )


def _largest(node: ast.expr) -> bool:
    """``Y.max()``, ``np.max(Y)``, ``max(Y)``, and ``int`` of it; not along an axis."""
    if not isinstance(node, ast.Call) or node.keywords or len(node.args) > 1:
        return False
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name == "int" and node.args:
        return _largest(node.args[0])
    return name in ("max", "amax")


class WithLastClass:
    """An implementation that is asked batches in which the last class occurs."""

    def __init__(self, code: Any) -> None:
        self.code = code
        if hasattr(code, "step"):
            self.step = self._step

    def __getattr__(self, name: str) -> Any:
        return getattr(self.code, name)

    def loss_and_grads(
        self, network: Network, params: Sequence[Pair], batch: Any
    ) -> tuple[Any, list[Pair]]:
        """Ask with the classes in an order in which the last one occurs."""
        order = _order(batch.y)
        loss, grads = self.code.loss_and_grads(network, _in(order, params), _batch(order, batch))
        return loss, _in(order, grads)

    def _step(self, network: Network, params: Sequence[Pair], batch: Any, rate: float) -> Any:
        order = _order(batch.y)
        return _in(order, self.code.step(network, _in(order, params), _batch(order, batch), rate))


def _order(y: Floats) -> list[int]:
    """Return an order of the outputs, its own inverse: the last and one that occurs change."""
    order = list(range(y.shape[1]))
    if not y[:, -1].any():
        present = int(np.argmax(y[0]))
        order[present], order[-1] = order[-1], order[present]
    return order


def _in(order: list[int], pairs: Sequence[Pair]) -> list[Pair]:
    *before, (w, b) = pairs
    return [*before, (np.asarray(w)[:, order], np.asarray(b)[order])]


def _batch(order: list[int], batch: Any) -> Any:
    return SimpleNamespace(x=batch.x, y=batch.y[:, order])
