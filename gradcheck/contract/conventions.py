"""What a reading takes foreign code to do.

A reader beside the code under test makes these, a worker sends their fields, and whoever
infers what the code computes decides by them. Words are written in one place:
:meth:`Conventions.describe`. What a field may hold stands in its type; a worker is held to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

WEIGHT_LAYOUTS = ("in x out", "out x in")
BIAS_PLACES = ("apart", "first", "last", "missing")
SAMPLE_LAYOUTS = ("rows", "columns", "one vector", "one column", "one list")

#: The shape of a bias; empty where it is not known, or fits any.
FORMS = ("", "vector", "column", "row")


class Targets(StrEnum):
    """How the code wants its targets."""

    AS_GIVEN = "as given"
    ONE_HOT = "one-hot"
    VECTOR = "one vector"
    NUMBER = "one number"
    INTEGERS = "integer labels"
    FROM_0 = "labels from 0"
    FROM_1 = "labels from 1"
    FROM_1_IN_A_COLUMN = "labels from 1, a column"

    @property
    def labels(self) -> bool:
        """Whether they are the numbers of classes."""
        return "labels" in self


class Penalty(StrEnum):
    """What the code's factor of a weight penalty is for the penalty ``l2 / 2 * sum W**2``."""

    REG = "reg = l2"
    HALF_REG = "reg = l2 / 2"
    LAMBDA_N = "lambda = l2 N"
    LAMBDA = "lambda = l2"
    HALF_LAMBDA = "lambda = l2 / 2"

    def factor(self, l2: float, samples: int) -> float:
        """Return what the code's factor has to be for a penalty and N samples."""
        if self in (Penalty.HALF_REG, Penalty.HALF_LAMBDA):
            return l2 / 2
        return l2 * samples if self is Penalty.LAMBDA_N else l2


@dataclass(frozen=True)
class LossSource:
    """Where a reading has the code's loss.

    Attributes
    ----------
    name : str
        What gives it; empty where it comes with the gradient.
    absent : bool
        The reading has no loss.
    beside : tuple of str
        Losses of the code that a reading without one leaves aside.
    raised : tuple of str
        What others raised when they were tried.
    meant : tuple of str
        Those of either that are called a loss, and no mere measure of one.
    """

    name: str = ""
    absent: bool = False
    beside: tuple[str, ...] = ()
    raised: tuple[str, ...] = ()
    meant: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rate:
    """The learning rate of code that trains.

    Attributes
    ----------
    name : str
        What is set; empty where the reader knows another way to set it.
    built_in : float or None
        What it is where it cannot be set.
    share : float or None
        How much of it is used; None where that is all of it for sure.
    """

    name: str = ""
    built_in: float | None = None
    share: float | None = None

    @property
    def guessed(self) -> bool:
        """Whether only a gradient can tell that it is so."""
        return self.built_in is not None or self.share is not None

    def describe(self) -> str:
        """Say it in words."""
        built_in = "" if self.built_in is None else f"built in, {self.built_in:g}"
        text = built_in or self.name or "can be set"
        if self.share is None:
            return text
        part = "all" if self.share == 1.0 else f"{self.share:g}"
        return f"{text}; {f'{self.share:.15g}' if part == '1' else part} of it is used"


@dataclass(frozen=True)
class Argument:
    """An argument of a backward that no name says, and what it is given: ``a - y``."""

    name: str
    meaning: str

    @property
    def is_data(self) -> bool:
        """Whether it is the targets or the outputs: then no factor comes in with it."""
        return self.meaning in ("y", "a")

    def describe(self) -> str:
        """Say it in words."""
        return f"{self.name} = {self.meaning}"


@dataclass(frozen=True)
class OwnNames:
    """What the code calls the quantities of backprop, as far as that is certain.

    Attributes
    ----------
    form : {"", "vector", "column", "row"}
        The shape of a bias.
    names : mapping of str to str
        By quantity and layer, ``W1``; by quantity alone, ``x``.
    """

    form: Annotated[str, FORMS] = ""
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Unrecognised:
    """What there is in code that no adapter can read.

    Attributes
    ----------
    contents : str
        Its functions and classes.
    nearest : str
        The reading that came nearest, and what stopped it.
    line : int
        Where that was; no file where it is not known.
    ended : bool
        The time for trying was over.
    """

    contents: str = ""
    nearest: str = ""
    file: str = ""
    line: int = 0
    ended: bool = False


