"""Plain scripts: the body of the training loop is one step.

What stands before the loop is the set-up, and is run once. What one iteration of the loop
changes are the parameters; data, learning rate, loss and outputs are known by their
names and shapes. Weights may be matrices, one list, or numbers ``w1, w2, ...``.
"""

import ast
import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.contract.conventions import Conventions, LossSource, OwnNames, Rate
from gradcheck.contract.posed import Floats, Pairs
from gradcheck.contract.posed import PosedNetwork as Network
from gradcheck.reading import foreign_call as foreign
from gradcheck.reading.foreign_call import is_bias, is_loss, is_weight, plays
from gradcheck.reading.holders import set_rates
from gradcheck.reading.layout import Layout, to_own
from gradcheck.reading.loading import Reading
from gradcheck.reading.own_loss import OwnLoss, own_losses, source_of
from gradcheck.reading.parameters import Family, ParameterRoles, assign, families, in_rows
from gradcheck.reading.paths import ArrayPath, Numbers, changed, moved, numeric, unread
from gradcheck.reading.paths import find as find_places
from gradcheck.reading.running import FIRST_IN_SCRIPT, first, one_iteration, stored
from gradcheck.reading.running import changed as changed_in
from gradcheck.reading.source import built_in, shares
from gradcheck.reading.update_method import Stepping


class Script:
    """A module whose training loop was cut out, and one iteration of it.

    Attributes
    ----------
    loads, stores : set of str
        The names that the loop reads and binds.
    before, after : dict of ArrayPath to array
        The numbers of the module before the iteration and after it.
    moved : list of ArrayPath
        Those that the iteration changes.
    seen : dict of str to object
        The variables after it.

    Raises
    ------
    UnsuitedError
        When the iteration cannot be run.
    """

    def __init__(
        self, module: Any, loop: ast.For | ast.While, inner: bool, shelf: foreign.Shelf
    ) -> None:
        self.module, self.root, self.shelf = module, vars(module), shelf
        self.tree = one_iteration(loop, inner)
        names = [n for n in ast.walk(self.tree) if isinstance(n, ast.Name)]
        loads = {n.id for n in names if isinstance(n.ctx, ast.Load)}
        changing = changed_in(self.tree)
        self.loads, self.stores = loads | changing, dict.fromkeys(stored(self.tree))
        file = getattr(module, "__gradcheck_loop_file__", "script")
        self._body = compile(self.tree, file, "exec")
        self._look()
        self._wake([p for p in self.still if p.path[0][1] in changing])

    def _wake(self, asleep: list[ArrayPath]) -> None:
        """Start from other weights where the first ones are zero, or leave every unit dead."""
        asleep = [p for p in asleep if self.before[p].ndim]
        if not asleep:
            return
        moved, shelf = self.moved, self.shelf
        for place in asleep:
            array = np.abs(self.before[place])
            place.set(self.root, array + 1 / array.size)
        self.shelf = foreign.Shelf(self.module)
        with contextlib.suppress(foreign.UnsuitedError):
            self._look()
        if len(self.moved) <= len(moved):
            self.shelf = shelf
            self.shelf.restore()
            self._look()

    def _look(self) -> None:
        """Run one iteration, and see what it reads and changes."""
        self.before = self.numbers()
        try:
            foreign.attempt(self.run)
            self.after, self.seen = self.numbers(), dict(self.root)
        finally:
            self.shelf.restore()
        self.moved = moved(self.before, self.after)
        self.read = [p for p in self.before if p.path[0][1] in self.loads]
        self.still = [p for p in self.read if p not in self.moved]

    def run(self) -> None:
        """Run one iteration in the module, where its functions look for their globals."""
        self.root[FIRST_IN_SCRIPT] = first
        exec(self._body, self.root)

    def afresh(self, change: Callable[[], None]) -> None:
        """Run one iteration after a change to the module as it was."""
        self.shelf.restore()
        change()
        self.run()

    def numbers(self) -> Numbers:
        """Return every number and array of the module, copied."""
        own = {k: v for k, v in self.root.items() if not k.startswith("__")}
        found = {place: np.array(array) for place, array in find_places(own)}
        for name, value in own.items():
            if isinstance(value, int | float | np.generic) and not isinstance(value, bool):
                found[_variable(name)] = np.array(float(value))
        return found

    def values(self, place: Any) -> Floats:
        """Return what stood at a place, or in a family of them."""
        return place.values(self.before) if isinstance(place, Family) else self.before[place]


def _variable(name: str) -> ArrayPath:
    return ArrayPath((("item", name),))


