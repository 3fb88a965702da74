"""The adapters there are, in the order in which they are tried."""

from gradcheck.errors import UsageError
from gradcheck.errors.suggestion import meant

#: Name of an adapter, and the module that finds its readings.
ADAPTERS: dict[str, str] = {
    "declaration": "declared",  # whoever writes one means it, of a file with loss_and_grads too
    "native": "native",
    "cs231n": "cs231n",
    "nielsen": "nielsen",
    "deeplearning.ai": "deeplearning_ai",
    "flat vector": "flat_vector",
    "gradients": "gradients",
    "in place": "in_place",
    "script": "script",
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
