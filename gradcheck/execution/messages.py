"""What the frames say: a question with its arrays, an answer, what a file offers.

Both ends use this. The parent believes nothing: an answer has exactly the shapes
that were asked for, names come from a list, and texts are short.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from gradcheck.contract.conventions import Conventions
from gradcheck.contract.posed import Floats, Posed, PosedBatch, PosedNetwork, Tensors, in_order
from gradcheck.contract.protocol import (
    MOST_CHARACTERS,
    Call,
    Failure,
    Observation,
    Outline,
    Request,
)
from gradcheck.errors import Place
from gradcheck.execution.wire import ANSWER, CALL, Block, Frame, Value, WireError

#: Characters of a text from a worker that are kept, and how many texts.
MAX_MESSAGE = 400
MAX_NOTES = 40

#: Readings of a file, and characters of what is said of one.
MAX_READINGS = 400
MAX_CONVENTION = 4000

#: Kinds of failure that a worker itself may tell; the others are seen from outside.
TOLD = ("contract", "exception", "unsupported", "memory", "processes", "import")


def to_block(array: NDArray[Any]) -> Block:
    """Write an array for the wire."""
    plain = np.ascontiguousarray(array, dtype="<f8")
    return Block(array.shape, plain.tobytes())


def to_array(block: Block) -> Floats:
    """Read an array off the wire; it is read-only, for it is the frame's own bytes."""
    array: Floats = np.frombuffer(block.data, dtype="<f8").reshape(block.shape)
    return array if sys.byteorder == "little" else array.astype(np.float64)


def call_frame(number: int, request: Request, reading: int) -> Frame:
    """Write a call of a reading."""
    problem, network = request.problem, request.problem.network
    return Frame(
        CALL,
        number,
        (
            list(Call).index(request.call),
            reading,
            (network.widths, network.activations, network.loss, network.reduction, network.l2),
            request.learning_rate,
            request.rounds,
            [to_block(a) for a in (problem.batch.x, problem.batch.y, *problem.params.values())],
        ),
    )


def read_call(frame: Frame) -> tuple[int, Request]:
    """Read a call, and of which reading, in the worker; gradcheck wrote it."""
    values: Any = frame.values
    index, reading, network, learning_rate, rounds, blocks = values
    x, y, *arrays = (to_array(block) for block in blocks)
    problem = Posed(PosedNetwork(*network), in_order(arrays), PosedBatch(x, y))
    return reading, Request(list(Call)[index], problem, learning_rate, rounds)


def answer_frame(number: int, seen: Observation) -> Frame:
    """Write an answer, in the worker."""
    failure = seen.failure
    if failure is not None:
        return Frame(ANSWER, number, (*failure_values(failure), _from_outline(seen.returned)))
    return Frame(
        ANSWER,
        number,
        (
            float(seen.loss),
            [to_block(array) for array in seen.tensors.values()],
            to_block(seen.outputs),
            [note[:MAX_MESSAGE] for note in seen.notes[:MAX_NOTES]],
            seen.changed,
            seen.aliased,
            seen.overwrote,
        ),
    )


def read_answer(frame: Frame, call: Call, problem: Posed) -> Observation:
    """Read an answer, and believe no more of it than that it is numbers.

    Raises
    ------
    WireError
        When it is not an answer to this question.
    """
    if len(frame.values) == 5:
        *failure, returned = frame.values
        return Observation(failure=read_failure(failure), returned=_to_outline(returned))
    if len(frame.values) != 7:
        raise WireError(f"an answer of {len(frame.values)} values")
    loss, tensors, outputs, notes, changed, aliased, overwrote = frame.values
    if not isinstance(loss, float) or not isinstance(overwrote, bool):
        raise WireError("an answer without a loss")
    asked = {} if call is Call.FORWARD else problem.params
    arrays = _blocks(tensors, [array.shape for array in asked.values()])
    (out,) = _blocks([outputs], [problem.batch.y.shape if call is Call.FORWARD else (0, 0)])
    arguments = {"x", "y", *problem.params.keys()}
    return Observation(
        loss=loss,
        tensors=Tensors(dict(zip(asked.keys(), arrays, strict=True))),
        outputs=out,
        notes=texts(notes),
        changed=tuple(name for name in texts(changed) if name in arguments),
        aliased=tuple(name for name in texts(aliased) if name in arguments),
        overwrote=overwrote,
    )


