"""The wire format between gradcheck and a worker: fixed binary frames, nothing executable.

A frame is ``tag (4 bytes), number (u32), length (u32), body``; the body is a row of
values, each a one-byte tag and its data, all little-endian::

    n            nothing                    i  i64       an integer
    0, 1         false, true                d  f64       a number
    s  u32, ...  text, UTF-8                l  u32, ...  a list of values
    a  u8, u64 per axis, raw f64            an array of numbers

Whatever comes from a worker is checked before it is believed: unknown tags, lengths
over a cap, deep lists and numbers that do not add up are a :class:`WireError`. Text
is decoded with replacement. There is nothing here that could run anything.

What the frames say is below: a question with its arrays, an answer, what a file offers. Both ends
use it. The parent believes nothing: an answer has exactly the shapes that were asked for, names
come from a list, and texts are short. A launch waits for no numpy, so arrays are met late.
"""

import struct
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

from gradcheck.contract.conventions import Conventions
from gradcheck.errors import Place

if TYPE_CHECKING:
    from gradcheck.contract.posed import Floats, Posed
    from gradcheck.contract.protocol import Call, Failure, Observation, Outline, Request

#: Frames of gradcheck: load a file, find out how to ask it, call it, say what was imported.
LOAD, FIND, CALL, SEEN = b"LOAD", b"FIND", b"CALL", b"SEEN"

#: Frames of a worker: it is confined, the file is loaded or not, readings, an answer.
READY, LOADED, FAILED, FOUND, ANSWER = b"REDY", b"LODD", b"FAIL", b"FOND", b"ANSW"

#: The largest body, the largest text, the most axes, values and levels of lists.
MAX_BODY = 96 * 2**20
MAX_TEXT = 2**20
MAX_AXES = 8
MAX_VALUES = 100_000
MAX_FRAME_DEPTH = 4

#: Characters of a text from a worker that are kept, and how many texts.
MAX_MESSAGE = 400
MAX_NOTES = 40

#: Readings of a file, and characters of what is said of one.
MAX_READINGS = 400
MAX_CONVENTION = 4000

#: Kinds of failure that a worker itself may tell; the others are seen from outside.
TOLD = ("contract", "exception", "unsupported", "memory", "processes", "import")

_HEAD = struct.Struct("<4sII")
_INT, _FLOAT, _LENGTH = struct.Struct("<q"), struct.Struct("<d"), struct.Struct("<I")


class WireError(ValueError):
    """Bytes that are no frame of ours; the text says what is wrong with them."""


@dataclass(frozen=True)
class Block:
    """An array on the wire: raw little-endian float64, rows first."""

    shape: tuple[int, ...]
    data: bytes


Value = None | bool | int | float | str | Block | Sequence["Value"]


@dataclass(frozen=True)
class Frame:
    """A message; an answer carries the number of its request."""

    tag: bytes
    number: int
    values: tuple[Value, ...] = ()


def pack(frame: Frame) -> bytes:
    """Write a frame. Raises WireError when it is larger than a frame may be."""
    parts: list[bytes] = []
    for value in frame.values:
        _write(value, parts, 0)
    size = sum(map(len, parts))
    if size > MAX_BODY:
        raise WireError(f"a frame of {size} bytes is over the limit of {MAX_BODY}")
    return b"".join((_HEAD.pack(frame.tag, frame.number, size), *parts))


