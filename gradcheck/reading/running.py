"""What of a file or notebook is run in its module when it is loaded: all of it, or less.

A plain script trains at top level. Its training loop is not run on loading, and neither
is what comes after it but for functions and classes: the loop's body becomes one step
(:mod:`gradcheck.reading.script`). With ``imports_only`` nothing is run but imports,
functions, classes and constants that are written out.

Of a notebook only the sources of code cells are used: never a saved output, never a kernel.
Shell and line magics are no Python; they are left out, and that is said.
"""

import ast
import contextlib
import copy
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

from gradcheck.errors import LoadError, TrailedError, UsageError, meant
from gradcheck.reading.foreign_call import METHODS, seeded
from gradcheck.reading.loading import is_native
from gradcheck.reading.target import LoadOptions

_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def to_run(tree: ast.Module, imports_only: bool = False) -> ast.Module:
    """Return the part of a file that is run when it is loaded."""
    if imports_only:
        body = [node for node in tree.body if _harmless(node)]
    else:
        loop = training_loop(tree)
        if loop is None:
            return tree
        place = tree.body.index(loop)
        later = tree.body[place + 1 :]
        body = [node for node in tree.body[:place] if not _shows(node)]
        body += [node for node in later if isinstance(node, _DEFINITIONS)]
    return ast.Module(body=body, type_ignores=[])


def training_loop(tree: ast.Module) -> ast.For | ast.While | None:
    """Return the first loop at top level that changes numbers it found there, if any."""
    known: set[str] = set()
    for node in tree.body if not is_native(tree) else ():
        if isinstance(node, ast.For | ast.While) and (
            _calls_training(node) or (changed(node) & known and _trains(node))
        ):
            return node
        known |= set(stored(node)) if not isinstance(node, _DEFINITIONS) else set()
    return None


def _trains(loop: ast.For | ast.While) -> bool:
    """Whether a loop computes: it has products and differences, or calls to functions."""
    operations = (ast.Mult, ast.MatMult, ast.Sub)
    found = sum(isinstance(node, operations) for node in ast.walk(loop))
    calls = sum(isinstance(node, ast.Call) for node in ast.walk(loop))
    return found >= 2 or calls >= 3


def _calls_training(loop: ast.AST) -> bool:
    """Whether a loop calls something named after training: ``net.train(x, y)``."""
    called = [node.func for node in ast.walk(loop) if isinstance(node, ast.Call)]
    names = (getattr(each, "attr", getattr(each, "id", "")) for each in called)
    return any(name.lower().startswith(METHODS["loop"]) for name in names)


def one_iteration(loop: ast.For | ast.While, inner: bool = False) -> ast.Module:
    """Return the body of a loop, to be run once: ``break`` and ``continue`` still work.

    The loops within it, over samples, may be run once too.
    """
    body = [_Once().visit(copy.deepcopy(node)) for node in loop.body] if inner else loop.body
    if isinstance(loop, ast.For):
        target: ast.expr = loop.target
        items: ast.expr = _first(loop.iter)
    else:
        target = ast.Name("_iteration", ast.Store())
        items = ast.Tuple([ast.Constant(0)], ast.Load())
    once = ast.For(target=target, iter=items, body=body, orelse=[])
    return ast.fix_missing_locations(ast.Module(body=[once], type_ignores=[]))


def first(items: Iterable[Any]) -> list[Any]:
    """Return the first of some items alone: what a loop that is run once goes through."""
    return [next(iter(items))]


#: What :func:`first` is called in a script, whose own names may be those of Python's functions.
FIRST_IN_SCRIPT = "__gradcheck_first__"


def _first(items: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(FIRST_IN_SCRIPT, ast.Load()), [items], [])


class _Once(ast.NodeTransformer):
    """Makes the outermost loops of a body run once."""

    def visit_For(self, node: ast.For) -> ast.For:
        node.iter = _first(node.iter)
        return node


def _harmless(node: ast.stmt) -> bool:
    if isinstance(node, _DEFINITIONS):
        return True
    if isinstance(node, ast.Expr):  # a docstring
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        return _literal(node.value)
    if isinstance(node, ast.Try):  # an import that may fail
        return all(isinstance(inner, ast.Import | ast.ImportFrom) for inner in node.body)
    return False


