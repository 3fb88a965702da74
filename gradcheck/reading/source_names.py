"""What code calls things, read from its source: only what is certain.

Weights are known by the adapter. The first product of a layer's weights is its forward:
what it is multiplied by are the inputs of the layer, what it is assigned to with the bias
is z. A product of those inputs and one more name is the gradient of the weights, and
that name the delta. Loops with running indices, names that stand for two things and
whatever is not written so are passed over.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeGuard

from gradcheck.contract.conventions import OwnNames
from gradcheck.reading.foreign_call import numbered, plain, plays
from gradcheck.reading.layout import Layout
from gradcheck.reading.source import tree_of

#: ``layer(text)`` is the layer whose weights an expression is, from 1; None for any other.
LayerOf = Callable[[str], int | None]

#: By where weights stand in the product of a forward, and whether transposed: its samples.
_SIDES = {
    ("out x in", "left", False): "columns",
    ("out x in", "right", True): "rows",
    ("in x out", "right", False): "rows",
    ("in x out", "left", True): "columns",
}

#: The sides of the inputs in a gradient of weights, and which factor is transposed.
_GRADIENTS = {
    ("in x out", "rows"): ("left", (True, False)),
    ("out x in", "rows"): ("right", (True, False)),
    ("in x out", "columns"): ("left", (False, True)),
    ("out x in", "columns"): ("right", (False, True)),
}

#: In the name of every function that is an activation; an exponential alone is none.
_ACTIVATION = re.compile(r"sigm|tanh|relu|softmax|maximum|activ|elu|softplus|logistic|expit|nonlin")

_STEMS = frozenset(("w", "theta", "weights", "weight"))


def by_number(text: str) -> int | None:
    """Return the layer of weights that are known by their number: W1, theta2, ``p["W1"]``."""
    split = numbered(_last(text))
    return split[1] if split and plain(split[0]) in _STEMS and split[1] > 0 else None


def by_place(names: tuple[str, ...]) -> LayerOf:
    """Return how weights are known that stand in attributes, keys or items, a name a layer."""

    def layer(text: str) -> int | None:
        found = [i for i, name in enumerate(names, start=1) if name in (text, _last(text))]
        return found[0] if len(found) == 1 else None

    return layer


def _last(text: str) -> str:
    """The last name in an expression: ``W1`` of ``self.params['W1']``."""
    if text.endswith("']"):
        return text[:-2].rpartition("['")[2]
    return text.rpartition(".")[2]


def spelled(
    functions: Iterable[Any],
    layer_of: LayerOf,
    layout: Layout,
    form: str = "",
    known: Mapping[str, str] | None = None,
) -> OwnNames:
    """Return names, by quantity and layer, and the form of a bias.

    Functions, or trees, are in the order in which they are called. What is ``known`` is certain
    without the source; of places of biases, a variable that one is put into is the name.
    """
    sources = (each if isinstance(each, ast.AST) else tree_of(each) for each in functions)
    trees = [tree for tree in sources if tree is not None]
    known = dict(known or {})
    kept = {text: key for key, text in known.items() if key[0] == "b"}
    for tree in trees:
        for target, value in _assignments(tree):  # a variable is shorter than its place
            if _text(value) in kept and isinstance(target, ast.Name):
                known[kept[_text(value)]] = target.id
    names: dict[str, str] = {}
    try:
        reader = _Reader(layer_of, layout)
        names = reader.read(trees)
        if form == "row" and not known and not reader.keepdims:
            form = "vector"  # a vector is added to rows as a row is
    except (RecursionError, ValueError):
        pass
    return OwnNames(form, known | names)


def _text(node: ast.AST) -> str:
    """Write an expression that stands for one array wherever it is read; else empty."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name) if name not in ("T", "shape"):
            return f"{_text(value)}.{name}" if _text(value) else ""
        case ast.Subscript(value=value, slice=ast.Constant(value=str() | int() as key)):
            return f"{_text(value)}[{key!r}]" if _text(value) else ""
    return ""


def _turned(node: ast.expr) -> tuple[ast.expr, bool]:
    match node:
        case (
            ast.Attribute(value=value, attr="T")
            | ast.Call(func=ast.Attribute(attr="transpose"), args=[value])
        ):
            return value, True
    return node, False


