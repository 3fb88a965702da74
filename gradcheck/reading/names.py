"""What hand-written code calls things: one table of names for each role.

Names are compared in lower case and without underscores: ``learning_rate``,
``learningRate`` and ``LearningRate`` are one.
"""

import re

#: Role of an argument or attribute, and the names it goes by.
ROLES: dict[str, frozenset[str]] = {
    role: frozenset(names.split())
    for role, names in {
        "x": "x xs input inputs inputlist inputslist inputdata inputvector xtrain trainx xbatch "
        "data features trainingdata traininginputs trainingx xdata sample samples i inp",
        "y": "y ys t target targets targetlist targetslist targetdata label labels ytrain trainy "
        "ybatch expected expectedoutput expectedoutputs truth ytrue desired desiredoutput tar "
        "trainingoutputs trainingy ydata outputdata d",
        "output": "o out output outputs yhat ypred pred prediction predictions al aout",
        "rate": "lr learningrate learnrate alpha eta rate lrate stepsize",
        "once": "epoch epochs nepochs numepochs iterations niter maxiter numiterations numiters "
        "iters steps itr nepoch maxepochs times",
        "quiet": "verbose printcost plot show display printloss debug",
        "reg": "reg lam lambda lambd lmbda l2 l2reg weightdecay regularization lamb regstrength",
        "sizes": "sizes layers layersizes layerdims layersdims dims topology architecture "
        "structure layerdimensions widths nodes nneurons neurons",
        "n_in": "inputsize inputdim ninput nin inputnodes numinputs nx infeatures "
        "inputlayersize inodes numinput ninputs inputneurons din inputlayer inputunits ni inputs "
        "nfeatures numfeatures inputlayerneurons",
        "n_hidden": "hiddensize hiddendim nhidden nh hiddennodes numhidden hidden hiddenlayersize "
        "hnodes hiddenneurons dh hiddenlayer hiddenunits h numhiddenunits hiddenlayerneurons",
        "n_out": "outputsize outputdim noutput nout outputnodes numoutputs numclasses nclasses ny "
        "outfeatures outputlayersize onodes numoutput noutputs outputneurons dout outputlayer "
        "outputunits no outputs numlabels nlabels classes outputlayerneurons",
        "hiddens": "hiddendims hiddenlayers hiddensizes hiddenlayersizes hiddenunitslist "
        "hiddensizelist hiddenlayersizelist hiddenlist",
        "parameters": "params parameters param",
        "vector": "theta nnparams params w weights thetas p thetavec parameters wvec vector flat "
        "wb initialparams nnparameters paramvec x0",
        "weights": "weights ws w",
        "biases": "biases bs b",
        "cache": "cache caches memory",
        "m": "m nsamples numexamples batchsize n minibatchsize",
    }.items()
}

#: What methods are called that are called in turn, the likelier first.
METHODS: dict[str, tuple[str, ...]] = {
    kind: tuple(names.split())
    for kind, names in {
        "forward": "forward feedforward forwardpass forwardprop forwardpropagation "
        "forwardpropagate propagate think predict query feedfwd compute activate run fwd "
        "calculate output getoutput evaluate",
        "backward": "backward backprop backpropagate backpropagation backpropogate backwardpass "
        "backwardprop backwardpropagation backwardpropagate back propagateback bwd "
        "backpropogation backpropagateerror",
        "update": "step update updateweights updateparams updateparameters optimize "
        "applygradients gradientdescent applygradient updateweight descend",
        "train": "trainstep trainonbatch trainone trainonce partialfit fitpartial learn train fit "
        "trainsample step update sgd trainepoch trainbatch trainnetwork",
        # of a class or object that is a loss
        "loss": "fn loss cost forward calculate compute value error __call__",
        # how the names of functions begin that a training loop calls
        "loop": "train fit backprop back_prop backward update learn step gradient_descent optimize",
    }.items()
}

_LOSS = re.compile(r"loss|cost|error|^total|^e(total)?$|^j$|mse|^err|entropy|bce|nll|objective")
#: In names of outputs, whatever else stands there: output_pred, y_pred_batch, probabilities.
_PREDICTED = re.compile(r"pred|yhat|prob(s|a)|^(final|network)outputs?$")
_GRADIENTS = re.compile(r"grad|backprop|backward|nabla|^(cost|loss|j)(function|fn)?(prime|deriv)")
_DIFFERENCES = re.compile(
    r"^test|numeric|approx|check|finite|difference|estimate|^ngrad|plot|print"
)
_NUMBERED = re.compile(r"^(?P<stem>.*?)_?(?P<number>\d+)$")


def plain(name: str) -> str:
    """Return a name in lower case, without underscores."""
    return name.replace("_", "").lower()


def plays(name: str, role: str) -> bool:
    """Whether a name is one of those a role goes by."""
    short = plain(name)
    if short in ROLES[role]:
        return True
    predicted = role == "output" and _PREDICTED.search(short) is not None
    return predicted and not any(short in names for names in ROLES.values())


def role_of(name: str, roles: tuple[str, ...]) -> str | None:
    """Return the first of some roles that a name can play."""
    return next((role for role in roles if plays(name, role)), None)


def is_weight(name: str) -> bool:
    """Whether a name is one for weights: W1, wh, weights_ih, theta1, syn0, ..."""
    short = plain(name)
    if is_gradient(name) or "bias" in short:
        return False
    return short.startswith(("w", "theta", "syn")) or "weight" in short


def is_bias(name: str) -> bool:
    """Whether a name is one for biases: b1, bias_h, biases, threshold, ..."""
    short = plain(name)
    if is_gradient(name) or short.startswith("batch"):
        return False
    return (
        "bias" in short
        or "thresh" in short
        or re.match(r"^b([a-z]{0,3}|out)\d*$", short) is not None
    )


def is_gradient(name: str) -> bool:
    """Whether a name is one for something that belongs to a parameter: dW1, v_w, prev_w."""
    short = plain(name)
    return (
        re.match(
            r"^(d[wbt]\d*$|d(w|b|theta|weights?|bias)|del|grad|nabla|v[wb]|m[wb]|prev|old|mom|velo|best|init|cache|upd|adj|change)",
            short,
        )
        is not None
        or "grad" in short
        or "delta" in short
    )


def gives_gradients(name: str) -> bool:
    """Whether a function's name is that of one that returns gradients; differences are none."""
    short = plain(name)
    return _GRADIENTS.search(short) is not None and _DIFFERENCES.search(short) is None


def is_loss(name: str) -> bool:
    """Whether a name is one for a loss."""
    return _LOSS.search(plain(name)) is not None


def numbered(name: str) -> tuple[str, int] | None:
    """Split ``W12`` into ``("W", 12)``; None for a name without a number."""
    match = _NUMBERED.match(name)
    return (match["stem"], int(match["number"])) if match else None
