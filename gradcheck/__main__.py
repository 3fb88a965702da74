"""``python -m gradcheck``."""

import sys
from pathlib import Path


def _look_here_last() -> None:
    """Let nothing in the working directory stand in for a package: a folder called numpy, say.

    ``python -m`` looks there first. gradcheck itself may have been found there, and so still is.
    """
    if sys.path and sys.path[0] in ("", str(Path.cwd())):
        sys.path.append(sys.path.pop(0))


if __name__ == "__main__":
    _look_here_last()
    from gradcheck.cli import main

    main()
