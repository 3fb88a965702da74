"""Every bug of the catalogue: well described, plantable, visible somewhere, and caught there.

The tests run over ``CATALOGUE``: an entry that is added brings its tests along.
"""

import re
from functools import cache
from importlib import import_module
from itertools import combinations, groupby
from pkgutil import iter_modules

import numpy as np
import pytest

from gradcheck.networks import bugs, sampling
from gradcheck.networks.bugs import CATALOGUE, SITES
from gradcheck.networks.bugs.bug import RATE, others
from gradcheck.networks.bugs.textbook import RULES, Textbook
from gradcheck.networks.diagnosis.result import placed
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.notation import NATIVE
from gradcheck.networks.problem import Network
from tests.networks.bugs.planting import example, flagged, shown_on
from tests.tiers import THOROUGH

SEED = 0

#: Problems of the sampler that make a bug visible, at the least.
ENOUGH = 3

#: Of the problems on which a bug is visible, or makes no difference, so many are judged.
JUDGED = 3 if THOROUGH else 1

each_bug = pytest.mark.parametrize("slug", CATALOGUE)


@pytest.fixture(scope="module")
def problems():
    return [sampling.problem(SEED, index) for index in range(200)]


@pytest.fixture(scope="module")
def truths():
    return Truths()


def test_the_catalogue_is_large():
    assert len(CATALOGUE) >= 95, f"only {len(CATALOGUE)} bugs"


def test_every_site_has_bugs_and_they_stand_together():
    sites = [site for site, _ in groupby(bug.site for bug in CATALOGUE.values())]
    assert sites == list(SITES), f"sites in the order of the catalogue: {sites}"


@pytest.mark.parametrize("site", SITES)
def test_all_is_said_of_a_site_that_others_ask_of_it(site):
    record = SITES[site]
    assert record.slug == site, f"{site} is kept under another name than {record.slug}"
    assert set(record.parts) <= {"delta", "weight", "bias"}, f"unknown parts: {record.parts}"
    assert bool(record.parts) == all(record.in_layer), "a site in a layer says what is wrong there"
    network = Network.parse("2-3-2 tanh,sigmoid half_squared_error l2=0.1")
    for layer in (1, 2, None):
        for text in placed(site, layer, network):
            told = NATIVE.tell(text, layer, 2)
            assert not set("{}") & set(told), f"braces are left in what is said of {site}: {told}"
            assert told.endswith("."), f"no sentence: {told}"


def test_every_file_of_bugs_is_in_the_catalogue_and_no_two_share_a_slug():
    files = [import_module(f"{bugs.__name__}.{info.name}") for info in iter_modules(bugs.__path__)]
    slugs = [slug for file in files for slug in getattr(file, "BUGS", ())]
    twice = {slug for slug in slugs if slugs.count(slug) > 1}
    assert not twice, f"slugs used twice: {twice}"
    assert set(slugs) == set(CATALOGUE), f"left out: {set(slugs) ^ set(CATALOGUE)}"


def test_no_two_bugs_share_a_title():
    titles = [bug.told().title for bug in CATALOGUE.values()]
    twice = {title for title in titles if titles.count(title) > 1}
    assert not twice, f"titles used twice: {twice}"


@each_bug
def test_an_entry_is_well_written(slug):
    bug = CATALOGUE[slug].told()
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", slug), f"{slug} is not readable snake_case"
    assert bug.site in SITES, f"unknown site {bug.site}"
    assert set(bug.rules) <= set(RULES), f"rules that the textbook does not have: {bug.rules}"
    for field in ("title", "wrong", "right", "why", "mend", "hides"):
        text = getattr(bug, field)
        assert text.strip() == text, f"{field} has spaces around it: {text!r}"
        assert text, f"{field} is empty"
        assert "\n" not in text, f"{field} has more than one line"
    assert bug.wrong != bug.right, "wrong and right are one formula"
    for field in ("why", "mend"):
        assert getattr(bug, field).endswith("."), f"{field} is not a sentence"
    for field in ("title", "hides"):
        assert not getattr(bug, field).endswith("."), f"{field} is not a phrase"
        assert getattr(bug, field)[0].islower(), f"{field} is not a phrase"


@each_bug
def test_the_example_shows_the_bug(slug):
    bug = CATALOGUE[slug]
    assert bug.visible(example(bug)), f"{slug} is invisible on {bug.example}, N = {bug.samples}"


@each_bug
def test_it_can_be_planted_in_one_layer_of_its_example(slug):
    bug = CATALOGUE[slug]
    problem = example(bug)
    layers = bug.layers(problem.network)
    assert layers, f"{slug} strikes no layer of its own example {bug.example}"
    shows = [layer for layer in layers if bug.visible(problem, layer)]
    assert shows, f"{slug} shows in none of the layers {layers} of {bug.example}"


