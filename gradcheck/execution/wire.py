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
"""

import struct
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

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

_HEAD = struct.Struct("<4sII")
_INT, _FLOAT, _LENGTH = struct.Struct("<q"), struct.Struct("<d"), struct.Struct("<I")


class WireError(ValueError):
    """Bytes that are no frame of ours; the text says what is wrong with them."""


@dataclass(frozen=True)
class Block:
    """An array on the wire.

    Attributes
    ----------
    shape : tuple of int
    data : bytes
        Raw little-endian float64, rows first.
    """

    shape: tuple[int, ...]
    data: bytes


Value = None | bool | int | float | str | Block | Sequence["Value"]


@dataclass(frozen=True)
class Frame:
    """A message.

    Attributes
    ----------
    tag : bytes
    number : int
        That of the request; an answer carries the number of its request.
    values : tuple of Value
    """

    tag: bytes
    number: int
    values: tuple[Value, ...] = ()


def pack(frame: Frame) -> bytes:
    """Write a frame.

    Raises
    ------
    WireError
        When it is larger than a frame may be.
    """
    parts: list[bytes] = []
    for value in frame.values:
        _write(value, parts, 0)
    size = sum(map(len, parts))
    if size > MAX_BODY:
        raise WireError(f"a frame of {size} bytes is over the limit of {MAX_BODY}")
    return b"".join((_HEAD.pack(frame.tag, frame.number, size), *parts))


def read(receive: Callable[[int], bytes], tags: Collection[bytes]) -> Frame | None:
    """Read one frame.

    Parameters
    ----------
    receive : callable
        Returns at most as many bytes as asked for, and none at the end.
    tags : collection of bytes
        The tags that are allowed.

    Returns
    -------
    frame : Frame or None
        None when there is nothing more.

    Raises
    ------
    WireError
        When the bytes are no such frame.
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

    Raises
    ------
    WireError
        When it is not a row of values, or there are too many.
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
