"""Driving a generator that asks: its requests go to a session, the answers back."""

from collections.abc import Generator
from typing import TypeVar

from gradcheck.execution.session import Session
from gradcheck.protocol import Observation, Request

T = TypeVar("T")


def drive(questions: Generator[Request, Observation, T], session: Session) -> T:
    """Carry out every request and return what the generator returns."""
    try:
        request = next(questions)
        while True:
            request = questions.send(session.ask(request))
    except StopIteration as end:
        answer: T = end.value
        return answer
