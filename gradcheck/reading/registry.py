"""The adapters there are, in the order in which they are tried.

In which manner a file is to be read: what the user chose.
"""

from dataclasses import dataclass
from pathlib import Path

from gradcheck.errors import UsageError
from gradcheck.errors.suggestion import meant

#: Name of an adapter, and the function that finds its readings: module and name.
ADAPTERS: dict[str, str] = {
    "declaration": "declared:find",  # whoever writes one means it, beside loss_and_grads too
    "native": "search:find_native",
    "cs231n": "gradient_method:find_cs231n",
    "nielsen": "gradient_method:find_nielsen",
    "deeplearning.ai": "function_pair:find",
    "flat vector": "flat_vector:find",
    "gradients": "gradient_method:find",
    "in place": "update_method:find",
    "script": "script:find",
}


def check_name(name: str) -> str:
    """Return an adapter's full name from what a user typed.

    Raises
    ------
    UsageError
        When there is none of that name; those there are, are listed.
    """
    short = {_short(known): known for known in ADAPTERS}
    if _short(name) not in short:
        written = [known.replace(" ", "-") for known in ADAPTERS]
        raise UsageError(f"there is no adapter {name!r}{meant(name, written)}")
    return short[_short(name)]


def _short(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


@dataclass(frozen=True)
class LoadOptions:
    """What the user says of a file.

    Attributes
    ----------
    adapter : str or None
        The only adapter to try.
    imports_only : bool
        Run only imports, functions, classes and constants of the file.
    declaration : path or None
        The file with its declaration; ``student.gradcheck.py`` beside ``student.py`` if
        there is one and no other is given.
    left_behind : tuple of str
        Files and folders beside the file that it imports, and that are not brought along.
    """

    adapter: str | None = None
    imports_only: bool = False
    declaration: Path | None = None
    left_behind: tuple[str, ...] = ()

    def missing(self, package: str) -> str:
        """Say what a package is that cannot be imported."""
        if package in self.left_behind:
            return "a folder of your own beside the file, which is not brought along"
        if f"{package}.py" in self.left_behind:
            return "a file of your own beside this one, which is not brought along"
        return "a package that is not installed, and other files of your own are not brought along"

    def declared_in(self, path: Path) -> Path | None:
        """Return the file that holds the declaration of a file, if there is one."""
        if self.declaration is not None:
            return self.declaration
        beside = path.with_suffix(".gradcheck.py")
        try:
            return beside if beside.is_file() else None
        except OSError:  # a name that is too long is that of no file
            return None

    def words(self) -> list[str]:
        """Return the options of the command line that say the same."""
        words = ["--adapter", self.adapter.replace(" ", "-")] if self.adapter else []
        words += ["--imports-only"] if self.imports_only else []
        return words + (["--declaration", str(self.declaration)] if self.declaration else [])


PLAIN = LoadOptions()
