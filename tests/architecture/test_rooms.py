"""The house stays small: few rooms, few floors, no circle between rooms or modules."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import gradcheck

PACKAGE = Path(gradcheck.__file__).parent

#: Rooms are what lies at the top of the package: folders and single modules.
MOST_ROOMS, MOST_FLOORS, MOST_LINES = 18, 10, 500


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    name_of(path): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if "shipped_implementations" not in path.parts
}


def imports(module: str, late: bool) -> Iterator[str]:
    """Yield the modules that one imports; late ones, inside functions, only where asked for."""

    def visit(node: ast.AST) -> Iterator[str]:
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if (inside or typing) and not late:
            return
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gradcheck"):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)
        for child in ast.iter_child_nodes(node):
            yield from visit(child)

    yield from visit(ast.parse(MODULES[module].read_text(encoding="utf-8")))


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def rooms() -> dict[str, set[str]]:
    """Return by room the rooms that it imports from; public names at the top are no room."""
    graph: dict[str, set[str]] = {room(module): set() for module in MODULES}
    for module in MODULES:
        graph[room(module)] |= {room(other) for other in imports(module, late=True)}
    del graph["__init__"]
    return {name: others - {name, "__init__"} for name, others in graph.items()}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return one circle of a graph, or nothing."""
    done: set[str] = set()
    way: list[str] = []

    def enter(node: str) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        way.append(node)
        for other in sorted(graph[node]):
            if found := enter(other):
                return found
        done.add(way.pop())
        return []

    for node in graph:
        if found := enter(node):
            return found
    return []


def test_there_are_few_rooms() -> None:
    assert len(rooms()) <= MOST_ROOMS, sorted(rooms())


def test_no_import_between_rooms_runs_in_a_circle() -> None:
    assert not circle(rooms()), " -> ".join(circle(rooms()))


def test_there_are_few_floors() -> None:
    graph = rooms()

    @cache
    def floor(name: str) -> int:
        return 1 + max((floor(other) for other in graph[name]), default=0)

    floors = {name: floor(name) for name in graph}
    assert max(floors.values()) <= MOST_FLOORS, sorted(floors, key=lambda name: floors[name])


def test_no_import_between_modules_runs_in_a_circle() -> None:
    graph = {name: set(imports(name, late=False)) - {name} for name in MODULES}
    assert not circle(graph), " -> ".join(circle(graph))


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "DESIGN.md", "docs/verdict.md", "README.md"])
def test_every_file_that_a_document_names_is_there(page: str) -> None:
    text = (PACKAGE.parent / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`(gradcheck/[\w/]+(?:\.py|/))`", text))
    named.discard("gradcheck/shipped_implementations/")  # in a wheel alone
    gone = sorted(path for path in named if not (PACKAGE.parent / path).exists())
    assert not gone, f"{page} names what is not there: {gone}"


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    lengths = {
        name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()
    }
    long = {name: lines for name, lines in lengths.items() if lines > MOST_LINES}
    assert not long, long
