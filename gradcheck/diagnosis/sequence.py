"""The order of a diagnosis: from cheap to expensive, stopping at what is sure."""

import itertools
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.bugs import CATALOGUE
from gradcheck.bugs.textbook import Pass, Rule, Textbook
from gradcheck.diagnosis import local
from gradcheck.diagnosis.arithmetic import of_arithmetic
from gradcheck.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.diagnosis.evidence import Evidence, simulate, unexplained
from gradcheck.diagnosis.hypotheses import (
    ACCEPT,
    REJECT,
    Hypothesis,
    Ranking,
    hypotheses,
    rank,
)
from gradcheck.diagnosis.place import localise
from gradcheck.diagnosis.probes import alive, probe
from gradcheck.diagnosis.survey import FACTOR, SAME, Flag, Survey, survey, textbook_pass
from gradcheck.diagnosis.words import FIX_FIRST, explain
from gradcheck.network import Network
from gradcheck.oracle.estimate import UNIT
from gradcheck.plan import Plan
from gradcheck.problem import Problem
from gradcheck.protocol import Call, Observation, Request
from gradcheck.verdict import Finding, Verdict

Asked = Generator[Request, Observation, tuple[Observation, ...]]
Questions = Generator[Request, Observation, list[Diagnosis]]

#: Learning rates of probing steps: no fraction that anything else has.
RATES = (0.173, 0.37)

#: Networks tried in search of one on which every layer gets some gradient.
TRIED = 10

#: Rules that make the forward and the loss.
FORWARD = {"pre_activation", "activation", "loss"}

#: More members than this and a class says nothing.
LARGEST_CLASS = 4


_KEPT = Diagnosis(
    Name("", "state", None),
    "localised",
    "Asked afresh your code is right; after other calls it is wrong: it keeps something between "
    "calls.",
    "Look for what outlives a call: module variables, attributes, caches, default arguments.",
)


@dataclass(frozen=True)
class Case:
    """The network a diagnosis is made on, and how the code computes.

    Attributes
    ----------
    network : Network
    sizes : tuple of int
        Batch sizes to probe: one sample if it can be had, then several.
    noise : float
        Relative roundoff that is held against no hypothesis.
    tolerance : float
        For vectors recovered from gradients.
    calls : tuple of Call
        What to ask: gradients, or steps where only those are wrong.
    repeated : bool
        Ask the same questions again, in another order.
    """

    network: Network
    sizes: tuple[int, ...]
    noise: float
    tolerance: float
    calls: tuple[Call, ...]
    repeated: bool


def diagnose(plan: Plan, findings: list[Finding]) -> Questions:
    """Name what is wrong, or say how far it can be told.

    Parameters
    ----------
    plan : Plan
    findings : list of Finding
        Of every check.
    """
    bad = {f.check: f for f in findings if f.verdict in (Verdict.WRONG, Verdict.ERROR)}
    failing = [Problem.parse(text) for f in bad.values() for text in f.failing]
    if not failing:
        return of_arithmetic(plan.arithmetic)
    case = _case(plan, bad, failing)
    evidence = yield from _gather(_probes(case, 0), case)
    if any(_broken(answer) for answer in evidence.answers):
        return []
    if _all_right(evidence, case.noise):  # it shows on special values only: take those
        case = replace(case, network=failing[0].network)
        evidence = yield from _gather(_again(case, failing), case)
    if _all_right(evidence, case.noise):
        kept = {"gradient", "loss", "step"} & set(bad) and not plan.arithmetic.fault
        return [_KEPT] if kept else of_arithmetic(plan.arithmetic)
    if plan.arithmetic.fault:
        ranking = rank(evidence, hypotheses(case.network, ("numerics",)), case.noise)
        named = _named(ranking, case.network, evidence) if ranking.fitting else []
        return named or of_arithmetic(plan.arithmetic)
    likely, others = _by_likelihood(case, bad, evidence)
    ranking = rank(evidence, likely, case.noise)
    if not ranking.fitting:
        ranking = rank(evidence, others, case.noise)
    if ranking.fitting:
        held_out = yield from _gather(_probes(case, 1), case)
        ranking = _confirmed(ranking, held_out, case.noise)
    if ranking.fitting and ranking.rival >= REJECT and _classes(ranking, case) <= LARGEST_CLASS:
        result = _named(ranking, case.network, evidence)
        if "step" in bad and case.calls == (Call.LOSS_AND_GRADS,):
            result += yield from _update(case, ranking.fitting[0][1].rules())
        return result
    if Call.LOSS_AND_GRADS not in case.calls or case.repeated:
        return []
    return (yield from _place_by_place(case, evidence, "step" in bad))