@dataclass(frozen=True)
class Data:
    """Where a script keeps inputs or targets."""

    place: Any
    samples: str


@dataclass(frozen=True)
class KnownScript:
    """What is known of a script.

    Attributes
    ----------
    rate : str
        The name of the learning rate, or empty.
    loss, outputs : object
        Places of what the loop computes, or None.
    zeroed : tuple of str
        Numbers set to zero: biases that a layer shares.
    own : OwnLoss or None
        A function of the outputs that gives the loss, where the loop keeps none.
    beside : tuple of OwnLoss
        Losses that are not used.
    keepers : tuple of str
        Names of objects that keep the rate.
    share : float or None
        How much of a rate that is set the loop uses; None where that is all of it for sure.
    """

    roles: ParameterRoles
    x: Data
    y: Data
    rate: str = ""
    built_in: float | None = None
    loss: str = ""
    outputs: Any = None
    zeroed: tuple[str, ...] = ()
    own: OwnLoss | None = None
    beside: tuple[OwnLoss, ...] = ()
    keepers: tuple[str, ...] = ()
    share: float | None = None


def seen_in(root: dict[str, Any], known: KnownScript) -> dict[str, Any]:
    """Return what a function of the script may be given after an iteration."""
    places = {"output": known.outputs, "y": known.y.place, "x": known.x.place}
    return {role: place.get(root) for role, place in places.items() if place is not None}


def set_rate(root: dict[str, Any], name: str, keepers: tuple[str, ...], rate: float) -> None:
    """Set the rate under its name and in what keeps it."""
    if name:
        root[name] = rate
    for keeper in keepers:
        set_rates(root[keeper], rate)


class LoopIteration(Stepping):
    """One iteration of a script's loop, read as an implementation."""

    def __init__(self, script: Script, known: KnownScript) -> None:
        super().__init__(known.roles.layout, known.built_in, known.share)
        self.script, self.known = script, known
        if known.outputs is not None:
            self.forward = self._forward

    def loss_of(self, own: list[Any], x: Floats, y: Floats) -> Any:
        """Return what the iteration leaves under the name of the loss."""
        if not self.known.loss:
            return float("nan")
        self.after(own, x, y, 0.5)
        root = self.script.root
        if self.known.own is None:
            return root.get(self.known.loss)
        return self.known.own.value(self.script.module, seen_in(root, self.known))

    def after(self, own: list[Any], x: Floats, y: Floats, rate: float) -> list[Any]:
        """Run one iteration from given parameters; return those after it."""
        root, known = self.script.root, self.known

        def given() -> None:
            for name in known.zeroed:
                array = numeric(root[name])
                root[name] = 0.0 if array is None else np.zeros_like(array)
            known.roles.write(root, own)
            for data, array in ((known.x, x), (known.y, y)):
                data.place.set(root, replace(self.layout, samples=data.samples).give(array))
            set_rate(root, known.rate, known.keepers, rate)

        with foreign.calmly():
            self.script.afresh(given)
            after: list[Any] = known.roles.read(root, own)
            return after

    def _forward(self, network: Network, params: Pairs, x: Floats) -> Floats:
        own, wide = to_own(self.layout, network, params, x)
        n_out = own[-1][0].shape[1]
        self.after(own, wide, np.zeros((len(x), n_out)), 0.5)
        seen = self.known.outputs.get(self.script.root)
        return replace(self.layout, samples=self.known.y.samples).take(seen, n_out, len(x))


#: Inputs and hidden units tried beside the script's own, where its weights are matrices.
OTHERS = ((1, 1), (2, 2), (2, 3), (3, 2), (4, 5))


def find(module: Any) -> Iterator[Reading]:
    """Yield the readings of a module that was loaded without its training loop."""
    loop = getattr(module, "__gradcheck_loop__", None)
    if not isinstance(loop, ast.For | ast.While):
        return
    shelf = foreign.Shelf(module)
    for inner in (False, True):
        if inner and not any(isinstance(node, ast.For) for node in loop.body):
            return
        try:
            script = Script(module, loop, inner, shelf)
        except foreign.UnsuitedError as error:
            if not inner:
                why = error.told_of("one iteration of the training loop")
                yield foreign.broken("script", why, foreign.RAN_FORWARD)
            continue
        others: dict[Any, tuple[str, ...]] = {}
        for known in _ways(script):
            roles = known.roles
            if known.outputs is not None and roles not in others:
                others[roles] = _unread(script, known)
            names = OwnNames()
            if not roles.in_rows:
                names = roles.spelling([script.tree], roles.layout, "")
            conventions = replace(
                _conventions(known),
                unread=others.get(roles, ()),
                names=names,
                inner_loops_once=inner,
            )
            yield Reading("script", LoopIteration(script, known), conventions)


