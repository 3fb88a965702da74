"""Functions that pass a forward on to a backward: called by the names of their arguments.

Parameters may be a dict ``W1, b1, ...``, a list of pairs, two lists, or arguments of
their own; whatever the forward returns is known to the backward by the names that
stand in its ``return``.

So it is in deeplearning.ai: ``*_forward``, ``*_backward`` and ``compute_cost`` on a dict W1, b1,
..., weights out x in, samples in columns, gradients in a dict dW1, db1, ... (Neural Networks and
Deep Learning, weeks 3 and 4; Improving Deep Neural Networks, week 1.)
"""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gradcheck.contract.conventions import Argument, Conventions, Penalty, Targets
from gradcheck.contract.posed import Floats, Pairs
from gradcheck.contract.posed import PosedNetwork as Network
from gradcheck.reading import foreign_call as foreign
from gradcheck.reading.foreign_call import plain
from gradcheck.reading.layout import Answer, Layout, Trial, from_own, to_own, widths_of
from gradcheck.reading.loading import Reading
from gradcheck.reading.own_loss import OwnLoss, choices, number_of, own_losses, with_loss
from gradcheck.reading.returned import (
    MEANINGS,
    WITHOUT_LOSS,
    Picker,
    from_above,
    loss_in,
    meant,
    parts_of,
    returned_names,
)
from gradcheck.reading.source_names import by_number, spelled

Function = Callable[..., Any]

#: Ways to take the factor of a penalty.
PENALTIES = (Penalty.LAMBDA_N, Penalty.LAMBDA, Penalty.HALF_LAMBDA)


@dataclass(frozen=True)
class Chain:
    """What is called in turn."""

    backward: Function
    forward: Function | None = None
    loss: OwnLoss | None = None
    update: Function | None = None

    @property
    def passes(self) -> list[Function]:
        """The forward, where there is one, and the backward."""
        return [*([] if self.forward is None else [self.forward]), self.backward]

    @property
    def takes_penalty(self) -> bool:
        """Whether some function takes the factor of a weight penalty."""
        taken = foreign.takes(self.backward, "reg")
        return taken or (self.loss is not None and "reg" in self.loss.roles)

    @property
    def names(self) -> tuple[str, ...]:
        """Name what is called."""
        made = [f.__name__ for f in self.passes]
        made += [self.loss.name] if self.loss is not None else []
        return (*made, *([self.update.__name__] if self.update is not None else []))


@dataclass(frozen=True)
class Style:
    """How the functions want their arguments.

    Attributes
    ----------
    bias : {"column", "row", "vector"}
        The shape of a bias.
    container : {"dict", "pairs"}
        What ``parameters`` is.
    given : str
        What the one argument of the backward is given that no name says; a key of
        :data:`~gradcheck.reading.returned.MEANINGS`, or empty.
    """

    layout: Layout
    bias: str = "vector"
    container: str = "dict"
    targets: Targets = Targets.AS_GIVEN
    penalty: Penalty | None = None
    given: str = ""

    def conventions(self) -> Conventions:
        """Return it as conventions of a reading, which say no more yet."""
        targets = None if self.targets is Targets.AS_GIVEN else self.targets
        return replace(self.layout.conventions(), targets=targets)


