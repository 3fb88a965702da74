"""Inference asks, compares, and believes nothing that a worker says of itself."""

from types import SimpleNamespace

import numpy as np
import pytest

from gradcheck.contract.conventions import Conventions, LossSource
from gradcheck.contract.posed import by_name
from gradcheck.contract.protocol import Call, Failure, Observation, Request
from gradcheck.errors import UsageError
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.inference import Inferred, InferredSession
from gradcheck.networks.inference.fit import definitions, fitting, loss_from, outputs_of
from gradcheck.networks.inference.infer import infer
from gradcheck.networks.problem import Batch, Network, Params, Problem

NETWORK = Network.parse("3-4-2 tanh,sigmoid binary_cross_entropy sum")


def reading(adapter="a book", **conventions):
    return SimpleNamespace(adapter=adapter, conventions=Conventions(**conventions))


def inferred(answer, *readings, only=None):
    """Drive inference with a function from requests to observations; count the questions."""
    questions = infer(readings, only, 3)
    count = 0
    try:
        request = next(questions)
        while True:
            count += 1
            request = questions.send(answer(request))
    except StopIteration as end:
        return end.value, count


def computing(network, scale=1.0, with_outputs=True, with_loss=True):
    """Code that computes one network, whatever the network it is asked about."""

    def answer(request):
        problem = request.problem
        if len(problem.network.widths) != len(network.widths):
            return Observation(failure=Failure("unsupported", "another depth"))
        own = Network(problem.network.widths, network.activations, network.loss, network.reduction)
        params = problem.params.copies()
        if request.call is Call.FORWARD and with_outputs:
            return Observation(outputs=Textbook().forward(own, params, problem.batch.x))
        if request.call is not Call.LOSS_AND_GRADS:
            return Observation(failure=Failure("unsupported", "no such function"))
        loss, grads = Textbook().loss_and_grads(own, params, problem.batch)
        tensors = by_name((scale * dw, scale * db) for dw, db in grads)
        return Observation(loss=scale * loss if with_loss else float("nan"), tensors=tensors)

    return answer


NETWORKS = [
    "3-4-2 tanh,sigmoid binary_cross_entropy sum",
    "3-4-2 relu,identity half_squared_error mean",
    "3-4-3 elu,softmax cross_entropy mean",
    "3-2 softplus squared_error sum",
    "3-4-3-2 silu,gelu,tanh mean_squared_error mean",
]


@pytest.mark.parametrize("text", NETWORKS)
@pytest.mark.parametrize("with_outputs", [True, False], ids=["outputs", "loss alone"])
def test_what_code_computes_is_found_from_its_outputs_and_its_loss(text, with_outputs):
    network = Network.parse(text)
    found, count = inferred(computing(network, with_outputs=with_outputs), reading())
    assert found.failure is None, found.failure
    base = found.support.networks[0]
    assert (base.activations, base.loss, base.reduction) == (
        network.activations,
        network.loss,
        network.reduction,
    ), f"inferred {base}"
    assert count < 150, f"{count} questions"


@pytest.mark.parametrize("text", NETWORKS)
def test_a_loss_that_is_not_there_is_inferred(text):
    network = Network.parse(text)
    found, _ = inferred(computing(network, with_loss=False), reading(loss=LossSource(absent=True)))
    base = found.support.networks[0]
    assert found.lossless
    assert (base.loss, base.reduction) == (network.loss, network.reduction), f"inferred {base}"
    assert "inferred from the gradient" in found.conventions["loss"], found.conventions


def test_the_first_reading_that_fits_is_chosen():
    def answer(request):
        if request.reading == 0:
            return Observation(failure=Failure("exception", "it raised"))
        return computing(NETWORK)(request)

    found, _ = inferred(answer, reading(weights="out x in"), reading(weights="in x out"))
    assert (found.reading, found.conventions["weights"]) == (1, "in x out"), found


def test_what_answers_nothing_says_what_it_raised():
    failure = Failure("exception", "loss_and_grads raised ValueError: no")
    found, _ = inferred(lambda request: Observation(failure=failure), reading("nielsen"))
    assert found.failure.kind == "exception", found.failure
    assert found.failure.message.startswith("recognised as nielsen, but as it was called it stops:")
    assert "ValueError: no" in found.failure.message
    said = "loss_and_grads raised AttributeError: module 'time' has no attribute 'clock'"
    found, _ = inferred(
        lambda r: Observation(failure=Failure("exception", said)), reading("script")
    )
    assert found.failure.message.startswith("recognised as script, but it does not run:")
    failure = Failure("exception", "loss_and_grads raised NameError: name 'n' is not defined")
    found, _ = inferred(lambda request: Observation(failure=failure), reading("nielsen"))
    assert found.failure.message.startswith("recognised as nielsen, but it does not run:")