def _by_likelihood(
    case: Case, bad: dict[str, Finding], evidence: Evidence
) -> tuple[list[Hypothesis], list[Hypothesis]]:
    """Put first the bugs that can raise the flags that were raised."""
    listed = hypotheses(case.network)
    surveys = _surveys(case, evidence)
    flags = {flag for found in surveys for flag in found.flags}
    places = {(site, flag.layer) for flag in flags for site in local.SITES[flag.part]}
    whole = {"returned_gradient", "batch_reduction", "numerics"}
    whole |= {"state"} if case.repeated else set()
    whole |= {"update"} if "step" in bad else set()
    whole |= {"forward"} if {"loss", "forward"} & set(bad) else set()
    if not flags or any(found.factor for found in surveys):
        return listed, []  # nothing to go by, or a factor, which may stand anywhere

    def likely(h: Hypothesis) -> bool:
        if h.bug.site in whole:
            return True
        if h.everywhere:
            return all((h.bug.site, layer) in places for layer in h.bug.layers(case.network))
        return (h.bug.site, h.layer) in places

    return [h for h in listed if likely(h)], [h for h in listed if not likely(h)]


def _broken(answer: Observation) -> bool:
    """Whether an answer holds nothing to diagnose from."""
    return answer.failure is not None and answer.failure.kind != "contract"


def _case(plan: Plan, bad: dict[str, Finding], failing: list[Problem]) -> Case:
    ordered = sorted(dict.fromkeys(p.network for p in failing), key=_telling, reverse=True)
    network = next((n for n in ordered[:TRIED] if alive(probe(n, 1, (0,)))), ordered[0])
    several = [n for n in plan.support.batch_sizes if n > 1]
    fit = [n for n in several if n <= min(network.widths[:-1])] or several
    sizes: tuple[int, ...] = (1,) if 1 in plan.support.batch_sizes else ()
    sizes += (min(fit, key=lambda n: abs(n - 4)),) if fit else ()
    exact = plan.arithmetic.unit == UNIT
    return Case(
        network,
        sizes,
        noise=1e-13 if exact else 3e-6,
        tolerance=SAME if exact else 1e-3,
        calls=_calls(plan, bad),
        repeated="purity" in bad,
    )


def _calls(plan: Plan, bad: dict[str, Finding]) -> tuple[Call, ...]:
    """Ask for gradients; for steps where only those are wrong; for both of state."""
    if "step" in bad and not {"gradient", "contract", "loss", "purity"} & set(bad):
        return (Call.STEP,)
    if "purity" in bad and Call.STEP in plan.offers:
        return (Call.LOSS_AND_GRADS, Call.STEP)
    return (Call.LOSS_AND_GRADS,)


def _telling(network: Network) -> tuple[int, int, int]:
    """Prefer three layers, distinct widths and curved activations."""
    flat = sum(name in ("identity", "relu", "leaky_relu") for name in network.activations)
    size = sum(network.widths)
    return 3 * min(network.depth, 3) + len(set(network.widths)) - flat, min(network.widths), -size


def _probes(case: Case, seed: int) -> tuple[Request, ...]:
    """Make the questions: held-out ones have other values and, for several, another N."""
    requests = []
    for index, samples in enumerate(case.sizes):
        n = samples + 1 if seed and samples > 1 and case.sizes != (samples,) else samples
        problem = probe(case.network, n, (seed, index, 5))
        for call in case.calls:
            rate = RATES[index % 2] if call is Call.STEP else 0.0
            requests.append(Request(call, problem, learning_rate=rate, fresh=case.repeated))
    if case.repeated:
        requests += [*requests, requests[0]]
    requests[0] = replace(requests[0], anew=True)  # a simulation knows of no earlier calls
    return tuple(requests)


def _again(case: Case, failing: list[Problem]) -> tuple[Request, ...]:
    """Ask the failing problems of a network again, of code that has kept nothing."""
    problems = [p for p in failing if p.network == case.network][:3]
    requests = [
        Request(call, problem, learning_rate=RATES[0] if call is Call.STEP else 0.0)
        for problem in problems
        for call in case.calls
    ]
    requests[0] = replace(requests[0], anew=True)
    return tuple(requests)


