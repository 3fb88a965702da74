"""deeplearning.ai: ``*_forward``, ``*_backward`` and ``compute_cost`` on a dict W1, b1, ...

Weights out x in, samples in columns, gradients in a dict dW1, db1, ... (Neural Networks
and Deep Learning, weeks 3 and 4; Improving Deep Neural Networks, week 1.) Functions of
the same shape that return their gradients in a tuple are read too.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from gradcheck.reading.foreign_call import (
    Reading,
    UnsuitedError,
    arguments,
    attempt,
    broken,
    functions,
    works,
)
from gradcheck.reading.function_pair import PENALTIES, Chain, Chained, Style, has_reg
from gradcheck.reading.layout import Layout, Trial
from gradcheck.reading.names import plain, plays
from gradcheck.reading.own_loss import OwnLoss, choices, number_of, told_of_loss
from gradcheck.reading.returned import MEANINGS, WITHOUT_LOSS, Picker, told_of_meaning
from gradcheck.reading.source_names import by_number, spelled

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


#: Functions that are tried, of forwards as of backwards.
MOST = 3


def find(module: Any) -> Iterator[Reading]:
    """Yield the readings of pairs of functions, a forward and a backward.

    Of every backward the first forward that it runs with is taken; those of parts of a network
    are not tried where another runs.
    """
    running = False
    for backward, forwards in _pairs(module):
        if running and _whole(backward) > 0:
            return
        for forward in forwards:
            chain = Chain(backward, forward, update=_update(module))
            made = list(read(chain, "deeplearning.ai", module))
            yield from made
            if any(map(works, made)):
                running = True
                break


def read(chain: Chain, adapter: str, module: Any) -> Iterator[Reading]:
    """Yield every style in which the functions answer, and why they do not in the others.

    Where there is none, those are yielded in which the backward returns something: what that
    lacks is for whoever asks, if the forward gives the outputs of a network.
    """
    answering, lacking = [], []
    for style in STYLES:
        for container in ("dict", "pairs"):
            for targets in ("as given", "integer labels", "one vector"):
                tried = replace(style, container=container, targets=targets)
                code, question, error = _tried(chain, tried)
                if error is not None:
                    yield broken(adapter, error, code.stage, {"functions": _names(chain)})
                    if code.returned and chain.forward is not None and targets == "as given":
                        lacking.append(code)
                    continue
                answering.append((code, *_losses(code, module, question)))
            if not _takes_parameters(chain):
                break
    for code in lacking if not answering else ():
        trial = Trial(TRIALS[0])
        question = (trial, *trial.question(ROWS[0]), (float("nan"),))
        code.picker = Picker()
        answering.append((code, *_losses(code, module, question)))
    # where its cost fails in one style and not in another, it is not written for the first
    usable = any(returned or any(not loss.raised for loss in own) for _, own, returned in answering)
    for code, losses, returned in answering:
        if returned or not usable or any(not loss.raised for loss in losses):
            yield from _readings(code, adapter, losses, returned)


def _tried(chain: Chain, style: Style) -> tuple[Chained, Any, UnsuitedError | None]:
    """Ask functions in a style; where an argument is not known, with what it may be."""
    code = Chained(chain, style)
    for given in ("", WITHOUT_LOSS[0]):
        code = Chained(chain, replace(style, given=given))
        try:
            return code, _ask(code), None
        except UnsuitedError as error:
            why = error
            if not code.unknown or given:
                break
    return code, None, why


def _readings(
    code: Chained, adapter: str, losses: list[OwnLoss], returned: bool
) -> Iterator[Reading]:
    """Yield a style with every loss that the code has, penalty and meaning of an argument."""
    chain, style = code.chain, code.style
    meant = [loss for loss in losses if loss.meant and not loss.raised]
    for own in [None] if returned else meant or choices(losses):
        made = replace(chain, loss=own)
        told = style.told() | {"functions": _names(made)}
        functions = [f for f in (made.forward, made.backward) if f is not None]
        told["spelling"] = spelled(functions, by_number, style.layout, style.bias)
        told |= {} if returned else told_of_loss(own, losses)
        meanings: tuple[str, ...] = ("",)
        if style.given:
            meanings = WITHOUT_LOSS if own is None else tuple(MEANINGS)
        for penalty, given in itertools.product(PENALTIES if has_reg(made) else ("",), meanings):
            final = replace(style, penalty=penalty, given=given)
            more = {"penalty": penalty} if penalty else {}
            more |= told_of_meaning(code.unknown, given) if given else {}
            asked = Chained(made, final, code.picker, code.updated)
            yield Reading(adapter, asked, told | more)


def _losses(code: Chained, module: Any, question: Any) -> tuple[list[OwnLoss], bool]:
    """Return the functions that give the loss, or that the backward itself returns it."""
    trial, *asked, answer = question
    if number_of(answer[0]) is not None:
        return [], True
    single = Trial((*trial.widths[:-1], 1))  # a cost may be for one output only
    raising: list[OwnLoss] = []
    for each, given in ((trial, asked), (single, single.question(ROWS[0]))):
        try:
            found = attempt(partial(code.losses, module, each, *given))
        except UnsuitedError:
            continue
        if any(not loss.raised for loss in found):
            return found, False
        raising = raising or found
    return raising, False


def _takes_parameters(chain: Chain) -> bool:
    made = [f for f in (chain.forward, chain.backward) if f is not None]
    return any(plays(p.name, "parameters") for f in made for p in arguments(f))


def _pairs(module: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Yield every backward with the forwards there are, those of the whole network first."""
    own = functions(module)
    forwards = [
        f
        for name, f in own.items()
        if "forward" in plain(name) or plain(name) in ("predictproba", "feedforward")
    ]
    backwards = [f for name, f in own.items() if "back" in plain(name) and "check" not in name]
    ordered = sorted(forwards, key=_whole)[:MOST]
    for backward in sorted(backwards, key=_whole)[:MOST] if ordered else ():
        yield backward, ordered


def _update(module: Any) -> Any:
    own = functions(module)
    found = [f for name, f in own.items() if plain(name).startswith("update") and _steps(f)]
    return found[0] if found else None


#: What functions of a part of a network are called.
_PARTS = ("linear", "activation", "relu", "sigmoid", "softmax", "tanh", "layer", "single")


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
    """The model's own function first; those of a part last."""
    name = plain(function.__name__)
    part = any(each in name for each in _PARTS) and "model" not in name and "llayer" not in name
    return -("model" in name) + part


def _names(chain: Chain) -> str:
    made = [f.__name__ for f in (chain.forward, chain.backward) if f is not None]
    made += [chain.loss.name] if chain.loss is not None else []
    return ", ".join([*made, *([chain.update.__name__] if chain.update is not None else [])])


def _ask(code: Chained) -> Any:
    """Return the first question that is answered, and the answer.

    Raises what the try raised that came farthest.
    """
    farthest: tuple[int, UnsuitedError] | None = None
    for widths in TRIALS:
        trial = Trial(widths)
        for rows in ROWS:
            code.picker = Picker()  # what failed may have shown the wrong places
            question = trial.question(rows)
            try:
                answer = attempt(partial(code.loss_and_grads, trial, *question))
            except UnsuitedError as error:
                if farthest is None or code.stage > farthest[0]:
                    farthest = code.stage, error
                continue
            code.updated = Picker()
            if code.chain.update is not None:
                try:
                    attempt(partial(code.step, trial, *question, 0.5))
                except UnsuitedError:
                    code.updated = Picker()
            return trial, *question, answer
    assert farthest is not None
    code.stage = farthest[0]
    raise farthest[1]
