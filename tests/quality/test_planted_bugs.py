"""Every catalogued bug is caught wherever it is visible, and only there."""

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.comparison.verdict import Verdict
from gradcheck.networks import sampling
from gradcheck.networks.bugs import CATALOGUE, Bug
from gradcheck.networks.bugs.bug import others
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.dense_networks import DenseNetworks, NetworkContext
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.problem import Network, Problem
from gradcheck.records.record import Entry
from gradcheck.run.examine import Examination
from gradcheck.run.submission import from_object
from tests import strategies
from tests.networks.bugs.answers import answers, flags, makes_no_difference
from tests.tiers import THOROUGH, sampled

SEED = 71

#: A few hundred problems; each bug is planted in one of so many, one after the other.
PROBLEMS = 300
EVERY = 15 if THOROUGH else 30

#: Shared by the tests of this file, so that a problem's truth is formed once.
PLAN = NetworkContext((), DenseNetworks(truths=Truths()))

BY_SLUG = pytest.mark.parametrize("slug", list(CATALOGUE))


@cache
def random_problem(index: int) -> Problem:
    return sampling.problem(SEED, index)


@cache
def example_of(slug: str, draw: int) -> Problem:
    """The network that a bug gives as its example, filled at random."""
    network, samples = Network.parse(CATALOGUE[slug].example), CATALOGUE[slug].samples
    return sampling.fill(np.random.default_rng((SEED, draw)), network, samples)


def assert_caught_where_visible(
    bug: Bug, problem: Problem, called: str, layer: int | None = None
) -> bool:
    """Return whether the bug is visible there."""
    if PLAN.truth(problem).kinks.count:
        return False  # there a wrong slope may be a right one
    after = others(problem) if bug.site == "state" else ()
    said = answers(bug.planted(layer), problem, after)
    found = flags(said, problem, PLAN)
    if bug.visible(problem, layer):
        assert found, f"{bug.slug} is visible on {called}, {problem.network}, and not flagged"
        return True
    if makes_no_difference(said, problem):
        assert not found, (
            f"{bug.slug} makes no difference on {called}, {problem.network}, and is flagged: "
            f"{found}"
        )
    return False


@BY_SLUG
def test_a_planted_bug_is_flagged_on_its_own_example(slug: str) -> None:
    visible = [
        assert_caught_where_visible(
            CATALOGUE[slug], example_of(slug, draw), f"draw {draw} of its example"
        )
        for draw in range(3)
    ]
    assert any(visible), f"{slug} is not visible on its own example {CATALOGUE[slug].example}"


@pytest.mark.slow
@BY_SLUG
def test_a_planted_bug_is_flagged_where_it_is_visible_and_nowhere_else(slug: str) -> None:
    visible = 0
    start = list(CATALOGUE).index(slug) % EVERY
    for step in range(EVERY):  # until it was seen somewhere
        for index in range((start + step) % EVERY, PROBLEMS, EVERY):
            called = f"problem({SEED}, {index})"
            visible += assert_caught_where_visible(CATALOGUE[slug], random_problem(index), called)
        if visible:
            return
    pytest.fail(f"{slug} is visible on none of {PROBLEMS} problems: sampling does not reach it")


@pytest.mark.slow
@BY_SLUG
def test_a_bug_planted_in_one_layer_is_flagged_where_it_is_visible_and_nowhere_else(
    slug: str,
) -> None:
    bug = CATALOGUE[slug]
    for index in range(list(CATALOGUE).index(slug) % EVERY, PROBLEMS, 2 * EVERY):
        problem = random_problem(index)
        for layer in bug.layers(problem.network):
            if layer is not None:
                called = f"problem({SEED}, {index}), planted in layer {layer}"
                assert_caught_where_visible(bug, problem, called, layer)


@given(st.sampled_from(list(CATALOGUE)), strategies.problems())
def test_any_bug_on_any_problem_is_flagged_if_and_only_if_it_is_visible(
    slug: str, problem: Problem
) -> None:
    assert_caught_where_visible(CATALOGUE[slug], problem, "a drawn problem")


def test_the_textbook_without_a_bug_is_never_flagged() -> None:
    for index in range(PROBLEMS):
        problem = random_problem(index)
        for after in ((), others(problem)):
            found = flags(answers(Textbook(), problem, after), problem, PLAN)
            assert not found, f"problem({SEED}, {index}): the plain textbook is flagged: {found}"


# ---------------------------------------------------------------------- whole campaigns

#: All of them take minutes: a sample, of every site.
FIRST = {bug.site: slug for slug, bug in reversed(CATALOGUE.items())}
CHOSEN = list(dict.fromkeys([*FIRST.values(), *sampled(CATALOGUE, 20)]))

#: Parameters times samples of a counter-example.
SMALL = 12

#: The checks that a counter-example is looked for by.
SHOWN = {"contract", "gradient", "step", "loss"}

#: Short values such as 1/2 are the same in float16: only random ones show it.
NOT_SMALL = {"weights_in_float16"}


@pytest.fixture(scope="module")
def examination() -> Examination:
    return Examination(72, examples=25)


def bad_findings(entry: Entry) -> dict[str, str]:
    return {
        f["check"]: f"{f['verdict']}: {f['message']}"
        for f in entry["findings"]
        if f["verdict"] != Verdict.CORRECT
    }


def size(example: Entry) -> int:
    """Parameters times samples of a counter-example."""
    network = Network.parse(example["network"])
    parameters = sum((n_in + 1) * n_out for n_in, n_out in network.shapes)
    return parameters * len(example["x"])


