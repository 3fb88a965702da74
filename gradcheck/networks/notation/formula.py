"""A formula of backprop as data: written once, told in the layout of any code.

It is written in Python for samples in rows and weights in x out, as the definitions have
it: ``delta[l+1] @ W[l+1].T``. Where code keeps an array the other way, its name stands
for the transposed array, and so does the result; the transposes are then pushed down to
the names, where most of them cancel.

Factors of losses and their derivatives: ``2``, ``1/n``, ``1/(2n)``.
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gradcheck.networks.notation import Notation

#: What an array is: one row a sample; a matrix of weights; one number a unit; a number.
Kind = Literal["samples", "weights", "units", "number"]

#: What each name stands for.
QUANTITY_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("x", "y", "a", "z", "delta", "e", "d", "inputs", "mask"), "samples"),
    **dict.fromkeys(("W", "dW"), "weights"),
    **dict.fromkeys(("b", "db"), "units"),
}


#: What runs along each side of it: ``N`` samples, ``n`` units.
_SIDES: dict[Kind, tuple[str, ...]] = {
    "samples": ("N", "n"),
    "weights": ("n", "n"),
    "units": ("n",),
    "number": (),
}


@dataclass(frozen=True)
class Quantity:
    """A quantity of a layer: ``W[l+1]``, ``delta``, ``N``, ``2``; ``turned`` where transposed.

    The layer is ``l-1``, ``l``, ``l+1``, ``L`` or a number; ``up`` is the one above, where
    print has a prime; empty is the layer that is spoken of. ``inputs`` are the activations
    below. ``whole`` is the matrix that an entry is of, with biases that stand in it.
    """

    quantity: str
    layer: str = ""
    turned: bool = False
    whole: bool = False

    @property
    def kind(self) -> Kind:
        """What it is."""
        return QUANTITY_KINDS.get(self.quantity, "number")


@dataclass(frozen=True)
class Operation:
    """``left sign right``, with a sign of ``@ * / + - **``."""

    sign: str
    left: "Formula"
    right: "Formula"


@dataclass(frozen=True)
class Minus:
    """The negative."""

    of: "Formula"


@dataclass(frozen=True)
class Turned:
    """The transpose."""

    of: "Formula"


@dataclass(frozen=True)
class Applied:
    """A function applied entry by entry, to a matrix, or (``total``) over the samples."""

    function: str
    of: "Formula"


@dataclass(frozen=True)
class Entry:
    """One entry of a matrix of weights, or one unit of samples: ``W[j, k]``, ``delta.k``."""

    of: Quantity
    indices: tuple[str, ...]


Formula = Quantity | Operation | Minus | Turned | Applied | Entry

_SIGNS: dict[type[ast.operator], str] = {
    ast.MatMult: "@",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Pow: "**",
}


@lru_cache(maxsize=1024)
def parse(text: str) -> Formula:
    """Read a formula. Raises ValueError for what is none."""
    try:
        return _read(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"{text!r} is no formula") from None


def _read(node: ast.expr) -> Formula:
    match node:
        case ast.Name(id=name):
            return Quantity(name)
        case ast.Constant(value=int() | float() as value):
            return Quantity(repr(value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Minus(_read(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _SIGNS:
            return Operation(_SIGNS[type(op)], _read(left), _read(right))
        case ast.Attribute(value=value, attr="T"):
            return Turned(_read(value))
        case ast.Attribute(value=value, attr=unit):
            return Entry(_name(value), (unit.removeprefix("_"),))
        case ast.Call(func=ast.Name(id=function), args=[argument]):
            return Applied(function, _read(argument))
        case ast.Subscript(value=value, slice=ast.Tuple(elts=parts)):
            matrix = replace(_name(value), whole=True)
            return Entry(matrix, tuple(_plain(part) for part in parts))
        case ast.Subscript(value=ast.Name(id=name), slice=layer):
            return Quantity(name, _plain(layer))
    raise ValueError(f"{ast.unparse(node)} cannot stand in a formula")


def _plain(node: ast.expr) -> str:
    return ast.unparse(node).replace(" ", "")


def _name(node: ast.expr) -> Quantity:
    read = _read(node)
    if not isinstance(read, Quantity):
        raise ValueError(f"{ast.unparse(node)} has no entries")
    return read


def shape_of(formula: Formula) -> tuple[str, ...]:
    """Return what runs along each side, as :data:`_SIDES` has it; nothing for a number."""
    match formula:
        case Quantity():
            return _SIDES[formula.kind]
        case Turned(of=of) | Applied(function="pinv" | "reshaped" | "reshaped_back", of=of):
            return shape_of(of)[::-1]
        case Minus(of=of):
            return shape_of(of)
        case Applied(function="total" | "mean", of=of):
            return shape_of(of)[1:]
        case Applied(of=of):
            return shape_of(of)
        case Operation(sign="@", left=left, right=right):
            both = shape_of(left), shape_of(right)
            if min(map(len, both)) < 2:
                raise ValueError("only matrices are multiplied")
            return (both[0][0], both[1][1])
        case Operation(left=left, right=right):
            return max(shape_of(left), shape_of(right), key=len)
    return ()


def laid_out(formula: Formula, notation: "Notation") -> Formula:
    """Return the formula of the code's arrays for the array as the code keeps it."""
    layout = notation.layout

    def turns(shape: tuple[str, ...]) -> bool:
        """Whether an array that runs so is kept the other way."""
        return len(shape) == 2 and (notation.columns if "N" in shape else notation.out_by_in)

    def own(part: Formula) -> Formula:
        match part:
            case Quantity():
                if part.kind == "units" and layout.threshold:
                    return Minus(part)
                return Turned(part) if turns(shape_of(part)) else part
            case Operation(sign="+" | "-", left=left, right=right) if (
                notation.bare and len(shape_of(left)) == 2 and shape_of(right) == ("n",)
            ):
                return own(left)
            case Operation():
                return replace(part, left=own(part.left), right=own(part.right))
            case Applied(function="total" | "mean", of=of):
                # a sum over samples is one number a unit, whichever way the samples lie
                return replace(part, of=Turned(own(of)) if notation.columns else own(of))
            case Minus() | Turned() | Applied():
                return replace(part, of=own(part.of))
            case Entry() if part.of.kind == "weights":
                source, target = part.indices
                if layout.bias == "first":  # biases stand before the weights of the first input
                    source = "1" if source == "0" else f"{source}+1"
                placed = (target, source) if notation.out_by_in else (source, target)
                return replace(part, indices=placed)
        return part

    whole, shape = own(formula), shape_of(formula)
    if turns(shape):
        whole = Turned(whole)
    if shape == ("n",) and layout.threshold:
        whole = Minus(whole)
    return _simple(whole, turn=False)


