"""What takes long says so, and how far it is."""

import io
import time

from rich.console import Console

from gradcheck.commands import delivery
from gradcheck.networks import sampling
from gradcheck.networks.fast_estimate import Truths
from gradcheck.run.cross_check import CrossCheck, Stage


def told(monkeypatch, seconds):
    """What is told while the witnesses are heard on 20 problems, each a given time apart."""
    clock = iter(seconds * n for n in range(1000))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    said = []
    hearing = CrossCheck(Truths(), 3, 20, said.append)
    for index in range(20):
        hearing.hear(sampling.problem(3, index))
    return said


def test_a_long_examination_says_how_far_it_is_and_how_long_it_takes(monkeypatch):
    said = told(monkeypatch, 0.5)
    assert "witnesses: 10 of 20 problems, about 11 s" in said, f"told {said}"


def test_what_is_told_knows_which_part_is_done(monkeypatch):
    parts = [stage.part for stage in told(monkeypatch, 0.5)]
    assert parts == sorted(parts), f"the parts done are {parts}"
    assert parts[-1] == 19 / 20, f"before the last problem the part done is {parts[-1]}"


def shown(stage):
    """What a terminal shows of a stage."""
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    with delivery.status(screen) as tell:
        tell(stage)
    return screen.file.getvalue()


def test_a_bar_is_shown_where_it_is_known_how_far_it_is():
    text = shown(Stage("witnesses: 10 of 20 problems, about 11 s", 0.5))
    assert "witnesses: 10 of 20 problems, about 11 s" in text, f"shown is {text!r}"
    assert "━" in text, f"there is no bar in {text!r}"


def test_no_bar_is_shown_where_it_is_not():
    text = shown("counter-example [b]")
    assert "counter-example [b]" in text, f"shown is {text!r}"
    assert "━" not in text, f"there is a bar in {text!r}"


def test_nothing_is_shown_where_nobody_looks():
    screen = Console(file=io.StringIO())
    with delivery.status(screen) as tell:
        tell(Stage("witnesses", 0.5))
    assert not screen.file.getvalue(), f"written is {screen.file.getvalue()!r}"


def test_a_short_one_says_nothing(monkeypatch):
    assert not told(monkeypatch, 0.001), "a hundredth of a second was announced"
