"""Live figures whose words are long, in Chromium: on a wide page and on a phone none lies on another, or is cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import crowded
from recipelab.figures.chart import Chart
from recipelab.reports.page import html
from recipelab.reports.parts import Drawing, Report, Section

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium")]

CHARTS = [chart for chart in crowded.everything() if isinstance(chart, Chart)]
WORDS = """plot => {
  const frame = plot.getBoundingClientRect();
  const level = (text) => { for (let node = text; node !== plot; node = node.parentElement) {
    const turned = /rotate\\((-?[\\d.]+)/.exec(node.getAttribute("transform") ?? "");
    if (turned && Number(turned[1]) % 90) return false; } return true; };
  return [...plot.querySelectorAll(".main-svg text")].filter((text) => text.textContent.trim() && !text.closest(".hm"))
    .map((text) => { const box = text.getBoundingClientRect(), { left, top } = frame;
      const ends = [box.left - left, box.top - top, box.right - left, box.bottom - top];
      return [text.textContent, level(text), ends, frame.width, frame.height]; });
}"""
EDGE = 2.0  # pixels


@pytest.fixture(scope="module", params=[1000, 375])
def plots(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The page's plots, drawn: name of the chart -> its words."""
    root = tmp_path_factory.mktemp("page")
    drawings = [Drawing(f"{index}_{chart.name}", chart) for index, chart in enumerate(CHARTS)]
    (root / "report.html").write_text(html(Report("t", "", [Section("study-1", "t", drawings=drawings)], [])))
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": request.param, "height": 900})
        page.goto((root / "report.html").as_uri())
        page.evaluate("plots.forEach(draw)")
        yield [plot.evaluate(WORDS) for plot in page.locator("section .plot").all()]
        chromium.close()


@pytest.mark.parametrize("index", range(len(CHARTS)), ids=[chart.name for chart in CHARTS])
def test_all_words_lie_in_the_figure_and_none_on_another(plots: list[Any], index: int):
    words = plots[index]
    assert len(words) > 5
    for text, _, (left, top, right, bottom), width, height in words:
        assert min(left, top, width - right, height - bottom) > -EDGE, text
    for place, (one, level, a, *_) in enumerate(words):
        for other, also, b, *_ in words[:place]:
            shared = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            assert min(shared) <= EDGE or not (level or also), (one, other, shared)
