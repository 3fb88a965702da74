"""Dense networks as a subject of checks, and what is known of a submission that is one."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gradcheck.comparison.compare import Arithmetic, Judgement
from gradcheck.comparison.context import CheckContext, Named, Parts, Reordered
from gradcheck.contract.posed import by_name, in_order, numbers, parameters
from gradcheck.contract.protocol import Observation
from gradcheck.networks import loss_conventions, sampling
from gradcheck.networks.definitions import LOSSES, batch_loss
from gradcheck.networks.fast_estimate import Truth, Truths
from gradcheck.networks.notation import NATIVE, Notation
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem
from gradcheck.networks.sampling import EVERYTHING, Support
from gradcheck.networks.scope import Asking
from gradcheck.oracle.evaluation import blocks

#: Problems looked at to see how code computes.
_CALIBRATED_ON = 24

#: Widths of small networks.
_WIDTHS = (
    "1-1 2-1 1-2 1-1-1 2-2 1-2-1 1-1-2 2-1-1 1-1-1-1 1-2-2 2-2-1 2-2-2 2-3-2 1-2-2-1 1-1-1-1-1 "
    "2-2-2-2 1-1-1-1-1-1"
)

#: What the entries of small problems are made of, in order of preference.
_VALUES = (1.0, -1.0, 0.5, 2.0, -0.5, 1.5, -2.0, 0.25, 3.0, -1.5, 0.75)

#: Several tries a network: where in the table its values start, and whether it has biases.
_STARTS = ((0, False), (2, False), (5, True))


@dataclass(frozen=True)
class DenseNetworks:
    """What checks ask of dense networks: see :class:`gradcheck.comparison.context.Subject`.

    In the notation of the code its author is told things; ``support`` is what the code handles.
    """

    support: Support = EVERYTHING
    truths: Truths = field(default_factory=Truths)
    notation: Notation = NATIVE

    def truth(self, problem: Problem, epsilon: float = 0.0, biases: bool = False) -> Truth:
        """Return the truth of a problem, for the loss with a convention of the code."""
        return self.truths.of(problem, epsilon, biases)

    def size(self, problem: Problem) -> int:
        """How much there is to read in it: parameters times samples."""
        return problem.params.size * problem.batch.size

    def numbers(self, problem: Problem) -> int:
        """How many numbers it takes in memory."""
        return numbers(problem.network, problem.batch.size)

    def samples(self, problem: Problem) -> int:
        """The number of samples in its batch."""
        return problem.batch.size

    def kind(self, problem: Problem) -> Network:
        """Return its network."""
        return problem.network

    def reach(self, problem: Problem) -> float:
        """Return the largest ``|z|``."""
        return self.truth(problem).largest_z

    def counts_samples(self, problem: Problem) -> bool:
        """Whether the number of samples stands in its loss: that is a mean."""
        return problem.network.reduction == "mean"

    def logarithmic(self, problem: Problem) -> bool:
        """Whether its loss holds a logarithm, in which code may put a constant."""
        return LOSSES[problem.network.loss].logarithmic

    def moved(self, problem: Problem, tensor: str, shift: Floats) -> Problem:
        """Move one tensor."""
        tensors = {**problem.params, tensor: problem.params[tensor] + shift}
        return replace(problem, params=Params(in_order(tensors.values()).pairs))

    def nearby(self, problem: Problem, rng: np.random.Generator, size: float) -> Problem:
        """Move everything a little: data that code casts to float32 are rounded anew too."""

        def near(array: Floats) -> Floats:
            return array + size * rng.standard_normal(array.shape)

        params = Params([(near(w), near(b)) for w, b in problem.params.pairs])
        x, y = near(problem.batch.x), problem.batch.y
        if LOSSES[problem.network.loss].targets == "real":
            y = near(y)
        return replace(problem, params=params, batch=Batch(x, y))

    def parts(self, problem: Problem, biases: bool) -> Parts | None:
        """Take a batch apart; None where the code is not asked for single samples."""
        if 1 not in self.support.batch_sizes:
            return None
        network, batch = problem.network, problem.batch
        singles = (replace(problem, batch=batch.select([n])) for n in range(batch.size))
        penalty = {
            name: network.l2 * tensor if biases or tensor.ndim == 2 else np.zeros_like(tensor)
            for name, tensor in problem.params.items()
        }
        weight = 1.0 / batch.size if network.reduction == "mean" else 1.0
        return Parts(tuple(singles), weight, penalty, network.reduction)

    def reordered(self, problem: Problem, rng: np.random.Generator) -> list[Reordered]:
        """Shuffle samples; and hidden units, whose gradient is shuffled too."""
        orders = [rng.permutation(n) for n in problem.network.widths]
        orders[0], orders[-1] = np.arange(len(orders[0])), np.arange(len(orders[-1]))

        def follow(tensors: Named) -> Named:
            """Reorder the units of every layer: rows by the layer before, columns by its own."""
            pairs = in_order(tensors.values()).pairs
            return by_name(
                (w[np.ix_(before, after)], b[after])
                for (w, b), before, after in zip(pairs, orders[:-1], orders[1:], strict=True)
            )

        batch = problem.batch.select(rng.permutation(problem.batch.size))
        params = Params(in_order(follow(problem.params).values()).pairs)
        return [
            Reordered("samples", replace(problem, batch=batch), lambda tensors: tensors),
            Reordered("hidden units", replace(problem, params=params), follow),
        ]

    def drawn(self, seed: int, index: int, saturated: bool = False) -> Problem:
        """Draw a problem; or the same with saturated units."""
        draw = sampling.saturated if saturated else sampling.problem
        return draw(seed, index, self.support)

    def smallest(self, failing: Sequence[Problem]) -> Iterator[Problem]:
        """Yield problems like the failing ones, smallest first: none saturated, none on a kink."""
        for problem in _small_problems(self.support, failing):
            truth = self.truth(problem)
            if truth.largest_z <= sampling.MAX_Z and not truth.kinks.count:
                yield problem

    def calibrated_on(self, problems: Sequence[Problem]) -> list[Problem]:
        """Choose problems that show how code computes, those with a logarithm among them.

        What is wider than the first comes far out: narrow digits there alone are not the
        arithmetic of the code.
        """
        first = problems[:_CALIBRATED_ON]
        widest = max((max(p.network.widths) for p in first), default=0)
        logarithmic = [
            p for p in problems if max(p.network.widths) <= widest and self.logarithmic(p)
        ]
        return list(dict.fromkeys((*first, *logarithmic[:_CALIBRATED_ON])))

    def conventions(
        self, answers: Mapping[Problem, Observation], off: Callable[[Arithmetic], Sequence[Problem]]
    ) -> Asking[Arithmetic]:
        """Find what the code's loss means otherwise than the definition, by its answers."""
        return (yield from loss_conventions.conventions(self.truths, answers, off))

    def constant(self, problems: Sequence[Problem]) -> Asking[float]:
        """Return what keeps the code's logarithms from zero, or zero."""
        problem = loss_conventions.askable(problems)
        found = (yield from loss_conventions.guard(problem)) if problem is not None else None
        return found.value if found is not None else 0.0

    def describe(self, problem: Problem) -> str:
        """Return the network as the author of the code has it."""
        return str(self.notation.own_network(problem.network))

    def tensor(self, name: str) -> str:
        """Say what the code calls a tensor."""
        return name if self.notation is NATIVE else self.notation.tensor(name)

    def entry(self, place: str, problem: Problem) -> tuple[str, float]:
        """Say where an entry is in the code, and by what factor the code's number is ours."""
        return self.notation.entry(place, problem.network)

    def reworded(self, message: str) -> str:
        """Let tensors be called in a message as the code calls them."""
        return self.notation.named(message)

    def difference_quotients(self, problem: Problem, judgement: Judgement, steps: Floats) -> Floats:
        """Difference the loss by the entry of a judgement at many steps."""
        return differences(problem, judgement, steps)[0]


