"""A hundred wrong files: a style and a slip in it, and by hand what is wrong there.

Each is what students do, in the words of the file it is in. Beside it stands what may truly
be said of it: the sites, the layers and the names of the catalogue; and the line of the file.
"""

from dataclasses import dataclass
from pathlib import Path

STYLES = Path(__file__).parent / "styles"

ACTIVATION, LOSS, CARRIED = "activation_derivative", "loss_derivative", "delta_recursion"
WEIGHT, BIAS, BATCH = "weight_gradient", "bias_gradient", "batch_reduction"
PENALTY, RETURNED, UPDATE = "regularisation", "returned_gradient", "update"
FORWARD = "forward"


#: Last of a slip: its place is not told.
UNTOLD = "untold"


@dataclass(frozen=True)
class Mistake:
    """A file with one thing wrong.

    Attributes
    ----------
    style : str
        The right file it is made of.
    what : str
        What is wrong, in a few words.
    edits : tuple of (str, str)
        Text, and what stands in its place.
    sites : tuple of str
        Where it may be said to be.
    layers : str
        Words: numbers; ``all``, ``hidden``, ``last``; an activation, for the layers that have
        it; ``none``, for no layer in particular.
    bugs : tuple of str
        Slugs that are true of it. The place alone may always be told.
    raises : str
        The exception, where the code may raise one.
    at : str
        The line that it raises at.
    words : tuple of str
        Any of them in a message points to the place: ``dW3``.
    untold : bool
        The file is told to be wrong, or to be no network that is known, and not where.
    """

    style: str
    what: str
    edits: tuple[tuple[str, str], ...]
    sites: tuple[str, ...]
    layers: str
    bugs: tuple[str, ...] = ()
    raises: str = ""
    at: str = ""
    words: tuple[str, ...] = ()
    untold: bool = False

    @property
    def text(self) -> str:
        """The whole file."""
        text = (STYLES / f"{self.style}.py").read_text(encoding="utf-8")
        for old, new in self.edits:
            assert text.count(old) == 1, f"{self.style}: {old!r} stands {text.count(old)} times"
            text = text.replace(old, new)
        return text

    @property
    def slug(self) -> str:
        """A name for the file."""
        return f"{self.style}-{self.what.replace(' ', '_')}"


def _in(style, *slips):
    return [
        _mistake(style, *[x for x in slip if x is not UNTOLD], untold=UNTOLD in slip)
        for slip in slips
    ]


def _mistake(style, what, edits, site, layers, bugs="", raises="", at="", words="", untold=False):
    edits = (edits,) if isinstance(edits[0], str) else edits
    sites = (site,) if isinstance(site, str) else site
    names, parts = tuple(bugs.split()), tuple(words.split())
    return Mistake(style, what, edits, sites, layers, names, raises, at, parts, untold)


#: All gradients of these files have the wrong sign, and that has several names.
NEGATED = "output_error_sign_lost descent_direction_returned"

