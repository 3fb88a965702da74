"""The record, key by key: schema 1, which only grows.

``python docs/examples/refresh_schema.py`` writes the same as a JSON Schema into
``docs/record.schema.json``. Layers count from 1, indices of entries from 0; tensors are called
``W1``, ``b1``, ... What also is a class of ours has an ``Entry`` here, such as a finding.
"""

from typing import Any, Literal, NotRequired, TypedDict

SCHEMA = 1

#: The kind of error that is our own fault, or the machine's; such an entry is ``unresolved``.
INTERNAL = "internal"

#: How much of a record may be revealed: right or wrong, check by check; also which tensors, and
#: site and layer of what is wrong; also what the bug is; everything, how to mend it among it.
REVEAL_LEVELS = ("verdict", "place", "bug", "fix")

#: What is not finite has no number in JSON.
Number = float | Literal["nan", "inf", "-inf"]

#: A number, or an array as rows; ``?`` where an entry cannot be known.
Tensor = Number | Literal["?"] | list["Tensor"]

VerdictWord = Literal["correct", "unresolved", "error", "wrong"]


class PlaceEntry(TypedDict):
    """A line of the code under test."""

    file: str
    line: int
    text: str


class Error(TypedDict):
    """Why there is no answer: a kind such as ``timeout``, and the line where that is known."""

    kind: str
    message: str
    file: NotRequired[str]
    line: NotRequired[int]
    text: NotRequired[str]


class Adapter(TypedDict):
    """How the code was read: ``native``, or a recognised interface and what it takes."""

    name: str
    conventions: dict[str, str]


class NotationEntry(TypedDict):
    """How foreign code lays out its arrays, and what it calls them."""

    samples: str
    weights: str
    biases: str
    thresholds: bool
    names: dict[str, str]


class Supports(TypedDict):
    """What the code handles."""

    activations: list[str]
    losses: list[str]
    networks: list[str]
    reductions: list[str]
    l2: bool
    depths: list[int]
    batch_sizes: list[int]


class Asked(TypedDict, total=False):
    """What stood in the problems compared, and how many there were; empty when there were none."""

    activations: list[str]
    output_activations: list[str]
    losses: list[str]
    pairings: list[str]
    reductions: list[str]
    l2: list[float]
    depths: list[int]
    batch_sizes: list[int]
    widths: list[int]
    input_widths: list[int]
    hidden_widths: list[int]
    output_widths: list[int]
    largest_x: float
    largest_y: float
    largest_z: Number
    largest_gradient: Number
    far_out: list[str]
    networks: int
    problems: int


class ScopeEntry(TypedDict):
    """What the verdict covers: a sentence, what was asked, and why other features were not."""

    sentence: str
    asked: Asked
    refused: dict[str, str]


class Witness(TypedDict):
    """In how many directions the estimate was cross-checked; near a kink some say nothing."""

    directions: int
    silent: int
    disagreements: int


class OwnEntry(TypedDict):
    """An entry where the code has it, with its own sign and factor."""

    entry: str
    claimed: Number
    expected: Number


class TensorFindingEntry(TypedDict):
    """How one tensor came out over all problems. A record revealed in part has no numbers."""

    verdict: VerdictWord
    wrong_in: int
    problems: int
    resolution: NotRequired[Number]
    worst_entry: NotRequired[str]
    claimed: NotRequired[Number]
    expected: NotRequired[Number]
    error_bar: NotRequired[Number]
    in_code: NotRequired[OwnEntry]
    note: NotRequired[str]
    steps: NotRequired[list[Number]]
    errors: NotRequired[list[Number]]
    problem: NotRequired[str]


class FindingEntry(TypedDict):
    """What one check found; ``cause`` is the check of which it is a consequence."""

    check: str
    verdict: VerdictWord
    problems: int
    message: str
    tensors: dict[str, TensorFindingEntry]
    notes: list[str]
    kind: NotRequired[str]
    cause: NotRequired[str]
    places: NotRequired[list[PlaceEntry]]


class BugAtPlaceEntry(TypedDict):
    """A bug at a place; no slug where the formula is in no dictionary."""

    bug: str | None
    site: str
    layer: int | None


class DiagnosisEntry(BugAtPlaceEntry):
    """A named or localised fault; its site in words, and the formulas of a bug with its name."""

    place: NotRequired[str]
    title: NotRequired[str]
    wrong: NotRequired[str]
    right: NotRequired[str]
    why: NotRequired[str]
    certainty: str
    also: list[BugAtPlaceEntry]
    explanation: str
    fix: str
    recovered: dict[str, Number]
    residual: Number | None
    rival_residual: Number | None
    network: NotRequired[str]
    implied: NotRequired[dict[str, Tensor]]


