"""The benchmarks run, on little data, and say what they measured. What they measure is not judged here."""

from __future__ import annotations

import importlib
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

# torch warns where its two workers share a core, as they do in a test process that has one.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmarks are scripts that import one another by name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for script in FOLDER.glob("*.py"):  # folders of tests have some of their names, and may stand among the modules
        if getattr(sys.modules.get(script.stem), "__file__", None) != str(script):
            monkeypatch.delitem(sys.modules, script.stem, raising=False)


def load(name: str) -> ModuleType:
    return importlib.import_module(name)


def test_training_and_overhead_report_every_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = load("all")
    monkeypatch.setattr(everything, "ARGUMENTS", dict.fromkeys(everything.ARGUMENTS, ["trainer.threads=1"]))
    file = tmp_path / "figures.json"
    everything.main(["--quick", "--only", "training", "overhead", "--json", str(file)], alone=everything.run)
    found = json.loads(file.read_text())
    training, overhead = found["reports"]
    for report in (training, overhead):
        assert all(math.isfinite(value) for figure in report["figures"] for value in figure["values"])
    ratio, limit, ours, *_ = training["figures"]
    assert ratio["goal"] == 0.95
    assert len(ratio["values"]) == 2
    assert ratio["values"] == [pytest.approx(a / b) for a, b in zip(ours["values"], limit["values"], strict=True)]
    difference, bare, loop, *_ = overhead["figures"]
    assert (difference["goal"], difference["at_most"]) == (60, True)
    assert difference["values"] == [pytest.approx(a - b) for a, b in zip(loop["values"], bare["values"], strict=True)]
    last = capsys.readouterr().out.split("\n\n")[-1]
    assert "training phase / model alone" in last
    assert "loop overhead" in last
    assert "bare PyTorch loop" not in last, "parts of a figure stay out of the last table"


def test_averages_are_evaluated_and_overrides_reach_the_recipe() -> None:
    report = load("training").main(["--quick", "--averaging", "ema", "trainer.threads=1", "augment=none"])
    assert "NoAugment, 2 views" in report.settings
    assert report.settings.endswith("1 threads")
    assert len(report.figures[3].values) == 4, "two rounds of two views"


def test_updates_are_compared_with_the_step_before_them() -> None:
    averaging = load("averaging")
    figures = averaging.compare("resnet20", 1, 2)
    ratio, *_, step = figures
    update = next(figure for figure in figures if figure.name == "  bank" and figure.unit == "us an update")
    assert ratio.values == [pytest.approx(1e-6 * update.median / (1e-3 * step.median))]
    assert (ratio.goal, ratio.at_most) == (0.003, True)
    megabytes = {figure.name: figure.median for figure in figures if figure.unit == "MB"}
    assert megabytes["  bank with the epoch's mean"] / megabytes["  bank"] == pytest.approx(8 / 7, rel=0.01)


def test_training_takes_a_folder_of_images(tmp_path: Path) -> None:
    from PIL import Image

    for part, count in (("train", 60), ("test", 2)):
        for label in ("cat", "dog"):
            (tmp_path / part / label).mkdir(parents=True)
            for index in range(count):
                Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / part / label / f"{index}.png")
    report = load("training").main(
        ["--quick", "--root", str(tmp_path), f"data.cache={tmp_path / 'cache'}", "trainer.threads=1"]
    )
    assert report.figures[0].median > 0


