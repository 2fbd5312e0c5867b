"""The page: one file, no network, and whatever a record is called is text in it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from made_records import make_run, make_search, make_study
from recipelab.figures.chart import Axis, Chart, Figure, Line, Panel, Tile, Tiles
from recipelab.reports.gathering import gather
from recipelab.reports.markdown import escaped, markdown
from recipelab.reports.material import OneRun
from recipelab.reports.page import html
from recipelab.reports.parts import Cell, Column, Report, Table
from recipelab.reports.spreadsheet import write_csv
from recipelab.reports.story import Drawers, report_of

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "=cmd|' /C calc'!A0",
    "{{ 7 * 7 }}{% raw %}",
    "a|b\n# c `d` ![e](http://f) &lt;g>",
)


class Reader(HTMLParser):
    """Elements, their attributes, and the text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.text = ""
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inside.append(tag)
            self.scripts.append("") if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if self.inside[-1:] == ["script"]:
            self.scripts[-1] += data
        elif not self.inside:
            self.text += data


def drawings(run: OneRun) -> list[Figure]:
    lines = [Line([1, 2, 3], [0.1, 0.2, float("nan")], run.name)]
    chart = Chart("curves", run.name, [Panel(Axis("epoch"), Axis(run.name), lines)] * 2, run.name, columns=2)
    return [chart, Tiles("tiles", run.name, [Tile(np.zeros((4, 4, 1), np.uint8), run.name)])]


def nothing(_: object) -> Sequence[Figure]:
    return ()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Report:
    root = tmp_path_factory.mktemp("hostile")
    folder = make_study(root / "study", {name: [0.8, 0.9] for name in HOSTILE}, question=HOSTILE[1], model=HOSTILE[0])
    evaluations = folder / "runs/0-0/evaluations"
    evaluations.mkdir()
    row = {"name": HOSTILE[0], "checkpoint": HOSTILE[1], "view": HOSTILE[2], "metrics": {HOSTILE[1]: 1}}
    (evaluations / "x.json").write_text(json.dumps({"rows": [row], "data": {"name": HOSTILE[0]}}))
    (folder / "runs/0-1/config.yaml").write_text(json.dumps({"seed": 1, "data": {HOSTILE[0]: HOSTILE[1]}, "t": "```"}))
    odd = [HOSTILE[2].replace("/", ""), "<b>=1+1", "[x](javascript:alert(1))"]
    for name in odd:
        make_run(folder / "runs" / name, status="failed", reason=f"{name}\nmore")
    trials = [
        {"accuracy": value, "params": {HOSTILE[0]: HOSTILE[1], HOSTILE[2]: value}, "reason": HOSTILE[1]}
        for value in (0.5, 0.6)
    ]
    failed = {"state": HOSTILE[0], "params": {}, "reason": HOSTILE[2]}
    searched = make_search(root / "search", [*trials, failed], importances={HOSTILE[0]: 1.0})
    return report_of(gather([folder, searched]), Drawers(nothing, nothing, nothing, drawings, nothing))


def test_hostile_names_are_text_and_nothing_else(hostile: Report, tmp_path_factory: pytest.TempPathFactory):
    read = Reader(html(hostile))
    sound = Reader(
        html(
            report_of(
                gather([make_run(tmp_path_factory.mktemp("r") / "r")]),
                Drawers(nothing, nothing, nothing, drawings, nothing),
            )
        )
    )
    ours = {tag for tag, _ in sound.elements} | {"ul", "li", "nav", "wbr"}
    assert {tag for tag, _ in read.elements} <= ours | {"input", "label"}
    assert not [a for _, attrs in read.elements for a in attrs if a.startswith("on")]
    for attribute in ("href", "src"):
        values = [attrs[attribute] or "" for _, attrs in read.elements if attribute in attrs]
        assert all(value.startswith(("#", "data:")) for value in values)
    shown = " ".join(read.text.split())
    for name in HOSTILE:
        assert " ".join(name.split()) in shown


def test_the_policy_names_each_script_that_runs_and_no_network(hostile: Report):
    text = html(hostile)
    read = Reader(text)
    policy = next(attrs["content"] or "" for _, attrs in read.elements if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "http:" not in policy
    assert "https:" not in policy
    assert "unsafe-eval" not in policy
    kinds = [attrs.get("type") for tag, attrs in read.elements if tag == "script"]
    running = [script for kind, script in zip(kinds, read.scripts, strict=True) if kind is None]
    packed = dict(zip([a.get("id") for t, a in read.elements if t == "script"], read.scripts, strict=True))["plotly"]
    running.append(gzip.decompress(base64.b64decode(packed)).decode())
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in running]
    assert re.findall(r"'sha256-([^']+)'", policy) == digests


def test_data_in_scripts_cannot_end_them(hostile: Report):
    read = Reader(html(hostile))
    for (_, attrs), script in zip([e for e in read.elements if e[0] == "script"], read.scripts, strict=True):
        if attrs.get("type") == "application/json":
            assert json.loads(script) == dict(hostile.anchors)
            assert "<" not in script
        elif attrs.get("type") == "application/gzip":
            assert re.fullmatch(r"[A-Za-z0-9+/=]+", script)


def test_ids_are_unique_and_every_link_has_its_target(hostile: Report):
    read = Reader(html(hostile))
    ids = [attrs["id"] for _, attrs in read.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {(attrs["href"] or "")[1:] for tag, attrs in read.elements if tag == "a"}
    assert links <= set(ids)
    named = {attrs[key] for _, attrs in read.elements for key in ("aria-controls", "aria-labelledby") if key in attrs}
    assert named <= set(ids)


def test_the_same_records_give_the_same_page(hostile: Report):
    assert html(hostile) == html(hostile)


def test_markdown_takes_hostile_names_for_text(hostile: Report):
    text = markdown(hostile, ())
    outside = re.sub(r"(?ms)^(`{3,})\w+$.*?^\1$", "", text)  # blocks that their content cannot end
    assert "```" not in outside
    outside = re.sub(r'<a id="[a-z0-9_-]+"></a>', "", outside)  # ours
    assert not re.search(r"(?<!\\)<", outside)
    assert not re.search(r"(?<!\\)\]\((?!#)", outside)
    for one in re.findall(r"(?:^\|.*\n)+", outside, re.MULTILINE):  # a table has as many bars in each of its lines
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in one.splitlines()}) == 1
    assert escaped("a|b\n<c> [d](e)") == r"a\|b \<c\> \[d\](e)"


def test_csv_has_all_digits_and_no_formulas(tmp_path: Path):
    columns = (Column("=name"), Column("x", True, ("low", "high")))
    rows = [
        [Cell("=1+1"), Cell("0.3", (0.1 + 0.2, None))],
        [Cell("a,b\nc"), Cell("", (None, 5))],
        [Cell("@x"), Cell("", (None, -2.5))],
    ]
    write_csv(Table("t", "T", columns, rows), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes().decode() == (
        "'=name,low,high\r\n'=1+1,0.30000000000000004,\r\n\"a,b\nc\",,5\r\n'@x,,-2.5\r\n"
    )
