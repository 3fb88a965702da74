"""What the source of code says by itself: whether it is for batches, and by which rate it steps.

Whether a backward *runs* on a batch does not say whether it is meant to: one that sums over
the wrong axis fails there, and is right for a single sample as few others are. So it is
what the file itself does that counts. Code that divides by the number of samples or sums
over an axis handles a batch; code whose own loop hands it a sample at a time does not.

A rate that cannot be set may be any number, so it is taken from the source, never from a list:
what is multiplied where parameters are changed, or where nothing is, what is multiplied on the
way there. Which of them it is, or whether there is none, numbers decide.

Of a rate that can be set, code may use a part: ``lr *= decay``, or ``lr / (1 + decay * t)``, before
a step, which then shows the gradient times that share. Where code keeps what it made of its rate,
or forms it of numbers that it keeps, the share is seen where its functions return and where a
round of their loops ends. Whether it is used, or is for the next step, numbers decide. A plain
factor beside the gradient (``2 * lr * dW``) is none: it is kept nowhere. A rate that shrinks at
each sample or batch falls within what is run to see it. The first step is the one that is asked
for, so what is left of the rate first is what counts.
"""

import ast
import inspect
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from types import CodeType, FrameType, FunctionType
from typing import Any

import numpy as np

from gradcheck.reading.foreign_call import (
    UnsuitedError,
    attempt,
    classes,
    functions,
    is_loss,
    methods,
    plain,
    plays,
)

#: What names of functions hold that take part in forming a gradient, or a loss.
_WORKS = ("back", "grad", "nabla", "train", "fit", "update", "learn", "step", "loss", "cost")

#: Functions that sum over the units of a sample, too.
_WITHIN_A_SAMPLE = ("softmax", "normal", "standard", "accuracy", "predict")

_COUNT = re.compile(r"(num|n)(samples|examples)|batchsize|minibatchsize|samplesize|bs|nbatch")


@lru_cache(maxsize=512)
def _parsed(code: CodeType) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(code)))
    except Exception:  # no source to be had
        return None


