"""Driving a generator that asks: its requests go to a session, the answers back."""

from collections.abc import Callable, Generator
from typing import TypeVar

import numpy as np

from gradcheck.contract.protocol import Observation, Request, Session

T = TypeVar("T")


def drive(questions: Generator[Request, Observation, T], session: Session) -> T:
    """Carry out every request and return what the generator returns."""
    (answer,) = _driven(questions, session, lambda: False)
    return answer


def drive_until(
    questions: Generator[Request, Observation, T], session: Session, over: Callable[[], bool]
) -> T | None:
    """Carry out requests likewise, but leave it, with None, when the time is over."""
    return next(iter(_driven(questions, session, over)), None)


def _driven(
    questions: Generator[Request, Observation, T], session: Session, over: Callable[[], bool]
) -> list[T]:
    """Return the one thing that the generator returns; nothing where the time was over.

    What is computed of answers may overflow, for they may be anything: infinity is what is meant
    there, and no warning. The code itself is asked outside, and warned as ever.
    """
    if over():
        return []
    try:
        with np.errstate(all="ignore"):
            request = next(questions)
        while not over():
            observation = session.ask(request)
            with np.errstate(all="ignore"):
                request = questions.send(observation)
    except StopIteration as end:
        return [end.value]
    questions.close()
    return []
