"""Catalogued bugs as hypotheses, and how well each explains what was seen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gradcheck.networks.bugs import CATALOGUE, Bug
from gradcheck.networks.bugs.textbook import RULES, Rule
from gradcheck.networks.diagnosis.diagnosis import Name
from gradcheck.networks.diagnosis.observations import Evidence, unexplained
from gradcheck.networks.network import Network

#: A hypothesis that leaves less than this of the error unexplained is accepted...
ACCEPT = 1e-6

#: ... if every rival leaves at least this much.
REJECT = 1e-2


@dataclass(frozen=True)
class Hypothesis:
    """A bug, in one layer or (``layer`` None) everywhere it can strike.

    Attributes
    ----------
    bug : Bug
    layer : int or None
    everywhere : bool
        True for a layered bug in all its layers at once.
    """

    bug: Bug
    layer: int | None
    everywhere: bool = False

    def rules(self) -> Mapping[str, Rule]:
        """The textbook's rules that it replaces."""
        planted = self.bug.planted(self.layer).rules
        return {name: rule for name, rule in planted.items() if rule is not RULES[name]}

    def struck(self, network: Network) -> tuple[int, ...]:
        """Return the layers in which it stands, all for a rule that belongs to none."""
        layers = self.bug.layers(network) if self.layer is None else (self.layer,)
        return tuple(n for n in layers if n is not None) or tuple(range(1, network.depth + 1))

    @property
    def likely(self) -> bool:
        """Whether of several bugs that are one function this is the one that is mostly written.

        A sign or a factor of the output is rather the error's than the slope's, and nothing is
        rather not sent back than sent through weights that cancel.
        """
        return self.bug.site == "loss_derivative" or self.bug.slug == "gradient_cut"

    def names(self, network: Network) -> tuple[Name, ...]:
        """Return the bug by name, once for each layer it strikes."""
        layers = self.bug.layers(network) if self.everywhere else (self.layer,)
        return tuple(Name(self.bug.slug, self.bug.site, layer) for layer in layers)


def hypotheses(network: Network, sites: Iterable[str] | None = None) -> list[Hypothesis]:
    """List every bug that can be planted in a network, layer by layer and everywhere."""
    wanted = None if sites is None else set(sites)
    listed = []
    for bug in CATALOGUE.values():
        if wanted is not None and bug.site not in wanted:
            continue
        layers = bug.layers(network)
        listed += [Hypothesis(bug, layer) for layer in layers]
        if len(layers) > 1:
            listed.append(Hypothesis(bug, None, everywhere=True))
    return listed


@dataclass(frozen=True)
class Ranking:
    """Hypotheses in order of what they leave unexplained.

    Attributes
    ----------
    fitting : list of (float, Hypothesis)
        Those that are accepted, best first.
    near : list of (float, Hypothesis)
        Others that leave less than :data:`REJECT`.
    rival : float
        What the best of the others leaves; infinite when there is none.
    """

    fitting: list[tuple[float, Hypothesis]]
    near: list[tuple[float, Hypothesis]]
    rival: float


def rank(evidence: Evidence, candidates: Iterable[Hypothesis], noise: float) -> Ranking:
    """Simulate each hypothesis and compare."""
    fitting: list[tuple[float, Hypothesis]] = []
    near: list[tuple[float, Hypothesis]] = []
    rival = float("inf")
    for hypothesis in candidates:
        left = unexplained(evidence, hypothesis.rules(), noise, enough=REJECT)
        if left <= ACCEPT:
            fitting.append((left, hypothesis))
        else:
            rival = min(rival, left)
            near += [(left, hypothesis)] if left < REJECT else []
    fitting.sort(key=lambda item: (item[1].everywhere, not item[1].likely, item[0]))
    return Ranking(fitting, near, rival)