NATIVE_ROWS = _in(
    "native_rows",
    (
        "slope of tanh without its square",
        ("return 1 - np.tanh(z) ** 2", "return 1 - np.tanh(z)"),
        ACTIVATION,
        "tanh",
        "tanh_derivative_not_squared",
    ),
    (
        "formula in a fed z",
        ("return s * (1 - s)", "return z * (1 - z)"),
        ACTIVATION,
        "sigmoid",
        "sigmoid_formula_fed_z",
    ),
    (
        "mask of relu turned round",
        ("return (z > 0).astype(float)", "return (z < 0).astype(float)"),
        ACTIVATION,
        "relu",
        "relu_mask_inverted",
    ),
    (
        "another leaky slope going back",
        ("return np.where(z > 0, 1.0, 0.01)", "return np.where(z > 0, 1.0, 0.1)"),
        ACTIVATION,
        "leaky_relu",
        "leaky_slope_differs",
    ),
    (
        "output without its slope",
        ("delta = (h - batch.y) * act_prime(acts[-1], zs[-1])", "delta = h - batch.y"),
        (LOSS, ACTIVATION),
        "last",
        "output_delta_without_derivative derivative_missing relu_derivative_missing",
    ),
    (
        "activation of the layer above",
        ("act_prime(acts[i - 1], zs[i - 1])", "act_prime(acts[i], zs[i - 1])"),
        ACTIVATION,
        "hidden",
        "tanh_derivative_of_sigmoid relu_derivative_leaks leaky_slope_missing",
    ),
    (
        "pre-activation of the layer above",
        ("act_prime(acts[i - 1], zs[i - 1])", "act_prime(acts[i - 1], zs[i])"),
        ACTIVATION,
        "hidden",
        "derivative_at_layer_above",
        "ValueError",
        "delta = (delta @ W.T) * act_prime(acts[i - 1], zs[i])",
    ),
    (
        "penalty doubled in the gradient",
        ("@ delta + network.l2 * W", "@ delta + 2 * network.l2 * W"),
        PENALTY,
        "all none",
        "penalty_gradient_doubled",
    ),
    (
        "mean forgotten for the biases",
        ("db = scale * delta.sum(axis=0)", "db = delta.sum(axis=0)"),
        BIAS,
        "all none",
        "bias_summed_weights_averaged",
    ),
    (
        "list never reversed",
        ("    grads.reverse()\n", ""),
        RETURNED,
        "none",
        "layers_returned_in_reverse",
    ),
)

NATIVE_COLUMNS = _in(
    "native_columns",
    (
        "biases summed over units",
        ("db = np.sum(dZ, axis=1)", "db = np.sum(dZ, axis=0)"),
        BIAS,
        "all none",
        "bias_summed_over_units",
    ),
    (
        "weights not turned back",
        ("out.insert(0, (dW.T, db))", "out.insert(0, (dW, db))"),
        (WEIGHT, RETURNED),
        "all none",
        "weight_gradient_transposed",
    ),
    (
        "back through W and not its transpose",
        ("dA = np.dot(Ws[l].T, dZ)", "dA = np.dot(Ws[l], dZ)"),
        CARRIED,
        "hidden",
        "transpose_missing",
        "ValueError",
        "dA = np.dot(Ws[l], dZ)",
    ),
    (
        "slope of tanh without its square",
        ("dZ = dA * (1 - A[l] ** 2)", "dZ = dA * (1 - A[l])"),
        ACTIVATION,
        "hidden",
        "tanh_derivative_not_squared",
    ),
    (
        "tanh taken twice in the slope",
        ("dZ = dA * (1 - A[l] ** 2)", "dZ = dA * (1 - np.tanh(A[l]) ** 2)"),
        ACTIVATION,
        "hidden",
        "derivative_at_activated_value",
    ),
    (
        "error of the wrong sign",
        ("dZ = A[L] - Y", "dZ = Y - A[L]"),
        (LOSS, RETURNED),
        "last none",
        NEGATED,
    ),
    (
        "mean at every layer",
        ("dA = np.dot(Ws[l].T, dZ)", "dA = np.dot(Ws[l].T, dZ) / m"),
        CARRIED,
        "hidden",
        "batch_mean_at_every_layer",
    ),
    (
        "mean in the loss only",
        ("        dZ = dZ / m\n", ""),
        BATCH,
        "none",
        "batch_mean_missing",
    ),
    (
        "slope where it cancels",
        ("dZ = A[L] - Y", "dZ = (A[L] - Y) * A[L] * (1 - A[L])"),
        (LOSS, ACTIVATION),
        "last",
        "logarithmic_loss_times_derivative",
    ),
    (
        "mean once more in each gradient",
        (
            ("dW = np.dot(dZ, A[l].T)", "dW = np.dot(dZ, A[l].T) / m"),
            ("db = np.sum(dZ, axis=1)", "db = np.sum(dZ, axis=1) / m"),
        ),
        BATCH,
        "none",
        "batch_mean_twice batch_mean_extra",
    ),
)