def differences(problem: Problem, judgement: Judgement, steps: Floats) -> tuple[Floats, Floats]:
    """Return difference quotients by the entry of a judgement, and the losses they are made of."""
    tensors, tensor = dict(problem.params), problem.params[judgement.tensor]
    flat = np.ravel_multi_index(judgement.entry, tensor.shape)
    signed, losses = np.concatenate((steps, -steps)), np.empty(2 * len(steps))
    for some in blocks(len(signed), tensor.size):
        moved = np.repeat(tensor[None], len(signed[some]), axis=0)
        moved.reshape(len(moved), -1)[:, flat] += signed[some]
        stacked = in_order({**tensors, judgement.tensor: moved}.values()).pairs
        losses[some] = batch_loss(problem.network, stacked, problem.batch.x, problem.batch.y)
    up, down = np.split(losses, 2)
    return (up - down) / (2 * steps), losses


@dataclass(frozen=True)
class NetworkContext(CheckContext):
    """What is known of a submission that is a dense network."""

    subject: DenseNetworks = field(default_factory=DenseNetworks)

    def truth(self, problem: Problem) -> Truth:
        """Return the truth of a problem, for the loss as the code writes it."""
        return self.subject.truth(problem, self.arithmetic.epsilon, self.arithmetic.biases)

    def defined(self, problem: Problem) -> Truth:
        """Return the truth of a problem with the penalty as defined: of the weights alone."""
        return self.subject.truth(problem, self.arithmetic.epsilon)