@dataclass(frozen=True)
class Conventions:
    """What a reading takes the code to do.

    Attributes
    ----------
    bias : {"apart", "first", "last", "missing"}
        Of its own; the first or last row (in x out) or column (out x in) of the weights;
        or not there, so that a unit that is always on stands in.
    threshold : bool
        The bias is subtracted.
    shared_bias : bool
        It is missing, or one number for a whole layer, which is set to zero.
    averaged : bool
        A batch is asked sample by sample, and the mean taken.
    one_sample : bool
        A call takes one sample.
    for_batches : bool
        The source is written for several samples a call.
    order : str
        Of the tensors in one vector.
    parameters, inputs, outputs : str
        What a script calls them.
    targets : Targets or None
        None where they are given as samples are.
    named_targets : str
        What a script calls them.
    last_class : bool
        The last class is put into every batch.
    returned : str
        The order in which gradients are returned, where that was guessed.
    function, functions, calls : str, tuple of str
        What is called: the one function, functions in turn, or methods in turn.
    class_name, trained : str
        The class whose methods are called; what trains.
    penalty : Penalty or None
        None where the code has none.
    rate : Rate or None
        None where nothing trains.
    inner_loops_once : bool
        Of each loop within the training loop of a script one iteration is made.
    several : bool
        Other readings may fit as well, with other losses of the code, other orders of what is
        returned, or other meanings of an argument.
    widths : tuple of tuple of int, or None
        The sizes that the code can be asked for, its own first; None where they are free.
    networks : tuple of str
        What a declaration says the code computes.
    unread : tuple of str
        What is trained beside weights and biases.
    unrecognised : Unrecognised or None
        Of code that no adapter can read.
    other_purpose : mapping of str to str
        Functions of native code that only have the name of an optional one, by that name.
    """

    weights: Annotated[str, WEIGHT_LAYOUTS] = "in x out"
    bias: Annotated[str, BIAS_PLACES] = "apart"
    threshold: bool = False
    shared_bias: bool = False
    samples: Annotated[str, SAMPLE_LAYOUTS] = "rows"
    averaged: bool = False
    one_sample: bool = False
    for_batches: bool = False
    order: str = ""
    parameters: str = ""
    inputs: str = ""
    outputs: str = ""
    targets: Targets | None = None
    named_targets: str = ""
    last_class: bool = False
    returned: str = ""
    function: str = ""
    functions: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    class_name: str = ""
    trained: str = ""
    loss: LossSource = LossSource()
    penalty: Penalty | None = None
    argument: Argument | None = None
    rate: Rate | None = None
    inner_loops_once: bool = False
    several: bool = False
    widths: tuple[tuple[int, ...], ...] | None = None
    networks: tuple[str, ...] = ()
    names: OwnNames = OwnNames()
    unread: tuple[str, ...] = ()
    unrecognised: Unrecognised | None = None
    other_purpose: Mapping[str, str] = field(default_factory=dict)

    @property
    def called(self) -> tuple[str, ...]:
        """What is called, in turn."""
        return self.calls or self.functions or ((self.function,) if self.function else ())

    @property
    def labels(self) -> bool:
        """Whether targets are the numbers of classes."""
        return self.targets is not None and self.targets.labels

    def describe(self) -> dict[str, str]:
        """Say it in words, for the record; what is settled otherwise is left out."""
        last = ", the last class in every batch" if self.last_class else ""
        words = {
            "weights": self.weights,
            "bias": self._bias(),
            "samples": self.samples + (" a call; a batch is their mean" if self.averaged else ""),
            "order": self.order,
            "parameters": self.parameters,
            "inputs": self.inputs,
            "targets": self.named_targets or (f"{self.targets}{last}" if self.targets else ""),
            "returned": self.returned,
            "function": self.function,
            "functions": ", ".join(self.functions),
            "calls": ", ".join(self.calls),
            "class": self.class_name,
            "trains": self.trained,
            "loss": "none" if self.loss.absent else self.loss.name,
            "penalty": self.penalty or "",
            "argument": self.argument.describe() if self.argument else "",
            "rate": self.rate.describe() if self.rate else "",
            "outputs": self.outputs,
            "loop": "the first iteration of each inner loop" if self.inner_loops_once else "",
        }
        return {key: str(text) for key, text in words.items() if text}

    def _bias(self) -> str:
        line = "row" if self.weights == "in x out" else "column"
        stands_in = "missing: a unit that is always on stands in"
        words = {
            "apart": "apart",
            "first": f"first {line} of the weights",
            "last": f"last {line} of the weights",
            "missing": f"shared by a layer, or {stands_in}" if self.shared_bias else stands_in,
        }[self.bias]
        return f"{words}, subtracted" if self.threshold else words


#: Of code that follows the contract.
AS_DEFINED = Conventions()
