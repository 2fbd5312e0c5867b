"""The page in Chromium, from the disk: it sorts, filters, draws, links, and runs nothing of anybody's."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_records import make_run, make_study
from recipelab.figures.chart import Axis, Chart, Dimension, Figure, Line, Panel, Parallel, Points
from recipelab.reports.gathering import gather
from recipelab.reports.material import OneRun, StudyMaterial
from recipelab.reports.page import html
from recipelab.reports.story import Drawers, report_of

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium")]

BAD = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
ARMS = {"plain": [0.80, 0.81], "warm-up": [0.90, 0.92], BAD: [0.7, 0.71], "x": [0.5, 0.5], "y": [1, 1], "z": [0, 0.1]}


def of_run(run: OneRun) -> list[Figure]:
    rows = run.rows
    line = Line([row["epoch"] for row in rows], [row["val_raw_accuracy"] for row in rows], run.name)
    return [Chart("curves", run.name, [Panel(Axis("epoch"), Axis("accuracy (%)", percent=True), [line])])]


def of_study(study: StudyMaterial) -> list[Figure]:
    readings = study.readings
    dots = Points(
        [float(i) for i in range(len(readings))],
        [one.value for one in readings],
        BAD,
        texts=[f"{one.arm} seed {one.seed}" for one in readings],
        runs=[one.run.name for one in readings],
    )
    chart = Chart("dots", BAD, [Panel(Axis("number"), Axis(BAD), [dots])], "all runs")
    values = Dimension(Axis(BAD), [one.value for one in readings])
    return [chart, Parallel("parallel", BAD, [Dimension(Axis("seed"), [one.seed for one in readings])], values)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Without WebGL, as Chromium often is where nobody looks at it."""
    with sync_api.sync_playwright() as playwright:
        words = ["--no-sandbox", "--disable-3d-apis"]
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=words)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("page")
    folder = make_study(root / "study", ARMS, question=BAD)
    make_run(folder / "runs" / "spare", model=BAD)
    (root / "report.html").write_text(
        html(report_of(gather([folder]), Drawers(of_study, lambda _: (), lambda _: (), of_run, lambda _: ())))
    )
    return (root / "report.html").as_uri()


@pytest.fixture(scope="module")
def opened(browser: Any) -> Iterator[tuple[Any, list[str]]]:
    """One page for all tests, and what it has complained of, asked or fetched."""
    complaints: list[str] = []
    page = browser.new_page()
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else complaints.append(r.url))
    yield page, complaints
    page.close()


@pytest.fixture
def visit(opened: tuple[Any, list[str]], address: str) -> Iterator[Callable[..., Any]]:
    """Open the page anew: visit(anchor, width=1200, **media); afterwards there may be no complaint."""
    page, complaints = opened

    def open_page(anchor: str = "", width: int = 1200, **media: Any) -> Any:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(**{"color_scheme": "light", "media": "screen", **media})
        page.goto("about:blank")  # from an anchor to another one of the same page is no visit
        page.goto(address + anchor)
        return page

    yield open_page
    page.evaluate("localStorage.clear()")
    assert complaints == []


def shown(page: Any, table: str) -> list[str]:
    return [text for text in page.locator(f"#{table} tbody tr:visible th").all_inner_texts()]


def test_a_heading_sorts_by_value_up_and_down_with_mouse_and_keyboard(visit: Callable[..., Any]):
    page = visit()
    heading = page.locator("#t-study_1_arms-table thead th", has_text="test accuracy")
    heading.locator("button").click()
    assert shown(page, "t-study_1_arms-table") == ["z", "x", BAD, "plain", "warm-up", "y"]
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert shown(page, "t-study_1_arms-table") == ["y", "warm-up", "plain", BAD, "x", "z"]
    assert heading.get_attribute("aria-sort") == "descending"
    page.locator("#t-study_1_arms-table thead th", has_text="p (Holm)").locator("button").click()
    assert shown(page, "t-study_1_arms-table")[-1] == "plain"  # the baseline has no p: last


def test_a_filter_keeps_the_rows_with_all_its_words(visit: Callable[..., Any]):
    page = visit()
    page.get_by_label("Filter").first.fill("better 0.9")
    assert shown(page, "t-study_1_arms-table") == []
    page.get_by_label("Filter").first.fill("WARM better")
    assert shown(page, "t-study_1_arms-table") == ["warm-up"]
    assert page.locator(".filter .count").first.inner_text() == "1 of 6 rows"


def test_a_number_leads_to_its_result_and_that_to_its_run(visit: Callable[..., Any]):
    page = visit()
    row = page.locator("#t-study_1_arms-table tbody tr", has_text="warm-up")
    row.get_by_role("link", name="91.00").click()
    result = page.locator("tr.target")
    assert result.locator("th").inner_text() == "warm-up"
    result.get_by_role("link", name="92.00").click()
    card = page.locator("details[open].run")
    assert card.locator("summary h3").inner_text() == "runs/1-1"
    assert "recipelab train --config" in card.inner_text()
    assert "a" * 64 in card.inner_text()
    card.locator(".plot .main-svg").first.wait_for()  # drawn when it is seen