BOOK_CLASS = _in(
    "book_class",
    (
        "slope with a plus",
        ("return sigmoid(z) * (1 - sigmoid(z))", "return sigmoid(z) * (1 + sigmoid(z))"),
        ACTIVATION,
        "all",
        "sigmoid_derivative_with_plus",
        UNTOLD,
    ),
    (
        "formula in a fed z",
        ("return sigmoid(z) * (1 - sigmoid(z))", "return z * (1 - z)"),
        ACTIVATION,
        "all",
        "sigmoid_formula_fed_z",
        UNTOLD,
    ),
    (
        "slope at the activated value",
        ("z = zs[-l]", "z = activations[-l]"),
        ACTIVATION,
        "hidden",
        "derivative_at_activated_value",
    ),
    (
        "own outputs for inputs",
        (
            "np.dot(delta, activations[-l - 1].transpose())",
            "np.dot(delta, activations[-l].transpose())",
        ),
        WEIGHT,
        "hidden",
        "own_output_for_input",
    ),
    (
        "weights of its own layer",
        ("self.weights[-l + 1].transpose()", "self.weights[-l].transpose()"),
        CARRIED,
        "hidden",
        "weights_of_own_layer",
        "ValueError",
        "delta = np.dot(self.weights[-l].transpose(), delta) * sp",
    ),
    (
        "weights not transposed",
        ("np.dot(self.weights[-l + 1].transpose(), delta)", "np.dot(self.weights[-l + 1], delta)"),
        CARRIED,
        "hidden",
        "transpose_missing",
        "ValueError",
        "delta = np.dot(self.weights[-l + 1], delta) * sp",
    ),
    (
        "loop one short",
        ("for l in range(2, self.num_layers):", "for l in range(2, self.num_layers - 1):"),
        (RETURNED, CARRIED, WEIGHT, BIAS),
        "1 none",
        "first_layer_left_out gradient_cut weights_never_trained biases_never_trained",
    ),
    (
        "hidden biases forgotten",
        ("            nabla_b[-l] = delta\n", ""),
        BIAS,
        "hidden",
        "biases_never_trained",
    ),
    (
        "error of the wrong sign",
        ("return output_activations - y", "return y - output_activations"),
        (LOSS, RETURNED),
        "last none",
        NEGATED,
        UNTOLD,
    ),
    (
        "biases stepped uphill",
        ("b - (eta / len(mini_batch)) * nb", "b + (eta / len(mini_batch)) * nb"),
        UPDATE,
        "all none",
        "step_adds_to_biases",
    ),
)

COURSE_DEEP = _in(
    "course_deep",
    (
        "biases summed over units",
        ("np.sum(dZ, axis=1, keepdims=True)", "np.sum(dZ, axis=0, keepdims=True)"),
        BIAS,
        "all none",
        "bias_summed_over_units",
    ),
    (
        "mean forgotten for the weights",
        ("dW = 1 / m * np.dot(dZ, A_prev.T)", "dW = np.dot(dZ, A_prev.T)"),
        (WEIGHT, BATCH),
        "all none",
        "weights_summed_biases_averaged",
    ),
    (
        "back through W and not its transpose",
        ("dA_prev = np.dot(W.T, dZ)", "dA_prev = np.dot(W, dZ)"),
        CARRIED,
        "hidden",
        "transpose_missing",
        "ValueError",
        "dA_prev = np.dot(W, dZ)",
    ),
    (
        "mask of relu turned round",
        ("dZ[Z <= 0] = 0", "dZ[Z > 0] = 0"),
        ACTIVATION,
        "hidden",
        "relu_mask_inverted",
    ),
    (
        "slope of sigmoid half written",
        ("dZ = dA * s * (1 - s)", "dZ = dA * (1 - s)"),
        (ACTIVATION, LOSS),
        "last",
        "sigmoid_derivative_half_written",
    ),
    (
        "cache of the layer above",
        (
            'grads["dA" + str(l + 1)], caches[l], "relu"',
            'grads["dA" + str(l + 1)], caches[l + 1], "relu"',
        ),
        (ACTIVATION, CARRIED),
        "hidden",
        "derivative_at_layer_above",
        "IndexError",
        "dZ[Z <= 0] = 0",
    ),
    (
        "error of the wrong sign",
        (
            "dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))",
            "dAL = np.divide(Y, AL) - np.divide(1 - Y, 1 - AL)",
        ),
        (LOSS, RETURNED),
        "last none",
        NEGATED,
    ),
    (
        "second term of the loss not derived",
        ("dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))", "dAL = -np.divide(Y, AL)"),
        LOSS,
        "last",
        "negative_class_forgotten",
    ),
    (
        "loop never reaches layer 1",
        ("for l in reversed(range(L - 1)):", "for l in reversed(range(1, L - 1)):"),
        (WEIGHT, BIAS, RETURNED),
        "1 none",
        "first_layer_left_out weights_never_trained biases_never_trained",
        "KeyError",
        "",
    ),
    (
        "last layer never stepped",
        ("for l in range(1, L + 1):", "for l in range(1, L):"),
        UPDATE,
        "last none",
        "",
    ),
)

