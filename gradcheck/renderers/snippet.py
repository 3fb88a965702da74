"""A script that shows the counter-example with nothing but numpy and the submitted file."""

from typing import Any

#: A script with more numbers than this is no longer for copying.
MOST_NUMBERS_COPIED = 400

_SCRIPT = """\
# {title}
# Needs numpy and {needs} only. Run it where gradcheck was run.
import importlib.util

import numpy as np

spec = importlib.util.spec_from_file_location("submission", {path})
submission = importlib.util.module_from_spec(spec)
spec.loader.exec_module(submission)


class Network:
    widths = {widths}
    activations = {activations}
    loss = {loss}
    reduction = {reduction}
    l2 = {l2}

    def __str__(self):
        return {network}


class Batch:
    def __init__(self):
        self.x = np.array({x})
        self.y = np.array({y})


def parameters():
    return [
{params}
    ]


{body}"""

_GRADIENT = """\
loss, grads = submission.loss_and_grads(Network(), parameters(), Batch())
right = [
{right}
]
print("loss: your code", loss, "  right", {right_loss})
for layer, (code, truth) in enumerate(zip(grads, right), start=1):
    for name, mine, true in zip(("dW", "db"), code, truth):
        print(f"{{name}}{{layer}}: your code", np.asarray(mine).tolist(), "  right", true.tolist())

# Do not take our word for it: difference the loss of your own code.
h = 1e-5
for layer, pair in enumerate(parameters()):
    for which, tensor in enumerate(pair):
        slopes = np.zeros(tensor.shape)
        for index in np.ndindex(tensor.shape):
            up, down = parameters(), parameters()
            up[layer][which][index] += h
            down[layer][which][index] -= h
            above = submission.loss_and_grads(Network(), up, Batch())[0]
            below = submission.loss_and_grads(Network(), down, Batch())[0]
            slopes[index] = (above - below) / (2 * h)
        print(f"{{'Wb'[which]}}{{layer + 1}}: differences of your own loss", slopes.tolist())
"""

_STEP = """\
after = submission.step(Network(), parameters(), Batch(), {rate})
right = [
{right}
]
for layer, (code, truth) in enumerate(zip(after, right), start=1):
    for name, mine, true in zip("Wb", code, truth):
        print(f"{{name}}{{layer}}: your code", np.asarray(mine).tolist(), "  right", true.tolist())
"""

_FAILS = """\
print(submission.loss_and_grads(Network(), parameters(), Batch()))  # {why}
"""


def snippet(entry: dict[str, Any]) -> str | None:
    """Return a script that shows what is wrong, or None where there can be none.

    There is none without a counter-example, for what is no file, for an interface that
    is read through an adapter, and where the numbers are too many to be copied.
    """
    example = entry["counterexample"]
    if not example or not entry["path"] or entry["adapter"]["name"] != "native":
        return None
    if _numbers([example["params"], example["x"], example["y"]]) > MOST_NUMBERS_COPIED:
        return None
    shape, activations, loss, reduction, *rest = example["network"].split()
    l2 = next((word.removeprefix("l2=") for word in rest if word.startswith("l2=")), "0.0")
    layers = [(pair["W"], pair["b"]) for pair in example["params"]]
    return _SCRIPT.format(
        title=f"The smallest network on which {entry['name']!a} is wrong.",
        needs=ascii(entry["path"]),
        path=ascii(entry["path"]),
        widths=tuple(int(width) for width in shape.split("-")),
        activations=tuple(activations.split(",")),
        loss=repr(loss),
        reduction=repr(reduction),
        l2=repr(float(l2)),
        network=ascii(example["network"]),
        x=example["x"],
        y=example["y"],
        params=_pairs(layers, 8),
        body=_body(example),
    )


def _body(example: dict[str, Any]) -> str:
    if "failure" in example:
        return _FAILS.format(why=example["failure"]["kind"])
    expected = example["expected"]
    layers = [(expected[f"W{i}"], expected[f"b{i}"]) for i in range(1, 1 + len(example["params"]))]
    if "learning_rate" in example:
        return _STEP.format(rate=example["learning_rate"], right=_pairs(layers, 4))
    return _GRADIENT.format(right=_pairs(layers, 4), right_loss=_number(expected["loss"]))


def _pairs(pairs: list[tuple[Any, Any]], indent: int) -> str:
    return "\n".join(f"{' ' * indent}(np.array({w}), np.array({b}))," for w, b in pairs)


def _number(value: Any) -> str:
    return f'float("{value}")' if isinstance(value, str) else repr(value)


def _numbers(values: Any) -> int:
    if isinstance(values, dict):
        values = list(values.values())
    return sum(map(_numbers, values)) if isinstance(values, list) else 1