def read(receive: Callable[[int], bytes], tags: Collection[bytes]) -> Frame | None:
    """Read one frame with one of some tags; None when there is nothing more.

    ``receive`` returns at most as many bytes as asked for, and none at the end. Raises WireError
    when the bytes are no such frame.
    """
    head = _exactly(receive, _HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise WireError("a frame that ends in its head")
    tag, number, size = _HEAD.unpack(head)
    if tag not in tags:
        raise WireError(f"bytes that start no frame: {bytes(tag)!r}")
    if size > MAX_BODY:
        raise WireError(f"a frame that claims {size} bytes; at most {MAX_BODY} are read")
    body = _exactly(receive, size)
    if len(body) < size:
        raise WireError(f"a frame of {size} bytes that ends after {len(body)}")
    return Frame(tag, number, unpack(body))


def unpack(body: bytes) -> tuple[Value, ...]:
    """Read the values of a frame's body.

    Raises WireError when it is not a row of values, or there are too many.
    """
    reader = _Reader(body)
    values = []
    while reader.place < len(body):
        values.append(reader.value(0))
    return tuple(values)


def _exactly(receive: Callable[[int], bytes], size: int) -> bytes:
    """Receive so many bytes, or fewer at the end; memory grows with what has come."""
    data = receive(size)
    if len(data) == size or not data:
        return data
    parts = [data]
    missing = size - len(data)
    while missing and (data := receive(missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)


def _write(value: Value, parts: list[bytes], depth: int) -> None:
    if value is None:
        parts.append(b"n")
    elif isinstance(value, bool):
        parts.append(b"1" if value else b"0")
    elif isinstance(value, int):
        parts.append(b"i" + _INT.pack(value))
    elif isinstance(value, float):
        parts.append(b"d" + _FLOAT.pack(value))
    elif isinstance(value, str):
        data = value.encode("utf-8", errors="replace")
        if len(data) > MAX_TEXT:
            raise WireError(f"a text of {len(data)} bytes is over the limit of {MAX_TEXT}")
        parts += [b"s" + _LENGTH.pack(len(data)), data]
    elif isinstance(value, Block):
        axes = struct.pack(f"<B{len(value.shape)}Q", len(value.shape), *value.shape)
        parts += [b"a" + axes, value.data]
    else:
        if depth >= MAX_FRAME_DEPTH:
            raise WireError("lists are nested too deeply")
        parts.append(b"l" + _LENGTH.pack(len(value)))
        for item in value:
            _write(item, parts, depth + 1)


class _Reader:
    """Takes values off the front of a body."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.place = 0
        self.values = 0

    def value(self, depth: int) -> Value:
        self.values += 1
        if self.values > MAX_VALUES:
            raise WireError(f"more than {MAX_VALUES} values in a frame")
        tag = self._take(1)
        if tag == b"a":
            return self._block()
        if tag == b"d":
            return float(_FLOAT.unpack(self._take(8))[0])
        if tag == b"s":
            return self._take(self._length(MAX_TEXT, "text")).decode("utf-8", errors="replace")
        if tag == b"l":
            if depth >= MAX_FRAME_DEPTH:
                raise WireError("lists are nested too deeply")
            length = self._length(MAX_VALUES, "list")
            return tuple(self.value(depth + 1) for _ in range(length))
        if tag == b"i":
            return int(_INT.unpack(self._take(8))[0])
        if tag in b"01":
            return tag == b"1"
        if tag == b"n":
            return None
        raise WireError(f"an unknown kind of value: {tag!r}")

    def _block(self) -> Block:
        axes = self._take(1)[0]
        if axes > MAX_AXES:
            raise WireError(f"an array with {axes} axes; at most {MAX_AXES} are read")
        shape = struct.unpack(f"<{axes}Q", self._take(8 * axes))
        size = 8
        for length in shape:
            size *= length
        if size > MAX_BODY:
            raise WireError(f"an array of {size} bytes; at most {MAX_BODY} are read")
        return Block(shape, self._take(size))

    def _length(self, most: int, what: str) -> int:
        length = int(_LENGTH.unpack(self._take(4))[0])
        if length > most:
            raise WireError(f"a {what} of length {length}; at most {most} is read")
        return length

    def _take(self, size: int) -> bytes:
        taken = self.body[self.place : self.place + size]
        if len(taken) < size:
            raise WireError("a value that goes past the end of its frame")
        self.place += size
        return taken


def to_block(array: "Floats") -> Block:
    """Write an array for the wire."""
    return Block(array.shape, array.astype("<f8", copy=False).tobytes())


def to_array(block: Block) -> "Floats":
    """Read an array off the wire; it is read-only, for it is the frame's own bytes."""
    import numpy as np

    array: Floats = np.frombuffer(block.data, dtype="<f8").reshape(block.shape)
    return array if sys.byteorder == "little" else array.astype(np.float64)


def call_frame(number: int, request: "Request", reading: int) -> Frame:
    """Write a call of a reading."""
    network, batch = request.problem.network, request.problem.batch
    posed = (network.widths, network.activations, network.loss, network.reduction, network.l2)
    blocks = [to_block(a) for a in (batch.x, batch.y, *request.problem.params.values())]
    how = (request.call.value, reading, posed, request.learning_rate, request.rounds)
    return Frame(CALL, number, (*how, blocks))


def read_call(frame: Frame) -> "tuple[int, Request]":
    """Read a call, and of which reading, in the worker; gradcheck wrote it."""
    from gradcheck.contract.posed import Posed, PosedBatch, PosedNetwork, in_order
    from gradcheck.contract.protocol import Call, Request

    values: Any = frame.values
    call, reading, network, learning_rate, rounds, blocks = values
    x, y, *arrays = (to_array(block) for block in blocks)
    problem = Posed(PosedNetwork(*network), in_order(arrays), PosedBatch(x, y))
    return reading, Request(Call(call), problem, learning_rate, rounds)


def answer_frame(number: int, seen: "Observation") -> Frame:
    """Write an answer, in the worker."""
    if seen.failure is not None:
        returned = _from_outline(seen.returned)
        return Frame(ANSWER, number, (*failure_values(seen.failure), returned))
    tensors = [to_block(array) for array in seen.tensors.values()]
    notes = [note[:MAX_MESSAGE] for note in seen.notes[:MAX_NOTES]]
    watched = (notes, seen.changed, seen.aliased, seen.overwrote)
    return Frame(ANSWER, number, (float(seen.loss), tensors, to_block(seen.outputs), *watched))


def read_answer(frame: Frame, call: "Call", problem: "Posed") -> "Observation":
    """Read an answer, and believe no more of it than that it is numbers.

    Raises WireError when it is not an answer to this question.
    """
    from gradcheck.contract.posed import Tensors
    from gradcheck.contract.protocol import Call, Observation

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


def _from_outline(returned: "Outline") -> Value:
    if isinstance(returned, tuple):
        return [_from_outline(item) for item in returned]
    return returned if returned is None or isinstance(returned, str) else to_block(returned)


def _to_outline(value: Value) -> "Outline":
    """Read what came back in another form than agreed; the wire has bounded it."""
    from gradcheck.contract.protocol import MOST_CHARACTERS

    if isinstance(value, Block):
        return to_array(value)
    if isinstance(value, str):
        return value[:MOST_CHARACTERS]
    if isinstance(value, tuple):
        return tuple(_to_outline(item) for item in value)
    return None


def failure_values(failure: "Failure") -> tuple[Value, ...]:
    """Write a failure, in the worker. What stands on a line is known to the parent."""
    place = failure.place
    message = failure.message[:MAX_MESSAGE]
    return failure.kind, message, place.file if place else "", place.line if place else 0


def read_failure(values: Sequence[Value]) -> "Failure":
    """Read a failure; its place says a file and a number, and nobody looked them up yet.

    Raises WireError when it is none.
    """
    from gradcheck.contract.protocol import Failure

    if len(values) != 4:
        raise WireError(f"a failure of {len(values)} values")
    kind, message, file = texts(values[:3])
    line = values[3]
    if kind not in TOLD:
        raise WireError(f"a failure of a kind that no worker tells: {kind!r}")
    if not isinstance(line, int):
        raise WireError("a line that is no number")
    return Failure(kind, message, Place(file, line) if file else None)


def _blocks(values: Value, shapes: Sequence[tuple[int, ...]]) -> "list[Floats]":
    items = values if isinstance(values, tuple | list) else ()
    blocks = [item for item in items if isinstance(item, Block)]
    if [block.shape for block in blocks] != list(shapes) or len(blocks) != len(items):
        raise WireError("an answer of other shapes than were asked for")
    return [to_array(block) for block in blocks]


def texts(value: Value, longest: int = MAX_MESSAGE) -> tuple[str, ...]:
    """Read a list of texts; what is longer is cut off.

    Raises WireError when it is something else.
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


def conventions_values(value: Any) -> Any:
    """Write conventions, in the worker: field by field."""
    if is_dataclass(value):
        return tuple(conventions_values(getattr(value, each.name)) for each in fields(value))
    if isinstance(value, Mapping):
        return [text for pair in value.items() for text in pair]
    return tuple(map(conventions_values, value)) if isinstance(value, tuple) else value


def read_conventions(values: Value) -> Conventions:
    """Read conventions, and believe no more of them than that each field is of its type.

    Raises WireError when they are none, ValueError when a word is not one of its field's.
    """
    read: Conventions = _read_as(Conventions, values)
    return read


def _read_as(kind: Any, value: Value) -> Any:
    """Read a value as one of a type that a field of conventions has."""
    if get_origin(kind) is Annotated:
        kind, words = get_args(kind)
        if value not in words:
            raise WireError(f"a convention that is none of {words}")
    if isinstance(kind, UnionType):  # or none
        return None if value is None else _read_as(get_args(kind)[0], value)
    if get_origin(kind) is Mapping:
        flat = texts(value, MAX_CONVENTION)
        return dict(zip(flat[::2], flat[1::2], strict=False))
    if get_origin(kind) is tuple:
        if not isinstance(value, tuple) or len(value) > 10 * MAX_NOTES:
            raise WireError("no list where one is expected")
        return tuple(_read_as(get_args(kind)[0], item) for item in value)
    if isinstance(kind, type) and is_dataclass(kind):
        types = _types(kind)
        if not isinstance(value, tuple) or len(value) != len(types):
            raise WireError("conventions of other fields than there are")
        return kind(*map(_read_as, types, value))
    if issubclass(kind, Enum):
        return kind(value)
    if type(value) is not kind:
        raise WireError("a convention of another type than its field")
    return value[:MAX_CONVENTION] if isinstance(value, str) else value


@lru_cache
def _types(kind: type) -> tuple[Any, ...]:
    """Return the types of the fields of a class."""
    return tuple(get_type_hints(kind, include_extras=True).values())