def _small_problems(support: Support, failing: Sequence[Problem]) -> Iterator[Problem]:
    """Yield problems within the support that are like the failing ones, and none larger.

    By parameters times samples, then depth.
    """
    largest = max((p.params.size * p.batch.size for p in failing), default=10**9)
    for network, samples in sorted(_cases(support, failing), key=lambda case: _cost(*case)):
        for start, biased in _STARTS:
            problem = _fill(network, samples, start, biased, support.one_hot)
            if problem.params.size * samples <= largest:
                yield problem


def _cases(support: Support, failing: Sequence[Problem]) -> Iterator[tuple[Network, int]]:
    sizes = [n for n in support.batch_sizes if n <= 3] or list(support.batch_sizes[:1])
    if support.networks:
        yield from itertools.product(support.networks, sizes)
        return
    hidden = [p.network.activations[:-1] for p in failing]
    often = {name: sum(name in layers for layers in hidden) for name in support.activations}
    shown = [name for name in support.activations if often[name]] or support.activations
    commonest = sorted(shown, key=lambda name: -often[name])[:4]
    l2 = 0.0 if any(p.network.l2 == 0 for p in failing) else 0.5
    for text, (output, loss) in itertools.product(_WIDTHS.split(), _preferred(failing)):
        widths = tuple(map(int, text.split("-")))
        depth = len(widths) - 1
        if depth in support.depths:
            for name in commonest if depth > 1 else ("",):
                layers = (*(name,) * (depth - 1), output)
                network = Network(widths, layers, loss, failing[0].network.reduction, l2)
                yield from ((network, samples) for samples in sizes)


def _preferred(failing: Sequence[Problem]) -> list[tuple[str, str]]:
    """Order the outputs and losses with which the bug shows: simple ones first."""
    order = {name: rank for rank, name in enumerate(("identity", "sigmoid", "tanh"))}
    seen = dict.fromkeys((p.network.activations[-1], p.network.loss) for p in failing)
    losses = list(LOSSES)
    return sorted(seen, key=lambda pair: (order.get(pair[0], 9), losses.index(pair[1])))[:4]


def _cost(network: Network, samples: int) -> tuple[int, int]:
    return parameters(network) * samples, network.depth


def _fill(network: Network, samples: int, start: int, biased: bool, one_hot: bool) -> Problem:
    values = itertools.islice(itertools.cycle(_VALUES), start, None)

    def take(*shape: int) -> Floats:
        count = int(np.prod(shape))
        return np.array(list(itertools.islice(values, count))).reshape(shape)

    x = take(samples, network.widths[0])
    pairs = [
        (take(n_in, n_out), take(n_out) if biased else np.zeros(n_out))
        for n_in, n_out in network.shapes
    ]
    width, wanted = network.widths[-1], LOSSES[network.loss].targets
    if wanted == "one_hot" or one_hot:
        y = np.eye(width)[np.arange(samples) % width]
    elif wanted == "binary":
        y = (np.arange(samples * width).reshape(samples, width) % 2).astype(float)
    else:
        y = take(samples, width)
    return Problem(network, Params(pairs), Batch(x, y))
