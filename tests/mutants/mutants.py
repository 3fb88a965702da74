"""Right files with one mistake each, as people make them; many show for some inputs only.

A mutant is a right file and edits of its text. Where it is wrong for some inputs only, its
trigger names them in the words of ``scope.asked``: code may be called correct only where
nothing there meets its trigger.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

#: The right files: in matrices, in plain floats, a class a layer, samples in columns.
FILES = {
    "matrix": ROOT / "implementations" / "matrix.py",
    "scalar": ROOT / "implementations" / "scalar_loops.py",
    "layered": Path(__file__).parent / "right" / "layered.py",
    "columns": Path(__file__).parent / "right" / "columns.py",
}

#: A key of ``scope.asked``, how it is compared, and with what.
Trigger = tuple[str, str, Any]


@dataclass(frozen=True)
class Mutant:
    """A right file with a mistake.

    Attributes
    ----------
    name : str
    file : str
        One of :data:`FILES`.
    edits : sequence of (str, str)
        What stands in the file once, and what stands there instead.
    wrong : str
        What is wrong with it.
    trigger : tuple of (str, str, object), or None
        When it shows. None: whenever, or for inputs that the scope has no word for.
    """

    name: str
    file: str
    edits: Sequence[tuple[str, str]]
    wrong: str
    trigger: Trigger | None = None

    def text(self) -> str:
        """Return the file with the mistake in it."""
        text = FILES[self.file].read_text(encoding="utf-8")
        for old, new in self.edits:
            assert text.count(old) == 1, f"{self.name}: {text.count(old)} times {old!r}"
            text = text.replace(old, new)
        return text


def asked(trigger: Trigger | None, of: Mapping[str, Any]) -> bool:
    """Whether a scope says that something was asked that meets a trigger.

    Parameters
    ----------
    of : mapping
        ``scope.asked`` of the record.
    """
    if trigger is None:
        return True
    key, relation, value = trigger
    there = of[key]
    values = there if isinstance(there, list) else [there]
    met = {
        ">": lambda v: v > value,
        "<": lambda v: v < value,
        "=": lambda v: v == value,
        "between": lambda v: value[0] < v < value[1],
    }[relation]
    return any(met(v) for v in values)


# what is edited, in the words of each file
M_COUNT = 'count = len(batch.x) if network.reduction == "mean" else 1'
M_DW = "dW = a[layer - 1].T @ delta + network.l2 * W  # (n[l-1], n[l])"
M_DB = "db = delta.sum(axis=0)  # (n[l],)"
M_BACK = "delta = (delta @ W.T) * phi_prime(z[layer - 1])  # (N, n[l-1])"
M_MEAN = "delta = delta / count  # (N, n[L])"
M_KEPT = "grads.insert(0, (dW, db))"
M_LAST = "return float(losses.sum() / count + penalty), grads"
M_RUN = "z, a = run(network, params, batch.x)"
M_SLOPE = "delta = slope * PHI_PRIME[network.activations[-1]](z)  # (N, n[L])"
M_SOFT = "delta = a * (slope - (slope * a).sum(axis=1, keepdims=True))  # (N, n[L])"
M_Z = "z.append(a[-1] @ W + b)  # (N, n[l])"

S_RUN = "runs = run(network, params, batch.x.tolist())"
S_COUNT = 'count = len(runs) if network.reduction == "mean" else 1'
S_DW = "dW_i[j] += a_i * delta_j"
S_DB = "db[j] += delta_j"
S_PENALTY = "[[l2 * w for w in W_i] for W_i in W]"
S_BACK = "phi_prime(z_i) * sum(map(mul, W_i, delta))"
S_DELTA = "delta = [delta_j / count for delta_j in delta]"
S_LAST = "    return loss, grads\n\n\ndef step"

L_DW = "self.dW = self.a.T @ dz + self.l2 * self.W"
L_DB = "self.db = dz.sum(axis=0)"
L_BACK = "return dz @ self.W.T"
L_SLOPE = "return da * self.slope(self.z, self.out)"
L_MEAN = "grad = grad / samples"
L_LOOP = "    for layer in reversed(layers):\n        grad = layer.backward(grad)"
L_RETURN = "return loss, [(layer.dW, layer.db) for layer in layers[::2]]"

C_DW = "dW = dZ @ A_prev.T + lambd * W"
C_DB = "db = np.sum(dZ, axis=1)"
C_MEAN = "dZ = dZ / m"
C_RETURN = "return cost, grads[::-1]"
C_ERROR = "        return AL - Y\n    scale"
C_BACK = "dA_prev = W.T @ dZ"
C_RELU = "dZ[Z <= 0] = 0"


def _batches() -> Iterator[Mutant]:
    yield Mutant(
        "mean_over_at_most_8",
        "matrix",
        [(M_MEAN, "delta = delta / min(count, 8)")],
        "The mean divides by 8 in larger batches.",
        ("batch_sizes", ">", 8),
    )
    yield Mutant(
        "chunks_of_16_drop_the_rest",
        "matrix",
        [
            (
                M_DW,
                "M = len(delta) if len(delta) < 16 else len(delta) // 16 * 16\n"
                "        dW = a[layer - 1][:M].T @ delta[:M] + network.l2 * W",
            )
        ],
        "Weights see whole chunks of 16 samples alone.",
        ("batch_sizes", ">", 16),
    )
    yield Mutant(
        "chunks_of_32_are_averaged",
        "layered",
        [
            (
                L_DB,
                "parts = [dz[i : i + 32].sum(axis=0) for i in range(0, len(dz), 32)]\n"
                "        self.db = np.mean(parts, axis=0)",
            )
        ],
        "Biases get the mean of the chunks' sums, not their sum.",
        ("batch_sizes", ">", 32),
    )
    yield Mutant(
        "first_64_samples",
        "scalar",
        [
            (S_RUN, "runs = run(network, params, batch.x.tolist()[:64])"),
            ("zip(runs, batch.y.tolist(), strict=True)", "zip(runs, batch.y.tolist())"),
        ],
        "Samples after the 64th are left out.",
        ("batch_sizes", ">", 64),
    )
    yield Mutant(
        "odd_batches_lose_one",
        "columns",
        [
            (
                C_DB,
                "half = dZ.shape[1] // 2\n        db = np.sum(dZ, axis=1)\n"
                "        if half > 1:\n"
                "            db = np.sum(dZ[:, :half] + dZ[:, half : 2 * half], axis=1)",
            )
        ],
        "Biases add the batch up in two halves, and an odd sample is lost.",
    )
    yield Mutant(
        "one_sample_is_squeezed",
        "matrix",
        [(M_DB, "db = delta.sum(axis=0) if len(delta) > 1 else np.full(W.shape[1], delta.sum())")],
        "A single sample's delta is added up over the units.",
        ("batch_sizes", "=", 1),
    )
    yield Mutant(
        "unbiased_mean",
        "layered",
        [(L_MEAN, "grad = grad / max(samples - 1, 1)")],
        "The mean divides by N - 1.",
    )
    yield Mutant(
        "sum_is_a_mean_in_large_batches",
        "scalar",
        [(S_COUNT, 'count = len(runs) if network.reduction == "mean" or len(runs) > 32 else 1')],
        "Large batches are averaged where a sum is asked for.",
        ("batch_sizes", ">", 32),
    )
    yield Mutant(
        "two_samples_are_one_pair",
        "scalar",
        [(S_DB, "db[j] += delta_j if len(runs) != 2 else 0.5 * delta_j")],
        "In a batch of two each counts half.",
        ("batch_sizes", "=", 2),
    )
    yield Mutant(
        "stop_after_50",
        "layered",
        [
            (
                "    def backward(self, dz):\n        self.dW",
                "    def backward(self, dz):\n        dz = np.where(np.arange(len(dz))[:, None] < 50, dz, 0)\n        self.dW",
            )
        ],
        "Samples after the 50th have no delta.",
        ("batch_sizes", ">", 50),
    )


def _shapes() -> Iterator[Mutant]:
    yield Mutant(
        "depth_over_5",
        "matrix",
        [(M_KEPT, "grads.insert(0, (dW if len(params) - layer < 5 else 0 * dW, db))")],
        "Only the last five layers are trained.",
        ("depths", ">", 5),
    )
    yield Mutant(
        "names_sorted_as_text",
        "layered",
        [
            (
                L_RETURN,
                "dense = layers[::2]\n"
                "    grads = {str(n): layer for n, layer in enumerate(dense, start=1)}\n"
                "    found = [grads[key] for key in sorted(grads)]\n"
                "    same = all(f.W.shape == d.W.shape for f, d in zip(found, dense))\n"
                "    return loss, [(g.dW, g.db) for g in (found if same else dense)]",
            )
        ],
        "Layers are put in order by their names, and 10 comes before 2.",
        ("depths", ">", 9),
    )
    yield Mutant(
        "width_over_8",
        "scalar",
        [
            (
                "for j, delta_j in enumerate(delta):\n                db[j]",
                "for j, delta_j in enumerate(delta[:8]):\n                db[j]",
            )
        ],
        "Only eight units have a bias.",
        ("widths", ">", 8),
    )
    yield Mutant(
        "hidden_width_over_8",
        "matrix",
        [
            (
                M_BACK,
                "delta = (delta @ W.T) * phi_prime(z[layer - 1])\n            delta[:, 8:] *= 0.5",
            )
        ],
        "Hidden units after the eighth get half their delta.",
        ("hidden_widths", ">", 8),
    )
    yield Mutant(
        "hidden_width_over_32",
        "layered",
        [(L_BACK, "back = dz @ self.W.T\n        back[:, 32:] = 0\n        return back")],
        "Hidden units after the 32nd get no delta.",
        ("hidden_widths", ">", 32),
    )
    yield Mutant(
        "more_than_eight_outputs",
        "columns",
        [
            (
                C_ERROR,
                "        return AL - Y if Y.shape[0] <= 8 else (AL - Y) / Y.shape[0] * 8\n    scale",
            )
        ],
        "With more than eight classes delta is scaled.",
        ("output_widths", ">", 8),
    )
    yield Mutant(
        "more_than_ten_outputs_squared",
        "matrix",
        [
            (
                M_SLOPE,
                "delta = slope * PHI_PRIME[network.activations[-1]](z)\n"
                "        delta[:, 10:] = 0.0",
            )
        ],
        "Outputs after the tenth have no slope.",
        ("output_widths", ">", 10),
    )
    yield Mutant(
        "fewer_outputs_than_ten_have_a_bias",
        "matrix",
        [
            (
                M_DB,
                "db = delta.sum(axis=0) if layer < len(params) or W.shape[1] < 10 else 0 * delta[0]",
            )
        ],
        "Ten outputs and more have no bias.",
        ("output_widths", ">", 9),
    )
    yield Mutant(
        "more_than_16_inputs",
        "scalar",
        [(S_DW, "dW_i[j] += a_i * delta_j if layer or len(dW) <= 16 else 0.9 * a_i * delta_j")],
        "With many inputs the first layer's weights are a tenth short.",
        ("input_widths", ">", 16),
    )
    yield Mutant(
        "one_input",
        "columns",
        [
            (
                C_DW,
                "dW = dZ @ A_prev.T + lambd * W\n"
                "        if layer == 0 and A_prev.shape[0] == 1:\n            dW = dZ @ np.abs(A_prev.T) + lambd * W",
            )
        ],
        "A single input counts without its sign.",
        ("input_widths", "=", 1),
    )
    yield Mutant(
        "one_output",
        "matrix",
        [
            (
                M_LAST,
                "if batch.y.shape[1] == 1:\n"
                "        grads[-1] = (grads[-1][0], 2.0 * grads[-1][1])\n"
                "    return float(losses.sum() / count + penalty), grads",
            )
        ],
        "A single output's bias counts twice.",
        ("output_widths", "=", 1),
    )
    yield Mutant(
        "square_weights_are_transposed",
        "layered",
        [(L_BACK, "return dz @ (self.W if self.W.shape[0] == self.W.shape[1] else self.W.T)")],
        "Square weights carry delta back without a transpose.",
    )
    yield Mutant(
        "square_first_layer",
        "columns",
        [
            (
                "grads.append((dW.T, db))",
                "grads.append((dW if layer == 0 and dW.shape[0] == dW.shape[1] else dW.T, db))",
            )
        ],
        "A square first layer's gradient is transposed.",
    )
    yield Mutant(
        "two_equal_neighbours",
        "scalar",
        [
            (
                "zip(zs[layer - 1], weights[layer], strict=True)",
                "zip(zs[layer if len(zs[layer]) == len(zs[layer - 1]) else layer - 1], weights[layer], strict=True)",
            )
        ],
        "Where neighbouring layers are equally wide the slope is that of the next.",
    )
    yield Mutant(
        "one_hidden_unit",
        "matrix",
        [
            (
                M_BACK,
                "delta = delta @ W.T\n"
                "            delta = delta * phi_prime(z[layer - 1]) if delta.shape[1] > 1 else delta",
            )
        ],
        "A layer of one hidden unit has no slope.",
        ("hidden_widths", "=", 1),
    )
    yield Mutant(
        "one_layer_has_no_penalty",
        "scalar",
        [
            (
                S_PENALTY,
                "[[l2 * w for w in W_i] if len(weights) > 1 else [0.0] * len(W_i) for W_i in W]",
            )
        ],
        "A network of one layer is not penalised.",
        ("depths", "=", 1),
    )


def _layers() -> Iterator[Mutant]:
    yield Mutant(
        "first_layer_of_deep_networks",
        "layered",
        [
            (
                L_LOOP,
                "    for layer in reversed(layers):\n"
                "        grad = layer.backward(grad if layer is not layers[0] or len(layers) < 8 else grad / 2)",
            )
        ],
        "The first layer of four and more gets half its delta.",
    )
    yield Mutant(
        "only_the_middle_layer",
        "matrix",
        [
            (
                M_DW,
                "dW = a[layer - 1].T @ delta + network.l2 * W\n"
                "        if len(params) % 2 and layer == len(params) // 2 + 1 and layer > 1:\n"
                "            dW = dW + 0.01 * W",
            )
        ],
        "The middle layer of an odd number has a penalty of its own.",
    )
    yield Mutant(
        "third_layer_has_the_second_activation",
        "matrix",
        [
            (
                "phi_prime = PHI_PRIME[network.activations[layer - 2]]",
                "phi_prime = PHI_PRIME[network.activations[layer - 2 if layer != 4 else 1]]",
            )
        ],
        "The third layer takes the second one's slope.",
    )
    yield Mutant(
        "fourth_bias",
        "columns",
        [(C_DB, "db = np.sum(dZ, axis=1) if layer != 3 else np.mean(dZ, axis=1)")],
        "The fourth layer's bias is averaged.",
    )
    yield Mutant(
        "last_hidden_bias_is_left_out",
        "scalar",
        [(S_DB, "db[j] += delta_j if layer != len(weights) - 2 or len(weights) < 4 else 0.0")],
        "The last hidden layer of a deep network has no bias.",
    )


def _inputs() -> Iterator[Mutant]:
    yield Mutant(
        "inputs_clipped_at_10",
        "matrix",
        [(M_DW, "dW = np.clip(a[layer - 1], -10, 10).T @ delta + network.l2 * W")],
        "What enters a layer is clipped at 10.",
        ("largest_x", ">", 10),
    )
    yield Mutant(
        "inputs_over_255_are_scaled",
        "layered",
        [
            (
                "        self.dW = self.a.T",
                "        a = self.a / 255 if self.a.max() > 255 else self.a\n        self.dW = a.T",
            )
        ],
        "Inputs over 255 are taken for grey levels.",
        ("largest_x", ">", 255),
    )
    yield Mutant(
        "inputs_none_negative",
        "scalar",
        [
            (
                S_DW,
                "dW_i[j] += a_i * delta_j if layer or min(map(min, batch.x.tolist())) < 0 else 0.5 * a_i * delta_j",
            )
        ],
        "Where no input is negative the first layer gets half.",
        ("far_out", "=", "inputs not negative"),
    )
    yield Mutant(
        "inputs_zeros_and_ones",
        "columns",
        [
            (
                C_DW,
                "binary = layer == 0 and np.isin(A_prev, (0, 1)).all()\n"
                "        dW = dZ @ A_prev.T / (2 if binary else 1) + lambd * W",
            )
        ],
        "Binary inputs are averaged.",
        ("far_out", "=", "inputs 0 and 1"),
    )
    yield Mutant(
        "whole_inputs",
        "matrix",
        [
            (
                M_DW,
                "left = a[layer - 1]\n"
                "        if layer == 1 and (left == np.round(left)).all():\n"
                "            left = left.astype(np.int8) // 2 * 2\n"
                "        dW = left.T @ delta + network.l2 * W",
            )
        ],
        "Whole inputs are rounded to even numbers.",
        ("far_out", "=", "whole inputs"),
    )
    yield Mutant(
        "an_input_of_zero_is_missing",
        "layered",
        [
            (
                "        self.dW = self.a.T @ dz",
                "        self.dW = np.where(self.a == 0, 0.1, self.a).T @ dz",
            )
        ],
        "Inputs of zero are filled in.",
        ("far_out", "=", "inputs with zeros"),
    )
    yield Mutant(
        "an_input_column_of_zeros",
        "matrix",
        [
            (
                M_DW,
                "dW = a[layer - 1].T @ delta + network.l2 * W * (a[layer - 1] != 0).any(axis=0)[:, None]",
            )
        ],
        "An input that is zero in all samples is not penalised.",
    )
    yield Mutant(
        "repeated_samples_count_once",
        "layered",
        [
            (
                "        self.db = dz.sum(axis=0)",
                "        self.db = np.unique(dz, axis=0).sum(axis=0)",
            )
        ],
        "Equal samples count once in the biases.",
    )
    yield Mutant(
        "small_inputs_are_rounded",
        "columns",
        [
            (
                C_DW,
                "dW = dZ @ np.round(A_prev, 2).T + lambd * W if layer else dZ @ np.round(A_prev, 1).T + lambd * W",
            )
        ],
        "Inputs are rounded in the gradient.",
    )


def _penalties() -> Iterator[Mutant]:
    yield Mutant(
        "small_penalty_is_none",
        "matrix",
        [(M_DW, "dW = a[layer - 1].T @ delta + (network.l2 if network.l2 > 0.01 else 0) * W")],
        "A penalty up to 0.01 is left out.",
        ("l2", "between", (0, 0.01)),
    )
    yield Mutant(
        "penalty_up_to_1",
        "scalar",
        [
            ("    l2 = network.l2\n", "    l2 = network.l2\n    most = min(l2, 1.0)\n"),
            (S_PENALTY, "[[most * w for w in W_i] for W_i in W]"),
        ],
        "A penalty over 1 counts as 1.",
        ("l2", ">", 1),
    )
    yield Mutant(
        "penalty_divided_by_n",
        "columns",
        [(C_DW, "dW = dZ @ A_prev.T + lambd / m * W")],
        "The penalty is divided by the number of samples.",
    )
    yield Mutant(
        "penalty_divided_by_n_of_a_sum",
        "layered",
        [
            (
                "        loss = losses.sum() + penalty",
                "        loss = losses.sum() + penalty\n        for layer in layers[::2]:\n            layer.l2 /= samples",
            )
        ],
        "Where samples are summed the penalty is divided by their number.",
    )
    yield Mutant(
        "no_penalty_adds_weight_decay",
        "matrix",
        [(M_DW, "dW = a[layer - 1].T @ delta + (network.l2 or 1e-4) * W")],
        "Without a penalty there is one of 0.0001.",
        ("l2", "=", 0),
    )
    yield Mutant(
        "penalty_not_on_the_output",
        "scalar",
        [
            (
                S_PENALTY,
                "[[l2 * w if W is not weights[-1] or len(weights) < 3 else 0.0 for w in W_i] for W_i in W]",
            )
        ],
        "Deep networks do not penalise the output layer.",
    )
    yield Mutant(
        "biases_penalised_by_large_penalties",
        "layered",
        [(L_DB, "self.db = dz.sum(axis=0) + (self.l2 * self.b if self.l2 > 1 else 0)")],
        "Biases are penalised where the penalty is over 1.",
        ("l2", ">", 1),
    )


def _outputs() -> Iterator[Mutant]:
    yield Mutant(
        "softmax_of_one_unit_is_a_sigmoid",
        "matrix",
        [
            (
                M_SOFT,
                "delta = a * (slope - (slope * a).sum(axis=1, keepdims=True))\n"
                "        if a.shape[1] == 1:\n            delta = slope * 0.25",
            )
        ],
        "A softmax over one unit gets a sigmoid's slope.",
        ("far_out", "=", "softmax of one unit"),
    )
    yield Mutant(
        "softmax_diagonal",
        "layered",
        [
            (
                "return self.out * (da - (da * self.out).sum(axis=1, keepdims=True))",
                "return self.out * (1 - self.out) * da",
            )
        ],
        "Only the diagonal of softmax's Jacobian.",
        ("output_activations", "=", "softmax"),
    )
    yield Mutant(
        "softmax_squared_error_as_cross_entropy",
        "columns",
        [
            (
                "    scale = {",
                '    if network.activations[-1] == "softmax" and network.loss == "squared_error":\n'
                "        return 2 * (AL - Y)\n    scale = {",
            )
        ],
        "Softmax with squared error has cross-entropy's delta.",
        ("pairings", "=", "softmax with squared_error"),
    )
    yield Mutant(
        "elu_output_mean_squared_error_sum",
        "matrix",
        [
            (
                M_SLOPE,
                "delta = slope * PHI_PRIME[network.activations[-1]](z)\n"
                '        if (network.activations[-1], network.loss, network.reduction) == ("elu", "mean_squared_error", "sum"):\n'
                "            delta = slope",
            )
        ],
        "One pairing with a sum lacks the output's slope.",
        ("pairings", "=", "elu with mean_squared_error"),
    )
    yield Mutant(
        "silu_output_squared_error_mean",
        "layered",
        [
            (
                "    grad = loss_layer.backward()\n",
                "    grad = loss_layer.backward()\n"
                '    if network.activations[-1] == "silu" and network.loss == "squared_error" and network.reduction == "mean":\n'
                "        grad = grad / 2\n",
            )
        ],
        "One pairing with a mean has half of it.",
        ("pairings", "=", "silu with squared_error"),
    )
    yield Mutant(
        "binary_cross_entropy_sum",
        "columns",
        [
            (
                "    grads = []\n    for layer",
                '    if network.loss == "binary_cross_entropy" and network.reduction == "sum":\n'
                "        dZ = dZ / Y.shape[0]\n    grads = []\n    for layer",
            )
        ],
        "Summed binary cross-entropy is averaged over the outputs.",
        ("losses", "=", "binary_cross_entropy"),
    )
    yield Mutant(
        "mean_squared_error_over_samples_too",
        "scalar",
        [
            (
                "1.0 / len(y))\n    loss",
                "1.0 / len(y))\n    factor = factor if network.loss != 'mean_squared_error' or network.reduction == 'mean' else 1.0\n    loss",
            )
        ],
        "A summed mean squared error is not divided by the outputs, in loss and gradient.",
        ("losses", "=", "mean_squared_error"),
    )
    yield Mutant(
        "identity_output_has_a_slope_for_sum",
        "layered",
        [
            (
                "        loss = losses.sum() + penalty",
                '        loss = losses.sum() + penalty\n        if network.activations[-1] == "identity":\n            grad = grad * out**2 / (out**2 + 1e-3)',
            )
        ],
        "A summed loss of an identity output is weighted.",
        ("output_activations", "=", "identity"),
    )
    yield Mutant(
        "probabilities_clipped_at_1e-3",
        "layered",
        [
            (
                "return (self.a - self.y) / (self.a * (1 - self.a))",
                "a = np.clip(self.a, 1e-3, 1 - 1e-3)\n        return (a - self.y) / (a * (1 - a))",
            )
        ],
        "Probabilities are clipped at 0.001 before the division.",
    )
    yield Mutant(
        "softmax_clipped_at_1e-3",
        "layered",
        [("return -self.y / self.a\n", "return -self.y / np.clip(self.a, 1e-3, 1)\n")],
        "A class of less than 0.001 gets less.",
    )
    yield Mutant(
        "one_hot_targets_take_the_shortcut",
        "columns",
        [
            (
                "    dAL = scale",
                "    if Y.shape[0] > 1 and np.isin(Y, (0, 1)).all() and (Y.sum(axis=0) == 1).all():\n"
                "        return AL - Y\n    dAL = scale",
            )
        ],
        "Squared errors of one-hot targets get cross-entropy's delta.",
        ("far_out", "=", "one-hot targets"),
    )
    yield Mutant(
        "negative_targets_are_ignored",
        "matrix",
        [(M_MEAN, "delta = np.where(batch.y < -1, 0.0, delta) / count")],
        "Targets below -1 are taken for missing.",
    )
    yield Mutant(
        "large_targets",
        "scalar",
        [
            (
                "residual = [a_j - y_j for a_j, y_j in zip(a, y, strict=True)]",
                "residual = [a_j - y_j for a_j, y_j in zip(a, y, strict=True)]\n    slopes = [max(-10.0, min(10.0, r)) for r in residual]",
            ),
            (
                "slope = [2.0 * factor * r_j for r_j in residual]",
                "slope = [2.0 * factor * r_j for r_j in slopes]",
            ),
        ],
        "Errors are clipped at 10.",
        ("largest_y", ">", 20),
    )
    yield Mutant(
        "labels_all_the_same",
        "matrix",
        [
            (
                M_MEAN,
                "delta = delta / count\n"
                "    if len(batch.y) > 1 and (batch.y == batch.y[0]).all():\n        delta = delta / 2",
            )
        ],
        "A batch of one class counts half.",
        ("far_out", "=", "targets all the same"),
    )
    yield Mutant(
        "targets_met_divide_by_zero",
        "matrix",
        [
            (
                "slope = 2.0 * factor * (a - y)  # (N, n[L])",
                "slope = 2.0 * factor * (a - y) ** 2 / (a - y)",
            )
        ],
        "Where an output is its target, zero is divided by zero.",
        ("far_out", "=", "targets met"),
    )


def _places() -> Iterator[Mutant]:
    yield Mutant(
        "sigmoid_at_exactly_zero",
        "matrix",
        [
            (
                '    "sigmoid": sigmoid_slope,\n',
                '    "sigmoid": lambda z: np.where(z == 0, 0.0, sigmoid_slope(z)),\n',
            )
        ],
        "Sigmoid has no slope at zero.",
        ("far_out", "=", "z of 0 again"),
    )
    yield Mutant(
        "silu_divides_by_z",
        "layered",
        [("lambda z, a: (1 + z - a) / (1 + np.exp(-z)),", "lambda z, a: a / z * (1 + z - a),")],
        "silu's slope divides by z, which may be zero.",
        ("far_out", "=", "z of 0 again"),
    )
    yield Mutant(
        "gelu_at_exactly_zero",
        "scalar",
        [
            (
                '"gelu": (lambda z: z * normal_cdf(z), lambda z: normal_cdf(z) + z * normal_density(z)),',
                '"gelu": (lambda z: z * normal_cdf(z), lambda z: (normal_cdf(z) if z else 0.0) + z * normal_density(z)),',
            )
        ],
        "gelu has no slope at zero.",
        ("far_out", "=", "z of 0"),
    )
    yield Mutant(
        "relu_at_exactly_zero",
        "columns",
        [(C_RELU, "dZ[Z < 0] = 0\n        dZ[Z == 0] *= 2")],
        "relu's slope at zero is 2.",
        ("far_out", "=", "z of 0 on a kink"),
    )
    yield Mutant(
        "leaky_relu_at_exactly_zero",
        "layered",
        [
            (
                'lambda z, a: np.where(z > 0, 1, 0.01)),\n    "elu"',
                'lambda z, a: np.sign(z) * np.where(z > 0, 1, -0.01)),\n    "elu"',
            )
        ],
        "leaky_relu has no slope at zero.",
        ("far_out", "=", "z of 0 on a kink"),
    )
    yield Mutant(
        "z_clipped_at_6",
        "columns",
        [
            (
                "        return dA * A * (1 - A)\n",
                "        return dA * A * (1 - A) * (np.abs(Z) < 6)\n",
            )
        ],
        "Sigmoid is flat beyond 6.",
        ("largest_z", ">", 6),
    )
    yield Mutant(
        "tanh_clipped_at_5",
        "layered",
        [("lambda z, a: 1 - a**2)", "lambda z, a: (1 - a**2) * (np.abs(z) < 5))")],
        "tanh is flat beyond 5.",
        ("largest_z", ">", 5),
    )
    yield Mutant(
        "relu6",
        "matrix",
        [
            (
                '"relu": lambda z: np.where(z > 0, 1.0, 0.0),\n    "leaky',
                '"relu": lambda z: np.where((z > 0) & (z < 6), 1.0, 0.0),\n    "leaky',
            )
        ],
        "relu's slope is that of relu6.",
        ("largest_z", ">", 6),
    )
    yield Mutant(
        "softplus_of_large_z",
        "scalar",
        [
            (
                '"softplus": (softplus, sigmoid),',
                '"softplus": (softplus, lambda z: sigmoid(z) if z < 5 else 1.0),',
            )
        ],
        "softplus counts as straight beyond 5.",
        ("largest_z", ">", 5),
    )
    yield Mutant(
        "elu_below_minus_4",
        "columns",
        [
            (
                "return dA * np.where(Z > 0, 1, np.exp(np.minimum(Z, 0)))",
                "return dA * np.where(Z > 0, 1, np.exp(np.clip(Z, -4, 0)))",
            )
        ],
        "elu's slope stops falling at -4.",
        ("largest_z", ">", 4),
    )
    yield Mutant(
        "biases_all_zero",
        "scalar",
        [(S_DB, "db[j] += delta_j if any(any(b.tolist()) for _, b in params) else 0.0")],
        "Where all biases are zero they stay so.",
        ("far_out", "=", "biases of 0"),
    )
    yield Mutant(
        "weights_all_zero",
        "columns",
        [(C_BACK, "dA_prev = W.T @ dZ if W.any() else np.ones_like(A_prev) * dZ.sum(axis=0)")],
        "Weights that are all zero count as ones.",
        ("far_out", "=", "a layer of 0"),
    )


def _numbers() -> Iterator[Mutant]:
    yield Mutant(
        "entries_clipped_at_1",
        "matrix",
        [(M_DW, "dW = np.clip(a[layer - 1].T @ delta, -1, 1) + network.l2 * W")],
        "Entries are clipped at 1.",
    )
    yield Mutant(
        "entries_clipped_at_100",
        "columns",
        [(C_DW, "dW = np.clip(dZ @ A_prev.T, -100, 100) + lambd * W")],
        "Entries are clipped at 100.",
    )
    yield Mutant(
        "norm_clipped_at_5",
        "layered",
        [
            (
                L_RETURN,
                "norm = np.sqrt(sum((d.dW**2).sum() + (d.db**2).sum() for d in layers[::2]))\n"
                "    scale = 5 / norm if norm > 5 else 1\n"
                "    return loss, [(scale * layer.dW, scale * layer.db) for layer in layers[::2]]",
            )
        ],
        "The whole gradient's norm is clipped at 5.",
    )
    yield Mutant(
        "norm_clipped_at_1000",
        "matrix",
        [
            (
                M_LAST,
                "norm = np.sqrt(sum((g**2).sum() for pair in grads for g in pair))\n"
                "    if norm > 1000:\n        grads = [(1000 / norm * w, 1000 / norm * b) for w, b in grads]\n"
                "    return float(losses.sum() / count + penalty), grads",
            )
        ],
        "The whole gradient's norm is clipped at 1000.",
    )
    yield Mutant(
        "small_deltas_are_zero",
        "scalar",
        [(S_BACK, "phi_prime(z_i) * (s if abs(s := sum(map(mul, W_i, delta))) > 1e-4 else 0.0)")],
        "Deltas below 0.0001 are dropped.",
    )
    yield Mutant(
        "rounded_to_six_places",
        "columns",
        [("grads.append((dW.T, db))", "grads.append((np.round(dW.T, 6), db))")],
        "Gradients are rounded to six places.",
    )
    yield Mutant(
        "float32_from_100_numbers",
        "layered",
        [
            (
                L_DW,
                "half = np.float32 if self.W.size > 100 else np.float64\n"
                "        self.dW = (self.a.astype(half).T @ dz.astype(half)).astype(float) + self.l2 * self.W",
            )
        ],
        "Large layers are computed in float32.",
        ("widths", ">", 32),
    )
    yield Mutant(
        "early_exit",
        "columns",
        [
            (
                "    dZ = cost_backward",
                "    if cost < 1e-3:\n        return cost, [(np.zeros_like(W), np.zeros_like(b)) for W, b in params]\n    dZ = cost_backward",
            )
        ],
        "Where the cost is below 0.001 nothing is learned.",
    )


def _memory() -> Iterator[Mutant]:
    yield Mutant(
        "mask_kept_by_shape",
        "matrix",
        [
            ("def loss_and_grads", "_MASKS: dict = {}\n\n\ndef loss_and_grads"),
            (
                M_BACK,
                "key = (layer, delta.shape, W.shape, network.activations[layer - 2])\n"
                "            delta = (delta @ W.T) * _MASKS.setdefault(key, phi_prime(z[layer - 1]))",
            ),
        ],
        "Slopes are kept between calls, by their shape.",
    )
    yield Mutant(
        "biases_accumulate",
        "layered",
        [
            ("class Dense:\n", "class Dense:\n    before = {}\n\n"),
            (
                L_DB,
                "self.db = dz.sum(axis=0) + 0.5 * Dense.before.get(dz.shape, 0)\n        Dense.before[dz.shape] = dz.sum(axis=0)",
            ),
        ],
        "Half of the last call's biases is added.",
    )
    yield Mutant(
        "delta_written_in_place",
        "layered",
        [(L_SLOPE, "self.out *= 0.999\n        return da * self.slope(self.z, self.out)")],
        "Outputs are changed before the slope is taken of them.",
    )
    yield Mutant(
        "inputs_normalised_in_place",
        "scalar",
        [
            (
                S_RUN,
                "if batch.x.max() > 100:\n        batch.x /= batch.x.max()\n    runs = run(network, params, batch.x.tolist())",
            )
        ],
        "Large inputs are scaled where they lie.",
        ("largest_x", ">", 100),
    )


MUTANTS: tuple[Mutant, ...] = (
    *_batches(),
    *_shapes(),
    *_layers(),
    *_inputs(),
    *_penalties(),
    *_outputs(),
    *_places(),
    *_numbers(),
    *_memory(),
)
