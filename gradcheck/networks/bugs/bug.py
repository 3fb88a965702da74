"""What a catalogued bug is: data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np

from gradcheck.contract.posed import by_name
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.execution.calling import Caller
from gradcheck.networks import sampling
from gradcheck.networks.bugs.textbook import Rule, Textbook, only_in
from gradcheck.networks.definitions import LOSSES
from gradcheck.networks.notation import NATIVE, Notation
from gradcheck.networks.problem import Batch, Network, Params, Problem
from gradcheck.reading.loading import Anywhere

#: A difference of this part of a tensor's norm makes a bug visible.
VISIBLE_CHANGE = 1e-9

#: The rate of the step that is compared.
RATE = 0.173

#: A learning rate that wrong code has of its own, where none is given to it.
OWN_RATE = 0.1

#: At which layers a bug can be planted: those whose delta asks for a slope phi', the
#: hidden ones, those with weights or biases (all), the output, or none in particular.
Strikes = Literal["slopes", "hidden", "weights", "biases", "output", "whole"]


@dataclass(frozen=True)
class Site:
    """Where a wrong rule can stand: all that is said and known of it, in one place.

    A site is known to everybody once a bug of the catalogue stands there.

    Attributes
    ----------
    slug : str
        As in the record.
    name : str
        In words.
    parts : tuple of str
        What of a layer a wrong rule here spoils: its ``delta``, or the gradient of its
        ``weight`` or ``bias``. Empty for a site that belongs to no layer.
    in_layer : (str, str)
        What is wrong in a layer, after "In layer 2", and where to look; the names that they may
        use in braces are those of :func:`gradcheck.networks.diagnosis.result.placed`. Empty
        where nothing is told layer by layer.
    whole : (str, str)
        What is wrong, and where to look, when no layer is told.
    """

    slug: str
    name: str
    parts: tuple[str, ...] = ()
    in_layer: tuple[str, str] = ("", "")
    whole: tuple[str, str] = (
        "What is returned is not the gradient.",
        "Look at the end of the function, where the gradient is returned.",
    )


@dataclass(frozen=True)
class Free:
    """A number that is part of a bug and another one in every code, by the name it is recovered by.

    What the rules of ``rules(number)`` compute is linear in the number. In ``wrong``, the wrong
    formula, ``#`` is its place.
    """

    name: str
    rules: Callable[[float], Mapping[str, Rule]]
    wrong: str

    def with_number(self, number: float) -> dict[str, Any]:
        """Return what a bug with this number in it is made of."""
        wrong = self.wrong.replace("#", f"{number:.6g}")
        return {"wrong": wrong, "rules": self.rules(number), "free": self}


@dataclass(frozen=True, eq=False)
class Bug:
    """One bug that people write.

    Attributes
    ----------
    place : Site
        Where the wrong rule stands.
    title : str
        One line.
    slug : str
        Readable name, as in the record: its key in the catalogue.
    wrong, right : str
        The formulas, side by side. In these texts and the others what depends on layout and
        names stands in braces, for :meth:`gradcheck.networks.notation.Notation.tell`.
    why : str
        Why people write it.
    mend : str
        What to change.
    hides : str
        Where it cannot be seen.
    rules : mapping of str to callable
        The textbook's rules that it replaces.
    strikes : str
        At which layers it can be planted; see :data:`Strikes`.
    example : str
        The text form of a network on which it shows.
    samples : int
        How many samples it takes there.
    activation : str or None
        The only activation it concerns.
    free : Free or None
        The number in it that other code may have another value of.
    of_width : int or None
        Which width of the network is the number in it: 0 the inputs', -1 the outputs'.
    """

    place: Site
    title: str
    _: KW_ONLY
    slug: str = ""
    wrong: str
    right: str
    why: str
    mend: str
    hides: str = "nowhere"
    rules: Mapping[str, Rule]
    strikes: Strikes
    example: str = "2-3-2 tanh,identity half_squared_error"
    samples: int = 4
    activation: str | None = None
    free: Free | None = None
    of_width: int | None = None

    @property
    def site(self) -> str:
        """The slug of its place, as in the record."""
        return self.place.slug

    def told(self, notation: Notation = NATIVE) -> "Bug":
        """Return this bug with its texts as they are read."""
        factor = LOSSES[Network.parse(self.example).loss].factor
        texts = ("title", "wrong", "right", "why", "mend", "hides")
        told: dict[str, Any] = {
            name: notation.tell(getattr(self, name), factor=factor) for name in texts
        }
        return replace(self, **told)

    def layers(self, network: Network) -> tuple[int | None, ...]:
        """Return the layers of a network at which this bug can be planted.

        A layer is the one whose delta, dW or db the wrong rule computes; None stands
        for a rule that belongs to no layer.
        """
        if self.strikes == "whole":
            return (None,)
        last = network.depth
        first = last if self.strikes == "output" else 1
        end = last if self.strikes == "hidden" or self._no_slope(network) else last + 1
        return tuple(
            layer
            for layer in range(first, end)
            if self.activation in (None, network.activations[layer - 1])
        )

    def _no_slope(self, network: Network) -> bool:
        """Whether the output's delta is formed without the slope that is struck."""
        softmax = network.activations[-1] == "softmax"
        return self.strikes == "slopes" and (LOSSES[network.loss].cancels or softmax)

    def planted(self, layer: int | None = None) -> Textbook:
        """Return an implementation that has this bug, everywhere or in one layer."""
        return Textbook(self.rules if layer is None else only_in(layer, self.rules))

    @cached_property
    def remembers(self) -> bool:
        """Whether its code keeps something between calls."""
        network = Network.parse(self.example)
        params = Params([(np.ones(shape), np.ones(shape[1])) for shape in network.shapes])
        # every loss takes targets that are all of the first class
        y = np.tile(np.eye(1, network.widths[-1]), (self.samples, 1))
        ones = Problem(network, params, Batch(np.ones((self.samples, network.widths[0])), y))
        code = self.planted()
        for call in CALLS:
            answers_to(call, code, (ones,))
        return bool(code.memory)

    def having(self, number: float) -> "Bug":
        """Return this bug, in which there is a free number, with another one."""
        assert self.free is not None
        return replace(self, **self.free.with_number(number))

    def visible(self, problem: Problem, layer: int | None = None) -> bool:
        """Whether the bug makes a difference on a problem.

        It does when the loss, a tensor of the gradient, or the parameters after a
        step differ from the textbook's by more than :data:`VISIBLE_CHANGE` of their norm,
        or in shape; when the code writes to its arguments, or returns their memory or
        memory that it overwrites later. A bug of state is asked about :func:`others`
        first.
        """
        asked = (*asked_before(self, problem), problem)
        for call in CALLS:
            answers = answers_to(call, self.planted(layer), asked)
            touched = any(impure(answer) or answer.overwrote for answer in answers)
            if touched or shows(call, problem, answers[-1]):
                return True
        return False