class Layer(TypedDict):
    """The parameters of a layer."""

    W: Tensor
    b: Tensor


class Step(TypedDict):
    """A line of the calculation by hand; no number of the code's where it cannot be known."""

    quantity: str
    formula: str
    right: Tensor
    code: Tensor | None
    differs: bool


class OwnParameter(TypedDict):
    """A parameter after a step, where the code has it."""

    entry: str
    got: Number
    expected: Number
    error_bar: Number


class InCode(TypedDict):
    """The counter-example as foreign code has it."""

    network: str
    given: list[dict[str, Tensor]]
    entries: NotRequired[list[OwnParameter]]


class CounterExampleEntry(TypedDict):
    """The smallest problem on which a check shows what is wrong."""

    check: str
    network: str
    params: list[Layer]
    x: Tensor
    y: Tensor
    expected: dict[str, Tensor]
    got: dict[str, Tensor]
    error_bar: dict[str, Tensor]
    learning_rate: NotRequired[float]
    failure: NotRequired[Error]
    in_code: NotRequired[InCode]
    by_hand: NotRequired[list[Step]]


class Flag(TypedDict):
    """A sign that the gradient was not written by hand: evidence, never a verdict."""

    kind: str
    evidence: str


class Marked(TypedDict):
    """A part of a layer whose rule is wrong: delta, weight or bias."""

    part: str
    layer: int


class Window(TypedDict):
    """The entries of a tensor around the worst one, from ``start``."""

    verdict: VerdictWord
    worst_entry: str
    shape: list[int]
    start: list[int]
    claimed: Tensor
    expected: Tensor
    error_bar: Tensor


class Ladder(TypedDict):
    """The steps of the ladder, and what it chose."""

    steps: list[Number]
    chosen_step: Number
    error: Number
    error_bar: Number


class Sweep(TypedDict):
    """The loss differenced by one entry, step by step."""

    entry: str
    claimed: Number
    expected: Number
    error_bar: Number
    steps: list[Number]
    errors: list[Number]
    ladder: Ladder


class Specimen(TypedDict):
    """A failing network that shows the fault, tensor by tensor."""

    network: str
    samples: int
    sites: list[Marked]
    worst_entry: str
    tensors: dict[str, Window]
    sweep: Sweep | None


class SlopeEntry(TypedDict):
    """Points of an activation's derivative that the code's gradients imply, and its curves."""

    activation: str
    bug: str | None
    z: list[Number]
    derivative: list[Number]
    grid: list[Number]
    right: list[Number]
    wrong: list[Number] | None


class Pictures(TypedDict):
    """What figures are drawn from."""

    specimen: Specimen | None
    slopes: list[SlopeEntry]


class ImplementationEntry(TypedDict):
    """What was found of one submission."""

    name: str
    path: str
    sandbox: int
    adapter: Adapter
    notation: NotRequired[NotationEntry]
    verdict: VerdictWord
    resolution: Number
    resolution_worst: Number
    seconds: float
    supports: Supports
    scope: ScopeEntry
    witness: Witness
    findings: list[FindingEntry]
    diagnoses: list[DiagnosisEntry]
    counterexample: CounterExampleEntry | None
    notes: list[str]
    flags: list[Flag]
    error: Error | None
    pictures: Pictures | None


class BugEntry(TypedDict):
    """A planted bug: on how many problems it shows, and whether it was caught and named."""

    slug: str
    title: str
    site: str
    wrong: str
    right: str
    visible: int
    problems: int
    caught: bool
    named: bool
    by: list[str]


class WorkedExampleEntry(TypedDict):
    """A published number beside the reproduced one; ``bound`` is < or > for a limit."""

    name: str
    title: str
    source: str
    implementation: str
    quantity: str
    published: Number
    reproduced: Number
    agrees: bool
    bound: str
    curve: list[Number]


class Machine(TypedDict):
    """Where it ran, without naming it."""

    python: str
    numpy: str
    system: str
    processor: str
    cores: int | None


class RecordData(TypedDict):
    """All that a run found. ``replay`` is the command where people are shown a shorter one."""

    schema: Literal[1]
    gradcheck: str
    seed: int
    command: str
    replay: NotRequired[str]
    machine: Machine
    implementations: list[ImplementationEntry]
    bugs: list[BugEntry]
    worked_examples: list[WorkedExampleEntry]
    benchmarks: NotRequired[dict[str, Any]]
