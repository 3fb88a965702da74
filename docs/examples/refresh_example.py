"""Write the example that is kept in reports/, and the README's picture of it.

Run ``python docs/examples/refresh_example.py``. The picture needs Chromium and the extra
``test``; where there is none, the rest is written and the picture stays as it is.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "reports" / "example.html"
PICTURE = ROOT / "docs" / "report.png"
STUDENT = "docs/examples/tanh_student.py"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

#: Of the picture: pixels across, and how many colours; it should load at once.
WIDTH, COLOURS = 1200, 64


def write_example() -> None:
    """Run a whole report with the wrong student in it, and keep its pages."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["report", "--implementation", STUDENT, "--output", folder]
        run = subprocess.run([sys.executable, "-m", "gradcheck", *command], cwd=ROOT)
        if run.returncode != 1:
            sys.exit(f"the report ended with {run.returncode}; with a wrong student it should be 1")
        for suffix in ("html", "md"):
            shutil.copyfile(Path(folder) / f"report.{suffix}", PAGE.with_suffix(f".{suffix}"))


def take_picture() -> None:
    """Photograph the page from its answer to the first pictures."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"no browser found ({', '.join(BROWSERS)}): {PICTURE.name} was not refreshed")
    from PIL import Image
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = started.new_page(
            viewport={"width": WIDTH, "height": 900}, device_scale_factor=1.5, color_scheme="light"
        )
        page.goto(PAGE.as_uri())
        figures = page.locator(".figures").first.bounding_box()
        assert figures, "the example has no pictures"
        height = figures["y"] + figures["height"] + 24
        page.screenshot(
            path=PICTURE,
            full_page=True,
            clip={"x": 0, "y": 0, "width": WIDTH, "height": height},
        )
        started.close()
    with Image.open(PICTURE) as image:
        image.convert("RGB").quantize(COLOURS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    write_example()
    take_picture()