class Chained:
    """Functions read as an implementation.

    Attributes
    ----------
    stage : int
        How far the last question came.
    unknown : str
        The one argument of the backward that no name says; empty where there is none.
    picker, updated : Picker
        Where the gradients are in what the backward returns, and the parameters in what the
        update does: seen once, on sizes that tell them apart.
    """

    def __init__(
        self,
        chain: Chain,
        style: Style,
        picker: Picker | None = None,
        updated: Picker | None = None,
    ) -> None:
        self.chain, self.style = chain, style
        self.picker, self.updated = picker or Picker(), updated or Picker()
        self.stage = foreign.WAS_CALLED
        self.unknown = ""
        self.returned = False  # whether the backward ever ran to its end
        if chain.forward is not None:
            self.forward = self._outputs
        if chain.update is not None:
            self.step = self._step

    def loss_and_grads(self, network: Network, params: Pairs, batch: Any) -> Answer:
        """Call the forward, the cost and the backward."""
        with foreign.calmly():
            own, values = self._values(network, params, batch.x, batch.y)
            self.stage = foreign.WAS_CALLED
            outputs = self._forward(values)
            loss = self._loss(values)
            self.stage = foreign.WAS_CALLED if self.chain.forward is None else foreign.RAN_FORWARD
            answer = self._backward(values, outputs)
            told = returned_names(self.chain.backward)
            if self.chain.loss is None:
                loss = loss_in(answer, told)
            self.returned = True
            pairs = self.picker.pairs(answer, told, own, self.style.layout)
        return loss, from_own(self.style.layout, network, pairs)

    def _values(
        self, network: Network, params: Pairs, x: Floats, y: Floats | None
    ) -> tuple[Pairs, dict[str, Any]]:
        if network.l2 and not self.style.penalty:
            raise NotImplementedError("no weight penalty")
        layout = self.style.layout
        own, x = to_own(layout, network, params, x)
        table: dict[str, Any] = {}
        packed = []
        for index, (w, b) in enumerate(own, start=1):
            matrix, vector = layout.pack(w, b)
            table[f"W{index}"] = matrix
            if vector is not None:
                formed = {"column": vector[:, None], "row": vector[None, :]}
                table[f"b{index}"] = vector = formed.get(self.style.bias, vector)
            packed.append((matrix, vector))
        values = table | {key.lower(): value for key, value in table.items()}
        values |= {f"w_{key[1:]}": v for key, v in table.items() if key[0] == "W"}
        values["parameters"] = table if self.style.container == "dict" else packed
        values["weights"] = [matrix for matrix, _ in packed]
        values["biases"] = [vector for _, vector in packed]
        values["sizes"] = list(widths_of(own))
        values["x"], values["m"] = layout.give(x), len(x)
        values["n_in"], values["n_out"] = values["sizes"][0], values["sizes"][-1]
        if len(own) == 2:
            values["n_hidden"] = values["sizes"][1]
        if y is not None:
            values["y"] = layout.targets(y, self.style.targets)
        penalty = self.style.penalty
        values["reg"] = penalty.factor(network.l2, len(x)) if penalty else 0.0
        return own, values

    def _forward(self, values: dict[str, Any]) -> Any:
        """Call the forward, and know what it returns by name."""
        if self.chain.forward is None:
            return None
        answer = self.chain.forward(*foreign.bind(self.chain.forward, values))
        names = returned_names(self.chain.forward)
        parts = parts_of(answer)
        values |= dict(zip(names, parts, strict=True)) if len(names) == len(parts) else {}
        outputs = self.picker.outputs(parts, values["m"] * values["n_out"])
        rest = [part for part in parts if part is not outputs]
        if rest:
            values["cache"] = rest[0] if len(parts) == 2 else answer
        values.setdefault("output", outputs)
        return outputs

    def _loss(self, values: dict[str, Any]) -> Any:
        return float("nan") if self.chain.loss is None else self.chain.loss.value(None, values)

    def losses(self, module: Any, network: Network, params: Pairs, batch: Any) -> list[OwnLoss]:
        """Return the functions of a module that give the loss of a question."""
        with foreign.calmly():
            _, values = self._values(network, params, batch.x, batch.y)
            self._forward(values)
        names = replace(self.chain, loss=None).names
        found = own_losses(module, module, values | {"reg": 0.7}, names)
        takes = foreign.takes(self.chain.backward, "reg")
        return [loss for loss in found if ("reg" in loss.roles) is takes] or found

    def _backward(self, values: dict[str, Any], outputs: Any) -> Any:
        """Call the backward, with what its one unknown argument is taken for."""
        function = self.chain.backward
        open_names = [
            name
            for name in foreign.needed(function)
            if name not in values and (from_above(name) or not foreign.role_among(name, values))
        ]
        self.unknown = open_names[0] if len(open_names) == 1 and outputs is not None else ""
        if self.unknown:
            if not self.style.given:
                raise foreign.UnsuitedError(f"{function.__name__} has an argument {self.unknown}")
            columns = self.style.layout.samples in ("columns", "one column")
            value = meant(self.style.given, outputs, values["y"], values["m"], columns)
            values = {**values, self.unknown: value}
        return function(*foreign.bind(function, values))

    def _outputs(self, network: Network, params: Pairs, x: Floats) -> Any:
        with foreign.calmly():
            own, values = self._values(network, params, x, None)
            outputs = self._forward(values)
            return self.style.layout.take(outputs, own[-1][0].shape[1], len(x))

    def _step(self, network: Network, params: Pairs, batch: Any, rate: float) -> Pairs:
        with foreign.calmly():
            own, values = self._values(network, params, batch.x, batch.y)
            answer = self._backward(values, self._forward(values))
            values |= dict(zip(returned_names(self.chain.backward), parts_of(answer), strict=False))
            update = self.chain.update
            if update is None or self.style.layout.bias == "missing":
                raise NotImplementedError("no step")
            values |= {"rate": rate, "grads": answer, "gradients": answer}
            after = update(*foreign.bind(update, values))
            after = values["parameters"] if after is None else after
            return self.updated.pairs(after, returned_names(update), own, self.style.layout)


