"""How long one waits for the report of 100 runs: python benchmarks/report_page.py [--quick]

Made-up records: 20 arms of 5 seeds, 200 epochs, six views each. Opened: in Chromium, from the navigation to the first
frame after the load event, a visit a value. Written: the whole report, with tables and pictures. Without Playwright
and a Chromium it is written and not opened.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from timing import Figure, Report, finish, parser

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from made_records import make_study
from recipelab.commands.report import report

CHROMIUM = Path("/usr/bin/chromium")
GOAL = 2.0
VIEWS = ("raw", "ema_0.9", "ema_0.99", "ema_0.999", "ema_0.9995", "ema_0.9997")
FRAME = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"


def measure(arms: int, seeds: int, epochs: int, visits: int) -> Report:
    """Write the report of a study of so many arms, seeds and epochs, and open it so often."""
    rng = np.random.default_rng(0)
    values = {f"arm {i}": list(0.7 + 0.01 * i + rng.normal(0, 0.003, seeds)) for i in range(arms)}
    with tempfile.TemporaryDirectory() as root:
        folder = make_study(Path(root) / "study", values, views=VIEWS, epochs=epochs)
        start = time.perf_counter()
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            page = report(str(folder), output=f"{root}/out")
        written = time.perf_counter() - start
        size = page.stat().st_size / 1e6
        times = opened(page.resolve().as_uri(), visits)
    figures = [Figure(f"report of {arms * seeds} runs, opened", times, "s", GOAL, True)] if times else []
    figures += [Figure("  written, with tables and pictures", [written], "s"), Figure("  its page", [size], "MB")]
    notes = () if times else (f"not opened: there is no Playwright, or no {CHROMIUM}",)
    return Report("report_page", f"{arms} arms of {seeds} seeds, {epochs} epochs, {len(VIEWS)} views", figures, notes)


def opened(address: str, visits: int) -> list[float]:
    """Seconds from the navigation to the first frame after load, of each visit; none without a browser."""
    if not CHROMIUM.exists():
        return []
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return []
    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        for _ in range(visits):
            page = browser.new_context().new_page()
            page.goto(address)
            times.append(page.evaluate(FRAME) / 1000)
            page.close()
        browser.close()
    return times


def main(arguments: list[str] | None = None) -> Report:
    """Measure as the command line says."""
    given = parser(__doc__ or "").parse_args(arguments)
    return finish(measure(2, 1, 3, 2) if given.quick else measure(20, 5, 200, 5), given.json)


if __name__ == "__main__":
    main()