def test_a_figure_says_its_values_and_a_dot_leads_to_its_run(visit: Callable[..., Any]):
    page = visit("#study-1-figures")
    plot = page.locator("section .plot").first
    dot = plot.locator(".scatterlayer .point").nth(3)
    dot.wait_for()
    dot.hover(force=True)
    label = plot.locator(".hoverlayer .hovertext")
    label.wait_for()
    assert "warm-up seed 1" in label.text_content()
    assert "<img src=x" in plot.text_content()  # a name with markup is shown as it is
    box = dot.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**#run-4")
    assert page.locator("details[open].run summary h3").inner_text() == "runs/1-1"


def ground(page: Any) -> list[int]:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return [int(part) for part in colour[4:-1].split(",")]


def test_dark_follows_the_system_and_the_switch(visit: Callable[..., Any]):
    page = visit("#study-1-figures", color_scheme="dark")
    assert max(ground(page)) < 60
    text = page.locator(".plot .xtitle").first
    text.wait_for()
    assert "rgb(232, 234, 237)" in text.evaluate("node => getComputedStyle(node).fill")
    page.get_by_role("button", name="Light").click()
    assert min(ground(page)) > 240
    page.wait_for_function("getComputedStyle(document.querySelector('.plot .xtitle')).fill === 'rgb(26, 26, 26)'")
    page.reload()
    assert min(ground(page)) > 240  # remembered


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_only_tables_scroll_sideways(visit: Callable[..., Any], width: int):
    page = visit("#run-1", width=width)
    page.locator(".plot .main-svg").first.wait_for()
    for card in page.locator("details.run").all()[:3]:
        card.evaluate("node => node.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_first_tab_skips_to_the_results(visit: Callable[..., Any]):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")


PRINTED = """
window.printed = {};
for (const moment of ["beforeprint", "afterprint"]) addEventListener(moment, () => {
  printed[moment] = plots.map((plot) => [plot.checkVisibility(), plot.querySelector(".main-svg")?.clientWidth,
    plot.querySelector(".xtitle") && getComputedStyle(plot.querySelector(".xtitle")).fill]);
})"""


def test_what_is_printed_at_once_has_all_figures_of_what_is_open_on_white(visit: Callable[..., Any]):
    page = visit("#run-2", color_scheme="dark")
    page.evaluate(PRINTED)
    page.pdf()  # as Ctrl-P does: nothing has been scrolled to
    dots, parallel, first, second, third, *_ = page.evaluate("printed.beforeprint")
    assert dots == second == [True, 1000, "rgb(26, 26, 26)"]
    assert first == third == [False, None, None]
    assert parallel[:2] == [True, 1000]
    seen = page.locator("details[open].run .plot .xtitle").first
    seen.wait_for()  # what is in sight is drawn again
    assert page.evaluate("plots[3].querySelector('.main-svg').clientWidth") < 1200
    assert "rgb(232, 234, 237)" in seen.evaluate("node => getComputedStyle(node).fill")


def test_paper_is_white_has_no_controls_and_a_line_of_a_closed_run(visit: Callable[..., Any]):
    page = visit(color_scheme="dark", width=718)
    page.get_by_role("button", name="Light").click()
    page.get_by_role("button", name="Dark").click()
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert ground(page) == [255, 255, 255]
    assert not page.locator(".filter").first.is_visible()
    assert not page.get_by_role("button", name="Print", exact=True).is_visible()
    assert page.locator("details.run summary").first.is_visible()
    assert not page.locator("details.run dl").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 718  # A4 with margins of 1 cm


def test_the_button_prints(visit: Callable[..., Any]):
    page = visit()
    page.evaluate("window.print = () => { window.asked = true; }")
    page.get_by_role("button", name="Print", exact=True).click()
    assert page.evaluate("asked")


def test_what_is_packed_is_unpacked_to_the_byte(visit: Callable[..., Any]):
    noise = np.random.default_rng(0)
    texts = [b"", b"a", b"abc" * 30_000, bytes(range(256)) * 300, noise.bytes(100_000)]
    texts += [noise.integers(0, 7, 200_000, dtype=np.uint8).tobytes(), html.__doc__.encode() * 3]  # type: ignore[union-attr]
    packed = [gzip.compress(text, level) for text in texts for level in (0, 1, 6, 9)]
    page = visit()
    same = """([packed, texts]) => {
      const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      return packed.map((one, index) => {
        const found = inflate(bytes(one)), wanted = bytes(texts[index >> 2]);
        return found.length === wanted.length && found.every((value, at) => value === wanted[at]);
      });
    }"""
    as_text = [[base64.b64encode(one).decode() for one in some] for some in (packed, texts)]
    assert page.evaluate(same, as_text) == [True] * len(packed)
    cut = base64.b64encode(packed[-1][:20] + packed[-1][-4:]).decode()
    with pytest.raises(sync_api.Error, match="packed data are"):
        page.evaluate("(text) => inflate(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)))", cut)