def tree_of(function: Any) -> ast.AST | None:
    """Return the source of a function or method as a tree; None where there is none to be had."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return _parsed(code) if isinstance(code, CodeType) else None


def _written(code: Any) -> Iterator[tuple[str, ast.AST]]:
    """Yield the functions and methods of a module, as far as their source is to be had."""
    helpers = getattr(code, "__gradcheck_helpers__", {})
    kinds = [each for each in helpers.values() if isinstance(each, type)]
    made = [(name, each) for name, each in helpers.items() if not isinstance(each, type)]
    made += functions(code).items()
    for cls in (*kinds, *classes(code).values()):
        made += methods(cls).items()
    for name, function in made:
        tree = tree_of(function) if isinstance(function, FunctionType) else None
        if tree is not None:
            yield name, tree
    loop = getattr(code, "__gradcheck_loop__", None)
    if isinstance(loop, ast.AST):
        yield "training loop", loop


def bodies(code: Any) -> dict[str, ast.AST]:
    """Return the functions and methods of a module by name, and its training loop."""
    return dict(_written(code))


def _called_by(call: ast.Call) -> str:
    """Return the last name of what is called."""
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _calls_in(body: ast.AST) -> set[str]:
    """Return the names of what is called."""
    return {_called_by(node) for node in ast.walk(body) if isinstance(node, ast.Call)}


def called_in(module: Any) -> set[str]:
    """Name what the functions and methods of a module call, and its training loop."""
    return {name for own, body in _written(module) for name in _calls_in(body) - {own}}


def handles_batches(code: Any) -> bool:
    """Whether the functions of a module are written for several samples a call."""
    written = bodies(code)
    working = {name for name in written if any(part in plain(name) for part in _WORKS)}
    if any(_one_a_call(body, working) for body in written.values()):
        return False
    reached, ahead = set(working), set(working)
    while ahead:
        ahead |= _calls_in(written[ahead.pop()]) & set(written) - reached
        reached |= ahead
    kept = (n for n in reached if not any(part in plain(n) for part in _WITHIN_A_SAMPLE))
    return any(_over_samples(written[name]) for name in kept)


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _data(names: Iterable[str]) -> bool:
    return any(plays(name, role) for name in names for role in ("x", "y"))


def _one_a_call(body: ast.AST, working: set[str]) -> bool:
    """Whether a loop hands samples to a working function one by one: inputs and targets."""
    for loop in ast.walk(body):
        if not isinstance(loop, ast.For) or _of_batches(loop):
            continue
        targets = _names(loop.target)
        counter = isinstance(loop.target, ast.Name)
        for call in ast.walk(loop):
            if isinstance(call, ast.Call) and _called_by(call) in working:
                given = [_sample(argument, targets, counter) for argument in call.args]
                told = set().union(*given, _names(loop.iter))
                if sum(map(bool, given)) >= 2 and _data(told):
                    return True
    return False


def _of_batches(loop: ast.For) -> bool:
    items = plain(ast.unparse(loop.iter))
    several = any(word in items for word in ("batches", "loader", "iterate"))
    return several or "batch" in plain(ast.unparse(loop.target))


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
        elif isinstance(node, ast.Call) and _called_by(node) in ("sum", "mean", "average"):
            axis = any(keyword.arg == "axis" for keyword in node.keywords)
            owner = getattr(node.func, "value", None)
            method = owner is not None and getattr(owner, "id", "") not in ("np", "numpy", "jnp")
            positional = len(node.args) > (0 if method else 1)
            if (axis or positional) and "exp" not in ast.unparse(node):
                return True
    return False


def _is_count(node: ast.expr, known: set[str]) -> bool:
    """Whether an expression holds the number of samples: ``m``, ``len(X)``, ``X.shape[1]``."""
    return any(_counts(inner, known) for inner in ast.walk(node))


def _counts(node: ast.AST, known: set[str]) -> bool:
    if isinstance(node, ast.Name):
        counted = _COUNT.fullmatch(plain(node.id)) is not None
        return counted or node.id in known or node.id in ("m", "N")
    if isinstance(node, ast.Subscript):
        return ast.unparse(node.value).endswith(".shape")
    of = node.args[:1] if isinstance(node, ast.Call) and _called_by(node) == "len" else []
    return _data(getattr(argument, "id", "") for argument in of)


def counts_classes(module: Any) -> bool:
    """Whether functions of a module add one to a largest label."""
    return any(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Add)
        and any(isinstance(s, ast.Constant) and s.value == 1 for s in (node.left, node.right))
        and any(_largest(side) for side in (node.left, node.right))
        for body in bodies(module).values()
        for node in ast.walk(body)
    )


def _largest(node: ast.expr) -> bool:
    """``Y.max()``, ``np.max(Y)``, ``max(Y)``, and ``int`` of it; not along an axis."""
    if not isinstance(node, ast.Call) or node.keywords or len(node.args) > 1:
        return False
    name = _called_by(node)
    if name == "int" and node.args:
        return _largest(node.args[0])
    return name in ("max", "amax")


#: No more are tried: each is a reading of its own.
_MOST_RATES = 6


def built_in(module: Any) -> tuple[float, ...]:
    """Return the rates that a module may have built in, the likeliest first."""
    values = {k: v for k, v in vars(module).items() if _is_number(v)}
    changing: list[float] = []
    before: list[float] = []
    for body in bodies(module).values():
        known = values | _defaults(body)
        for statement in ast.walk(body):
            if isinstance(statement, ast.AugAssign):
                changes = isinstance(statement.op, ast.Add | ast.Sub)
            elif isinstance(statement, ast.Assign):
                if any(is_loss(name) for target in statement.targets for name in _names(target)):
                    continue
                changes = _changes(statement)
            else:
                continue
            (changing if changes else before).extend(_factors(statement.value, known))
    rates = (*changing, 1.0) if changing else (1.0, *before)
    return tuple(dict.fromkeys(rates))[:_MOST_RATES]


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


#: The rates at which code is watched, and how equal its shares of them are.
_RATES, _SAME_SHARE = (1.0, 0.25), 1e-12

#: No more are tried: each is a reading of its own.
_MOST_SHARES = 3

#: After so many looks at a function, how its shares go is known.
_LOOKS = 64

#: What arithmetic of names is made of: nothing of the code's own is called by it.
_ARITHMETIC = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.UnaryOp, ast.BinOp, ast.expr_context),
    *(ast.USub, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow),
)


def shares(module: Any, step: Callable[[float], Any]) -> tuple[float | None, ...]:
    """Return which shares of its rate a module may use in a step, all first; None where sure."""
    wanted: dict[str, list[ast.expr]] = {}
    for name, body in bodies(module).items():
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
        if place in two and abs(share - two[place]) <= _SAME_SHARE * share
    )
    less = tuple(dict.fromkeys(both))[:_MOST_SHARES]
    return (1.0, *less) if less else (None,)


def _made_of_a_rate(body: ast.AST) -> Iterator[ast.expr]:
    """Yield names that are bound to something made of a rate, and products of one with a name."""
    whole = set()
    for node in ast.walk(body):
        if isinstance(node, ast.AugAssign) and _is_rate(node.target):
            yield node.target
        elif isinstance(node, ast.Assign) and any(map(_is_rate, ast.walk(node.value))):
            whole.add(node.value)
            yield from (t for t in node.targets if isinstance(t, ast.Name | ast.Attribute))
    for node in ast.walk(body):
        if isinstance(node, ast.BinOp) and node not in whole:
            leaves = [n for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)]
            rates = [n for n in leaves if _is_rate(n)]
            owners = [n.value for n in leaves if isinstance(n, ast.Attribute)]
            if rates and len(leaves) > len(rates) + len(owners):
                yield node


def _is_rate(node: ast.AST) -> bool:
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
    firsts = {}
    for place, values in seen.items():
        less = [value for value in values if 0.0 < value < 1.0 - _SAME_SHARE]
        if less and values == sorted(values, reverse=True):  # a rate does not grow by itself
            firsts[place] = less[0]
    return firsts


def _value(node: ast.expr, names: dict[str, Any]) -> float | None:
    """Return the number that arithmetic of names gives; None where it gives none."""
    if not all(isinstance(inner, _ARITHMETIC) for inner in ast.walk(node)):
        return None
    try:
        value = np.asarray(eval(ast.unparse(node), {"__builtins__": {}}, names))
        return float(value.reshape(())) if value.dtype.kind in "iuf" else None
    except Exception:  # whatever the code's own objects raise
        return None
