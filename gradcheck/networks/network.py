"""A network: widths, activations, loss, reduction and weight penalty.

The text form is ``2-3-1 tanh,sigmoid half_squared_error mean l2=0.1``.
"""

import math
import operator
from dataclasses import dataclass

from gradcheck.contract.posed import PosedNetwork
from gradcheck.errors import UsageError
from gradcheck.errors.suggestion import meant
from gradcheck.networks.activations import ACTIVATIONS, HIDDEN_ACTIVATIONS
from gradcheck.networks.losses import LOSSES, REDUCTIONS

_EXAMPLE = "2-3-1 tanh,sigmoid half_squared_error mean l2=0.1"


@dataclass(frozen=True)
class Network(PosedNetwork):
    """A dense feed-forward network and the loss it is trained on.

    Layers are numbered 1..L; ``z[l] = a[l-1] @ W[l] + b[l]``,
    ``a[l] = phi_l(z[l])``, ``a[0] = x``.

    Parameters
    ----------
    widths : tuple of int
        ``(n[0], ..., n[L])``: inputs first, outputs last.
    activations : tuple of str
        One name a layer, L of them. softmax on the output only.
    loss : str
        Per-sample loss; see :data:`gradcheck.networks.losses.LOSSES`.
    reduction : {"mean", "sum"}
        How the samples' losses become the batch's.
    l2 : float
        The batch's loss gets ``l2 / 2 * sum ||W||^2`` on top; biases are not
        penalised, and the penalty is not divided by N.

    Raises
    ------
    UsageError
        When a name is unknown, a number out of range, or the output activation
        and the loss do not go together.
    """

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "widths", tuple(operator.index(n) for n in self.widths))
            object.__setattr__(self, "activations", tuple(self.activations))
            object.__setattr__(self, "l2", float(self.l2))
        except (TypeError, ValueError):
            raise UsageError(
                f"widths must be whole numbers, activations a list of names and l2 a number; "
                f"got {self.widths!r}, {self.activations!r} and {self.l2!r}"
            ) from None
        self._validate()

    def _validate(self) -> None:
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise UsageError(
                f"a network needs at least two widths, each 1 or more, as in 2-3-1; "
                f"got {'-'.join(map(str, self.widths)) or 'none'}"
            )
        if len(self.activations) != len(self.widths) - 1:
            raise UsageError(
                f"{len(self.widths) - 1} layers need as many activations, "
                f"comma-separated; got {','.join(self.activations) or 'none'}"
            )
        for name in self.activations[:-1]:
            _known(name, HIDDEN_ACTIVATIONS, "activation of a hidden layer")
        _known(self.activations[-1], tuple(ACTIVATIONS), "output activation")
        _known(self.loss, tuple(LOSSES), "loss")
        _known(self.reduction, REDUCTIONS, "reduction")
        if self.activations[-1] not in LOSSES[self.loss].outputs:
            raise UsageError(
                f"{self.loss} needs the output activation "
                f"{' or '.join(LOSSES[self.loss].outputs)}, not {self.activations[-1]}"
            )
        if not (math.isfinite(self.l2) and self.l2 >= 0):
            raise UsageError(f"l2 must be finite and not negative; got {self.l2!r}")

    @classmethod
    def parse(cls, text: str) -> "Network":
        """Read the text form.

        Raises
        ------
        UsageError
            When the text is not one; the message shows an example.
        """
        words = text.split()
        options = [word for word in words if word.startswith("l2=")]
        plain = [word for word in words if not word.startswith("l2=")]
        torn = any(word != word.strip("-,") for word in words)  # a list with a space inside
        if torn or not 3 <= len(plain) <= 4 or len(options) > 1:
            raise UsageError(
                f"cannot read the network {text!r}; write {_EXAMPLE!r}, "
                f"with no spaces inside the lists"
            )
        try:
            widths = tuple(int(n) for n in plain[0].split("-"))
            l2 = float(options[0][3:]) if options else 0.0
        except ValueError:
            raise UsageError(
                f"cannot read the numbers of the network {text!r}; write {_EXAMPLE!r}"
            ) from None
        activations = tuple(plain[1].split(","))
        reduction = plain[3] if len(plain) == 4 else "mean"
        return cls(widths, activations, plain[2], reduction, l2)


def left_open(text: str) -> bool:
    """Whether a network's text says neither ``mean`` nor ``sum``.

    Parameters
    ----------
    text : str
        Such as ``2-3-1 tanh,sigmoid binary_cross_entropy``.

    Returns
    -------
    bool
    """
    return not set(text.split()) & set(REDUCTIONS)


def _known(name: str, names: tuple[str, ...], role: str) -> None:
    if name not in names:
        raise UsageError(f"unknown {role} {name!r}{meant(name, names)}")
