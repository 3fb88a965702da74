"""A bug as plain data, and worked on its example: the textbook's numbers and its own."""

from typing import Any

import numpy as np

from gradcheck.contract.posed import in_order
from gradcheck.errors import UsageError
from gradcheck.errors.suggestion import meant
from gradcheck.networks import sampling
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.bug import RATE, Answer, Bug, asked_before, differ, gradient, step
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.network import Network

#: The example is filled with numbers from this seed.
SEED = 0

_FIELDS = (
    *("slug", "title", "site", "wrong", "right", "why", "mend"),
    *("strikes", "hides", "example", "samples", "activation"),
)


def find(slug: str) -> Bug:
    """Return the bug of a slug.

    Parameters
    ----------
    slug : str

    Returns
    -------
    Bug

    Raises
    ------
    UsageError
        When there is none; the message names the closest ones.
    """
    if slug in CATALOGUE:
        return CATALOGUE[slug]
    hint = meant(slug, CATALOGUE, "list them with: gradcheck bugs")
    raise UsageError(f"there is no bug {slug!r}{hint}")


def described(bug: Bug) -> dict[str, Any]:
    """Return what an entry says, as plain data.

    Parameters
    ----------
    bug : Bug

    Returns
    -------
    dict
        Its texts as they are read, and where it shows.
    """
    told = bug.told()
    return {name: getattr(told, name) for name in _FIELDS}


def worked(bug: Bug) -> dict[str, Any]:
    """Work the example by the textbook and by the bug.

    Parameters
    ----------
    bug : Bug

    Returns
    -------
    dict
        The problem, which function was asked (the gradient, or the step when only
        that shows), the numbers of both, and a note on what numbers do not show.
    """
    rng = np.random.default_rng(SEED)
    problem = sampling.fill(rng, Network.parse(bug.example), bug.samples)
    before = asked_before(bug, problem)
    asked = {"loss_and_grads": gradient, "step": step}
    answers = {}
    with np.errstate(all="ignore"):
        for name, ask in asked.items():
            code = bug.planted()
            for other in before:
                ask(code, other)
            answers[name] = ask(Textbook(), problem), ask(code, problem)
    showing = [name for name in asked if _shows(*answers[name]) or answers[name][1].impure]
    name = showing[0] if showing else "loss_and_grads"
    right, wrong = answers[name]
    return {
        "network": str(problem.network),
        "params": [{"W": w, "b": b} for w, b in problem.params.pairs],
        "x": problem.batch.x,
        "y": problem.batch.y,
        "asked": name,
        **({"learning_rate": RATE} if name == "step" else {}),
        "textbook": _named(name, right),
        "bug": _named(name, wrong),
        "note": _note(bool(before), _shows(right, wrong), wrong.impure),
    }


def _shows(right: Answer, wrong: Answer) -> bool:
    return any(differ(r, w) for r, w in zip(right.numbers, wrong.numbers, strict=True))


def _named(call: str, answer: Answer) -> dict[str, Any]:
    tensors = answer.raw
    prefix = "d" if call == "loss_and_grads" else ""
    numbers = answer.numbers[1:] if prefix else [np.array(array) for array in tensors]
    named: dict[str, Any] = {"loss": answer.numbers[0]} if prefix else {}
    return named | {f"{prefix}{name}": array for name, array in in_order(numbers).items()}


def _note(asked_others: bool, shows: bool, impure: bool) -> str:
    told = []
    if asked_others and shows:
        told.append("the code was asked about two other problems before")
    if impure:
        told.append("the call writes to its arguments or returns their memory")
    elif not shows:
        told.append("the numbers are right; a later call changes them")
    return "; ".join(told)
