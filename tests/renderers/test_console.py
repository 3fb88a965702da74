"""The console: what a person reads in a terminal of eighty columns."""

import io
from typing import Any

from rich.console import Console

import gradcheck
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.renderers import console


def printed(code: Any, network: str) -> str:
    record = gradcheck.check(code, network=network, examples=24, seed=2)
    terminal = Console(file=io.StringIO(), width=80)
    console.show(record, terminal)
    return terminal.file.getvalue()  # type: ignore[attr-defined]


def test_a_small_counter_example_is_worked_step_by_step() -> None:
    text = printed(CATALOGUE["derivative_missing"].planted(), "2-2-1 tanh,identity squared_error")
    assert "z1 = x W1 + b1" in text, text
    assert "<- differs first" in text, text


def test_of_a_large_counter_example_only_what_is_furthest_off_is_shown() -> None:
    text = printed(CATALOGUE["derivative_missing"].planted(), "8-9-7 tanh,identity squared_error")
    assert "It has 166 numbers" in text, text
    assert "z1 = x W1 + b1" not in text, text
    assert 0 < text.count("<- differs") <= 12, text
