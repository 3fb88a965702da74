"""What one room offers another says what goes in, what comes out and what may go wrong."""

import ast
import inspect
import re
from collections.abc import Iterator

import pytest

import gradcheck
from tests.architecture.test_rooms import MODULES, room

TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}

Home = tuple[str, str]


def defined() -> dict[Home, ast.FunctionDef]:
    """Return the functions at the top of modules."""
    return {
        (module, node.name): node
        for module, tree in TREES.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def imported(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Yield for each name that a module imports from gradcheck: module, name there, name here."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gradcheck"):
            for alias in node.names:
                yield str(node.module), alias.name, alias.asname or alias.name


def offered() -> dict[Home, ast.FunctionDef]:
    """Return the functions that another room imports, or calls by the name of their module."""
    functions = defined()
    passed_on = {
        (module, here): (source, name)
        for module, tree in TREES.items()
        for source, name, here in imported(tree)
    }

    def home(of: Home) -> Home:
        for _ in range(5):
            if of in functions or of not in passed_on:
                break
            of = passed_on[of]
        return of

    used: set[tuple[Home, str]] = set()
    for module, tree in TREES.items():
        modules = {}
        for source, name, here in imported(tree):
            if f"{source}.{name}" in TREES:
                modules[here] = f"{source}.{name}"
            else:
                used.add((home((source, name)), module))
        for node in ast.walk(tree):
            whose = getattr(node, "value", None) if isinstance(node, ast.Attribute) else None
            if isinstance(whose, ast.Name) and whose.id in modules:
                used.add((home((modules[whose.id], node.attr)), module))
    return {
        of: functions[of]
        for of, user in used
        if of in functions and room(of[0]) != room(user) and not of[1].startswith("_")
    }


def explained(text: str) -> set[str]:
    """Return the arguments that a docstring has an entry for: ``x, y : array``."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+\n---|\Z)", text, re.DOTALL | re.MULTILINE)
    entries = [line for line in section[1].splitlines() if line[:1].strip()] if section else []
    return {name for entry in entries for name in entry.partition(" : ")[0].split(", ")}


def lacking(node: ast.FunctionDef) -> list[str]:
    """Return what a docstring leaves out."""
    text = ast.get_docstring(node) or ""
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    names = [argument.arg for argument in arguments if argument.arg not in ("self", "cls")]
    returns = ast.unparse(node.returns) if node.returns else "None"
    raises = any(isinstance(n, ast.Raise) and n.exc is not None for n in ast.walk(node))
    gone = [] if text else ["a docstring"]
    gone += [f"the argument {name}" for name in names if name not in explained(text)]
    if returns not in ("None", "Never") and not re.search(r"(Returns|Yields)\n---", text):
        gone.append("Returns")
    if raises and "Raises\n---" not in text:
        gone.append("Raises")
    return gone


def test_every_function_that_another_room_uses_says_what_goes_in_and_out() -> None:
    wanting = {
        ".".join(of): gone for of, node in sorted(offered().items()) if (gone := lacking(node))
    }
    lines = "\n".join(f"{name}: {', '.join(gone)}" for name, gone in wanting.items())
    assert not wanting, f"{len(wanting)} functions leave something out:\n{lines}"


@pytest.mark.parametrize("name", sorted(set(gradcheck.__all__) - {"__version__"}))
def test_every_public_name_is_documented(name: str) -> None:
    thing = getattr(gradcheck, name)
    text = inspect.getdoc(thing) or ""
    if inspect.isfunction(thing):
        node = ast.parse(inspect.getsource(thing)).body[0]
        assert isinstance(node, ast.FunctionDef)
        assert not lacking(node), f"gradcheck.{name} leaves out {', '.join(lacking(node))}"
    elif inspect.isclass(thing) and "__init__" in vars(thing):
        taken = [p for p in inspect.signature(thing).parameters if p not in ("args", "kwargs")]
        missing = [p for p in taken if not re.search(rf"\b{p}\b", text)]
        assert not missing, f"gradcheck.{name} says nothing of {', '.join(missing)}"
    assert text, f"gradcheck.{name} has no docstring"