def _gather(requests: tuple[Request, ...], case: Case) -> Generator[Request, Observation, Evidence]:
    answers = []
    kept = []
    for request in requests:
        answer = yield request
        if answer.supported:
            answers.append(answer)
            kept.append(request)
    return Evidence(tuple(kept), tuple(answers), simulate({}, tuple(kept)))


def _all_right(evidence: Evidence, noise: float) -> bool:
    return unexplained(evidence, {}, noise) == 0.0


def _confirmed(ranking: Ranking, held_out: Evidence, noise: float) -> Ranking:
    """Keep what also explains problems that it was not chosen on."""
    kept = [
        (left, hypothesis)
        for left, hypothesis in ranking.fitting
        if unexplained(held_out, hypothesis.rules(), noise) <= ACCEPT
    ]
    return Ranking(kept, ranking.rival)


def _classes(ranking: Ranking, case: Case) -> int:
    return len({name for _, h in ranking.fitting for name in h.names(case.network)[:1]})


def _named(ranking: Ranking, network: Network, evidence: Evidence) -> list[Diagnosis]:
    """One diagnosis for each layer where the best hypothesis shows, from the top down."""
    left, best = ranking.fitting[0]
    rivals = [
        h for _, h in ranking.fitting if h is not best and not (h.everywhere and h.bug is best.bug)
    ]
    others = tuple(dict.fromkeys(name for h in rivals for name in h.names(network)))
    result = []
    problems = [request.problem for request in evidence.requests]
    for name in sorted(best.names(network), key=lambda n: -(n.layer or 0)):
        if best.everywhere and not any(best.bug.visible(p, name.layer) for p in problems):
            continue
        also = tuple(o for o in others if not best.everywhere or o.layer in (name.layer, None))
        also = tuple(o for o in also if o != name)
        result.append(
            Diagnosis(
                name,
                "class" if also else "named",
                explain(best.bug, name, network),
                best.bug.mend,
                also=also,
                residual=left,
                rival_residual=ranking.rival,
            )
        )
    return result


def _place_by_place(case: Case, evidence: Evidence, stepped: bool) -> Questions:
    """Recover the code's deltas, and judge each rule alone."""
    held_out = yield from _gather(_probes(case, 1), case)
    result, forward = _forward(case, evidence, held_out)
    surveys = _surveys(case, evidence, held_out, forward=forward)
    flags = list(dict.fromkeys(flag for s in surveys for flag in s.flags))
    flags.sort(key=lambda flag: -flag.layer)
    result += _whole(surveys)
    blind = max((s.blind_below for s in surveys), default=0)
    for flag in flags:
        mine = [s for s in surveys if flag in s.flags]
        several = _from_catalogue(case, flag, mine) or _two_at_once(case, flag, mine)
        if not several:
            known = [s for s in mine if flag.layer in s.deltas] or mine
            several = [(yield from localise(flag, known[0], case.tolerance))]
        if flag.layer == blind:
            several = [replace(d, explanation=f"{d.explanation} {FIX_FIRST}") for d in several]
        result += several
    if stepped:
        result += yield from _update(case, _known(result))
    return result


def _known(diagnoses: list[Diagnosis]) -> dict[str, Rule]:
    """Merge the rules of what was named, each in its layer."""
    rules: dict[str, Rule] = {}
    for diagnosis in diagnoses:
        if diagnosis.name.bug:
            bug, layer = CATALOGUE[diagnosis.name.bug], diagnosis.name.layer
            rules |= Hypothesis(bug, layer).rules()
    return rules


def _forward(
    case: Case, evidence: Evidence, held_out: Evidence
) -> tuple[list[Diagnosis], Mapping[str, Rule] | None]:
    """Name what is wrong in the forward from the losses alone."""
    losses = [
        (request.problem, answer.loss)
        for part in (evidence, held_out)
        for request, answer in zip(part.requests, part.answers, strict=True)
        if answer.failure is None and request.call is Call.LOSS_AND_GRADS
    ]
    if all(_same_loss(p, claimed, {}, case) for p, claimed in losses):
        return [], None
    fitting = [
        h
        for h in hypotheses(case.network)
        if set(h.bug.rules) <= FORWARD
        and all(_same_loss(p, claimed, h.rules(), case) for p, claimed in losses)
    ]
    if not fitting or len(fitting) > LARGEST_CLASS:
        name = Name("", "forward", None)
        text = "The loss is not the loss as defined, and no catalogued bug of the forward fits."
        return [Diagnosis(name, "localised", text, "Look at the forward pass and the loss.")], None
    best = fitting[0]
    names = [n for h in fitting for n in h.names(case.network)]
    certainty = "named" if len({n.bug for n in names}) == 1 else "class"
    text = explain(best.bug, names[0], case.network)
    diagnosis = Diagnosis(names[0], certainty, text, best.bug.mend, also=tuple(names[1:]))
    return [diagnosis], best.rules()


