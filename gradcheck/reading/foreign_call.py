"""What hand-written code calls things, and calling it by that: seeded, silent, never trusted.

Names are compared in lower case and without underscores: ``learning_rate``, ``learningRate`` and
``LearningRate`` are one.

Code whose interface is known by its names, but which does not run, is a reading that says why.
"""

import contextlib
import copy
import inspect
import io
import math
import random
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from time import monotonic
from types import ModuleType
from typing import Any

import numpy as np

from gradcheck.contract.conventions import AS_DEFINED, Conventions
from gradcheck.errors import Trail, TrailedError, first_line, raised, trail_of
from gradcheck.reading.loading import Reading

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
_BIAS = re.compile(r"bias|thresh|^b([a-z]{0,3}|out)\d*$")
_BELONGING = re.compile(
    r"^d(w|b|theta|t\d*$)|^(del|nabla|v[wb]|m[wb]|prev|old|mom|velo|best|init|cache|upd|adj|change)"
    r"|grad|delta"
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
    return _BIAS.search(short) is not None


def is_gradient(name: str) -> bool:
    """Whether a name is one for something that belongs to a parameter: dW1, v_w, prev_w."""
    return _BELONGING.search(plain(name)) is not None


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


class UnsuitedError(TrailedError):
    """A function or class that cannot be called with what there is; the text says why.

    Attributes
    ----------
    what : str
        What the code itself raised, or the text; its trail says where.
    sure : bool
        It would raise that whatever it were given.
    """

    def __init__(self, message: str, trail: Trail = (), what: str = "", sure: bool = False) -> None:
        super().__init__(message, trail)
        self.what = what or message
        self.sure = sure

    def told_of(self, what: str) -> "UnsuitedError":
        """Say of what it is told."""
        return UnsuitedError(f"{what} {self}", self.trail, f"{what} {self}", self.sure)


class SearchEndedError(BaseException):
    """The time for finding out how code can be asked is over."""


_end: ContextVar[float] = ContextVar("_end", default=math.inf)


@contextlib.contextmanager
def searching(seconds: float) -> Iterator[None]:
    """Let the code be tried for so long: then :class:`SearchEndedError` ends the search."""
    token = _end.set(monotonic() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


class _Kept(io.StringIO):
    """What was printed, and goes nowhere; how much it was is told to who listens."""

    def __init__(self) -> None:
        super().__init__()
        self._within = 0

    def kept(self, count: int) -> None:
        """Count what was kept within."""
        self._within += count

    @property
    def count(self) -> int:
        """How many characters were printed."""
        return self.tell() + self._within


@contextlib.contextmanager
def seeded() -> Iterator[None]:
    """Seed the random generators that code shares, and leave them as they were."""
    numbers, draws = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(numbers)
        np.random.set_state(draws)  # noqa: NPY002


@contextlib.contextmanager
def calmly() -> Iterator[None]:
    """Seed the random generators, and keep what is printed or warned to ourselves."""
    outer, kept = sys.stdout, _Kept()
    try:
        with (
            seeded(),
            contextlib.redirect_stdout(kept),
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        if (tell := getattr(outer, "kept", None)) is not None:
            tell(kept.count)


def arguments(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """List the parameters of a function. Raises :class:`UnsuitedError` when there is no telling."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except Exception:  # built in, or with a signature of its own making
        raise UnsuitedError("has no signature") from None
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in parameters if p.kind not in kinds]


def needed(function: Callable[..., Any]) -> list[str]:
    """Name the arguments of a function that have to be given."""
    return [p.name for p in arguments(function) if p.default is inspect.Parameter.empty]


def takes(function: Callable[..., Any], *roles: str) -> bool:
    """Whether some argument of a function plays one of some roles."""
    return any(plays(p.name, role) for p in arguments(function) for role in roles)


def answered(function: Callable[[], Any], otherwise: Any = None) -> Any:
    """Return what the code answers; something else where it raises."""
    try:
        return attempt(function)
    except UnsuitedError:
        return otherwise


def bind(function: Callable[..., Any], values: Mapping[str, Any]) -> list[Any]:
    """Choose the positional arguments of a function, up to the last that something is known for.

    Values are by role (:data:`ROLES`), or by the name itself. Raises
    UnsuitedError when a parameter without a default plays no role that is known.
    """
    chosen: list[Any] = []
    known = 0
    for parameter in arguments(function):
        role = role_among(parameter.name, values)
        if role is not None:
            chosen.append(values[role])
            known = len(chosen)
        elif parameter.default is not inspect.Parameter.empty:
            chosen.append(parameter.default)
        else:
            called = getattr(function, "__name__", "it")
            raise UnsuitedError(f"{called} has an argument {parameter.name} that is not known")
    return chosen[:known]


def role_among(name: str, values: Iterable[str]) -> str | None:
    """Return what an argument is given: what has its very name, else the first role it plays."""
    if name in values:
        return name
    return next((role for role in values if role in ROLES and plays(name, role)), None)


def attempt(function: Callable[[], Any]) -> Any:
    """Call something of the code's, and turn whatever it raises into :class:`UnsuitedError`."""
    if monotonic() > _end.get():
        raise SearchEndedError
    try:
        with calmly():
            return function()
    except (KeyboardInterrupt, MemoryError, UnsuitedError, SearchEndedError):
        raise
    except BaseException as error:  # the code may raise anything, SystemExit too
        text = raised(error, first_line(error))
        raise UnsuitedError(f"raised {text}", trail_of(error), text, _sure(error)) from None


def _sure(error: BaseException) -> bool:
    """Whether an exception has nothing to do with what the code was given."""
    if isinstance(error, AttributeError):
        kind = type(getattr(error, "obj", None))
        return kind.__module__ not in ("builtins", "numpy") or kind is ModuleType
    return isinstance(error, NameError | ImportError | SyntaxError | SystemExit)


def members(code: Any) -> dict[str, Any]:
    """Return the public attributes of a module or object; properties are not run."""
    try:
        own = dict(vars(code))
    except TypeError:
        own = {}
    return {name: value for name, value in own.items() if not name.startswith("__")}


def functions(module: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions that a module defines itself."""
    return {n: v for n, v in _defined(module) if inspect.isfunction(v)}


def classes(module: Any) -> dict[str, type]:
    """Return the classes that a module defines itself."""
    return {n: v for n, v in _defined(module) if inspect.isclass(v)}


def _defined(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a module defines itself; of a part, what was handed over."""
    own = getattr(module, "__gradcheck_own__", None)
    home = getattr(module, "__name__", None)
    for name, value in members(module).items():
        if name in own if own is not None else getattr(value, "__module__", None) == home:
            yield name, value


def methods(cls: type) -> dict[str, Callable[..., Any]]:
    """Return the methods of a class and its bases, by name."""
    found: dict[str, Callable[..., Any]] = {}
    for base in cls.__mro__[:-1]:
        for name, value in vars(base).items():
            if inspect.isfunction(value):
                found.setdefault(name, value)
    return found


#: Data of more items than this are no state of a training: they are left as they are.
_LARGEST_STATE = 20_000


def is_state(value: Any) -> bool:
    """Whether a value is data that a training may change."""
    return isinstance(value, list | dict | set | int | float | np.ndarray)


def is_large(value: Any) -> bool:
    """Whether data has more items than a state of a training."""
    size = value.size if isinstance(value, np.ndarray) else 1
    return (len(value) if isinstance(value, list | dict | set) else size) > _LARGEST_STATE


class Shelf:
    """Keeps the attributes of classes and modules as they were, and puts them back."""

    def __init__(self, *owners: Any) -> None:
        self._kept = [(owner, _data(owner)) for owner in owners]

    def restore(self) -> None:
        """Put every attribute that holds data back."""
        for owner, data in self._kept:
            for name, value in data.items():
                with contextlib.suppress(Exception):
                    setattr(owner, name, copy.deepcopy(value))


def _data(owner: Any) -> dict[str, Any]:
    data = {}
    for name, value in members(owner).items():
        if is_state(value) and not is_large(value):
            with contextlib.suppress(Exception):
                data[name] = copy.deepcopy(value)
    return data


#: How far a try came: an object was being made, the forward was called, it ran and the
#: backward was called.
WAS_MADE, WAS_CALLED, RAN_FORWARD = 1, 2, 3

#: What is told of an answer without any array.
NO_ARRAY = "no array"


class Broken:
    """Answers every question with the reason why the code cannot be asked."""

    def __init__(self, why: UnsuitedError, stage: int) -> None:
        self.why, self.stage = why, stage

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        """Raise; the message is the reason."""
        raise UnsuitedError(self.why.what, self.why.trail)


def broken(
    adapter: str, why: UnsuitedError, stage: int, conventions: Conventions = AS_DEFINED
) -> Reading:
    """Return a reading that says why the code does not run."""
    return Reading(adapter, Broken(why, stage), conventions)


def works(reading: Reading) -> bool:
    """Whether the code answered when it was tried."""
    return not isinstance(reading.implementation, Broken)
