"""How things are written for the author of code: in the layout and the names of that code.

Texts for people hold formulas of :mod:`gradcheck.networks.notation.formula` in braces, and words
that depend on the layout; :meth:`Notation.tell` fills them in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.contract.conventions import Conventions, Penalty
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem
from gradcheck.reading.layout import AT_ONE, Layout, widen, wider

if TYPE_CHECKING:
    from gradcheck.networks.notation.formula import Quantity


#: What is said where the code's own names are not known.
_NEUTRAL = ("x", "y")

#: What may stand in a record as a name: an identifier, indices, keys. Nothing else is believed.
_NAME = re.compile(r"[A-Za-z_][\w.]*(\[[\w'\"{}.:,-]+\])*(\{l\}|\{i\})?\w*")

#: Longer names help nobody.
LONGEST_NAME = 40


@dataclass(frozen=True)
class Spelling:
    """Names by quantity and layer, ``W1``; by quantity alone, ``x``."""

    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Mapping[str, str]) -> "Spelling":
        """Take names from beside the code under test: what is no name is passed over."""
        believed = {
            quantity: name
            for quantity, name in names.items()
            if len(name) <= LONGEST_NAME and _NAME.fullmatch(name)
        }
        return cls(believed)

    def at(self, quantity: str, layer: int) -> str:
        """Return the name of a quantity of a layer."""
        plain = quantity if quantity in _NEUTRAL else f"{quantity}{layer}"
        return self.names.get(plain, plain)

    def stem(self, quantity: str) -> str:
        """Return the name of a quantity of any layer: what all of them have in common."""
        stems = {
            name.removesuffix(number) if name.endswith(number) else ""
            for key, name in self.names.items()
            if (number := key.removeprefix(quantity)).isdigit() and key.startswith(quantity)
        }
        if len(stems) == 1 and "" not in stems:
            return stems.pop()
        return self.names.get(quantity, quantity) if quantity in _NEUTRAL else quantity

    def without(self, quantity: str) -> "Spelling":
        """Return it without the names of a quantity."""
        kept = {key: name for key, name in self.names.items() if not key.startswith(quantity)}
        return Spelling(kept)


_SIZES = {"n_inputs": "0", "n_outputs": "L", "n_below": "l-1"}

#: Letters that a formula explains itself.
_UNNUMBERED = ("e", "d", "mask")
_BRACES = re.compile(r"\{([^{}\n]{1,120})\}")
_CODE = re.compile(r"code\((.*)\)")

#: An error as the derivative of the loss has it, with the loss's own factor before it.
_LOSS = re.compile(r"(half the |twice the )?loss: (.*)")

_TIMES = {None: "", "half the ": "1/2", "twice the ": "2"}

#: An array that the code returns, whatever stands in it: ``array dW2``.
_ARRAY = re.compile(r"array (d[Wb])(\d+)")

#: A gradient in a message of an adapter.
_GRADIENT = re.compile(r"\b(d[Wb])(\d+)\b")

#: What l2 is, where the code's own penalty has another factor.
_PENALTIES = {
    Penalty.LAMBDA_N: "lambda / N",
    Penalty.HALF_LAMBDA: "2 lambda",
    Penalty.HALF_REG: "2 reg",
}


@dataclass(frozen=True)
class Notation:
    """In what layout and under what names numbers and formulas are told.

    Attributes
    ----------
    layout : Layout
        How the code keeps weights, biases and samples.
    form : {"", "vector", "column", "row"}
        Of a bias; empty where it is not known.
    spelling : Spelling
        What the code calls things, as far as that is certain.
    scale : str
        By what the code's loss is the one it is read as: ``1/2``; empty where it is that.
    l2 : str
        What l2 is in the code; empty where it is the factor of a penalty ``l2/2 sum W^2``.
    """

    layout: Layout = field(default_factory=Layout)
    form: str = ""
    spelling: Spelling = field(default_factory=Spelling)
    scale: str = ""
    l2: str = ""

    @classmethod
    def of(cls, conventions: Conventions, scale: str = "") -> "Notation":
        """Read it from the conventions of a reading; ``scale`` is as in :class:`Notation`."""
        layout = Layout(
            conventions.weights,
            "apart" if conventions.shared_bias else conventions.bias,
            conventions.samples,
            conventions.threshold,
        )
        spelling = Spelling.of(conventions.names.names)
        if conventions.labels:
            spelling = spelling.without("y")
        if spelling.names.get("within") == "columns":  # turned by the code before they are used
            layout = replace(layout, samples="columns")
        l2 = _PENALTIES.get(conventions.penalty, "") if conventions.penalty else ""
        return cls(layout, conventions.names.form, spelling, scale, l2)

    @property
    def mean_in_delta(self) -> bool:
        """Whether what the code calls delta is divided by the number of samples already."""
        named = any(quantity.startswith("delta") for quantity in self.spelling.names)
        return named and self.spelling.names.get("mean") == "delta"

    @property
    def columns(self) -> bool:
        """Whether a sample is a column."""
        # W x of a vector is written as of a column, x W as of a row
        return (self.one_by_one and self.out_by_in) or self.layout.samples in (
            "columns",
            "one column",
        )

    @property
    def _upright(self) -> bool:
        """Whether samples are the columns of a matrix, so that biases are a column too."""
        return self.columns and not self.one_by_one

    @property
    def one_by_one(self) -> bool:
        """Whether a call takes one sample, which is no matrix."""
        return self.layout.samples in ("one vector", "one list")

    @property
    def out_by_in(self) -> bool:
        """Whether the weights of a unit are a row."""
        return self.layout.weights == "out x in"

    @property
    def keepdims(self) -> bool:
        """Whether sums over the samples keep their axis."""
        return self._bias_form == "row" or (self._upright and self._bias_form == "column")

    @property
    def _bias_form(self) -> str:
        return self.form or ("column" if self._upright else "")

    @property
    def inside(self) -> bool:
        """Whether biases stand in the matrix of the weights."""
        return self.layout.bias in ("first", "last")

    @property
    def bare(self) -> bool:
        """Whether the code has no biases, so that a unit that is always on stands in."""
        return self.layout.bias == "missing"

    def formula(
        self, text: str, layer: int | None = None, *, python: bool = False, depth: int = 0
    ) -> str:
        """Write a formula, given for samples in rows and weights in x out, as the code has it.

        Letters stand for layers where it is about none; ``python`` writes code, not as in print,
        and ``depth`` is the number of layers, where it is known.
        """
        from gradcheck.networks.notation.formula import Writing, laid_out, parse

        spoken = self
        if self.mean_in_delta and re.search(r"\bN\b", text):
            spoken = replace(self, spelling=self.spelling.without("delta"))

        def name(each: "Quantity") -> str:
            text = spoken._name(each, layer, depth)
            return text.replace("'", "") if python else text

        return Writing(name, python, self).write(laid_out(parse(text), self))

    def name(self, quantity: str, layer: int | None = None) -> str:
        """Return what a quantity of a layer is called: ``W2``, ``dZ2``, ``Theta1[:, 1:]``."""
        from gradcheck.networks.notation.formula import Quantity

        return self._name(Quantity(quantity), layer)

    def _name(self, name: "Quantity", layer: int | None, depth: int = 0) -> str:
        quantity, at = name.quantity, _layer(name, layer, depth)
        if quantity in _UNNUMBERED:
            return quantity
        if quantity == "inputs" and at is not None:
            quantity, at = "a", at - 1
        if quantity == "a" and at == 0:
            return self.spelling.at("x", 0)
        if replace(name, quantity=quantity).kind == "number":
            return f"n[{_SIZES[quantity]}]" if quantity in _SIZES else quantity
        if at is None:
            return self._anywhere(name)
        part = ""
        if self.inside and quantity in ("W", "b", "dW", "db"):
            part = "" if name.whole else self._part(quantity)
            quantity = "dW" if quantity.startswith("d") else "W"
        return self.spelling.at(quantity, at) + part

    def _anywhere(self, name: "Quantity") -> str:
        """Write a quantity of no layer in particular."""
        quantity = "a" if name.quantity == "inputs" else name.quantity
        stem = self.spelling.stem(quantity)
        if name.layer in ("", "up"):
            return stem + ("'" if name.layer else "")
        return f"{stem}[{name.layer}]"

    def _part(self, quantity: str) -> str:
        """Cut weights or biases out of the matrix that holds both."""
        if not quantity.endswith("b"):
            index = {"first": "1:", "last": ":-1"}[self.layout.bias]
        elif self._upright:
            index = {"first": ":1", "last": "-1:"}[self.layout.bias]
        else:
            index = {"first": "0", "last": "-1"}[self.layout.bias]
        if self.out_by_in:
            return f"[:, {index}]"
        turned = ".T" if quantity.endswith("b") and self._upright else ""
        return f"[{index}]{turned}"

    def tell(self, text: str, layer: int | None = None, depth: int = 0, factor: str = "") -> str:
        """Fill in the formulas and words that stand in braces.

        A formula is written as in print; as code where it stands in ``code(...)``.

        Parameters
        ----------
        text : str
        layer, depth : int, optional
            The layer it is about, and how many there are, where that is known.
        factor : str, optional
            What stands before ``(a - y)`` in the derivative of the loss: ``2``.
        """
        return _BRACES.sub(lambda found: self._filled(found, layer, depth, factor), text)

    def _filled(self, found: re.Match[str], layer: int | None, depth: int, factor: str) -> str:
        part = found[1]
        if part in self.words:
            return self.words[part]
        if array := _ARRAY.fullmatch(part):
            return self.spelling.at(array[1], int(array[2]))
        if error := _LOSS.fullmatch(part):
            from gradcheck.networks.notation.formula import coefficient

            return _with_factor(error[2], coefficient(self.scale, factor, _TIMES[error[1]]))
        code = _CODE.fullmatch(part)
        try:
            formula = code[1] if code else part
            return self.formula(formula, layer, python=code is not None, depth=depth)
        except ValueError:  # no formula of ours: it came in a message
            return found[0]

    @cached_property
    def words(self) -> dict[str, str]:
        """What depends on the layout and is no formula.

        ``sample`` is the line a sample takes, ``unit`` that of a unit in the samples;
        ``input`` and ``output`` are the lines of the weights from an input, to a unit.
        """
        sample, unit = ("column", "row") if self.columns else ("row", "column")
        source, target = ("column", "row") if self.out_by_in else ("row", "column")
        axis = int(self.columns)
        bias = ("a threshold, which is subtracted", "a bias, which is added")
        signs = ("subtract", "add") if self.layout.threshold else ("add", "subtract")
        gradient = self.formula("total(delta)")
        return {
            "sample": sample,
            "unit": unit,
            "input": source,
            "output": target,
            "axis": f"axis={axis}",
            "other axis": f"axis={1 - axis}",
            "samples at": str(axis),
            "units at": str(1 - axis),
            "shape of samples": "(n, N)" if self.columns else "(N, n)",
            "shape of targets": "(1, N)" if self.columns else "(N, 1)",
            "shape of a bias": {"column": "(n, 1)", "row": "(1, n)"}.get(self._bias_form, "(n,)"),
            "turned": "not transposed" if self.columns == self.out_by_in else "transposed",
            "not the bias": bias[self.layout.threshold],
            "bias sign": f"As {bias[not self.layout.threshold]}, it has the gradient {gradient}.",
            "the sum": "minus the sum" if self.layout.threshold else "the sum",
            "adds": f"{signs[0]}s",
            "subtracts": f"{signs[1]}s",
            "Add": signs[0].capitalize(),
        }

    # ---- numbers -------------------------------------------------------------------------

    def samples(self, values: Floats) -> Any:
        """Lay an array of a row a sample out as the code has it."""
        if self.one_by_one and len(values) == 1:
            return values[0]
        return values.T if self.columns else values

    def weights(self, values: Floats) -> Floats:
        """Lay a matrix of weights out, in x out."""
        return values.T if self.out_by_in else values

    def biases(self, values: Floats) -> Floats:
        """Lay biases out, or their gradient."""
        signed = -values if self.layout.threshold else values
        if self._bias_form == "column":
            return signed[:, None]
        return signed[None, :] if self._bias_form == "row" else signed

    def own_network(self, network: Network) -> Network:
        """Return the network as the author of the code has it: without biases it is wider."""
        return replace(network, widths=wider(network.widths)) if self.bare else network

    def own_problem(self, problem: Problem) -> Problem:
        """Return a problem as one of the code's own network."""
        if not self.bare:
            return problem
        weights, x = widen(problem.network, list(problem.params.pairs), problem.batch.x)
        pairs = [(w, np.zeros(w.shape[1])) for w in weights]
        batch = Batch(x, problem.batch.y)
        return Problem(self.own_network(problem.network), Params(pairs), batch)

    def given(self, problem: Problem) -> list[dict[str, Any]]:
        """List inputs and targets, then each layer's parameters, as the code names and has them."""
        own = self.own_problem(problem)
        x, y = self.samples(own.batch.x), self.samples(own.batch.y)
        lines: list[dict[str, Any]] = [{self.name("x"): x, self.name("y"): y}]
        for layer, (w, b) in enumerate(own.params.pairs, start=1):
            matrix, bias = self.layout.pack(w, b)
            lines.append({self.spelling.at("W", layer): matrix})
            if bias is not None:
                lines[-1][self.spelling.at("b", layer)] = self.biases(b)
        return lines

    def named(self, message: str) -> str:
        """Let gradients be called in a message as the code calls them."""
        return _GRADIENT.sub(lambda found: self.spelling.at(found[1], int(found[2])), message)

    def tensor(self, name: str) -> str:
        """Say what the code calls W1 or b1."""
        kind, layer = name[0], int(name[1:])
        if kind == "b" and (self.inside or self.bare):
            return f"the biases in {self.spelling.at('W', layer)}"
        return self.spelling.at(kind, layer)

    def entry(self, place: str, network: Network) -> tuple[str, float]:
        """Say where ``W1[0,2]`` is in the code, and by what the code's number is ours."""
        name, _, inner = place.rstrip("]").partition("[")
        index = tuple(int(part) for part in inner.split(","))
        kind, layer = name[0], int(name[1:])
        sign = -1.0 if self.layout.threshold and kind == "b" else 1.0
        if kind == "b" and not (self.inside or self.bare):
            unit = str(index[0])
            written = {"column": f"{unit},0", "row": f"0,{unit}"}.get(self.form, unit)
            return f"{self.spelling.at('b', layer)}[{written}]", sign
        first = self.layout.bias == "first"
        if kind == "W":
            row, column, factor = index[0] + first, index[1], 1.0
        else:
            row, column = 0 if first else network.shapes[layer - 1][0], index[0]
            on = AT_ONE[network.activations[layer - 2]] if self.bare and layer > 1 else 1.0
            factor = sign * on
        at = (column, row) if self.out_by_in else (row, column)
        return f"{self.spelling.at('W', layer)}[{at[0]},{at[1]}]", factor

    def describe(self) -> dict[str, Any]:
        """Return it as it stands in a record."""
        return {
            "samples": self.layout.samples,
            "weights": self.layout.weights,
            "biases": self.form or self.layout.bias,
            "thresholds": self.layout.threshold,
            "names": dict(self.spelling.names),
        }


def _with_factor(error: str, factor: str) -> str:
    """Write ``2 (a - y)``, or ``a - y`` where there is no factor."""
    if factor:
        return f"{factor} {error}"
    whole = error.startswith("(") and error.endswith(")") and ")" not in error[1:-1].split("(")[0]
    return error[1:-1] if whole else error


def _layer(name: "Quantity", layer: int | None, depth: int) -> int | None:
    """The number of the layer that a name is of, as far as it can be told."""
    if name.layer == "L":
        return depth or None
    if name.layer.isdigit():
        return int(name.layer) if depth else None
    if layer is None:
        return None
    return layer + {"l+1": 1, "up": 1, "l-1": -1}.get(name.layer, 0)


#: As the definitions have it: samples in rows, weights in x out, biases as vectors.
NATIVE = Notation()

__all__ = ["NATIVE", "Notation"]