def _simple(part: Formula, turn: bool) -> Formula:
    """Push transposes down to the names, and take double negatives away."""
    match part:
        case Turned(of=of):
            return _simple(of, not turn)
        case Quantity():
            return replace(part, turned=turn) if len(shape_of(part)) == 2 else part
        case Minus(of=of):
            inner = _simple(of, turn)
            return inner.of if isinstance(inner, Minus) else Minus(inner)
        case Applied(function="reshaped" | "reshaped_back", of=of):
            kept = replace(part, of=_simple(of, False))
            return Turned(kept) if turn else kept
        case Applied():
            if part.function in ("total", "mean"):
                return replace(part, of=_simple(part.of, False))
            inner = _simple(part.of, turn)
            if _all_turned(inner):
                return Turned(replace(part, of=_simple(part.of, not turn)))
            return replace(part, of=inner)
        case Operation(sign="@", left=left, right=right) if turn:
            return Operation("@", _simple(right, True), _simple(left, True))
        case Operation(sign=sign, left=left, right=right):
            first, second = _simple(left, turn), _simple(right, turn)
            if sign in "+-" and isinstance(second, Minus):
                return Operation("-" if sign == "+" else "+", first, second.of)
            if sign in "+-" and _all_turned(first) and _all_turned(second):
                return Turned(Operation(sign, _simple(left, not turn), _simple(right, not turn)))
            return Operation(sign, first, second)
    return part


def _all_turned(part: Formula) -> bool:
    """Whether it is a transposed matrix, or a multiple of one: then the whole may be turned."""
    match part:
        case Quantity():
            return part.turned
        case Operation(sign="*", left=left, right=right):
            return not shape_of(left) and _all_turned(right)
    return False


#: How tightly a part holds together, as it is written: sums least.
_SUM, _PRODUCT, _SIGNED, _POWER, _ATOM = range(5)