#: Ways to lay parameters and samples out, the course's own first.
_STYLES = (
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
_SAMPLE_COUNTS = (6, 1)

#: Networks on which it is tried whether the functions answer.
_TRIAL_WIDTHS = ((3, 5, 2), (3, 5, 1), (3, 5, 4, 2), (3, 5, 4, 1))


#: Functions that are tried, of forwards as of backwards.
_MOST_FUNCTIONS = 3


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
            if any(map(foreign.works, made)):
                running = True
                break


def read(chain: Chain, adapter: str, module: Any) -> Iterator[Reading]:
    """Yield every style in which the functions answer, and why they do not in the others.

    Where there is none, those are yielded in which the backward returns something: what that
    lacks is for whoever asks, if the forward gives the outputs of a network.
    """
    answering, lacking = [], []
    for style in _STYLES:
        for container in ("dict", "pairs"):
            for targets in (Targets.AS_GIVEN, Targets.INTEGERS, Targets.VECTOR):
                tried = replace(style, container=container, targets=targets)
                code, question, error = _tried(chain, tried)
                if error is not None:
                    yield foreign.broken(
                        adapter, error, code.stage, Conventions(functions=chain.names)
                    )
                    if code.returned and chain.forward is not None and targets is Targets.AS_GIVEN:
                        lacking.append(code)
                    continue
                answering.append((code, *_losses(code, module, question)))
            if not any(foreign.takes(function, "parameters") for function in chain.passes):
                break
    for code in lacking if not answering else ():
        trial = Trial(_TRIAL_WIDTHS[0])
        question = (trial, *trial.question(_SAMPLE_COUNTS[0]), (float("nan"),))
        code.picker = Picker()
        answering.append((code, *_losses(code, module, question)))
    # where its cost fails in one style and not in another, it is not written for the first
    usable = any(returned or any(not loss.raised for loss in own) for _, own, returned in answering)
    for code, losses, returned in answering:
        if returned or not usable or any(not loss.raised for loss in losses):
            yield from _readings(code, adapter, losses, returned)


def _tried(chain: Chain, style: Style) -> tuple[Chained, Any, foreign.UnsuitedError | None]:
    """Ask functions in a style; where an argument is not known, with what it may be."""
    code = Chained(chain, style)
    try:
        return code, _ask(code), None
    except foreign.UnsuitedError as error:
        if code.unknown and not style.given:
            return _tried(chain, replace(style, given=WITHOUT_LOSS[0]))
        return code, None, error


def _readings(
    code: Chained, adapter: str, losses: list[OwnLoss], returned: bool
) -> Iterator[Reading]:
    """Yield a style with every loss that the code has, penalty and meaning of an argument."""
    chain, style = code.chain, code.style
    meant = [loss for loss in losses if loss.meant and not loss.raised]
    for own in [None] if returned else meant or choices(losses):
        made = replace(chain, loss=own)
        conventions = replace(
            style.conventions(),
            functions=made.names,
            names=spelled(made.passes, by_number, style.layout, style.bias),
        )
        conventions = conventions if returned else with_loss(conventions, own, losses)
        meanings: tuple[str, ...] = ("",)
        if style.given:
            meanings = WITHOUT_LOSS if own is None else tuple(MEANINGS)
        for penalty, given in itertools.product(
            PENALTIES if made.takes_penalty else (None,), meanings
        ):
            final = replace(style, penalty=penalty, given=given)
            asked = Chained(made, final, code.picker, code.updated)
            found = replace(conventions, penalty=penalty)
            if given:
                found = replace(found, argument=Argument(code.unknown, given), several=True)
            yield Reading(adapter, asked, found)


def _losses(code: Chained, module: Any, question: Any) -> tuple[list[OwnLoss], bool]:
    """Return the functions that give the loss, or that the backward itself returns it."""
    trial, *asked, answer = question
    if number_of(answer[0]) is not None:
        return [], True
    single = Trial((*trial.widths[:-1], 1))  # a cost may be for one output only
    raising: list[OwnLoss] = []
    for each, given in ((trial, asked), (single, single.question(_SAMPLE_COUNTS[0]))):
        try:
            found = foreign.attempt(partial(code.losses, module, each, *given))
        except foreign.UnsuitedError:
            continue
        if any(not loss.raised for loss in found):
            return found, False
        raising = raising or found
    return raising, False


def _pairs(module: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Yield every backward with the forwards there are, those of the whole network first."""
    own = foreign.functions(module)
    forwards = [
        f
        for name, f in own.items()
        if "forward" in plain(name) or plain(name) in ("predictproba", "feedforward")
    ]
    backwards = [f for name, f in own.items() if "back" in plain(name) and "check" not in name]
    ordered = sorted(forwards, key=_whole)[:_MOST_FUNCTIONS]
    for backward in sorted(backwards, key=_whole)[:_MOST_FUNCTIONS] if ordered else ():
        yield backward, ordered


def _update(module: Any) -> Any:
    own = foreign.functions(module)
    return next((f for n, f in own.items() if plain(n).startswith("update") and _steps(f)), None)


#: What functions of a part of a network are called.
_PARTS = ("linear", "activation", "relu", "sigmoid", "softmax", "tanh", "layer", "single")


#: An update that keeps something from step to step is not the plain one.
_KEEPS = re.compile(r"adam|moment|velocity|rms|adagrad|adadelta|nesterov|lookahead|lbfgs|decay")


def _steps(function: Any) -> bool:
    """Whether a function is an update by the gradient alone: it takes no state of its own."""
    words = [plain(function.__name__), *(plain(p.name) for p in foreign.arguments(function))]
    # the week's caches, and t of Adam: single letters say it as arguments
    return not any(
        _KEEPS.search(word) or word in ("v", "s", "t", "beta1", "beta2") for word in words
    )


def _whole(function: Any) -> int:
    """The model's own function first; those of a part last."""
    name = plain(function.__name__)
    part = any(each in name for each in _PARTS) and "model" not in name and "llayer" not in name
    return -("model" in name) + part


def _ask(code: Chained) -> Any:
    """Return the first question that is answered, and the answer.

    Raises what the try raised that came farthest.
    """
    farthest: tuple[int, foreign.UnsuitedError] | None = None
    for widths in _TRIAL_WIDTHS:
        trial = Trial(widths)
        for rows in _SAMPLE_COUNTS:
            code.picker = Picker()  # what failed may have shown the wrong places
            question = trial.question(rows)
            try:
                answer = foreign.attempt(partial(code.loss_and_grads, trial, *question))
            except foreign.UnsuitedError as error:
                if farthest is None or code.stage > farthest[0]:
                    farthest = code.stage, error
                continue
            code.updated = Picker()
            if code.chain.update is not None:
                try:
                    foreign.attempt(partial(code.step, trial, *question, 0.5))
                except foreign.UnsuitedError:
                    code.updated = Picker()
            return trial, *question, answer
    assert farthest is not None
    code.stage = farthest[0]
    raise farthest[1]
