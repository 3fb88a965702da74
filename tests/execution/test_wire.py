"""The wire format: what is written is read back, and nothing else is believed."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.execution import wire
from gradcheck.execution.wire import (
    ANSWER,
    Block,
    Frame,
    WireError,
    pack,
    read,
    to_array,
    to_block,
    unpack,
)

arrays = st.lists(st.integers(0, 3), max_size=4).map(
    lambda shape: to_block(np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape))
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    arrays,
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=20)


def flat_enough(value, depth=0):
    if not isinstance(value, tuple):
        return True
    return depth < wire.MAX_FRAME_DEPTH and all(flat_enough(item, depth + 1) for item in value)


def stream(data):
    return io.BytesIO(data).read


@given(st.lists(values.filter(flat_enough), max_size=5), st.integers(0, 2**32 - 1))
def test_a_frame_is_read_back_as_it_was_written(items, number):
    frame = Frame(ANSWER, number, tuple(items))
    assert read(stream(pack(frame)), (ANSWER,)) == frame, f"{frame} came back changed"


@given(st.lists(values.filter(flat_enough), max_size=3), st.integers(1, 5))
def test_a_frame_that_comes_in_pieces_is_read_whole(items, piece):
    frame = Frame(ANSWER, 7, tuple(items))
    receive = stream(pack(frame))
    assert read(lambda size: receive(min(size, piece)), (ANSWER,)) == frame, "pieces were lost"


@given(st.binary(max_size=300))
def test_bytes_at_random_are_a_frame_or_a_wire_error(data):
    try:
        frame = read(stream(data), (ANSWER,))
    except WireError:
        return
    assert frame is None or frame.tag == ANSWER, f"{data!r} was read as {frame}"


@given(st.binary(max_size=300))
def test_a_body_at_random_is_values_or_a_wire_error(data):
    try:
        found = unpack(data)
    except WireError:
        return
    assert all(flat_enough(value) for value in found), f"{data!r} was read as {found}"


def body(data):
    return struct.pack("<4sII", ANSWER, 1, len(data)) + data


HOSTILE = {
    "another tag": b"EVIL" + bytes(8),
    "json": b'{"verdict": "correct"}',
    "a length of four gigabytes": struct.pack("<4sII", ANSWER, 1, 2**32 - 1),
    "a head cut short": b"ANSW\0\0",
    "a body cut short": struct.pack("<4sII", ANSWER, 1, 10) + b"n",
    "a value of no kind": body(b"z"),
    "a text that goes past the end": body(b"s" + struct.pack("<I", 100)),
    "a text of four gigabytes": body(b"s" + struct.pack("<I", 2**32 - 1)),
    "a list of four billion": body(b"l" + struct.pack("<I", 2**32 - 1)),
    "lists in lists in lists": body((b"l" + struct.pack("<I", 1)) * 50 + b"n"),
    "too many values": body(b"n" * (wire.MAX_VALUES + 1)),
    "an array with many axes": body(b"a" + bytes([200])),
    "an array of eight terabytes": body(b"a" + struct.pack("<BQ", 1, 2**40)),
    "an array whose size overflows": body(b"a" + struct.pack("<B4Q", 4, *[2**62] * 4)),
    "an array cut short": body(b"a" + struct.pack("<BQ", 1, 3) + bytes(16)),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bytes_are_a_wire_error(data):
    with pytest.raises(WireError):
        read(stream(data), (ANSWER,))


def test_nothing_at_all_is_the_end():
    assert read(stream(b""), (ANSWER,)) is None, "an end was read as a frame"


def test_text_that_is_no_utf8_is_read_with_replacement():
    (text,) = unpack(b"s" + struct.pack("<I", 2) + b"\xff\xfe")
    assert text == "\ufffd\ufffd", f"read as {text!r}"


def test_half_a_surrogate_pair_is_written_with_replacement():
    frame = read(stream(pack(Frame(ANSWER, 1, ("\ud800",)))), (ANSWER,))
    assert frame is not None, "nothing came back"
    assert frame.values == ("?",), f"came back as {frame.values!r}"


def test_what_is_too_large_is_not_even_written():
    with pytest.raises(WireError, match="over the limit"):
        pack(Frame(ANSWER, 1, (Block((wire.MAX_BODY,), bytes(wire.MAX_BODY)),)))


def test_not_finite_numbers_keep_their_bits():
    given_array = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324])
    (block,) = unpack(pack(Frame(ANSWER, 1, (to_block(given_array),)))[12:])
    assert to_array(block).tobytes() == given_array.tobytes(), "bits changed on the wire"


def test_an_array_off_the_wire_cannot_be_written_to():
    (block,) = unpack(pack(Frame(ANSWER, 1, (to_block(np.zeros(3)),)))[12:])
    assert not to_array(block).flags.writeable, "the frame's own bytes can be changed"
