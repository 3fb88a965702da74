"""Write docs/bugs.md from the catalogue.

Run ``python docs/examples/refresh_bugs.py``.
"""

from pathlib import Path

from gradcheck.networks.bugs import CATALOGUE
from gradcheck.renderers.catalogue import render

PAGE = Path(__file__).resolve().parents[1] / "bugs.md"

if __name__ == "__main__":
    PAGE.write_text(render(CATALOGUE), encoding="utf-8")