TWO_LAYER_NET = _in(
    "two_layer_net",
    (
        "two of the penalty forgotten",
        (
            ('grads["W2"] += 2 * reg * W2', 'grads["W2"] += reg * W2'),
            ('grads["W1"] += 2 * reg * W1', 'grads["W1"] += reg * W1'),
        ),
        PENALTY,
        "all none",
        "penalty_gradient_halved",
    ),
    (
        "mean in the loss only",
        ("        dscores /= N\n", ""),
        BATCH,
        "none",
        "batch_mean_missing",
    ),
    (
        "output biases summed over classes",
        ('grads["b2"] = np.sum(dscores, axis=0)', 'grads["b2"] = np.sum(dscores, axis=1)'),
        BIAS,
        "2",
        "bias_summed_over_units",
    ),
    (
        "relu forgotten going back",
        ("dz1 = dh1 * (z1 > 0)", "dz1 = dh1"),
        ACTIVATION,
        "1",
        "relu_derivative_missing derivative_missing",
    ),
    (
        "mask taken of the delta",
        ("dz1 = dh1 * (z1 > 0)", "dz1 = dh1 * (dh1 > 0)"),
        ACTIVATION,
        "1",
        "relu_mask_from_delta",
    ),
    (
        "weights before the mask",
        ('grads["W1"] = np.dot(X.T, dz1)', 'grads["W1"] = np.dot(X.T, dh1)'),
        WEIGHT,
        "1",
        "weight_gradient_without_derivative",
    ),
    (
        "one of the label not subtracted",
        ("        dscores[range(N), y] -= 1\n", ""),
        LOSS,
        "2",
    ),
    (
        "hidden biases penalised",
        ('grads["b1"] = np.sum(dz1, axis=0)', 'grads["b1"] = np.sum(dz1, axis=0) + 2 * reg * b1'),
        (PENALTY, BIAS),
        "1",
        "biases_penalised",
    ),
    (
        "scores for probabilities",
        ("dscores = probs.copy()", "dscores = exp_scores.copy()"),
        LOSS,
        "2",
    ),
    (
        "first weights the other way round",
        ('grads["W1"] = np.dot(X.T, dz1)', 'grads["W1"] = np.dot(dz1.T, X)'),
        WEIGHT,
        "1",
        "weight_gradient_transposed",
        "ValueError",
        'grads["W1"] += 2 * reg * W1',
    ),
)

_STEP_W2 = "        self.W2 += self.lr * np.dot(self.hidden.T, d_output)\n"