def _product(node: ast.AST) -> tuple[ast.expr, ast.expr, bool] | None:
    """Return the factors of a product of matrices, and whether it is an outer one."""
    match node:
        case ast.Call(func=ast.Attribute(attr="outer"), args=[left, right]):
            return left, right, True
        case (
            ast.BinOp(left=left, op=ast.MatMult(), right=right)
            | ast.Call(func=ast.Attribute(attr="dot" | "matmul"), args=[left, right])
            | ast.Call(func=ast.Attribute(value=left, attr="dot"), args=[right])
        ):
            return left, right, False
    return None


def _assignments(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what is assigned and to what, in the order of the source."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            pairs = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            if pairs and len(target.elts) == len(value.elts):  # type: ignore[attr-defined]
                yield from zip(target.elts, value.elts, strict=True)  # type: ignore[attr-defined]
            else:
                yield target, value
        elif isinstance(node, ast.stmt | ast.Module):
            yield from _assignments(node)


class _Reader:
    """Reads names from source."""

    def __init__(self, layer_of: LayerOf, layout: Layout) -> None:
        self.layer_of, self.layout = layer_of, layout
        #: With ones among them, inputs are more than the activations below.
        self.inside = layout.bias in ("first", "last")
        self.names: dict[str, str] = {}
        self.inputs: dict[int, str] = {}
        self.samples: dict[int, str] = {}
        self.alias: dict[str, int] = {}
        self.scaled: set[bool] = set()
        self.products: dict[str, int] = {}
        self.keepdims = False

    def read(self, trees: list[ast.AST]) -> dict[str, str]:
        """Return names by quantity and layer."""
        lines = [line for tree in trees for line in _assignments(tree)]
        for tree in trees:
            self._arguments(tree)
        for look in (self._weights, self._forward, self._gradient, self._sum):
            for target, value in lines:
                look(target, value)
        return self._certain()

    def _arguments(self, tree: ast.AST) -> None:
        """Inputs and targets are known by the arguments they are given as."""
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                for argument in node.args.args:
                    for role in ("x", "y"):
                        if plays(argument.arg, role):
                            self._name(role, argument.arg)

    def _layer(self, node: ast.expr) -> int | None:
        text = _text(node)
        return self.alias.get(text) or (self.layer_of(text) if text else None)

    def _weights(self, target: ast.expr, value: ast.expr) -> None:
        """Weights go by the name of a variable that they are put into."""
        layer = self.layer_of(_text(value)) if _text(value) else None
        text = _text(target)
        if text and layer is not None:
            self.alias[text] = layer
            if isinstance(target, ast.Name):
                self.names.setdefault(f"W{layer}", text)

    def _forward(self, target: ast.expr, value: ast.expr) -> None:
        text = _text(target)
        for node in ast.walk(value):
            parts = _product(node)
            if parts is None or parts[2]:
                continue
            for side, mine, other in (("left", *parts[:2]), ("right", parts[1], parts[0])):
                weights, turned = _turned(mine)
                layer = self._layer(weights)
                samples = _SIDES.get((self.layout.weights, side, turned))
                if layer is None or layer in self.samples or samples is None:
                    continue
                self.samples[layer] = samples
                self.inputs[layer] = _text(other)
                self.names.setdefault(f"W{layer}", _text(weights))
                if layer == 1 and _text(other) and not self.inside:
                    self.names["x"] = _text(other)  # as it is used, not as it is given
                elif layer > 1 and _text(other):
                    self._name(f"a{layer - 1}", _text(other) + self._cut(samples))
                if not text:
                    continue
                apart = self.layout.bias == "apart"
                if value is node and apart:
                    self.products[text] = layer  # the bias is added later, or never
                elif _with_bias(value, node):
                    self._name(f"z{layer}", text)
                elif _activates(value) and any(
                    _with_bias(a, node) and not (apart and a is node) for a in value.args
                ):
                    self._name(f"a{layer}", text)
        match value:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub()) if _text(left) in self.products:
                if text:
                    self._name(f"z{self.products[_text(left)]}", text)
        named = [key[1:] for key, name in self.names.items() if key[0] == "z" and text != name]
        loads = {_text(a) for a in value.args} if _activates(value) else set()
        for number in named if text else []:
            if self.names[f"z{number}"] in loads and f"a{number}" not in self.names:
                self._name(f"a{number}", text)

    def _cut(self, samples: str) -> str:
        """Cut the ones out of inputs that have them for the biases in the weights."""
        if not self.inside:
            return ""
        units = "1:" if self.layout.bias == "first" else ":-1"
        return f"[:,{units}]" if samples == "rows" else f"[{units}]"

    def _name(self, quantity: str, text: str) -> None:
        known = self.names.setdefault(quantity, text)
        if known != text:  # one thing under two names: neither is sure
            self.names[quantity] = ""

    def _gradient(self, target: ast.expr, value: ast.expr) -> None:
        layouts = set(self.samples.values())
        text = _text(target)
        if len(layouts) != 1 or not text or self._layer(target) is not None:
            return
        side, turns = _GRADIENTS[self.layout.weights, layouts.pop()]
        for node in ast.walk(value):
            parts = _product(node)
            if parts is None or not _positive(value, node):
                continue
            (left, left_turned), (right, right_turned) = _turned(parts[0]), _turned(parts[1])
            if not parts[2] and (left_turned, right_turned) != turns:
                continue
            inputs, delta = (left, right) if side == "left" else (right, left)
            layers = [layer for layer in self.samples if self.inputs[layer] == _text(inputs) != ""]
            if len(layers) != 1 or not isinstance(delta, ast.Name):
                continue
            self._name(f"dW{layers[0]}", text)
            self._name(f"delta{layers[0]}", delta.id)
            self.scaled.add(_scaled(value, node))

    def _sum(self, target: ast.expr, value: ast.expr) -> None:
        """A sum of a delta is the gradient of the biases."""
        for node in ast.walk(value):
            match node:
                case (
                    ast.Call(func=ast.Attribute(attr="sum"), args=[ast.Name(id=summed), *_])
                    | ast.Call(func=ast.Attribute(value=ast.Name(id=summed), attr="sum"))
                ):
                    pass
                case _:
                    continue
            deltas = {name: k[5:] for k, name in self.names.items() if k[:5] == "delta"}
            if summed in deltas and _text(target) and _positive(value, node):
                self._name(f"db{deltas[summed]}", _text(target))
                self.keepdims = self.keepdims or any(k.arg == "keepdims" for k in node.keywords)

    def _certain(self) -> dict[str, str]:
        """Leave out what stands for two things, and deltas of which some hold the mean.

        Where biases get the sums of deltas, one that no bias gets may be another thing: what
        weights get before the slope is multiplied in.
        """
        twice = Counter(self.names.values())
        sure = {key: name for key, name in self.names.items() if name and twice[name] == 1}
        summed = {key[2:] for key in sure if key[:2] == "db"}
        if summed:
            sure = {k: n for k, n in sure.items() if k[:5] != "delta" or k[5:] in summed}
        if len(self.scaled) != 1:
            sure = {key: name for key, name in sure.items() if not key.startswith("delta")}
        elif self.scaled == {False}:
            sure["mean"] = "delta"
        layouts = set(self.samples.values())
        if layouts == {"columns"} and self.layout.samples == "rows":
            sure["within"] = "columns"
            sure.pop("y", None)  # what is given is turned first
        return sure