@each_bug
def test_layers_exist_and_elsewhere_it_makes_no_difference(slug, problems):
    bug = CATALOGUE[slug]
    for problem in problems[:30]:
        layers = bug.layers(problem.network)
        numbers = set(range(1, problem.network.depth + 1))
        assert set(layers) <= numbers | {None}, f"layers {layers} of {problem.network}"
        if None in layers or bug.site in ("state", "update"):
            continue
        assert layers or not bug.visible(problem), (
            f"{slug} strikes no layer of {problem.network}, and shows on it"
        )


@pytest.mark.slow
@each_bug
def test_planted_code_never_raises(slug, problems):
    bug = CATALOGUE[slug]
    for index, problem in enumerate(problems[:30]):
        code = bug.planted()
        for asked in (*others(problem), problem) if bug.site == "state" else (problem,):
            code.loss_and_grads(asked.network, asked.params.copies(), writable(asked.batch))
            code.step(asked.network, asked.params.copies(), writable(asked.batch), RATE)
            code.forward(asked.network, asked.params.copies(), asked.batch.x.copy())
        if index % 5 == 0:  # an architecture of its own
            for layer in bug.layers(problem.network):
                bug.visible(problem, layer)


def writable(batch):
    class Copy:
        x, y = batch.x.copy(), batch.y.copy()

    return Copy


@each_bug
def test_it_is_visible_on_some_problems(slug, problems):
    bug = CATALOGUE[slug]
    visible = 0
    for problem in problems:
        visible += bug.visible(problem)
        if visible == ENOUGH:
            return
    pytest.fail(f"{slug} is visible on {visible} of {len(problems)} problems of seed {SEED}")


@pytest.mark.slow
@each_bug
def test_it_is_flagged_where_it_is_visible_and_nowhere_else(slug, problems, truths):
    bug = CATALOGUE[slug]
    caught = harmless = 0
    for index, problem in enumerate(problems):
        visible = bug.visible(problem)
        place = f"problem({SEED}, {index}) {problem.network}, N = {problem.batch.size}"
        if visible and caught < JUDGED:
            caught += 1
            assert flagged(bug, problem, truths), f"{slug} shows on {place}; no check finds it"
        if not visible and harmless < JUDGED and same(answers(bug, problem), right(problem), 1e-14):
            harmless += 1
            found = flagged(bug, problem, truths)
            assert not found, f"{slug} makes no difference on {place}, and {found} flag it"
        if caught == harmless == JUDGED:
            return


def test_the_textbook_itself_is_flagged_nowhere(problems, truths):
    sound = Nothing()
    for problem in problems[:20]:
        assert not flagged(sound, problem, truths), f"flagged on {problem.network}"


class Nothing:
    """No bug at all, with the shape of one of state."""

    site = "state"

    def planted(self, layer=None):
        return Textbook()


def answers(bug, problem):
    """Everything that planted code says of three problems, one after the other."""
    code = bug.planted()
    said = []
    for asked in (*others(problem), problem):
        for call in (
            lambda p, b, asked=asked: code.loss_and_grads(asked.network, p, b),
            lambda p, b, asked=asked: (0.0, code.step(asked.network, p, b, RATE)),
        ):
            pairs, batch = asked.params.copies(), writable(asked.batch)
            loss, tensors = call(pairs, batch)
            arrays = [array for pair in (*tensors, *pairs) for array in pair]
            said += [np.array(loss), *(np.array(array) for array in arrays), batch.x, batch.y]
    return said


@cache
def right(problem):
    return answers(Nothing(), problem)


def same(one, other, part=1e-9):
    return all(
        a.shape == b.shape and np.allclose(a, b, rtol=part, atol=part / 1e4, equal_nan=True)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("site", SITES)
def test_no_two_bugs_of_a_site_are_one_function(site):
    bugs = [bug for bug in CATALOGUE.values() if bug.site == site]
    said = cache(lambda bug, text, samples: answers(bug, shown_on(text, samples)))
    alike = [
        f"{one.slug} and {other.slug}"
        for one, other in combinations(bugs, 2)
        if all(
            same(said(one, b.example, b.samples), said(other, b.example, b.samples))
            for b in (one, other)
        )
    ]
    assert not alike, f"the same function on their examples: {alike}"


def test_layers_follow_what_a_bug_strikes():
    network = Network.parse("2-3-3-1 tanh,relu,sigmoid binary_cross_entropy")
    squared = Network.parse("2-3-3-1 tanh,relu,sigmoid squared_error")
    expected = {
        "derivative_missing": (1, 2),
        "tanh_derivative_uses_tan": (1,),
        "relu_mask_from_delta": (2,),
        "output_error_sign_lost": (3,),
        "softmax_jacobian_diagonal": (),
        "transpose_missing": (1, 2),
        "weight_gradient_negated": (1, 2, 3),
        "bias_gradient_negated": (1, 2, 3),
        "batch_mean_missing": (None,),
    }
    got = {slug: CATALOGUE[slug].layers(network) for slug in expected}
    assert got == expected, f"layers of {network}: {got}"
    assert CATALOGUE["derivative_missing"].layers(squared) == (1, 2, 3), "sigmoid output asks too"
