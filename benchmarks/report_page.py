"""Size and opening time of the report of 100 runs, in Chromium: python benchmarks/report_page.py

Made-up records: 20 arms of 5 seeds, 200 epochs, six views each. Opened: from the navigation to the load event and the
first frame after it; the best and the median of 5 visits.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from made_records import make_study
from recipelab.commands.report import report

VIEWS = ("raw", "ema_0.9", "ema_0.99", "ema_0.999", "ema_0.9995", "ema_0.9997")
FRAME = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"


def main() -> None:
    rng = np.random.default_rng(0)
    values = {f"arm {i}": list(0.7 + 0.01 * i + rng.normal(0, 0.003, 5)) for i in range(20)}
    with tempfile.TemporaryDirectory() as root:
        folder = make_study(Path(root) / "study", values, views=VIEWS, epochs=200)
        start = time.perf_counter()
        page = report(str(folder), output=f"{root}/out")
        print(f"written in {time.perf_counter() - start:.1f} s; page {page.stat().st_size / 1e6:.2f} MB")
        times = opened(page.resolve().as_uri())
        print(f"opened in {min(times):.2f} s at best, {statistics.median(times):.2f} s in the median of {len(times)}")


def opened(address: str) -> list[float]:
    """Seconds from the navigation to the first frame after load, of 5 visits."""
    from playwright.sync_api import sync_playwright

    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for _ in range(5):
            page = browser.new_context().new_page()
            page.goto(address)
            times.append(page.evaluate(FRAME) / 1000)
        browser.close()
    return times


if __name__ == "__main__":
    main()