#: What code is asked: the gradient, and a step.
CALLS = (Call.LOSS_AND_GRADS, Call.STEP)


def answers_to(call: Call, code: Textbook, problems: Sequence[Problem]) -> list[Observation]:
    """Ask about one problem after the other."""
    caller = Caller(Anywhere(code))
    return [caller.call(code, Request(call, problem, learning_rate=RATE)) for problem in problems]


def impure(answer: Observation) -> bool:
    """Whether a call wrote to its arguments, or returned their memory."""
    return bool(answer.changed or answer.aliased)


def shows(call: Call, problem: Problem, answer: Observation) -> bool:
    """Whether an answer is another than the textbook's."""
    if answer.failure is not None:
        return True
    both = zip(_right(call, problem), _numbers(call, problem, answer), strict=True)
    return any(differ(right, wrong) for right, wrong in both)


@lru_cache(maxsize=2048)
def _right(call: Call, problem: Problem) -> list[np.ndarray]:
    return _numbers(call, problem, answers_to(call, Textbook(), (problem,))[0])


def _numbers(call: Call, problem: Problem, answer: Observation) -> list[np.ndarray]:
    """The loss and the gradient, or a step turned back into a gradient."""
    if call is Call.LOSS_AND_GRADS:
        return [np.array(answer.loss), *answer.tensors.values()]
    return [(answer.tensors[name] - before) / RATE for name, before in problem.params.items()]


