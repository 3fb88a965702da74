"""What takes long says so, and how far it is."""

import io
import time

from rich.console import Console

from gradcheck import commands
from gradcheck.networks import sampling
from gradcheck.networks.fast_estimate import Truths
from gradcheck.run.compared_problems import CrossCheck


def said_meanwhile(monkeypatch, seconds):
    """What is said, and with which part, while 20 problems are held, each a given time apart."""
    clock = iter(seconds * n for n in range(1000))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    said = []
    cross_check = CrossCheck(Truths(), 3, 20, lambda what, part=None: said.append((what, part)))
    for index in range(20):
        cross_check.hold(sampling.problem(3, index))
    return said


def test_a_long_examination_says_how_far_it_is_and_how_long_it_takes(monkeypatch):
    said = said_meanwhile(monkeypatch, 0.5)
    assert ("witnesses: 10 of 20 problems, about 11 s", 0.5) in said, f"said {said}"


def test_what_is_told_knows_which_part_is_done(monkeypatch):
    parts = [part for _, part in said_meanwhile(monkeypatch, 0.5)]
    assert parts == sorted(parts), f"the parts done are {parts}"
    assert parts[-1] == 19 / 20, f"before the last problem the part done is {parts[-1]}"


def shown(what, part=None):
    """What a terminal shows of what is done."""
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    with commands.status(screen) as show:
        show(what, part)
    return screen.file.getvalue()


def test_a_bar_is_shown_where_it_is_known_how_far_it_is():
    text = shown("witnesses: 10 of 20 problems, about 11 s", 0.5)
    assert "witnesses: 10 of 20 problems, about 11 s" in text, f"shown is {text!r}"
    assert "━" in text, f"there is no bar in {text!r}"


def test_no_bar_is_shown_where_it_is_not():
    text = shown("counter-example [b]")
    assert "counter-example [b]" in text, f"shown is {text!r}"
    assert "━" not in text, f"there is a bar in {text!r}"


def test_nothing_is_shown_where_nobody_looks():
    screen = Console(file=io.StringIO())
    with commands.status(screen) as show:
        show("witnesses", 0.5)
    assert not screen.file.getvalue(), f"written is {screen.file.getvalue()!r}"


def test_a_short_one_says_nothing(monkeypatch):
    assert not said_meanwhile(monkeypatch, 0.001), "a hundredth of a second was announced"
