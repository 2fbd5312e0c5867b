"""The page in Chromium, from the disk: it sorts, filters, draws, links, and runs nothing of anybody's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from made_records import make_run, make_study
from recipelab.figures.chart import Axis, Chart, Figure, Line, Panel, Points
from recipelab.reports.material import OneRun, StudyMaterial, gather
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
    return [Chart("dots", BAD, [Panel(Axis("number"), Axis(BAD), [dots])], "all runs")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("page")
    folder = make_study(root / "study", ARMS, question=BAD)
    make_run(folder / "runs" / "spare", model=BAD)
    (root / "report.html").write_text(
        html(report_of(gather([folder]), Drawers(of_study, lambda _: (), lambda _: (), of_run)))
    )
    return (root / "report.html").as_uri()


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open the page: visit(width=1200, **context); afterwards nothing may have complained, asked or been fetched."""
    complaints: list[str] = []
    contexts = []

    def open_page(anchor: str = "", width: int = 1200, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on(
            "request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else complaints.append(r.url)
        )
        page.goto(address + anchor)
        return page

    yield open_page
    for context in contexts:
        context.close()
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


def test_print_has_the_figures_and_no_controls(visit: Callable[..., Any]):
    page = visit()
    page.evaluate(
        "window.print = () => { window.printed = [...document.querySelectorAll('section .plot')]"
        ".filter((plot) => plot.checkVisibility()).every((plot) => plot.querySelector('.main-svg')); }"
    )
    page.get_by_role("button", name="Print", exact=True).click()
    page.wait_for_function("window.printed === true")
    page.emulate_media(media="print")
    assert not page.locator(".filter").first.is_visible()
    assert not page.get_by_role("button", name="Print", exact=True).is_visible()
