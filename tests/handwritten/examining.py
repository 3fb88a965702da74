"""Wrong files examined, as the suite and the command over all of them do."""

from pathlib import Path

import gradcheck
from gradcheck.records.record import Entry
from tests.handwritten.mistakes import Mistake

#: Problems of a file: the verdict is that of more.
EXAMPLES = 24


def examined(mistake: Mistake, folder: Path, seed: int = 5) -> Entry:
    """Write a wrong file into a folder, check it, and return its entry in the record."""
    path = folder / f"{mistake.style}.py"
    path.write_text(mistake.text, encoding="utf-8")
    entry: Entry = gradcheck.check(path, seed=seed, examples=EXAMPLES).data["implementations"][0]
    return entry