def _same_loss(problem: Problem, claimed: float, rules: Mapping[str, Rule], case: Case) -> bool:
    loss = float(textbook_pass(problem, rules).apply("loss"))
    return abs(claimed - loss) <= 30 * case.noise * (1.0 + abs(loss))


def _two_at_once(case: Case, flag: Flag, surveys: list[Survey]) -> list[Diagnosis]:
    """Two bugs in one place: of different rules that make one tensor."""
    if len(surveys) < 2:
        return []
    here = [
        h
        for h in hypotheses(case.network, local.SITES[flag.part])
        if not h.everywhere and h.layer in (flag.layer, None)
    ]
    for one, two in itertools.combinations(here, 2):
        if set(one.bug.rules) & set(two.bug.rules):
            continue
        rules = {**one.bug.rules, **two.bug.rules}
        if local.left_unexplained(rules, flag, surveys[:1], case.noise) > ACCEPT:
            continue
        left = local.left_unexplained(rules, flag, surveys, case.noise)
        if left <= ACCEPT:
            return [
                Diagnosis(
                    Name(h.bug.slug, h.bug.site, flag.layer),
                    "named",
                    explain(h.bug, Name(h.bug.slug, h.bug.site, flag.layer), case.network),
                    h.bug.mend,
                    residual=left,
                )
                for h in (one, two)
            ]
    return []


def _update(case: Case, known: Mapping[str, Rule]) -> Questions:
    """Is the step what the code's own gradient makes of it?

    Parameters
    ----------
    known : mapping of str to callable
        Wrong rules that were named: a step has them too.
    """
    seen = []
    for seed in (0, 1):
        for request in _probes(replace(case, calls=(Call.LOSS_AND_GRADS,)), seed):
            gradient = yield replace(request, anew=False)
            step = yield Request(Call.STEP, request.problem, learning_rate=RATES[seed])
            if gradient.failure is None and step.failure is None:
                seen.append((request.problem, gradient, step, RATES[seed]))
    if not seen or _updates_by({}, seen, case):
        return []
    fitting = [
        h
        for h in hypotheses(case.network, ("update",))
        if set(h.bug.rules) == {"update"} and _updates_by(h.bug.rules, seen, case)
    ]
    if not fitting:
        requests = tuple(Request(Call.STEP, p, learning_rate=rate) for p, _, _, rate in seen)
        steps = Evidence(requests, tuple(s for _, _, s, _ in seen), simulate({}, requests))
        fitting = [
            h
            for h in hypotheses(case.network, ("update", "delta_recursion"))
            if not set(h.bug.rules) & set(known)
            and unexplained(steps, {**known, **h.rules()}, case.noise, REJECT) <= ACCEPT
        ]
        fitting.sort(key=lambda h: h.everywhere)
    if not fitting:
        name = Name("", "update", None)
        text = "The step is not what your own gradient makes of it: params - rate * gradient."
        fix = "Look at the lines that change the parameters."
        return [Diagnosis(name, "localised", text, fix)]
    names = [n for h in fitting for n in h.names(case.network)[:1]]
    certainty = "named" if len(names) == 1 else "class"
    bug = fitting[0].bug
    text = explain(bug, names[0], case.network)
    return [Diagnosis(names[0], certainty, text, bug.mend, also=tuple(names[1:]))]


def _updates_by(
    rules: Mapping[str, Rule],
    seen: list[tuple[Problem, Observation, Observation, float]],
    case: Case,
) -> bool:
    """Whether an update rule, fed with the code's own gradient, gives the code's own step."""
    for problem, gradient, step, rate in seen:
        p = textbook_pass(problem)
        p.rules, p.learning_rate = {**p.rules, **rules}, rate
        p.grads = dict(enumerate(gradient.tensors, start=1))
        moved = p.apply("update", list(gradient.tensors))
        for new, took in zip(moved, step.tensors, strict=True):
            for one, two in zip(new, took, strict=True):
                if one.shape != two.shape or np.abs(one - two).max() > 1e3 * case.noise * (
                    1.0 + np.abs(two).max()
                ):
                    return False
    return True


