"""Bugs on the way from one layer's delta to the one below."""

from gradcheck.bugs.bug import Bug
from gradcheck.bugs.textbook import Pass, propagate
from gradcheck.problem import Floats, Pair


def _first_weight_for_all(p: Pass, layer: int) -> Floats:
    first = p.weights(layer + 1)[:, 0]
    back: Floats = p.delta[layer + 1].sum(axis=1, keepdims=True) * first
    return back


def _not_transposed(p: Pass, layer: int) -> Floats:
    w = p.weights(layer + 1)
    if w.shape[0] != w.shape[1]:
        return propagate(p, layer)  # elsewhere the shapes would not fit, and it was noticed
    back: Floats = p.delta[layer + 1] @ w
    return back


def _update_at_once(p: Pass, layer: int) -> None:
    if p.learning_rate is not None:
        w, b = p.pairs[layer - 1]
        dw, db = p.grads[layer]
        p.pairs[layer - 1] = (w - p.learning_rate * dw, b - p.learning_rate * db)


def _already_updated(p: Pass, grads: list[Pair]) -> list[Pair]:
    return list(p.pairs)


BUGS = (
    Bug(
        "first_output_weight_reused",
        "one weight serves every output in the hidden delta",
        "delta_recursion",
        "sum_k delta_k W[j, 0]",
        "sum_k delta_k W[j, k]",
        "A line is copied from one output to the next and its index is not changed.",
        "Give each output its own weight: delta @ W.T.",
        {"propagate": _first_weight_for_all},
    ),
    Bug(
        "transpose_missing",
        "the weights are not transposed on the way back",
        "delta_recursion",
        "delta W",
        "delta W^T",
        "On a square layer the shapes fit either way, so nothing complains.",
        "Go back through the transposed matrix: delta @ W.T.",
        {"propagate": _not_transposed},
    ),
    Bug(
        "weights_updated_before_hidden_delta",
        "the weights are updated before the hidden delta reads them",
        "delta_recursion",
        "delta (W - rate dW)^T",
        "delta W^T",
        "Going backwards, each layer is updated as soon as its gradient is known.",
        "Compute every gradient first, then update; or keep a copy of the old weights.",
        {"visit": _update_at_once, "update": _already_updated},
    ),
)