def _unread(script: Script, known: KnownScript) -> tuple[str, ...]:
    """Name what the loop trains and its outputs depend on, and is neither weight nor bias."""
    root = script.root

    def change(*places: Any) -> None:
        for place in places:
            place.set(root, changed(place.get(root)))

    def outputs(place: ArrayPath | None) -> Any:
        script.afresh(lambda: change(*([place] if place else [])))
        return known.outputs.get(root)

    def other_data() -> list[ArrayPath]:
        script.afresh(lambda: change(known.x.place, known.y.place))
        return moved(script.after, script.numbers())

    # what ends alike whatever the data are is shrunk or counted, and not trained
    learnt = foreign.answered(other_data, script.moved)
    trained = [place for place in script.moved if place in learnt]
    names = unread(trained, known.roles.places, outputs)
    script.shelf.restore()
    return tuple(name for name in names if name not in known.zeroed)


def _ways(script: Script) -> Iterator[KnownScript]:
    """Yield the consistent ways to understand a script, the likeliest first."""
    settings = list(_settings(script))
    losses = [n for n in script.stores if is_loss(n) and _scalar(script.seen.get(n))]
    losses = [n for n in losses if not isinstance(script.seen[n], int)][:3]  # no counters
    for x, y, n_in, n_out in _data(script):
        for roles, zeroed in _roles(script, n_in, n_out):
            known = KnownScript(roles, x, y, zeroed=zeroed)
            outputs = _without_targets(script, known, list(_outputs(script, known)))
            for setting in settings:
                for output in [*outputs[:6], None]:
                    made = replace(known, outputs=output, **setting)
                    for loss in losses:
                        yield replace(made, loss=loss)
                    beside = [OwnLoss(loss) for loss in losses]
                    if output is not None and not losses:
                        values = seen_in(script.seen, made)
                        beside = own_losses(script.module, script.module, values)
                        for own in beside:
                            if not own.raised:
                                yield replace(made, loss=own.name, own=own)
                    yield replace(made, beside=tuple(beside))


def _settings(script: Script) -> Iterator[dict[str, Any]]:
    """Yield how the rate is set and what part of it the loop uses, or what it is."""
    rates = [p for p in script.read if plays(p.name, "rate") and script.before[p].ndim == 0]
    still = [p.name for p in rates if p in script.still]
    keepers = () if still else tuple(_keepers(script.root, script.loads))
    if still or keepers:
        name = still[0] if still else ""
        for share in _shares(script, name, keepers):
            yield {"rate": name, "keepers": keepers, "share": share}
        return
    yield from ({"built_in": rate} for rate in built_in(script.module))
    for place in rates[:1]:  # one that the loop changes, which may be what it trains
        for share in _shares(script, place.name, ()):
            yield {"rate": place.name, "share": share}


def _shares(script: Script, name: str, keepers: tuple[str, ...]) -> tuple[float | None, ...]:
    def step(rate: float) -> None:
        script.afresh(lambda: set_rate(script.root, name, keepers, rate))

    found = shares(script.module, step)
    script.shelf.restore()
    return found


def _keepers(values: dict[str, Any], loads: set[str]) -> Iterator[str]:
    """Name the objects of the script's own classes that keep the rate: ``net.lr``."""
    for name in loads & set(values):
        value = values[name]
        own = type(value).__module__ == values.get("__name__")
        if own and any(plays(n, "rate") and _scalar(v) for n, v in foreign.members(value).items()):
            yield name


def _scalar(value: Any) -> bool:
    try:
        return np.asarray(value, dtype=float).size == 1
    except (TypeError, ValueError):
        return False


def _data(script: Script) -> Iterator[tuple[Data, Data, int, int]]:
    """Yield inputs and targets with their widths: by name, else by shape."""
    before, still = script.before, script.still
    groups = list(families(still, before))
    single: list[Any] = [p for p in still if before[p].ndim in (1, 2) and len(p.path) == 1]
    xs = [p for p in (*single, *groups) if plays(p.name, "x")]
    ys = [p for p in (*single, *groups) if plays(p.name, "y")]
    if not xs or not ys:
        free = [p for p in single if not (is_weight(p.name) or is_bias(p.name))]
        pairs = itertools.permutations(free, 2)
    else:
        pairs = itertools.product(xs, ys)  # type: ignore[assignment]
    for px, py in pairs:
        x, y = script.values(px), script.values(py)
        if px == py:
            continue
        if x.ndim == 1:
            yield Data(px, "one vector"), Data(py, "one vector"), x.size, y.size
        elif y.ndim == 2 and len(x) == len(y):
            yield Data(px, "rows"), Data(py, "rows"), x.shape[1], y.shape[1]
        elif y.ndim == 2 and x.shape[1] == y.shape[1]:
            yield Data(px, "columns"), Data(py, "columns"), len(x), len(y)
        elif y.ndim == 1 and len(x) == len(y):
            yield Data(px, "rows"), Data(py, "one number a row"), x.shape[1], 1


