"""What a teacher requires is asked and answered, or it is an error that says why."""

from typing import Any

import pytest

from gradcheck.errors import UsageError
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.run.api import check
from gradcheck.run.options import Requirements


class Shallow(Textbook):
    """Right code without relu, for two layers at most."""

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        if network.depth > 2:
            raise NotImplementedError("two layers at most")
        if "relu" in network.activations:
            raise NotImplementedError("no relu yet")
        return super().loss_and_grads(network, params, batch)


def test_what_is_missing_is_an_error_that_says_why() -> None:
    record = check(Shallow(), seed=1, examples=40, require="relu, tanh, depth >= 3, l2")
    entry = record.data["implementations"][0]
    assert entry["verdict"] == "error", entry["verdict"]
    assert entry["error"]["kind"] == "unsupported", entry["error"]
    message = entry["error"]["message"]
    assert "relu (NotImplementedError: no relu yet)" in message, message
    assert "depth>=3 (NotImplementedError: two layers at most)" in message, message
    assert "tanh" not in message, message
    assert "--require 'relu,tanh,depth>=3,l2'" in record.data["command"], record.data["command"]


def test_what_is_handled_changes_nothing() -> None:
    entry = check(Shallow(), seed=1, examples=40, require="tanh,depth>=2,batch>=8").data
    assert entry["implementations"][0]["verdict"] == "correct", entry["implementations"][0]["error"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rellu", "did you mean relu"),
        ("depht>=3", "did you mean depth>=3"),
        ("depth>=11", "up to 10"),
        ("depth", "cannot be required"),
        ("batch>=0", "cannot be required"),
        (" , ", "nothing is required"),
    ],
)
def test_what_cannot_be_required_is_a_usage_error(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Requirements.parse(text)