IN_PLACE_TRAINER = _in(
    "in_place_trainer",
    (
        "output weights stepped first",
        (
            (_STEP_W2, ""),
            ("        # hidden layer\n", _STEP_W2 + "        # hidden layer\n"),
        ),
        CARRIED,
        "1",
        "weights_updated_before_hidden_delta",
    ),
    (
        "output without its slope",
        ("d_output = error * out * (1 - out)", "d_output = error"),
        (LOSS, ACTIVATION),
        "2",
        "output_delta_without_derivative derivative_missing",
    ),
    (
        "slope of tanh without its square",
        ("(1 - self.hidden**2)", "(1 - self.hidden)"),
        ACTIVATION,
        "1",
        "tanh_derivative_not_squared",
    ),
    (
        "slope of sigmoid for that of tanh",
        ("(1 - self.hidden**2)", "self.hidden * (1 - self.hidden)"),
        ACTIVATION,
        "1",
        "tanh_derivative_by_sigmoid_formula",
    ),
    (
        "error passed back and not the delta",
        ("np.dot(d_output, self.W2.T)", "np.dot(error, self.W2.T)"),
        CARRIED,
        "1",
        "raw_error_passed_back",
    ),
    (
        "error of the wrong sign",
        ("error = y - out", "error = out - y"),
        (LOSS, RETURNED, UPDATE),
        "2 none",
        NEGATED + " step_adds_gradient",
    ),
    (
        "hidden biases by the output delta",
        ("self.b1 += self.lr * np.sum(d_hidden,", "self.b1 += self.lr * np.sum(d_output,"),
        BIAS,
        "1",
        "bias_gradient_of_layer_above",
        "ValueError",
        "self.b1 += self.lr * np.sum(d_output, axis=0, keepdims=True)",
    ),
    (
        "hidden weights before the slope",
        ("np.dot(x.T, d_hidden)", "np.dot(x.T, error_hidden)"),
        WEIGHT,
        "1",
        "weight_gradient_without_derivative",
    ),
    (
        "output biases the other way",
        ("self.b2 += self.lr", "self.b2 -= self.lr"),
        (BIAS, UPDATE),
        "2",
        "bias_gradient_negated",
    ),
    (
        "rate forgotten for the hidden weights",
        ("self.W1 += self.lr * np.dot(x.T, d_hidden)", "self.W1 += np.dot(x.T, d_hidden)"),
        (UPDATE, WEIGHT),
        "1",
        "",
    ),
)

GRADIENT_FUNCTIONS = _in(
    "gradient_functions",
    (
        "slope where it cancels",
        ("dZ3 = (A3 - Y) / m", "dZ3 = (A3 - Y) * A3 * (1 - A3) / m"),
        LOSS,
        "3",
        "logarithmic_loss_times_derivative",
    ),
    (
        "name that is not there",
        ("dZ2 = dA2 * (1 - A2**2)", "dZ2 = dA2 * (1 - np.tanh(Z2) ** 2)"),
        ACTIVATION,
        "2",
        "",
        "NameError",
        "dZ2 = dA2 * (1 - np.tanh(Z2) ** 2)",
    ),
    (
        "pre-activations for inputs",
        ("dW2 = dZ2.dot(A1.T)", "dW2 = dZ2.dot(Z1.T)"),
        WEIGHT,
        "2",
        "pre_activation_for_input",
    ),
    (
        "weights of another layer",
        ("dA1 = W2.T.dot(dZ2)", "dA1 = W3.T.dot(dZ2)"),
        CARRIED,
        "1",
        "",
        "ValueError",
        "dA1 = W3.T.dot(dZ2)",
    ),
    (
        "mask with a threshold",
        ("dZ1 = dA1 * (Z1 > 0)", "dZ1 = dA1 * (Z1 > 0.5)"),
        ACTIVATION,
        "1",
        "relu_threshold_not_zero",
    ),
    (
        "biases summed over everything",
        ("db1 = dZ1.sum(axis=1, keepdims=True)", "db1 = dZ1.sum(keepdims=True)"),
        BIAS,
        "1",
        "bias_gradient_one_number",
    ),
    (
        "mean once more in the first layer",
        ("dW1 = dZ1.dot(X.T)", "dW1 = dZ1.dot(X.T) / m"),
        WEIGHT,
        "1",
    ),
    (
        "one gradient returned twice",
        (
            "return dW1, db1, dW2, db2, dW3, db3\n\n\ndef train",
            "return dW1, db1, dW2, db2, dW2, db3\n\n\ndef train",
        ),
        (WEIGHT, RETURNED),
        "3",
        "",
        "",
        "",
        "dW3",
    ),
    (
        "error of the layer above masked",
        ("dZ1 = dA1 * (Z1 > 0)", "dZ1 = dA2 * (Z1 > 0)"),
        CARRIED,
        "1",
        "",
        "ValueError",
        "dZ1 = dA2 * (Z1 > 0)",
    ),
    (
        "softmax over the samples",
        ("return e / e.sum(axis=0, keepdims=True)", "return e / e.sum(axis=1, keepdims=True)"),
        FORWARD,
        "3 none",
        "softmax_over_batch",
        UNTOLD,
    ),
)

