"""Names keep to the glossary in DESIGN.md: one word an idea, and it is the field's."""

import ast
import re
from collections import defaultdict

import pytest

from tests.architecture.test_rooms import MODULES, PACKAGE

TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}

#: Words that once stood for an idea, and what the glossary calls it.
RETIRED = {
    "hearing": "cross-check",
    "hear": "cross-check",
    "heard": "cross-check",
    "testimony": "second estimate",
    "testimonies": "second estimate",
    "tally": "aggregate",
    "settle": "infer",
    "settled": "inferred",
    "settles": "infer",
    "settling": "inference",
    "settlement": "inferred conventions",
    "unsettled": "not inferred",
    "telling": "summary",
    "manner": "load options",
    "judging": "compare",
    "sloped": "linearised",
    "stepper": "update method",
    "trainer": "update method",
    "returner": "gradient method",
    "survey": "recovered deltas",
    "surveys": "recovered deltas",
    "panel": "peers",
    "subject": "submission, where it is what a person hands over",
}

#: Where a retired word is meant as everybody means it.
MEANT = {
    "subject": "the glossary's subject: the kind of thing that a submission is",
    "panel": "a panel of the page",
}


def words(name: str) -> list[str]:
    """Split an identifier: ``own_loss``, ``OwnLoss`` and ``OWN_LOSS`` alike."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def identifiers(tree: ast.Module) -> set[str]:
    """Return all names that a module gives or uses."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
    return found


NAMES = {module: identifiers(tree) for module, tree in TREES.items()}


@pytest.mark.parametrize("word", sorted(set(RETIRED) - set(MEANT)))
def test_a_retired_word_is_in_no_name(word: str) -> None:
    used = {
        module: names
        for module in TREES
        if (names := sorted(name for name in NAMES[module] if word in words(name)))
    }
    files = [str(p.relative_to(PACKAGE)) for p in MODULES.values() if word in words(p.stem)]
    text = "\n".join(f"{module}: {', '.join(names)}" for module, names in used.items())
    assert not used, f"'{word}' is called '{RETIRED[word]}' here:\n{text}"
    assert not files, f"'{word}' is called '{RETIRED[word]}' here: {files}"


def test_no_two_classes_have_one_name() -> None:
    homes = defaultdict(list)
    for module, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(module)
    twice = {name: where for name, where in homes.items() if len(where) > 1}
    assert not twice, twice


def test_no_two_modules_have_one_name() -> None:
    homes = defaultdict(list)
    for module, path in MODULES.items():
        if not path.stem.startswith("__"):
            homes[path.stem].append(module)
    twice = {name: where for name, where in homes.items() if len(where) > 1}
    assert not twice, twice


#: One role in files that stand side by side: a check, a list of bugs, an example.
ROLES = {"CHECK", "SLUG", "BUGS", "SITE", "EXAMPLE", "EXAMPLES", "SCHEMA"}


def test_no_constant_has_two_meanings() -> None:
    homes: dict[str, dict[str, str]] = defaultdict(dict)
    for module, tree in TREES.items():
        for node in tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            for target in targets:
                name = getattr(target, "id", "_")
                if name.isupper() and not name.startswith("_") and name not in ROLES:
                    homes[name][module] = ast.unparse(node.value) if node.value else ""
    twice = {name: where for name, where in homes.items() if len(set(where.values())) > 1}
    text = "\n".join(f"{name}: {', '.join(where)}" for name, where in sorted(twice.items()))
    assert not twice, f"{len(twice)} constants mean several things:\n{text}"
