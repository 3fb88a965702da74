"""What was probably meant by a word that is not known."""

from collections.abc import Iterable


def meant(word: object, known: Iterable[str], otherwise: str | None = None) -> str:
    """Return the end of a sentence about a word that is not known.

    Parameters
    ----------
    word : object
        As it was written, a string as a rule.
    known : iterable of str
        What could have been written.
    otherwise : str, optional
        What to say when nothing comes near; all that is known is listed unless given.

    Returns
    -------
    str
        ``"; did you mean relu?"`` or ``"; known are relu, tanh"``.
    """
    from difflib import get_close_matches  # only who mistypes pays for it

    names = list(dict.fromkeys(known))
    folded = {_folded(name): name for name in reversed(names)}
    near = get_close_matches(_folded(str(word)), folded, 1, 0.6)
    if near:
        return f"; did you mean {folded[near[0]]}?"
    if otherwise is None:
        otherwise = f"known are {', '.join(names)}" if names else ""
    return f"; {otherwise}" if otherwise else ""


def _folded(word: str) -> str:
    """Write alike what differs in case and joints alone."""
    return word.casefold().replace("-", "_").replace(" ", "_")