FLAT_THETA = _in(
    "flat_theta",
    (
        "bias column left in",
        ("d2 = d3.dot(Theta2[:, 1:])", "d2 = d3.dot(Theta2)[:, :-1]"),
        CARRIED,
        "1",
        "bias_row_not_removed",
    ),
    (
        "slope at the activated value",
        ("sigmoidGradient(z2)", "sigmoidGradient(a2[:, 1:])"),
        ACTIVATION,
        "1",
        "derivative_at_activated_value",
    ),
    (
        "formula in a fed z",
        ("g = sigmoid(z)\n", "g = z\n"),
        ACTIVATION,
        "1",
        "sigmoid_formula_fed_z",
    ),
    (
        "biases penalised",
        ("Theta1_grad[:, 1:] += Lambda / m * Theta1[:, 1:]", "Theta1_grad += Lambda / m * Theta1"),
        (PENALTY, BIAS),
        "1",
        "biases_penalised",
    ),
    (
        "penalty not divided",
        (
            ("Theta1_grad[:, 1:] += Lambda / m *", "Theta1_grad[:, 1:] += Lambda *"),
            ("Theta2_grad[:, 1:] += Lambda / m *", "Theta2_grad[:, 1:] += Lambda *"),
        ),
        PENALTY,
        "all none",
        "penalty_added_for_each_sample",
    ),
    (
        "mean forgotten in the last layer",
        ("Theta2_grad = d3.T.dot(a2) / m", "Theta2_grad = d3.T.dot(a2)"),
        (BATCH, WEIGHT, BIAS),
        "2",
    ),
    (
        "penalty not derived",
        (
            ("    Theta1_grad[:, 1:] += Lambda / m * Theta1[:, 1:]\n", ""),
            ("    Theta2_grad[:, 1:] += Lambda / m * Theta2[:, 1:]\n", ""),
        ),
        PENALTY,
        "all none",
        "penalty_gradient_missing",
    ),
    (
        "hidden slope forgotten",
        ("d2 = d3.dot(Theta2[:, 1:]) * sigmoidGradient(z2)", "d2 = d3.dot(Theta2[:, 1:])"),
        ACTIVATION,
        "1",
        "derivative_missing",
    ),
    (
        "inputs without the column of ones",
        ("Theta1_grad = d2.T.dot(a1) / m", "Theta1_grad = d2.T.dot(X) / m"),
        WEIGHT,
        "1",
        "",
        "ValueError",
        "Theta1_grad[:, 1:] += Lambda / m * Theta1[:, 1:]",
    ),
    (
        "unrolled by columns",
        ("[Theta1_grad.ravel(), ", '[Theta1_grad.ravel("F"), '),
        (RETURNED, WEIGHT),
        "1",
        "weight_gradient_reshaped",
    ),
)

_SCRIPT_W2 = "    W2 -= lr * a1.T.dot(d2)\n"