@pytest.mark.slow
def test_numbers_of_no_network_are_unsupported():
    def answer(request):
        shapes = [(np.ones(w.shape), np.ones(b.shape)) for w, b in request.problem.params]
        outputs = np.full(request.problem.batch.y.shape, 0.123)
        return Observation(loss=17.0, tensors=by_name(shapes), outputs=outputs)

    found, _ = inferred(answer, reading())
    assert found.failure is not None, found.support
    assert found.failure.kind == "unsupported", found.failure


@pytest.mark.parametrize(
    "widths",
    [(), ((),), ((3,),), ((0, 0),), ((-1, 2),), ((3,) * 500,), ((99999, 99999),), ((2**62,) * 2,)],
    ids=str,
)
def test_sizes_that_are_none_or_too_large_are_not_asked_for(widths):
    found, count = inferred(computing(NETWORK), reading(widths=widths))
    assert count == 0, f"{count} questions"
    assert found.failure.kind == "unsupported", found.failure
    assert "too large" in found.failure.message, found.failure


@pytest.mark.parametrize(
    "text", ["9999-9999 tanh squared_error", "nonsense", "3-2 tan squared_error"]
)
def test_declared_networks_that_cannot_be_are_refused(text):
    with pytest.raises(UsageError):
        inferred(computing(NETWORK), reading(networks=(text,)))


def test_a_network_that_is_given_is_taken_for_granted():
    given = Network.parse("3-4-2 relu,sigmoid half_squared_error sum")
    found, _ = inferred(computing(NETWORK), reading(), only=given)
    assert found.support.networks == (given,), found.support.networks


def test_every_definition_is_found_from_its_own_numbers():
    rng = np.random.default_rng(5)
    for definition in definitions("softmax"):
        network = Network((3, 4, 3), ("tanh", "softmax"), definition.loss, definition.reduction)
        pairs = [(rng.normal(size=s), rng.normal(size=s[1])) for s in network.shapes]
        problem = Problem(
            network,
            Params(pairs),
            Batch(rng.normal(size=(5, 3)), np.eye(3)[rng.integers(3, size=5)]),
        )
        outputs = outputs_of(problem, network.activations)
        assert fitting(problem, outputs) == ([network.activations], 1.0)
        assert np.isfinite(loss_from(definition, outputs, problem)), definition


class Session:
    """A session that answers with twice a definition."""

    inferred_reading = 0
    readings = ()
    calls = 0

    def __init__(self):
        self.rates = []

    def offers(self, call):
        return True

    def ask(self, request):
        self.rates.append(request.learning_rate)
        return computing(NETWORK, 2.0)(request)


def test_a_constant_of_the_own_loss_leaves_loss_gradient_and_step_alike():
    session = Session()
    wrapped = InferredSession(session, Inferred(scale="2"))
    problem = Problem(
        NETWORK,
        Params([(np.ones(s), np.ones(s[1])) for s in NETWORK.shapes]),
        Batch(np.ones((2, 3)), np.array([[1.0, 0.0], [0.0, 1.0]])),
    )
    seen = wrapped.ask(Request(Call.LOSS_AND_GRADS, problem))
    loss, grads = Textbook().loss_and_grads(NETWORK, problem.params.copies(), problem.batch)
    assert seen.loss == pytest.approx(loss)
    assert np.allclose(seen.tensors["W1"], grads[0][0])
    wrapped.ask(Request(Call.STEP, problem, learning_rate=0.5))
    assert session.rates[-1] == 0.25, "a step of the own loss is twice as long"


def one_sample(answer):
    """The same code, for one sample a call."""

    def single(request):
        if request.problem.batch.size > 1:
            return Observation(failure=Failure("unsupported", "one sample"))
        return answer(request)

    return single


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "identity", "elu"])
@pytest.mark.parametrize("seed", range(6))
def test_units_that_happen_to_be_positive_do_not_decide_what_they_are(name, seed):
    network = Network.parse(f"2-2-1 {name},identity half_squared_error")
    questions = infer((reading(widths=((2, 2, 1),), one_sample=True),), None, seed)
    answer = one_sample(computing(network))
    request = next(questions)
    try:
        while True:
            request = questions.send(answer(request))
    except StopIteration as end:
        base = end.value.support.networks[0]
    assert base.activations == network.activations, f"inferred {base}"
