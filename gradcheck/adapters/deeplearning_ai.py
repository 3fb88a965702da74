"""deeplearning.ai: ``*_forward``, ``*_backward`` and ``compute_cost`` on a dict W1, b1, ...

Weights out x in, samples in columns, gradients in a dict dW1, db1, ... (Neural Networks
and Deep Learning, weeks 3 and 4; Improving Deep Neural Networks, week 1.) Functions of
the same shape that return their gradients in a tuple are read too.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcheck.adapters.answers import Picker
from gradcheck.adapters.asked import Trial
from gradcheck.adapters.broken import broken
from gradcheck.adapters.calling import UnsuitedError, arguments, attempt, functions
from gradcheck.adapters.functions import (
    PENALTIES,
    Chain,
    Chained,
    Style,
    has_reg,
)
from gradcheck.adapters.layout import Layout
from gradcheck.adapters.names import plain, plays
from gradcheck.adapters.own_loss import mentions_loss
from gradcheck.adapters.reading import Reading
from gradcheck.adapters.spelling import by_number, spelled

#: Ways to lay parameters and samples out, the course's own first.
STYLES = (
    Style(Layout("out x in", "apart", "columns"), "column"),
    Style(Layout("in x out", "apart", "rows"), "row"),
    Style(Layout("in x out", "apart", "rows"), "vector"),
    Style(Layout("out x in", "apart", "rows"), "vector"),
    Style(Layout("in x out", "apart", "columns"), "column"),
    Style(Layout("in x out", "missing", "rows"), "vector"),
    Style(Layout("out x in", "missing", "columns"), "vector"),
    Style(Layout("out x in", "apart", "one vector"), "vector"),
    Style(Layout("out x in", "apart", "one column"), "column"),
)

#: Samples of a try: not as many as there are units in a layer, so that shapes tell.
ROWS = (6, 1)

#: Networks on which it is tried whether the functions answer.
TRIALS = ((3, 5, 2), (3, 5, 1), (3, 5, 4, 2), (3, 5, 4, 1))


def find(module: Any) -> Iterator[Reading]:
    """Yield the readings of a pair of functions, a forward and a backward."""
    for chain in _chains(module):
        yield from read(chain, "deeplearning.ai")


def read(chain: Chain, adapter: str) -> Iterator[Reading]:
    """Yield every style in which the functions answer, and why they do not in the others.

    Where there is none, those are yielded in which the backward returns something: what that
    lacks is for whoever asks, if the forward gives the outputs of a network.
    """
    answers, lacking = False, []
    for style in STYLES:
        for container in ("dict", "pairs"):
            for targets in ("as given", "integer labels", "one vector"):
                tried = replace(style, container=container, targets=targets)
                code = Chained(chain, tried)
                try:
                    _ask(code)
                except UnsuitedError as error:
                    yield broken(adapter, error, code.stage, {"functions": _names(chain)})
                    if code.returned and chain.forward is not None and targets == "as given":
                        lacking.append(code)
                    continue
                answers = True
                told = tried.told() | {"functions": _names(chain)}
                made = [f for f in (chain.forward, chain.cost, chain.backward) if f is not None]
                told["spelling"] = spelled(made, by_number, tried.layout, tried.bias)
                if not _has_loss(code):
                    told["loss"] = "none"
                for penalty in PENALTIES if has_reg(chain) else ("",):
                    final = replace(tried, penalty=penalty)
                    more = {"penalty": penalty} if penalty else {}
                    yield Reading(adapter, Chained(chain, final, code.picker), told | more)
            if not _takes_parameters(chain):
                break
    for code in lacking if not answers else ():
        told = code.style.told() | {"functions": _names(chain)}
        loss = {} if chain.cost is not None else {"loss": "none"}
        yield Reading(adapter, Chained(chain, code.style), told | loss)


def _takes_parameters(chain: Chain) -> bool:
    made = [f for f in (chain.forward, chain.backward) if f is not None]
    return any(plays(p.name, "parameters") for f in made for p in arguments(f))


def _chains(module: Any) -> Iterator[Chain]:
    own = functions(module)
    forwards = [
        f
        for name, f in own.items()
        if "forward" in plain(name) or plain(name) in ("predictproba", "feedforward")
    ]
    backwards = [f for name, f in own.items() if "back" in plain(name)]
    costs = [f for name, f in own.items() if mentions_loss(name)]
    updates = [f for name, f in own.items() if plain(name).startswith("update") and _steps(f)]
    for backward in sorted(backwards, key=_whole):
        for forward in sorted(forwards, key=_whole):
            for cost in [*sorted(costs, key=_plainest), None]:
                for update in [*updates[:1], None] if updates else [None]:
                    yield Chain(backward, forward, cost, update)
                    break
                break


#: An update that keeps something from step to step is not the plain one.
_KEEPS = re.compile(r"adam|moment|velocity|rms|adagrad|adadelta|nesterov|lookahead|lbfgs|decay")


def _steps(function: Any) -> bool:
    """Whether a function is an update by the gradient alone: it takes no state of its own."""
    words = [plain(function.__name__), *(plain(p.name) for p in arguments(function))]
    # the week's caches, and t of Adam: single letters say it as arguments
    return not any(
        _KEEPS.search(word) or word in ("v", "s", "t", "beta1", "beta2") for word in words
    )


def _whole(function: Any) -> int:
    """The model's own function first; those of one layer last."""
    name = plain(function.__name__)
    return -("model" in name) + ("linear" in name) + ("activation" in name)


def _plainest(function: Any) -> int:
    return "regular" in plain(function.__name__)


def _names(chain: Chain) -> str:
    made = (chain.forward, chain.backward, chain.cost, chain.update)
    return ", ".join(f.__name__ for f in made if f is not None)


def _ask(code: Chained) -> Any:
    """Return the first answer; raises what the try raised that came farthest."""
    farthest: tuple[int, UnsuitedError] | None = None
    for widths in TRIALS:
        trial = Trial(widths)
        for rows in ROWS:
            code.picker = Picker()  # what failed may have shown the wrong places
            question = trial.question(rows)
            try:
                return attempt(partial(code.loss_and_grads, trial, *question))
            except UnsuitedError as error:
                if farthest is None or code.stage > farthest[0]:
                    farthest = code.stage, error
    assert farthest is not None
    code.stage = farthest[0]
    raise farthest[1]


def _has_loss(code: Chained) -> bool:
    try:
        answer = _ask(code)
        return bool(np.isfinite(np.asarray(answer[0], dtype=float)).all())
    except (TypeError, ValueError, UnsuitedError):
        return False