PLAIN_SCRIPT = _in(
    "plain_script",
    (
        "output without its slope",
        ("d2 = 2 * error / len(X) * sigmoid_derivative(a2)", "d2 = 2 * error / len(X)"),
        (LOSS, ACTIVATION),
        "2",
        "output_delta_without_derivative derivative_missing",
    ),
    (
        "formula in a fed z",
        ("len(X) * sigmoid_derivative(a2)", "len(X) * sigmoid_derivative(z2)"),
        ACTIVATION,
        "2",
        "sigmoid_formula_fed_z",
    ),
    (
        "slope of the layer above",
        ("d2.dot(W2.T) * sigmoid_derivative(a1)", "d2.dot(W2.T) * sigmoid_derivative(a2)"),
        ACTIVATION,
        "1",
        "derivative_at_layer_above",
    ),
    (
        "two of the square forgotten",
        ("d2 = 2 * error / len(X)", "d2 = error / len(X)"),
        (LOSS, BATCH),
        "2 none",
        "factor_two_missing divided_by_twice_the_samples",
    ),
    (
        "mean in the loss only",
        ("d2 = 2 * error / len(X)", "d2 = 2 * error"),
        BATCH,
        "none",
        "batch_mean_missing",
    ),
    (
        "output weights stepped first",
        ((_SCRIPT_W2, ""), ("    d1 = d2.dot", _SCRIPT_W2 + "    d1 = d2.dot")),
        CARRIED,
        "1",
        "weights_updated_before_hidden_delta",
    ),
    (
        "hidden slope forgotten",
        ("d1 = d2.dot(W2.T) * sigmoid_derivative(a1)", "d1 = d2.dot(W2.T)"),
        ACTIVATION,
        "1",
        "derivative_missing",
    ),
    (
        "hidden weights stepped uphill",
        ("W1 -= lr * X.T.dot(d1)", "W1 += lr * X.T.dot(d1)"),
        (WEIGHT, UPDATE),
        "1",
        "weight_gradient_negated",
    ),
    (
        "hidden biases by one number",
        ("b1 -= lr * np.sum(d1, axis=0, keepdims=True)", "b1 -= lr * np.sum(d1)"),
        BIAS,
        "1",
        "bias_gradient_one_number",
    ),
    (
        "sigmoid taken twice in the slope",
        ("return x * (1 - x)", "return sigmoid(x) * (1 - sigmoid(x))"),
        ACTIVATION,
        "all",
        "derivative_at_activated_value",
    ),
)

LAYER_OBJECTS = _in(
    "layer_objects",
    (
        "diagonal of softmax alone",
        ("return self.out * (grad - dot)", "return grad * self.out * (1 - self.out)"),
        LOSS,
        "last",
        "softmax_jacobian_diagonal",
    ),
    (
        "sign inside softmax",
        ("return self.out * (grad - dot)", "return self.out * (grad + dot)"),
        LOSS,
        "last",
        "softmax_off_diagonal_sign",
    ),
    (
        "two of the square forgotten",
        ("return 2 * self.diff", "return self.diff"),
        (LOSS, BATCH),
        "last none",
        "factor_two_missing divided_by_twice_the_samples",
    ),
    (
        "mask taken of the gradient",
        ("return grad * self.mask", "return grad * (grad > 0)"),
        ACTIVATION,
        "relu",
        "relu_mask_from_delta",
    ),
    (
        "square outside the bracket",
        ("return grad * (1 - self.out**2)", "return grad * (1 - self.out) ** 2"),
        ACTIVATION,
        "tanh",
        "tanh_derivative_square_outside",
    ),
    (
        "back through W and not its transpose",
        ("return grad @ self.W.T", "return grad @ self.W"),
        CARRIED,
        "hidden",
        "transpose_missing",
        "ValueError",
        "return grad @ self.W",
    ),
    (
        "biases averaged",
        ("self.db = grad.sum(axis=0)", "self.db = grad.mean(axis=0)"),
        (BIAS, BATCH),
        "all none",
        "bias_averaged_twice",
    ),
    (
        "layers taken forwards going back",
        ("for layer in reversed(layers):", "for layer in layers:"),
        (CARRIED, RETURNED),
        "all none",
        "",
        "ValueError",
        "return grad @ self.W.T",
    ),
    (
        "what comes back left out",
        ("return grad * self.out * (1 - self.out)", "return self.out * (1 - self.out)"),
        (CARRIED, LOSS, ACTIVATION),
        "sigmoid",
    ),
    (
        "fused gradient and softmax besides",
        ("return -self.y / self.out", "return self.out - self.y"),
        LOSS,
        "last",
    ),
)

MISTAKES = (
    *NATIVE_ROWS,
    *NATIVE_COLUMNS,
    *BOOK_CLASS,
    *COURSE_DEEP,
    *TWO_LAYER_NET,
    *IN_PLACE_TRAINER,
    *GRADIENT_FUNCTIONS,
    *FLAT_THETA,
    *PLAIN_SCRIPT,
    *LAYER_OBJECTS,
)
