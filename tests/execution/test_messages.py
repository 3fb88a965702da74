"""Conventions come over the wire field by field, and nothing else comes as one."""

from dataclasses import fields

import pytest

from gradcheck.contract.conventions import (
    AS_DEFINED,
    Argument,
    Conventions,
    LossSource,
    OwnNames,
    Penalty,
    Rate,
    Targets,
    Unrecognised,
)
from gradcheck.execution import wire

FULL = Conventions(
    weights="out x in",
    bias="last",
    threshold=True,
    samples="one list",
    one_sample=True,
    targets=Targets.FROM_0,
    calls=("forward", "backward"),
    loss=LossSource(absent=True, beside=("mse", "cost"), raised=("f raised KeyError",)),
    penalty=Penalty.LAMBDA_N,
    argument=Argument("dA", "y - a"),
    rate=Rate("lr", built_in=0.1, share=0.5),
    several=True,
    widths=((2, 3, 1), (1, 1, 1)),
    networks=("2-3-1 tanh,sigmoid squared_error",),
    names=OwnNames("column", {"W1": "wih", "delta2": "dZ2"}),
    unread=("gamma",),
    unrecognised=Unrecognised("the function f(x)", "nielsen", "a.py", 3, ended=True),
    other_purpose={"step": "step(x)"},
)


def arrived(values):
    """Send values, and read them as conventions."""
    body = wire.pack(wire.Frame(wire.FOUND, 1, values))
    frame = wire.unpack(body[12:])
    return wire.read_conventions(frame)


@pytest.mark.parametrize("conventions", [AS_DEFINED, FULL], ids=["as defined", "all fields"])
def test_conventions_arrive_as_they_were_sent(conventions):
    assert arrived(wire.conventions_values(conventions)) == conventions


#: What a field may be said to hold by code that has taken its worker over.
HOSTILE = [None, True, 7, -1, 2**62, float("nan"), "", "x" * 99, (), ("a",), ((),), ((1, "a"),)]


@pytest.mark.parametrize("place", range(len(fields(Conventions))))
def test_a_field_of_another_type_is_refused_or_is_one_of_its_own(place):
    kind = fields(Conventions)[place]
    for value in HOSTILE:
        values = list(wire.conventions_values(FULL))
        values[place] = value
        try:
            found = arrived(tuple(values))
        except (wire.WireError, ValueError):
            continue
        assert found.describe(), f"{kind.name} = {value!r} cannot be described"
        held, usual = getattr(found, kind.name), getattr(FULL, kind.name)
        assert held is None or isinstance(held, type(usual)), f"{kind.name} is {held!r}"


@pytest.mark.parametrize("values", [(), (1, 2), ("in x out",) * len(fields(Conventions))])
def test_what_is_no_row_of_fields_is_no_conventions(values):
    with pytest.raises((wire.WireError, ValueError)):
        arrived(values)


def test_texts_are_cut_and_lists_are_bounded():
    long = wire.conventions_values(Conventions(class_name="x" * 9999))
    assert len(arrived(long).class_name) == wire.MAX_CONVENTION
    many = wire.conventions_values(Conventions(unread=("x",) * 9999))
    with pytest.raises(wire.WireError):
        arrived(many)