def for_the_example(bug: Bug) -> Any:
    """Code with a bug that handles the activations and the loss of the bug's example only."""
    code, example = bug.planted(), Network.parse(bug.example)
    known = {*example.activations, example.loss}

    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(network: Network, *rest: Any) -> Any:
            for name in (*network.activations, network.loss):
                if name not in known:
                    raise NotImplementedError(name)
            return function(network, *rest)

        return call

    return SimpleNamespace(
        __name__=bug.slug,
        loss_and_grads=guarded(code.loss_and_grads),
        forward=guarded(code.forward),
        step=guarded(code.step),
    )


@pytest.mark.slow
@pytest.mark.parametrize("slug", CHOSEN)
def test_a_campaign_catches_a_planted_bug_and_shows_it_on_a_small_network(
    slug: str, examination: Examination
) -> None:
    entry = examination.examine(from_object(for_the_example(CATALOGUE[slug])))
    found = bad_findings(entry)
    assert entry["verdict"] in (Verdict.WRONG, Verdict.ERROR), f"{slug}: {entry['verdict']}"
    if not SHOWN & set(found):
        return  # only a relation between several answers is broken, or an argument changed
    example = entry["counterexample"]
    assert example is not None, f"{slug}: there is no counter-example for {found}"
    assert size(example) <= SMALL or slug in NOT_SMALL, (
        f"{slug}: the counter-example {example['network']} with {len(example['x'])} samples has "
        f"parameters times samples of {size(example)}, more than {SMALL}"
    )


def test_every_site_is_among_the_chosen_bugs() -> None:
    missing = {bug.site for bug in CATALOGUE.values()} - {CATALOGUE[slug].site for slug in CHOSEN}
    assert not missing, f"no campaign is run over a bug of the sites {missing}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", sampled(range(4)))
def test_the_tanh_bug_is_shown_on_one_tanh_unit_and_one_sample(seed: int) -> None:
    code = CATALOGUE["tanh_derivative_uses_tan"].planted()
    example = Examination(seed, examples=60).examine(from_object(code))["counterexample"]
    widths = Network.parse(example["network"]).widths
    assert len(widths) <= 3, f"seed {seed}: the counter-example is {example['network']}"
    assert max(widths) == 1, f"seed {seed}: the counter-example is {example['network']}"
    assert len(example["x"]) == 1, f"seed {seed}: it has {len(example['x'])} samples"


@pytest.mark.slow
@pytest.mark.parametrize("seed", sampled(range(3)))
def test_a_campaign_finds_the_textbook_without_a_bug_correct(seed: int) -> None:
    entry = Examination(seed, examples=100).examine(from_object(Textbook()))
    assert entry["verdict"] == Verdict.CORRECT, f"seed {seed}: {bad_findings(entry)}"


# ----------------------------------------------------------- code for one network alone

ONE = "2-3-1 tanh,sigmoid half_squared_error mean"


def for_one_network(code: Textbook, samples: int | None = 1) -> Any:
    """Code that breaks on every network but one, and says so beforehand."""

    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(network: Any, params: Any, data: Any, *rest: Any) -> Any:
            x = getattr(data, "x", data)
            if str(network) != ONE or (samples and len(x) != samples):
                raise ValueError(f"written for {ONE} and {samples} samples")
            return function(network, params, data, *rest)

        return call

    return SimpleNamespace(
        __name__="one_network",
        networks=[ONE.removesuffix(" mean")],
        **({"batch_sizes": [samples]} if samples else {}),
        loss_and_grads=guarded(code.loss_and_grads),
        forward=guarded(code.forward),
        step=guarded(code.step),
    )


def shows_on_one_network(bug: Bug) -> bool:
    support = sampling.Support(networks=(Network.parse(ONE),), batch_sizes=(1,))
    problems = [sampling.problem(72, i, support) for i in range(20)]
    if bug.site == "state":  # here no batch of another size can come before
        after = {p: others(p)[1:] for p in problems}
        return any(flags(answers(bug.planted(), p, after[p]), p, PLAN) for p in problems)
    return any(bug.visible(problem) for problem in problems)


@pytest.mark.slow
@pytest.mark.parametrize("samples", [1, None])
def test_right_code_for_one_network_is_correct_on_enough_problems(
    samples: int | None, examination: Examination
) -> None:
    entry = examination.examine(from_object(for_one_network(Textbook(), samples)))
    assert entry["verdict"] == Verdict.CORRECT, f"{samples} samples: {bad_findings(entry)}"
    gradient = next(f for f in entry["findings"] if f["check"] == "gradient")
    assert gradient["problems"] >= 20, f"only {gradient['problems']} problems were compared"
    assert entry["supports"]["networks"] == [ONE], f"supports {entry['supports']['networks']}"


@pytest.mark.slow
@pytest.mark.parametrize("slug", CHOSEN)
def test_code_for_one_network_is_wrong_just_where_its_bug_is_visible_on_it(
    slug: str, examination: Examination
) -> None:
    bug = CATALOGUE[slug]
    entry = examination.examine(from_object(for_one_network(bug.planted())))
    if shows_on_one_network(bug):
        caught = entry["verdict"] in (Verdict.WRONG, Verdict.ERROR)
        assert caught, f"{slug} shows on {ONE}: {bad_findings(entry)}"
    else:
        right = entry["verdict"] == Verdict.CORRECT
        assert right, f"{slug} does not show on {ONE} with one sample: {bad_findings(entry)}"


@pytest.mark.slow
def test_some_bugs_show_on_the_one_network_and_some_do_not() -> None:
    shown = {slug: shows_on_one_network(bug) for slug, bug in CATALOGUE.items()}
    assert shown["tanh_derivative_uses_tan"], "the tanh bug does not show on a tanh network"
    assert not shown["batch_mean_missing"], "a missing 1/N shows with one sample"