def _activates(value: ast.expr) -> TypeGuard[ast.Call]:
    """Whether it is a call of an activation, by its name."""
    return isinstance(value, ast.Call) and _ACTIVATION.search(_text(value.func).lower()) is not None


def _with_bias(value: ast.expr, product: ast.AST) -> bool:
    """Whether a value is a product, or one with something that is no product added."""
    match value:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=other) if left is product:
            return bool(_text(other)) or isinstance(other, ast.Subscript)
        case ast.BinOp(left=other, op=ast.Add(), right=right) if right is product:
            return bool(_text(other)) or isinstance(other, ast.Subscript)
    return value is product


def _path(value: ast.expr, inner: ast.AST) -> list[tuple[ast.AST, ast.AST]] | None:
    """Return the parts of a value around one in it, each with the side it is on."""
    if value is inner:
        return []
    for child in ast.iter_child_nodes(value):
        found = _path(child, inner) if isinstance(child, ast.expr) else None
        if found is not None:
            return [(value, child), *found]
    return None


def _positive(value: ast.expr, inner: ast.AST) -> bool:
    """Whether a part is only scaled and added to: it is not subtracted, nor put through more."""
    for outer, side in _path(value, inner) or []:
        match outer:
            case ast.BinOp(op=ast.Add()):
                continue
            case ast.BinOp(left=left, op=ast.Sub() | ast.Div()) if left is side:
                continue
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                other = right if left is side else left
                if not any(isinstance(node, ast.USub) for node in ast.walk(other)):
                    continue
        return False
    return True


def _scaled(value: ast.expr, inner: ast.AST) -> bool:
    return any(
        isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Mult | ast.Div)
        for outer, _ in _path(value, inner) or []
    )
