"""The page in a real browser: light, dark, on a phone, by keyboard."""

import re

import pytest

from gradcheck.renderers import html
from tests.renderers.test_hostile import HOSTILE, hostile
from tests.tiers import sampled, telling

#: Width, colour scheme.
VIEWS = [(1280, "light"), (1280, "dark"), (820, "light"), (375, "light"), (375, "dark")]

SLOW = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory, stored):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html.render(stored), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def visit(browser, address):
    """Return a function that opens the page; complaints and requests are collected on it."""
    contexts = []

    def visit(width=1280, scheme="light", where=None, **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.requests = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: page.complaints.append(dialog.message))
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(where or address)
        return page

    yield visit
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("width", "scheme"), telling(sampled(VIEWS), 4))
def test_it_opens_from_disk_without_a_request_or_a_complaint(visit, address, width, scheme):
    page = visit(width, scheme)
    assert page.requests == [address], f"requests: {page.requests}"
    assert not page.complaints, f"the browser says {page.complaints}"


@pytest.mark.parametrize(
    ("width", "scheme"), telling(sampled([*VIEWS, (1000, "light"), (1100, "light")]), 4)
)
def test_nothing_sticks_out_at_the_side(visit, width, scheme):
    page = visit(width, scheme)
    for details in page.locator("summary").all():
        details.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls"
    cut = page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter((each) => {
          const box = each.getBoundingClientRect();
          return box.width && box.right > innerWidth + 1
            && !each.closest(".scroll, pre, .sr, .tensor-map, svg") && !each.matches(".sr");
        }).map((each) => each.outerHTML.slice(0, 120))"""
    )
    assert not cut, f"sticks out: {cut[:3]}"


@pytest.mark.parametrize("width", telling(sampled([375, 820, 1000, 1100, 1160, 1280])))
def test_all_verdicts_are_seen_without_scrolling_sideways(visit, width):
    wide, seen = visit(width).evaluate(
        """() => {
          const frame = document.querySelector(".results").parentElement;
          return [frame.scrollWidth, frame.clientWidth];
        }"""
    )
    assert wide <= seen, f"of {wide} pixels {seen} are seen"


@pytest.mark.parametrize("width", [375, 820, 1280])
def test_labels_in_the_pictures_do_not_run_into_one_another(visit, width):
    page = visit(width)
    clashes = page.evaluate(
        """() => [...document.querySelectorAll("figure svg")].flatMap((svg) => {
          const texts = [...svg.querySelectorAll("text")].filter((t) => t.textContent.trim());
          const boxes = texts.map((t) => [t.textContent.trim(), t.getBoundingClientRect()]);
          const frame = svg.getBoundingClientRect();
          const out = boxes.filter(([_, b]) => b.left < frame.left - 2 || b.right > frame.right + 2)
            .map(([t]) => t + " leaves its picture");
          boxes.forEach(([one, a], i) => boxes.slice(i + 1).forEach(([two, b]) => {
            const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (wide > 2 && high > 4) out.push(one + " / " + two);
          }));
          return out;
        })"""
    )
    assert not clashes, f"overlap: {clashes[:5]}"


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1280, "light"),
        *(pytest.param(*view, marks=SLOW) for view in ((1280, "dark"), (375, "light"))),
    ],
)
def test_axe_finds_no_serious_violation(visit, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(width, scheme)
    found = Axe().run(page).response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    told = [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in serious]
    assert not serious, "\n".join(told)


def test_filtering_the_catalogue_shows_what_fits_and_counts_it(visit, stored):
    page = visit()
    rows = page.locator(".bugs tbody tr")
    total = len(stored.data["bugs"])
    assert rows.count() == total, f"{rows.count()} rows for {total} bugs"
    word = stored.data["bugs"][0]["slug"]
    page.get_by_label("Show").fill(word)
    shown = [row for row in rows.all() if row.is_visible()]
    assert len(shown) == 1, f"{len(shown)} rows for {word!r}"
    assert page.locator("#bug-count").inner_text() == f"1 of {total} bugs"
    page.get_by_label("Show").fill("")
    page.get_by_label("where").select_option("update")
    sites = {row.get_attribute("data-site") for row in rows.all() if row.is_visible()}
    assert sites == {"update"}, f"shows {sites}"


def test_the_copy_button_copies_the_script(visit, one):
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel = page.locator("[data-panel=tanh_student]")
    panel.get_by_text("Run it yourself").click()
    panel.get_by_role("button", name="Copy").click()
    said = panel.locator(".copy-said")
    said.wait_for()
    assert said.inner_text() == "Copied.", said.inner_text()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == panel.locator("pre").inner_text(), "something else was copied"
    assert copied.startswith("# The smallest network"), copied[:100]


def test_pointing_at_a_cell_shows_its_values(visit):
    page = visit()
    maps = page.locator(".maps").first
    before = maps.locator(".readout").inner_text()
    assert before.startswith("The worst entry is"), before
    cell = maps.locator("td:not(.worst)").first
    cell.hover()
    assert maps.locator(".readout").inner_text() == cell.get_attribute("aria-label") + "."
    page.mouse.move(5, 5)
    assert maps.locator(".readout").inner_text() == before, "the worst entry does not come back"


def test_the_cells_are_reached_by_keyboard(visit):
    page = visit()
    table = page.locator("table.heat").first
    first = table.locator('td[tabindex="0"]')
    first.focus()
    start = page.evaluate("document.activeElement.getAttribute('aria-label')")
    readout = page.locator(".readout").first.inner_text()
    assert readout == f"{start}.", f"focus on {start} shows {readout}"
    moved = set()
    for key in ("ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
        moved.add(page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert len(moved | {start}) > 1, "the arrow keys do not move the focus"
    assert table.locator('td[tabindex="0"]').count() == 1, "more than one stop of the tab key"


def test_everything_to_press_is_reached_by_the_tab_key(visit):
    page = visit()
    wanted = {"A", "BUTTON", "INPUT", "SELECT", "SUMMARY", "TD"}
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName"))
    assert wanted <= reached, f"never reached: {sorted(wanted - reached)}"


def test_without_scripts_all_of_it_is_there_to_read(visit):
    page = visit(java_script_enabled=False)
    assert page.get_by_role("heading", level=1).is_visible(), "no answer"
    assert page.locator(".readout").first.is_visible(), "no worst entry"
    assert not page.locator("button.copy").first.is_visible(), "a button that does nothing"


def test_in_print_nothing_is_hidden_in_a_box_that_scrolls(visit):
    page = visit()
    page.emulate_media(media="print")
    hidden = page.evaluate(
        """() => [...document.querySelectorAll(".scroll")].filter(
          (each) => each.scrollHeight > each.clientHeight + 1
        ).length"""
    )
    assert not hidden, f"{hidden} boxes are cut off in print"


@pytest.mark.parametrize("name", ["script", "attribute", "right_to_left", "ansi", "long"])
def test_hostile_names_run_nothing_and_break_nothing(visit, stored, tmp_path, name):
    path = tmp_path / "hostile.html"
    path.write_text(
        html.render(hostile(stored, HOSTILE[name])), encoding="utf-8", errors="backslashreplace"
    )
    page = visit(375, where=path.as_uri())
    assert not page.complaints, f"the browser says {page.complaints}"
    assert page.requests == [path.as_uri()], f"requests: {page.requests}"
    assert page.evaluate("document.documentElement.scrollWidth") <= 375, "the page scrolls"
    shown = page.locator(".results tbody th").first.inner_text()
    assert not re.search(r"[\x00-\x08\x1b\u202a-\u202e\u2066-\u2069]", shown), repr(shown[:80])


def test_the_policy_of_the_page_forbids_any_other_script(visit):
    page = visit()
    page.complaints.clear()
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.body.append(script);
        }"""
    )
    assert page.evaluate("window.ran") is None, "a script that is not the page's own ran"
