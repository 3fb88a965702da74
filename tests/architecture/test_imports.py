"""Imports point one way, and importing gradcheck is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gradcheck
from gradcheck.execution.staging import WORKER_MODULES

PACKAGE = Path(gradcheck.__file__).parent

#: From the ground up: a module may import from its own layer's package and from below.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("contract",),
    ("reading", "oracle"),
    ("execution", "comparison", "adapters"),
    ("networks", "functions", "checks"),
    ("records",),
    ("run", "renderers"),
    ("testing", "commands"),
    ("cli",),
    ("__main__",),
)

RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in ("__init__", "shipped_implementations"):
            yield path, parts


def imported(path):
    """Yield the top-level part of gradcheck that each import statement names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module == "gradcheck":
                yield from (alias.name for alias in node.names)
            elif module.startswith("gradcheck."):
                yield module.split(".")[1]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("gradcheck."):
                    yield alias.name.split(".")[1]


def test_every_module_has_a_place_in_the_layers():
    homeless = {parts[0] for _, parts in modules()} - set(RANK)
    assert not homeless, f"give these modules a layer in {__file__}: {sorted(homeless)}"


def test_no_layer_is_listed_that_does_not_exist():
    known = {parts[0] for _, parts in modules()}
    gone = set(RANK) - known
    assert not gone, f"these layers have no module any more: {sorted(gone)}"


def test_imports_point_downwards_only():
    upwards = [
        f"{'/'.join(parts)} imports {name}"
        for path, parts in modules()
        for name in imported(path)
        if name != parts[0] and RANK[name] >= RANK[parts[0]]
    ]
    assert not upwards, "imports that point up or sideways:\n" + "\n".join(upwards)


def test_reading_imports_nothing_of_our_mathematics():
    allowed = {"reading", "contract", "errors"}
    for path, parts in modules():
        if parts[0] == "reading":
            other = set(imported(path)) - allowed
            assert not other, f"{'/'.join(parts)} imports {sorted(other)}: it runs beside the code"


def test_the_package_never_imports_the_implementations():
    for path, _ in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        names |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        assert not any(name.startswith("implementations") for name in names), (
            f"{path.name} imports an implementation; they are loaded by path, as a student's is"
        )


def test_what_a_worker_can_import_imports_nothing_else_of_gradcheck():
    visible = set()
    for name in WORKER_MODULES:
        place = PACKAGE / name
        files = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
        visible |= {file.relative_to(PACKAGE) for file in files}
    for path in sorted(visible - {Path("__init__.py")}):
        for module in all_imported(PACKAGE / path):
            file = Path(*module.split(".")[1:])
            known = {file.with_suffix(".py"), file / "__init__.py"} & visible
            assert known or module == "gradcheck", (
                f"{path} imports {module}, which no worker can see; see execution/staging.py"
            )


def all_imported(path):
    """Yield the full names of modules of gradcheck that are imported anywhere in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("gradcheck"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gradcheck"):
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                here = PACKAGE.parent / Path(*module.split("."))
                inside = here.is_dir() or here.with_suffix(".py").is_file()
                yield module if inside else node.module


def modules_loaded_by(statement):
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def loaded_by(statement):
    return {name.partition(".")[0] for name in modules_loaded_by(statement)}


def test_import_gradcheck_loads_nothing_heavy():
    heavy = {"jax", "scipy", "hypothesis", "pytest", "rich", "jinja2", "matplotlib"}
    heavy &= loaded_by("import gradcheck")
    assert not heavy, f"import gradcheck loads {sorted(heavy)}"


def test_the_checker_itself_loads_neither_jax_nor_scipy_nor_test_tools():
    heavy = {"jax", "scipy", "hypothesis", "pytest", "jinja2", "matplotlib"}
    heavy &= loaded_by("import gradcheck; gradcheck.check")
    assert not heavy, f"gradcheck.check loads {sorted(heavy)}"


def test_native_code_waits_for_nothing_that_foreign_or_wrong_code_needs():
    loaded = modules_loaded_by("import gradcheck.run.api, gradcheck.run.examine, gradcheck.checks")
    late = (
        "gradcheck.networks.inference",
        "gradcheck.networks.diagnosis",
        "gradcheck.networks.bugs",
    )
    early = sorted(name for name in loaded if name.startswith(late))
    assert not early, f"each check waits for {early}"


def test_no_renderer_can_judge_or_run_code():
    allowed = {"records", "renderers", "errors", "contract", "networks"}
    allowed_in = {"catalogue": allowed}  # it shows the catalogue itself, not a record
    for path, parts in modules():
        if parts[0] == "renderers":
            foreign = set(imported(path)) - allowed_in.get(parts[-1], allowed - {"networks"})
            assert not foreign, f"{'/'.join(parts)} imports {sorted(foreign)}: it may only read"


def test_every_public_name_can_be_fetched():
    missing = [name for name in gradcheck.__all__ if getattr(gradcheck, name, None) is None]
    assert not missing, f"in __all__ but not to be had: {missing}"


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = gradcheck.nonsense


def test_launching_a_worker_loads_no_numpy():
    loaded = loaded_by("import gradcheck.cli, gradcheck.commands.check")
    heavy = {"numpy", "rich", "nbformat"} & loaded
    assert not heavy, f"the worker has to wait for {sorted(heavy)}"