def _from_outline(returned: Outline) -> Value:
    if isinstance(returned, tuple):
        return [_from_outline(item) for item in returned]
    return to_block(returned) if isinstance(returned, np.ndarray) else returned


def _to_outline(value: Value) -> Outline:
    """Read what came back in another form than agreed; the wire has bounded it."""
    if isinstance(value, Block):
        return to_array(value)
    if isinstance(value, str):
        return value[:MOST_CHARACTERS]
    if isinstance(value, tuple):
        return tuple(_to_outline(item) for item in value)
    return None


def failure_values(failure: Failure) -> tuple[Value, ...]:
    """Write a failure, in the worker. What stands on a line is known to the parent."""
    place = failure.place
    message = failure.message[:MAX_MESSAGE]
    return failure.kind, message, place.file if place else "", place.line if place else 0


def read_failure(values: Sequence[Value]) -> Failure:
    """Read a failure; its place says a file and a number, and nobody looked them up yet.

    Raises
    ------
    WireError
        When it is none.
    """
    if len(values) != 4:
        raise WireError(f"a failure of {len(values)} values")
    kind, message, file = texts(values[:3])
    line = values[3]
    if kind not in TOLD:
        raise WireError(f"a failure of a kind that no worker tells: {kind!r}")
    if not isinstance(line, int):
        raise WireError("a line that is no number")
    return Failure(kind, message, Place(file, line) if file else None)


def _blocks(values: Value, shapes: Sequence[tuple[int, ...]]) -> list[Floats]:
    items = values if isinstance(values, tuple | list) else ()
    blocks = [item for item in items if isinstance(item, Block)]
    if [block.shape for block in blocks] != list(shapes) or len(blocks) != len(items):
        raise WireError("an answer of other shapes than were asked for")
    return [to_array(block) for block in blocks]


def texts(value: Value, longest: int = MAX_MESSAGE) -> tuple[str, ...]:
    """Read a list of texts; what is longer is cut off.

    Raises
    ------
    WireError
        When it is something else.
    """
    items = value if isinstance(value, tuple | list) else None
    if items is None or len(items) > 10 * MAX_NOTES:
        raise WireError("no list of texts where one is expected")
    found = []
    for item in items:
        if not isinstance(item, str):
            raise WireError("something else in a list of texts")
        found.append(item[:longest])
    return tuple(found)


def conventions_values(conventions: Conventions) -> tuple[Value, ...]:
    """Write conventions, in the worker: field by field."""
    return tuple(_field(getattr(conventions, each.name)) for each in fields(conventions))


def _field(value: Any) -> Value:
    if is_dataclass(value):
        return tuple(_field(getattr(value, each.name)) for each in fields(value))
    if isinstance(value, Mapping):
        return [text for pair in value.items() for text in pair]
    return tuple(map(_field, value)) if isinstance(value, tuple) else value


def read_conventions(values: Value) -> Conventions:
    """Read conventions, and believe no more of them than that each field is of its type.

    Raises
    ------
    WireError
        When they are none.
    ValueError
        When a field holds a word that is not one of its words.
    """
    read: Conventions = _read_as(Conventions, values)
    return read


def _read_as(kind: Any, value: Value) -> Any:
    """Read a value as one of a type that a field of conventions has."""
    if isinstance(kind, UnionType):  # or none
        return None if value is None else _read_as(get_args(kind)[0], value)
    if get_origin(kind) is Mapping:
        flat = texts(value, MAX_CONVENTION)
        return dict(zip(flat[::2], flat[1::2], strict=False))
    if get_origin(kind) is tuple:
        if not isinstance(value, tuple) or len(value) > 10 * MAX_NOTES:
            raise WireError("no list where one is expected")
        return tuple(_read_as(get_args(kind)[0], item) for item in value)
    if is_dataclass(kind):
        return _read_fields(kind, value)
    if issubclass(kind, Enum):
        return kind(value)
    if type(value) is not kind:
        raise WireError("a convention of another type than its field")
    return value[:MAX_CONVENTION] if isinstance(value, str) else value


def _read_fields(kind: Any, value: Value) -> Any:
    types = _types(kind)
    if not isinstance(value, tuple) or len(value) != len(types):
        raise WireError("conventions of other fields than there are")
    return kind(*map(_read_as, types, value))


@lru_cache
def _types(kind: type) -> tuple[Any, ...]:
    """Return the types of the fields of a class."""
    return tuple(get_type_hints(kind).values())