def asked_before(bug: Bug, problem: Problem) -> tuple[Problem, ...]:
    """Return what a bug is asked before a problem: something, if it has a memory."""
    return others(problem) if bug.site == "state" else ()


@lru_cache(maxsize=1024)
def others(problem: Problem) -> tuple[Problem, Problem]:
    """Return problems for the same network with other numbers: one sample more, and as many."""
    pairs = [(0.7 * w + 0.05, 0.7 * b - 0.05) for w, b in problem.params.pairs]
    y = problem.batch.y
    targets = LOSSES[problem.network.loss].targets
    if targets == "one_hot":
        y = np.roll(y, 1, axis=1)
    else:
        y = 1.0 - y if targets == "binary" else 0.4 - 0.9 * y
    as_many = Problem(problem.network, Params(pairs), Batch(0.25 - 0.8 * problem.batch.x, y))
    rows = (*range(problem.batch.size), 0)
    return replace(as_many, batch=as_many.batch.select(rows)), as_many


def differ(right: np.ndarray, wrong: np.ndarray) -> bool:
    """Whether two tensors differ by more than :data:`VISIBLE_CHANGE`, or in shape.

    Parameters
    ----------
    right, wrong : array
        Of any shapes; a row ``(1, n)`` is as good as ``(n,)``.

    Returns
    -------
    bool
    """
    if right.shape != wrong.shape:
        return wrong.shape != (1, *right.shape) or differ(right, wrong[0])
    size = float(np.linalg.norm(right))
    return not float(np.linalg.norm(right - wrong)) <= VISIBLE_CHANGE * size + 1e-14


# ---- an entry as plain data, and worked on its example -----------------------------------

#: The example is filled with numbers from this seed.
_EXAMPLE_SEED = 0

_FIELDS = (
    *("slug", "title", "site", "wrong", "right", "why", "mend"),
    *("strikes", "hides", "example", "samples", "activation"),
)


def described(bug: Bug) -> dict[str, Any]:
    """Return what an entry says, as plain data.

    Parameters
    ----------
    bug : Bug

    Returns
    -------
    dict
        Its texts as they are read, and where it shows.
    """
    told = bug.told()
    return {name: getattr(told, name) for name in _FIELDS}


def worked(bug: Bug) -> dict[str, Any]:
    """Work the example by the textbook and by the bug.

    Parameters
    ----------
    bug : Bug

    Returns
    -------
    dict
        The problem, which function was asked (the gradient, or the step when only
        that shows), the numbers of both, and a note on what numbers do not show.
    """
    rng = np.random.default_rng(_EXAMPLE_SEED)
    problem = sampling.fill(rng, Network.parse(bug.example), bug.samples)
    before = asked_before(bug, problem)
    wrong = {call: answers_to(call, bug.planted(), (*before, problem))[-1] for call in CALLS}
    shown = {call: shows(call, problem, answer) for call, answer in wrong.items()}
    call = next((call for call in CALLS if shown[call] or impure(wrong[call])), CALLS[0])
    notes = []
    if before and shown[call]:
        notes.append("the code was asked about two other problems before")
    if impure(wrong[call]):
        notes.append("the call writes to its arguments or returns their memory")
    elif not shown[call]:
        notes.append("the numbers are right; a later call changes them")
    return {
        "network": str(problem.network),
        "params": [{"W": w, "b": b} for w, b in problem.params.pairs],
        "x": problem.batch.x,
        "y": problem.batch.y,
        "asked": call.value,
        **({"learning_rate": RATE} if call is Call.STEP else {}),
        "textbook": _named(call, answers_to(call, Textbook(), (problem,))[0]),
        "bug": _named(call, wrong[call]),
        "note": "; ".join(notes),
    }


def _named(call: Call, answer: Observation) -> dict[str, Any]:
    """Return the numbers of an answer, in whatever shapes they came, by name."""
    if call is Call.STEP:
        return dict(answer.tensors if answer.failure is None else by_name(answer.returned))
    loss, pairs = (answer.loss, answer.tensors.pairs) if answer.failure is None else answer.returned
    return {"loss": loss, **{f"d{name}": array for name, array in by_name(pairs).items()}}
