"""What takes long says so, and how far it is."""

import time

from gradcheck import sampling
from gradcheck.hearing import Hearing
from gradcheck.oracle import Truths


def told(monkeypatch, seconds):
    """What is told while the witnesses are heard on 20 problems, each a given time apart."""
    clock = iter(seconds * n for n in range(1000))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    said = []
    hearing = Hearing(Truths(), 3, 20, said.append)
    for index in range(20):
        hearing.hear(sampling.problem(3, index))
    return said


def test_a_long_examination_says_how_far_it_is_and_how_long_it_takes(monkeypatch):
    said = told(monkeypatch, 0.5)
    assert "witnesses: 10 of 20 problems, about 11 s" in said, f"told {said}"


def test_a_short_one_says_nothing(monkeypatch):
    assert not told(monkeypatch, 0.001), "a hundredth of a second was announced"
