"""What a catalogued bug is: data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property, lru_cache
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np

from gradcheck.networks.bugs.textbook import Rule, Textbook, only_in
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.network import Network
from gradcheck.networks.notation import NATIVE, Notation
from gradcheck.networks.problem import Batch, Params, Problem

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
        use in braces are those of :func:`gradcheck.networks.diagnosis.place.placed`. Empty
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
    """A number that is part of a bug and another one in every code.

    Attributes
    ----------
    name : str
        As it is recovered: ``learning_rate``, ``slope``.
    rules : callable
        ``rules(number)`` returns the textbook's rules that the bug replaces; what they
        compute is linear in the number.
    wrong : str
        The wrong formula, with a place ``#`` for the number.
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
    slug : str
        Readable name, as in the record.
    title : str
        One line.
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
    """

    place: Site
    slug: str
    title: str
    _: KW_ONLY
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
        gradient(code, ones)
        step(code, ones)
        return bool(code.memory)

    def having(self, number: float) -> "Bug":
        """Return this bug with another number in it.

        Raises
        ------
        TypeError
            When there is no free number in it.
        """
        if self.free is None:
            raise TypeError(f"{self.slug} has no free number")
        return replace(self, **self.free.with_number(number))

    def visible(self, problem: Problem, layer: int | None = None) -> bool:
        """Whether the bug makes a difference on a problem.

        It does when the loss, a tensor of the gradient, or the parameters after a
        step differ from the textbook's by more than :data:`VISIBLE_CHANGE` of their norm,
        or in shape; when the code writes to its arguments, or returns their memory or
        memory that it overwrites later. A bug of state is asked about :func:`others`
        first.
        """
        code = self.planted(layer)
        right = _right(problem)
        calls = (*asked_before(self, problem), problem)
        kept: list[tuple[np.ndarray, bytes]] = []
        with np.errstate(all="ignore"):
            for ask in (gradient, step):
                for asked in calls:
                    answer = ask(code, asked)
                    if answer.impure or any(array.tobytes() != was for array, was in kept):
                        return True
                    kept += [(array, array.tobytes()) for array in answer.raw]
                    if asked is problem:
                        expected = right[ask is step]
                        pairs = zip(expected, answer.numbers, strict=True)
                        if any(differ(r, w) for r, w in pairs):
                            return True
        return False


@dataclass(frozen=True)
class Answer:
    """What a call said, and whether it touched what is not its own.

    Attributes
    ----------
    numbers : list of array
        The loss and the gradient, or a step turned back into a gradient.
    raw : list of array
        The arrays that were returned.
    impure : bool
        Whether arguments were written to or their memory returned.
    """

    numbers: list[np.ndarray]
    raw: list[np.ndarray]
    impure: bool


class _Arguments:
    """Fresh, writable copies, watched."""

    def __init__(self, problem: Problem) -> None:
        self.pairs = problem.params.copies()
        self.batch = SimpleNamespace(x=problem.batch.x.copy(), y=problem.batch.y.copy())
        # the code may put other arrays in its lists: these are ours
        self._arrays = [*_flat(self.pairs), self.batch.x, self.batch.y]
        self._before = [array.tobytes() for array in self._arrays]

    def touched(self, answer: Sequence[np.ndarray]) -> bool:
        """Whether they were written to, or the answer shares their memory."""
        written = any(
            array.tobytes() != was for array, was in zip(self._arrays, self._before, strict=True)
        )
        return written or any(np.may_share_memory(a, r) for a in self._arrays for r in answer)


def gradient(code: Textbook, problem: Problem) -> Answer:
    """Ask for the loss and the gradient."""
    given = _Arguments(problem)
    loss, grads = code.loss_and_grads(problem.network, given.pairs, given.batch)
    raw = list(_flat(grads))
    return Answer([np.array(loss), *(array.copy() for array in raw)], raw, given.touched(raw))


def step(code: Textbook, problem: Problem) -> Answer:
    """Ask for a step, and turn it back into a gradient."""
    given = _Arguments(problem)
    raw = list(_flat(code.step(problem.network, given.pairs, given.batch, RATE)))
    before = problem.params.values()
    numbers = [(after - old) / RATE for after, old in zip(raw, before, strict=True)]
    return Answer(numbers, raw, given.touched(raw))


def _flat(pairs: Any) -> Iterator[np.ndarray]:
    return (np.asarray(array) for pair in pairs for array in pair)


@lru_cache(maxsize=1024)
def _right(problem: Problem) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What the textbook says of a gradient and of a step."""
    return gradient(Textbook(), problem).numbers, step(Textbook(), problem).numbers


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