def _roles(
    script: Script, n_in: int, n_out: int
) -> Iterator[tuple[ParameterRoles, tuple[str, ...]]]:
    """Yield where the parameters are, and what shared biases are set to zero."""
    before, moved, still = script.before, script.moved, script.still
    biases = [p for p in (*moved, *still) if is_bias(p.name)]
    shared = tuple(p.path[0][1] for p in biases if len(p.path) == 1)
    matrices = [(p, before[p]) for p in moved if before[p].ndim == 2 and not is_bias(p.name)]
    named = [(p, a) for p, a in matrices if is_weight(p.name)]
    vectors = [(p, before[p]) for p in biases if before[p].ndim > 0]
    for chosen in dict.fromkeys((tuple(p for p, _ in named), tuple(p for p, _ in matrices))):
        ways = list(assign([(p, before[p]) for p in chosen], vectors))
        apart = any(roles.layout.bias != "missing" for roles in ways)
        for roles in ways:
            own = roles.widths
            missing = roles.layout.bias == "missing"
            if missing and apart:
                continue  # the biases that are there count
            if (own[0] + missing, own[-1]) == (n_in, n_out):
                yield roles, shared if missing else ()
        if chosen:
            break
    yield from in_rows(moved, still, before, n_in, n_out)


def _outputs(script: Script, known: KnownScript) -> Iterator[Any]:
    """Yield what the loop computes in the shape of the targets."""
    wanted, seen = script.values(known.y.place), script.seen
    sizes = {wanted.size, wanted.shape[-1]} if wanted.ndim == 2 else {wanted.size}
    changing = {p.path[0][1] for p in script.before}
    fresh = {n: seen[n] for n in script.stores if n in seen and n not in changing}
    fresh = {n: v for n, v in fresh.items() if not isinstance(v, int)}  # counters
    single: list[Any] = []
    for name, value in fresh.items():
        array = numeric(value)
        if array is None and _scalar(value) and 1 in sizes:
            array = np.asarray(value, dtype=float)
        if array is not None and array.size in sizes:
            single.append(_variable(name))
    scalars = {
        _variable(n): np.array(float(v))
        for n, v in fresh.items()
        if isinstance(v, int | float | np.generic)
    }
    single += [f for f in families(list(scalars), scalars) if len(f.places) == wanted.size]
    likely = [p for p in single if plays(p.name, "output")]
    yield from [*likely, *(p for p in reversed(single) if p not in likely)]


def _without_targets(script: Script, known: KnownScript, outputs: list[Any]) -> list[Any]:
    """Leave out what other targets change, such as ``a - y``; all change where the loop goes on."""
    root, y = script.root, known.y.place

    def other_targets() -> list[Any]:
        script.afresh(lambda: y.set(root, changed(y.get(root))))
        return [output for output in outputs if _same(output, script.seen, root)]

    same: list[Any] = foreign.answered(other_targets, outputs)
    script.shelf.restore()
    return same or outputs


def _same(place: Any, before: dict[str, Any], after: dict[str, Any]) -> bool:
    return np.array_equal(place.get(before), place.get(after), equal_nan=True)


def _conventions(known: KnownScript) -> Conventions:
    layout: Layout = known.roles.layout
    own = known.roles.widths
    several = not known.roles.in_rows and len(own) == 3
    return replace(
        layout.conventions(),
        samples=known.x.samples,
        parameters=known.roles.told(),
        inputs=known.x.place.name,
        named_targets=known.y.place.name,
        outputs=known.outputs.name if known.outputs is not None else "",
        loss=LossSource(known.loss) if known.loss else source_of(None, known.beside),
        rate=Rate(known.rate or ", ".join(known.keepers), known.built_in, known.share),
        shared_bias=bool(known.zeroed),
        one_sample=known.x.samples.startswith("one"),
        widths=(own, *((*other, own[-1]) for other in (OTHERS if several else ()))),
    )