def _literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _shows(node: ast.stmt) -> bool:
    """Whether a statement only shows something: print(...), plt.show()."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    function = node.value.func
    if isinstance(function, ast.Name):
        return function.id in ("print", "input", "display")
    root = function
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id in ("plt", "pyplot", "matplotlib", "sns")


def stored(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id


def changed(loop: ast.AST) -> set[str]:
    """Name what a loop assigns to, or assigns into: ``W``, ``w[0]``, ``p["W1"]``."""
    names = set(stored(loop))
    for inner in ast.walk(loop):
        if isinstance(inner, ast.Subscript) and isinstance(inner.ctx, ast.Store):
            root: ast.expr = inner
            while isinstance(root, ast.Subscript | ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name):
                names.add(root.id)
    return names


#: The text of a file or of a cell of a notebook, and what it is called in messages.
Part = tuple[str | bytes, str]

#: Cell magics whose cell is Python all the same.
_TRANSPARENT = ("%%time", "%%timeit", "%%capture", "%%prun")

_MAGIC = re.compile(r"^\s*(?:[%!?]|[\w.]+\?{1,2}\s*$|\w+\s*=\s*[%!])")


def cells(source: bytes, name: str) -> tuple[list[Part], tuple[str, ...]]:
    """Read a notebook.

    Parameters
    ----------
    source : bytes
        What the file holds.
    name : str
        Its name.

    Returns
    -------
    cells : list of (text, name)
        Code cells in order, magics left out; ``student.ipynb, cell 3``.
    notes : tuple of str
        What was left out.

    Raises
    ------
    LoadError
        When it is no notebook.
    """
    import nbformat

    read: Any = nbformat.reads  # it has no types
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old notebooks lack cell ids
            notebook: Any = read(source.decode("utf-8", errors="replace"), as_version=4)
        sources = [str(c.source) for c in notebook.cells if c.cell_type == "code"]
    except ImportError:
        raise
    except Exception as error:  # nbformat lets out what json, validators and attributes raise
        raise LoadError(f"{name} is no notebook that can be read: {type(error).__name__}") from None
    found: list[Part] = []
    dropped = 0
    for number, text in enumerate(sources, start=1):
        python, lines = without_magics(text)
        dropped += lines
        if python.strip():
            found.append((python, f"{name}, cell {number}"))
    plural = "s" if dropped != 1 else ""
    notes = (f"{dropped} line{plural} of shell and magic commands left out",) if dropped else ()
    return found, notes


def without_magics(source: str) -> tuple[str, int]:
    """Leave out what is no Python, and count it; a line left out stays as an empty one."""
    lines = source.split("\n")
    first = lines[0].strip()
    if first.startswith("%%") and not first.startswith(_TRANSPARENT):
        return "", len(lines)
    if _is_python(source):
        return source, 0  # a line may start with the operator %
    kept = ["" if _MAGIC.match(line) else line for line in lines]
    kept = [_placeholder(line, old) for line, old in zip(kept, lines, strict=True)]
    return "\n".join(kept), sum(new != old for new, old in zip(kept, lines, strict=True))


def _placeholder(line: str, old: str) -> str:
    """Stand in for a magic inside a block, which may be all the block has."""
    indent = old[: len(old) - len(old.lstrip())]
    return f"{indent}pass" if not line and indent and old.strip() else line


def _is_python(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "cell", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError):
        return False
    return True


def run(trees: Sequence[tuple[ast.Module, str]], module: ModuleType, options: LoadOptions) -> None:
    """Run what is to be run of a file in a module; what the code raises comes through.

    Of a notebook there are several trees, each with its name. A training loop at top level is not
    run: it is kept for the script adapter, and what stands before it draws the same random numbers
    each time: its weights decide how the loop is read. In other files chance at import stays
    chance, and is seen by whoever asks two workers.
    """
    whole = ast.Module(body=[node for tree, _ in trees for node in tree.body], type_ignores=[])
    loop = None if options.imports_only else training_loop(whole)
    chosen = set(to_run(whole, options.imports_only).body)
    scope = vars(module)
    with contextlib.nullcontext() if loop is None else seeded():
        for tree, name in trees:
            part = ast.Module([node for node in tree.body if node in chosen], tree.type_ignores)
            if options.imports_only:
                _run_with_stand_ins(part, name, scope, options)
            else:
                exec(compile(part, name, "exec", dont_inherit=True), scope)
    if loop is not None:
        scope["__gradcheck_loop__"] = loop
        scope["__gradcheck_loop_file__"] = next(n for t, n in trees if loop in t.body)


class _StandIn:
    """Stands in for a package that is not installed, until it is used."""

    def __init__(self, told: str) -> None:
        self._told = told

    def __getattr__(self, name: str) -> Any:
        raise ImportError(self._told)

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        raise ImportError(self._told)


def _run_with_stand_ins(
    tree: ast.Module, name: str, scope: dict[str, Any], options: LoadOptions
) -> None:
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
                scope[bound] = _StandIn(f"{package} is {options.missing(package)}")


def declare(path: Path, module: ModuleType) -> None:
    """Put into a module what a file declares, and on which line each word of it stands."""
    from gradcheck.reading.declared import Declaration  # most files have none beside them

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
    vars(module)["__gradcheck_declaration__"] = declaration
    vars(module)["__gradcheck_declaration_lines__"] = (str(path), lines)