def _surveys(
    case: Case, *parts: Evidence, forward: Mapping[str, Rule] | None = None
) -> list[Survey]:
    """Survey every probe; a factor that only batches have is taken out first."""
    answered = [
        (request.problem, answer)
        for part in parts
        for request, answer in zip(part.requests, part.answers, strict=True)
        if answer.failure is None and request.call is Call.LOSS_AND_GRADS
    ]
    answered.sort(key=lambda item: item[0].batch.size)
    surveys: list[Survey] = []
    clean_top = False
    for problem, answer in answered:
        found = survey(problem, answer, case.tolerance, forward=forward)
        top = case.network.depth
        if problem.batch.size == 1:
            clean_top = clean_top or Flag("delta", top) not in found.flags
        elif clean_top and Flag("delta", top) in found.flags and top in found.deltas:
            c = _multiple(found, top, case.tolerance)
            if c is not None:
                found = survey(problem, answer, case.tolerance, c, forward)
        surveys.append(found)
    return surveys


def _multiple(found: Survey, layer: int, tolerance: float) -> float | None:
    delta, expected = found.deltas[layer], found.expected[layer]
    square = float((expected * expected).sum())
    c = float((delta * expected).sum()) / square if square else 0.0
    close = float(np.linalg.norm(delta - c * expected)) <= tolerance * float(np.linalg.norm(delta))
    return c if close and c and abs(c - 1.0) > FACTOR else None


def _whole(surveys: list[Survey]) -> list[Diagnosis]:
    """Is every data part off by one factor, in batches only?"""
    factors = {s.problem.batch.size: s.factor for s in surveys if s.factor is not None}
    if not factors:
        return []
    n, c = max(factors.items())
    site = "returned_gradient" if 1 in factors else "batch_reduction"
    if len(set(factors)) > 1 and len({round(f, 6) for f in factors.values()}) == 1:
        site = "returned_gradient" if 1 in factors else site
    bug = _reduction(surveys[0].problem.network, factors)
    text = f"Every data part of the gradient is {c:.6g} times what it should be (N = {n})."
    explanation = (
        f"{explain(CATALOGUE[bug], Name(bug, site, None), surveys[0].problem.network)}"
        if bug
        else text
    )
    return [
        Diagnosis(
            Name(bug, CATALOGUE[bug].site if bug else site, None),
            "named" if bug else "localised",
            explanation,
            CATALOGUE[bug].mend if bug else "Look at where the gradient is divided by the batch.",
            recovered={"factor": c},
        )
    ]


def _reduction(network: Network, factors: dict[int, float]) -> str:
    """Name the factor when one catalogued reduction gives it at every batch size."""
    for bug in CATALOGUE.values():
        if bug.site != "batch_reduction" or set(bug.rules) != {"scale"}:
            continue
        fits = True
        for n, c in factors.items():
            y = np.zeros((n, network.widths[-1]))
            p = Pass(network, [], y, Textbook().rules, a={0: np.zeros((n, network.widths[0]))})
            right = p.apply("scale")
            wrong = bug.rules["scale"](p)
            fits = (
                fits
                and abs(wrong / right - 1.0) > FACTOR
                and abs(wrong / right - c) <= 1e-6 * abs(c)
            )
        if fits:
            return bug.slug
    return ""


def _from_catalogue(case: Case, flag: Flag, surveys: list[Survey]) -> list[Diagnosis]:
    """Name the bug at a place, if one and only one function in the catalogue is it."""
    fitting: list[tuple[float, Hypothesis]] = []
    rival = float("inf")
    for hypothesis in hypotheses(case.network, local.SITES[flag.part]):
        if hypothesis.everywhere or hypothesis.layer not in (flag.layer, None):
            continue
        left = local.left_unexplained(hypothesis.bug.rules, flag, surveys, case.noise)
        if left <= ACCEPT:
            fitting.append((left, hypothesis))
        else:
            rival = min(rival, left)
    if not fitting or rival < REJECT or len(fitting) > LARGEST_CLASS or len(surveys) < 2:
        return []
    left, best = fitting[0]
    names = [Name(h.bug.slug, h.bug.site, flag.layer) for _, h in fitting]
    return [
        Diagnosis(
            names[0],
            "named" if len(names) == 1 else "class",
            explain(best.bug, names[0], case.network),
            best.bug.mend,
            also=tuple(names[1:]),
            residual=left,
            rival_residual=rival,
        )
    ]