@dataclass(frozen=True)
class Writing:
    """How a formula is written: as in print, or as in Python.

    ``name`` writes a name without its transpose. In the notation of one sample, a vector, products
    over the samples are outer ones.
    """

    name: Callable[[Quantity], str]
    python: bool
    notation: "Notation"

    def write(self, formula: Formula) -> str:
        """Write a formula."""
        return self._written(formula)[0]

    def _written(self, part: Formula) -> tuple[str, int]:
        match part:
            case Quantity():
                return self._turned(part), _ATOM
            case Minus(of=of):
                return f"-{self._within(of, _PRODUCT)}", _SIGNED
            case Applied():
                return self._applied(part), _ATOM
            case Entry(of=of, indices=[unit]):
                return f"{self.name(of)}_{unit}", _ATOM
            case Entry(of=of, indices=indices):
                return f"{self.name(of)}[{', '.join(indices)}]", _ATOM
            case Turned(of=of):
                return self._within(of, _ATOM) + self._transpose, _ATOM
            case Operation():
                return self._operation(part)

    def _turned(self, name: Quantity) -> str:
        turned = name.turned and not (self.notation.one_by_one and name.kind == "samples")
        return self.name(name) + (self._transpose if turned else "")

    @property
    def _transpose(self) -> str:
        return ".T" if self.python else "^T"

    def _applied(self, part: Applied) -> str:
        inner, function = self.write(part.of), part.function
        if function in ("total", "mean"):
            word = "sum" if function == "total" else "mean"
            if self.notation.one_by_one:
                return inner
            if not self.python:
                return f"{word}({inner})"
            keep = ", keepdims=True" if self.notation.keepdims else ""
            return f"np.{word}({inner}, axis={int(self.notation.columns)}{keep})"
        if function == "abs" and not self.python:
            return f"|{inner}|"
        if function.startswith("reshaped"):
            shape = "n, n'" if function == "reshaped" else "n', n"
            return f"{self._within(part.of, _ATOM)}.reshape({shape})"
        if function == "slope":
            function = "phi_prime" if self.python else "phi'"
        elif function == "pinv" and self.python:
            function = "np.linalg.pinv"
        return f"{function}({inner})"

    def _operation(self, part: Operation) -> tuple[str, int]:
        if part.sign == "@" and self._over_samples(part):
            outer = "np.outer" if self.python else "outer"
            return f"{outer}({self.write(part.left)}, {self.write(part.right)})", _ATOM
        if part.sign == "**":
            sign = "**" if self.python else "^"
            return f"{self._within(part.left, _ATOM)}{sign}{self.write(part.right)}", _POWER
        if part.sign in "+-":
            left, right = self._within(part.left, _SUM), self._within(part.right, _PRODUCT)
            return f"{left} {part.sign} {right}", _SUM
        left = self._within(part.left, _PRODUCT)
        arrays = shape_of(part.left) and shape_of(part.right)
        loose = part.sign == "*" and not arrays
        right = self._within(part.right, _PRODUCT if loose else _POWER)
        shown = self.python or not (part.sign == "@" or loose)
        return f"{left} {f'{part.sign} ' if shown else ''}{right}", _PRODUCT

    def _over_samples(self, part: Operation) -> bool:
        return self.notation.one_by_one and all(
            "N" in shape_of(side) for side in (part.left, part.right)
        )

    def _within(self, part: Formula, least: int) -> str:
        text, holds = self._written(part)
        return text if holds >= least else f"({text})"


_FACTOR = re.compile(r"(\d+)?(?:/(?:(\d+)|(n)|\((\d+)n\)))?")


def coefficient(*factors: str) -> str:
    """Multiply factors and write the product; empty where it is one.

    Parameters
    ----------
    factors : str
        Each empty, a whole number or a fraction whose denominator is a number, ``n`` or
        ``(2n)``; ``n`` is the number of outputs.

    Raises
    ------
    ValueError
        When one is something else.
    """
    number, power = Fraction(1), 0
    for factor in factors:
        found = _FACTOR.fullmatch(factor)
        if found is None:
            raise ValueError(f"{factor!r} is no factor")
        number *= Fraction(int(found[1] or 1), int(found[2] or found[4] or 1))
        power += found[3] is not None or found[4] is not None
    above, below = number.numerator, number.denominator
    if not power:
        return "" if number == 1 else str(number)
    outputs = "n" if power == 1 else f"n^{power}"
    return f"{above}/{outputs}" if below == 1 else f"{above}/({below}{outputs})"
