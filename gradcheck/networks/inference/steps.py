"""How many samples code that trains takes a step on: all at once, each in turn, or so many."""

from collections.abc import Iterable, Mapping

import numpy as np

from gradcheck.contract.protocol import Call, Request
from gradcheck.networks.inference.fit import Fit, problem_for
from gradcheck.networks.problem import Floats, Network, Params, Problem
from gradcheck.networks.scope import Asking


def sequential(fit: Fit) -> Asking[bool]:
    """Whether a step on several samples is made of steps on each in turn.

    Where a rate may shrink from one to the next, each moves the parameters along the step on
    its sample alone, and perhaps not as far.
    """
    problem = fit.problem
    if problem.batch.size == 1:
        return False
    whole = yield from _stepped(fit, problem.params, range(problem.batch.size))
    if whole is None:
        return False
    params = problem.params
    for n in range(problem.batch.size):
        single = yield from _stepped(fit, params, [n])
        if single is None:
            return False
        params = single
    if _same(_numbers(whole), _numbers(params)):
        return True
    return fit.rate_is_partial and (yield from _along_each(fit))


def _along_each(fit: Fit) -> Asking[bool]:
    """Whether each further sample moves the parameters along the step on it alone."""
    problem = fit.problem
    params = problem.params
    for n in range(problem.batch.size):
        several = yield from _stepped(fit, problem.params, range(n + 1))
        single = yield from _stepped(fit, params, [n])
        if several is None or single is None:
            return False
        start = _numbers(params)
        far, alone = _numbers(several) - start, _numbers(single) - start
        size = float(alone @ alone)
        part = float(far @ alone) / size if size else 0.0
        if not 0.0 < part <= 1.0 + IN_FULL or not _same(start + far, start + part * alone):
            return False
        params = several
    return True


#: A part of a step that is larger than all of it by no more than this is all of it.
IN_FULL = 1e-5

#: More samples than any batch has that is asked for; the two rates at which a step is compared.
MANY_SAMPLES, FAR, HALF = 70, 0.1, 0.05

#: Two steps differ from twice the half by more than this part of them, in float32 too.
PROPORTIONATE = 1e-4


def most_in_one_step(fit: Fit, base: Network, seed: int) -> Asking[int | None]:
    """Return on how many samples the code takes one step, where it takes several on more.

    One step goes in proportion to the rate; where another follows from where it led, both
    together do not. Whatever else does not go in proportion to the rate says nothing, as what
    is so on two samples. None where any number of samples makes one step, or where nothing can be
    seen of it.
    """
    own = fit.conventions.rate.built_in if fit.conventions.rate else None
    if own is not None:
        return (yield from _before_another(fit, problem_for(base, MANY_SAMPLES, seed), own))

    def one(samples: int) -> Asking[bool | None]:
        problem = problem_for(base, samples, seed)
        start, ends = _numbers(problem.params), []
        for rate in (FAR, HALF):
            asked = Request(Call.STEP, problem, learning_rate=rate, reading=fit.reading)
            answer = yield asked
            if answer.failure is not None:
                return None
            ends.append(_numbers(answer.tensors) - start)
        far, half = ends
        if not np.isfinite(far).all() or (far == half).all():
            return None
        return bool(np.linalg.norm(far - 2 * half) <= PROPORTIONATE * np.linalg.norm(far))

    if (yield from one(MANY_SAMPLES)) is not False or not (yield from one(2)):
        return None
    low, high = 2, MANY_SAMPLES
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if (yield from one(middle)) else (low, middle)
    return low


def _before_another(fit: Fit, problem: Problem, rate: float) -> Asking[int | None]:
    """Return after how many samples the next begins a step of its own, on it alone.

    For code whose rate is not ours to set, but ``rate``. Where the order of samples makes no
    difference they are all in one step.
    """
    count, start = problem.batch.size, problem.params

    def ends(params: Params, samples: Iterable[int]) -> Asking[Params | None]:
        asked = Problem(problem.network, params, problem.batch.select(list(samples)))
        answer = yield Request(Call.LOSS_AND_GRADS, asked, reading=fit.reading)
        if answer.failure is not None or not np.isfinite(_numbers(answer.tensors)).all():
            return None
        pairs = zip(params.pairs, answer.tensors.pairs, strict=True)
        return Params((w - rate * dw, b - rate * db) for (w, b), (dw, db) in pairs)

    whole = yield from ends(start, range(count))
    turned = yield from ends(start, reversed(range(count)))
    if whole is None or turned is None or _same(_numbers(whole), _numbers(turned)):
        return None
    before = yield from ends(start, range(2))
    for samples in range(2, count):
        after = yield from ends(start, range(samples + 1))
        if before is None or after is None:
            return None
        alone = yield from ends(before, [samples])
        if alone is not None and after != before and _same(_numbers(after), _numbers(alone)):
            return samples
        before = after
    return None


def _stepped(fit: Fit, params: Params, samples: Iterable[int]) -> Asking[Params | None]:
    """Take a step from given parameters on some samples; None where there is no answer."""
    problem = fit.problem
    asked = Problem(problem.network, params, problem.batch.select(list(samples)))
    answer = yield Request(Call.STEP, asked, learning_rate=0.5, reading=fit.reading)
    if answer.failure is not None or not np.isfinite(_numbers(answer.tensors)).all():
        return None
    return Params(answer.tensors.pairs)


def _numbers(tensors: Mapping[str, Floats]) -> Floats:
    return np.concatenate([array.ravel() for array in tensors.values()])


def _same(one: Floats, two: Floats) -> bool:
    return bool(np.allclose(one, two, rtol=1e-9, atol=1e-12))