def test_both_loops_of_overhead_learn_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare loop that skipped some of the work would flatter nobody: its row must show a training like ours."""
    overhead = load("overhead")
    rows: list[tuple[float, float]] = []
    train = overhead.Bare._train
    monkeypatch.setattr(overhead.Bare, "_train", lambda self: rows.append(train(self)) or rows[-1])
    written: list[dict[str, float]] = []
    row = load("harness").Between.row
    monkeypatch.setattr(load("harness").Between, "row", lambda self, found: written.append(found) or row(self, found))
    overhead.measure(4, 20, ["trainer.threads=1"])
    assert len(rows) == len(written) == 6
    for (loss, accuracy), ours in zip(rows, written, strict=True):
        assert loss == pytest.approx(ours["train_loss"], rel=0.1)
        assert accuracy == pytest.approx(ours["train_accuracy"], abs=0.06)


def test_startup_reports_help_first_row_and_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    startup = load("startup")
    monkeypatch.setattr(startup, "seconds", lambda words: 0.6 if words[-1] == "--help" else 3.0)
    monkeypatch.setattr(startup, "first_row", lambda: 9.0)
    monkeypatch.setattr(startup, "imports", lambda: dict.fromkeys(startup.STAGES, 1.0))
    figures = startup.main(["--quick"]).figures
    assert figures[0].met is False
    assert figures[1].median == 9.0
    assert figures[-1].median == 9.0 - len(startup.STAGES)


def test_stages_of_startup_are_what_a_run_takes() -> None:
    for statement in load("startup").STAGES.values():
        exec(statement)
    assert "recipelab.commands.train" in sys.modules


def test_the_first_row_is_waited_for(tmp_path: Path) -> None:
    startup = load("startup")
    file = tmp_path / "metrics.csv"
    words = [sys.executable, "-S", "-c", f"import time; time.sleep(0.1); open({str(file)!r}, 'w')"]
    assert 0.1 <= startup.seconds_until(words, file.exists) < 30
    with pytest.raises(SystemExit, match="no such recipe"):
        startup.seconds_until([sys.executable, "-S", "-c", "raise ValueError('no such recipe')"], lambda: False)


@pytest.mark.slow
def test_startup_runs() -> None:
    figures = load("startup").main(["--quick"]).figures
    assert all(figure.median > 0 for figure in figures[:-1])


# DataLoader forks its workers, of which Python 3.12 warns where torch has threads.
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_loader_becomes_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    everything, loader = load("all"), load("loader")
    monkeypatch.setattr(loader, "WARM_UP", 1)
    rates = loader.measure(1, 2, 1, [1])
    report = everything.loader_report(rates, loader.label(1), loader.GOAL)
    peer = max(rates["PIL"][0], rates["v2"][0])
    assert report.figures[0].values == [pytest.approx(rates[loader.label(1)][0] / peer)]
    assert everything.headlines(report) == report.figures[:1]


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_augmentation_is_compared_within_a_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    augment = load("augment")
    monkeypatch.setattr(augment, "WARM_UP", 1)
    monkeypatch.setattr(augment, "kornia_pipeline", lambda *given: None)
    ratio, ours, pil, v2 = augment.compare("RandAugment and erasing", 8, 4, 2, 2)
    best = max((pil, v2), key=lambda figure: figure.median)
    assert ratio.values == [pytest.approx(a / b) for a, b in zip(ours.values, best.values, strict=True)]
    assert (len(ratio.values), ratio.goal) == (2, 5)
    assert all(figure.median > 0 for figure in augment.mixing(1))


def test_a_figure_is_its_median_against_its_goal() -> None:
    figure = load("timing").Figure
    assert figure("speed", [1.0, 0.9, 5.0], "x", 1.0).met is True
    assert figure("wait", [1.0, 0.9, 5.0], "x", 0.95, at_most=True).met is False
    assert figure("speed", [1.0]).met is None
    assert figure("speed", [1234.5, 0.5, 2000.0], "img/s", 2000).cells() == (
        "speed",
        "1,234 img/s",
        "(0.500 to 2,000)",
        ">= 2,000: MISSED",
    )


def test_models_are_compared_round_by_round() -> None:
    models = load("models")
    ratio, upper, lower, ours, theirs = models.compare("resnet18", rounds=3, steps=1, batch=2)
    assert ratio.values == [pytest.approx(a / b) for a, b in zip(ours.values, theirs.values, strict=True)]
    assert lower.median < sum(ratio.values) / 3 < upper.median
    same = models.theirs("resnet18")
    assert sum(p.numel() for p in same.parameters()) == 11_173_962


def test_slots_are_compared_with_the_step_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    slots = load("slots")
    kept = ("mix that mixes no batch", "sam in no step", "freeze that is thawed")
    monkeypatch.setattr(slots, "NEUTRAL", {name: slots.NEUTRAL[name] for name in kept})
    report = slots.main(["--quick", "trainer.threads=1"])
    names = [figure.name for figure in report.figures if figure.goal == slots.GOAL_US]
    assert names == [f"{name} / plain" for name in ("the same again", *kept)]
    ratios = [figure for figure in report.figures if figure.goal == slots.GOAL_SAM]
    assert [len(figure.values) for figure in ratios] == [2, 2]
    assert all(figure.median > 1 for figure in ratios), "two passes take longer than one"


def test_a_setting_that_changes_nothing_trains_to_the_same_bits() -> None:
    """Else what is measured would be another training."""
    slots = load("slots")
    base = (*slots.DATA, "data.train=400", "data.test=20", "model=tiny", "trainer.batch_size=32", "trainer.threads=1")
    recipes = {"plain": (*base, *slots.PLAIN)}
    recipes |= {name: (*base, *slots.PLAIN, *more) for name, more in slots.NEUTRAL.items()}
    with slots.turns(recipes) as contestants:
        for turn in contestants.values():
            turn.seconds(6)
        plain, *others = ([p.detach() for p in turn.step.model.parameters()] for turn in contestants.values())
    for name, found in zip(slots.NEUTRAL, others, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(plain, found, strict=True)), name


@pytest.mark.slow
def test_a_studys_cost_is_that_of_its_command_less_that_of_its_training() -> None:
    report = load("study").main(["--quick"])
    figures = {figure.name.strip(): figure for figure in report.figures}
    share, cost, alone = (
        figures[name].values[0] for name in ("own cost, study of 1 / its trainings", "in seconds", "recipelab train")
    )
    assert share == pytest.approx(cost / alone)
    assert figures["a run of one step, warm start"].median < figures["cold start"].median
    assert all(math.isfinite(value) for figure in report.figures for value in figure.values)


def test_the_report_page_is_written_and_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    page = load("report_page")
    monkeypatch.setattr(page, "opened", lambda address, visits: [0.5] * visits if address.startswith("file:") else [])
    report = page.main(["--quick"])
    assert report.figures[0].values == [0.5, 0.5]
    assert (report.figures[0].goal, report.figures[0].at_most) == (2.0, True)
    assert all(figure.median > 0 for figure in report.figures)
    assert load("all").headlines(report) == report.figures[:1]


def test_without_a_browser_the_report_page_is_not_opened_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = load("report_page")
    monkeypatch.setattr(page, "CHROMIUM", tmp_path / "none")
    assert page.opened("file:///none.html", 2) == []
    monkeypatch.setattr(page, "report", lambda place, output: Path(place, "study.yaml"))
    report = page.main(["--quick"])
    assert [figure.name for figure in report.figures] == ["  written, with tables and pictures", "  its page"]
    assert "not opened" in report.notes[0]


@pytest.mark.browser
def test_a_page_is_opened_as_often_as_is_asked(tmp_path: Path) -> None:
    pytest.importorskip("playwright.sync_api")
    page = load("report_page")
    if not page.CHROMIUM.exists():
        pytest.skip("there is no Chromium")
    (tmp_path / "page.html").write_text("<title>a page</title>")
    assert all(0 < seconds < 60 for seconds in page.opened((tmp_path / "page.html").as_uri(), 2))
