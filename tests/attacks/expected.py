"""What each attack has to come to, at any level.

``wrong`` and ``error`` are verdicts; an error also has one of the kinds. ``right`` stands
for code whose gradient is truly right: it is correct, and what is suspicious about it
is a flag. Nothing else may ever come out correct.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Expected:
    verdicts: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    flag: str = ""
    note: str = ""


def error(*kinds):
    return Expected(("error",), kinds)


def right(flag="", note=""):
    return Expected(("correct",), flag=flag, note=note)


WRONG = Expected(("wrong",))
#: It breaks what runs beside it, or is wrong; which of the two is no matter.
EITHER = Expected(("wrong", "error"), ("import", "exception", "contract", "crash", "protocol"))

EXPECTED = {
    1: error("timeout"),
    2: error("timeout"),
    3: error("timeout"),
    4: error("timeout"),
    5: error("memory"),
    6: error("processes", "memory", "timeout"),
    7: error("processes"),
    8: error("import"),
    9: error("crash"),
    10: error("crash"),
    11: WRONG,
    12: error("crash"),
    13: error("crash", "memory", "exception", "timeout"),  # newer Pythons raise RecursionError
    14: error("flood"),
    15: WRONG,
    16: WRONG,
    17: WRONG,
    18: EITHER,
    19: WRONG,
    20: WRONG,
    21: error("contract"),
    22: WRONG,
    23: error("contract"),
    24: error("contract"),
    25: error("contract"),
    26: right(note="float32 arithmetic"),
    27: WRONG,
    28: WRONG,
    29: WRONG,
    30: right(flag="automatic_differentiation"),
    # far out, where inputs are large, differences with one step are off by more than float32
    31: Expected(("correct", "wrong"), flag="numerical_differentiation"),
    32: right(flag="numerical_differentiation"),
    33: EITHER,
    34: WRONG,
    35: error("import"),
    36: error("contract"),
    37: error("protocol"),
    38: error("protocol"),
    39: right(flag="processes_started"),
    40: right(),
    41: EITHER,
    42: WRONG,
    43: WRONG,
    44: error("timeout"),
    45: error("exception"),
    46: error("import", "memory", "crash"),
    47: error("import"),
    48: EITHER,
    49: WRONG,
    50: error("contract"),
    51: EITHER,
    52: EITHER,
    54: WRONG,
    55: WRONG,
    56: WRONG,
    57: right(),
    58: WRONG,
    59: error("contract"),
    60: error("contract"),
    61: right(),
}
