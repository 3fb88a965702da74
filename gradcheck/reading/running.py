"""Running a file's code in a module: all of it, or the part that was chosen."""

import ast
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gradcheck.errors import LoadError, UsageError
from gradcheck.errors.lines import TrailedError
from gradcheck.errors.suggestion import meant
from gradcheck.reading.load_options import Manner
from gradcheck.reading.source import to_run, training_loop

if TYPE_CHECKING:
    from gradcheck.reading.declaration import Declaration

#: The text of a file or of a cell of a notebook, and what it is called in messages.
Part = tuple[bytes | str, str]


def run(module: ModuleType, parts: Sequence[Part], path: Path, manner: Manner) -> None:
    """Run a file in a module, and its declaration beside it.

    A training loop at top level is not run: it is kept for the script adapter.
    What the code raises comes through.

    Parameters
    ----------
    parts : sequence of (text, name)
        One for a file, several for a notebook.
    path : Path
        Where the declaration is looked for.

    Raises
    ------
    LoadError
        When there is a declaration that declares nothing.
    """
    trees = [(ast.parse(text, name), name) for text, name in parts]
    whole = ast.Module(body=[node for tree, _ in trees for node in tree.body], type_ignores=[])
    loop = None if manner.imports_only else training_loop(whole)
    chosen = set(to_run(whole, manner.imports_only).body)
    scope = vars(module)
    for tree, name in trees:
        part = ast.Module([node for node in tree.body if node in chosen], tree.type_ignores)
        if manner.imports_only:
            _run_with_stand_ins(part, name, scope, manner)
        else:
            exec(compile(part, name, "exec", dont_inherit=True), scope)
    if loop is not None:
        scope["__gradcheck_loop__"] = loop
        scope["__gradcheck_loop_file__"] = next(n for t, n in trees if loop in t.body)
    declared = manner.declared_in(path)
    if declared is not None:
        scope["__gradcheck_declaration__"], lines = _declaration(declared, module)
        scope["__gradcheck_declaration_lines__"] = (str(declared), lines)


class _StandIn:
    """Stands in for a package that is not installed, until it is used."""

    def __init__(self, told: str) -> None:
        self._told = told

    def __getattr__(self, name: str) -> Any:
        raise ImportError(self._told)

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        raise ImportError(self._told)


def _run_with_stand_ins(tree: ast.Module, name: str, scope: dict[str, Any], manner: Manner) -> None:
    """Run statement by statement; an import that fails is left for whoever uses it."""
    for node in tree.body:
        part = ast.Module(body=[node], type_ignores=[])
        try:
            exec(compile(part, name, "exec", dont_inherit=True), scope)
        except ModuleNotFoundError:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                raise
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                package = (getattr(node, "module", None) or alias.name).partition(".")[0]
                scope[bound] = _StandIn(f"{package} is {manner.missing(package)}")


def _declaration(path: Path, module: ModuleType) -> tuple["Declaration", dict[str, int]]:
    """Return what a file declares, and on which line each word of it stands."""
    from gradcheck.reading.declaration import Declaration  # most files have none beside them

    scope: dict[str, Any] = {"__name__": f"{module.__name__}_declaration", "__file__": str(path)}
    tree = ast.parse(path.read_bytes(), path)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    words = [word for call in calls for word in call.keywords]
    lines = {word.arg: word.value.lineno for word in words if word.arg}
    known = [field.name for field in fields(Declaration)]
    for call in calls:
        for word in call.keywords if ast.unparse(call.func).endswith("Declaration") else ():
            if word.arg and word.arg not in known:
                told = f"there is no word {word.arg}={meant(word.arg, known)}"
                raise TrailedError(told, ((str(path), word.value.lineno),))
    try:
        exec(compile(tree, path, "exec", dont_inherit=True), scope)
    except UsageError as error:  # of a word, which is named
        line = lines.get(str(error).partition("=")[0])
        if line is None:
            raise
        raise TrailedError(str(error), ((str(path), line),)) from None
    declaration = scope.get("declaration")
    if not isinstance(declaration, Declaration):
        raise LoadError(
            f"{path.name} declares nothing; it has to end with declaration = Declaration(...)"
        )
    return declaration, lines
