"""``gradcheck new PATH``: a file that runs, and fails for the right reason."""

import json

import pytest

import gradcheck
from gradcheck.commands.new import LOSS, PHI
from gradcheck.networks.definitions import ACTIVATIONS, HIDDEN_ACTIVATIONS, LOSSES, PAIRINGS
from gradcheck.reading.loading import load
from tests.tiers import telling

NETWORKS = [
    *(f"2-3-2 {name},identity half_squared_error mean l2=0.1" for name in HIDDEN_ACTIVATIONS),
    *(f"2-3-2 tanh,{output} {loss} sum" for output, loss in PAIRINGS),
]

BACKWARD = """
    prime = {
        "identity": lambda z: np.ones_like(z),
        "sigmoid": lambda z: PHI["sigmoid"](z) * PHI["sigmoid"](-z),
        "tanh": lambda z: 1 - np.tanh(z) ** 2,
        "relu": lambda z: (z > 0) * 1.0,
    }
    N = len(batch.x) if network.reduction == "mean" else 1
    delta = (a[-1] - batch.y) / N * prime[network.activations[-1]](z[-1])
    grads = []
    for layer in range(len(params), 0, -1):
        W, b = params[layer - 1]
        grads.insert(0, (a[layer - 1].T @ delta + network.l2 * W, delta.sum(axis=0)))
        if layer > 1:
            delta = delta @ W.T * prime[network.activations[layer - 2]](z[layer - 1])
    return loss, grads
"""


def checked(run, path):
    result = run("check", path, "--examples", 20, "--seed", 3, "--json", "-")
    return result.code, *outcome(result.out)


def outcome(record):
    """Return the only entry of a record, and its verdict by check."""
    entry = json.loads(record)["implementations"][0]
    return entry, {f["check"]: f["verdict"] for f in entry["findings"]}


def test_the_tables_of_the_template_know_every_activation_and_loss():
    assert set(PHI) == set(ACTIVATIONS), "gradcheck/commands/new.py lacks an activation"
    assert set(LOSS) == set(LOSSES), "gradcheck/commands/new.py lacks a loss"


def test_a_new_file_is_wrong_in_its_gradient_alone_and_says_so(run, tmp_path):
    path = tmp_path / "mine.py"
    written = run("new", path)
    assert written.code == 0, written.err
    assert "TODO" in written.out, written.out
    code, entry, found = checked(run, path)
    assert (code, entry["verdict"]) == (1, "wrong"), f"came out {found}"
    right = {check: found.get(check) for check in ("contract", "loss", "forward")}
    assert set(right.values()) == {"correct"}, f"the given forward came out {right}"
    message = next(f["message"] for f in entry["findings"] if f["check"] == "gradient")
    assert "Nothing is ever trained" in message, message


@pytest.mark.parametrize("network", telling(NETWORKS, 4))
def test_a_file_for_any_network_has_the_right_forward(run, tmp_path, undiagnosed, network):
    path = tmp_path / "mine.py"
    assert run("new", path, "--network", network).code == 0
    # in this process: there are many networks
    entry, found = outcome(gradcheck.check(load(path), examples=20, seed=3).to_json())
    assert found["gradient"] == "wrong", f"came out {found}"
    right = {check: found.get(check) for check in ("contract", "loss", "forward")}
    assert set(right.values()) == {"correct"}, f"the given forward came out {right}"
    listed = entry["supports"]["networks"]
    assert [text.split()[:3] for text in listed] == [network.split()[:3]], f"supports {listed}"


def test_a_file_that_is_completed_is_correct(run, tmp_path):
    path = tmp_path / "mine.py"
    run("new", path)
    text = path.read_text(encoding="utf-8")
    assert text.count("    grads = []\n") == 1, f"the place to complete is gone:\n{text}"
    path.write_text(text[: text.index("    grads = []\n")] + BACKWARD, encoding="utf-8")
    code, entry, found = checked(run, path)
    assert (code, entry["verdict"]) == (0, "correct"), f"came out {found}"


def test_a_new_file_imports_nothing_of_gradcheck(run, tmp_path):
    path = tmp_path / "mine.py"
    run("new", path)
    imports = [line for line in path.read_text("utf-8").splitlines() if "import" in line]
    assert imports == ["import numpy as np"], f"imports {imports}"


def test_an_existing_file_is_never_overwritten(run, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("precious", encoding="utf-8")
    result = run("new", path)
    assert result.code == 2, f"exit code {result.code}"
    assert "already" in result.err, result.err
    assert path.read_text(encoding="utf-8") == "precious", "the file was overwritten"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mine.txt",), "write mine.py"),
        (("nowhere/mine.py",), "there is no folder"),
        (("mine.py", "--network", "2-3 nonsense squared_error"), "unknown output activation"),
    ],
)
def test_what_cannot_be_written_is_a_usage_error(run, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    result = run("new", *arguments)
    assert result.code == 2, f"exit code {result.code}"
    assert said in result.err, result.err
    assert not list(tmp_path.iterdir()), f"left behind: {list(tmp_path.iterdir())}"


def test_a_dangling_link_is_not_written_through(run, tmp_path):
    link = tmp_path / "mine.py"
    try:
        link.symlink_to(tmp_path / "elsewhere.py")
    except OSError:
        pytest.skip("this machine makes no links")
    assert run("new", link).code == 2
    assert link.is_symlink(), "the link was replaced"
