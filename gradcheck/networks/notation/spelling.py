"""What code calls the quantities of backprop, as far as that is certain."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

#: What is said where the code's own names are not known.
NEUTRAL: Mapping[str, str] = {"x": "x", "y": "y"}

#: What may stand in a record as a name: an identifier, indices, keys. Nothing else is believed.
_NAME = re.compile(r"[A-Za-z_][\w.]*(\[[\w'\"{}.:,-]+\])*(\{l\}|\{i\})?\w*")

#: Longer ones help nobody.
LONGEST = 40


@dataclass(frozen=True)
class Spelling:
    """Names of quantities.

    Attributes
    ----------
    names : mapping of str to str
        By quantity and layer, ``W1``; by quantity alone, ``x``.
    """

    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> tuple[str, "Spelling"]:
        """Read the form of a bias, and names: ``column W1=wih W2=who``.

        It comes from beside the code under test, so that what is no name is passed over.
        """
        form, names = "", dict[str, str]()
        for word in text.split():
            quantity, equals, name = word.partition("=")
            if not equals and word in ("vector", "column", "row"):
                form = word
            elif equals and len(name) <= LONGEST and _NAME.fullmatch(name):
                names[quantity] = name
        return form, cls(names)

    def at(self, quantity: str, layer: int) -> str:
        """Return the name of a quantity of a layer."""
        plain = quantity if quantity in NEUTRAL else f"{quantity}{layer}"
        return self.names.get(plain, plain)

    def stem(self, quantity: str) -> str:
        """Return the name of a quantity of any layer: what all of them have in common."""
        mine = [
            (name, number)
            for key, name in self.names.items()
            if (number := key.removeprefix(quantity)).isdigit() and key.startswith(quantity)
        ]
        stems = {name.removesuffix(number) for name, number in mine if name.endswith(number)}
        if mine and len(stems) == 1 and all(name.endswith(number) for name, number in mine):
            return stems.pop()
        return self.names.get(quantity, quantity) if quantity in NEUTRAL else quantity

    def without(self, quantity: str) -> "Spelling":
        """Return it without the names of a quantity."""
        kept = {key: name for key, name in self.names.items() if not key.startswith(quantity)}
        return Spelling(kept)

    def told(self) -> dict[str, str]:
        """Say them as they stand in a record."""
        return dict(self.names)
