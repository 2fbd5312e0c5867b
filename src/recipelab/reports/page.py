"""A report as one HTML page that needs nothing else: no network, no other file.

Whatever comes from a record is escaped by the template, or packed where it is data: base64 has no markup. The page's
policy names its scripts by their hashes, so that nothing else runs should a name slip through, and forbids the network.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.metadata
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from PIL import Image

from recipelab.figures.chart import Figure, Tile, Tiles
from recipelab.figures.live import live
from recipelab.figures.live_plan import WIDTHS
from recipelab.reports.parts import Drawing, Report, table_anchor

TEMPLATES = Path(__file__).parent / "templates"
WORDS = ("better", "worse", "equivalent", "unproven", "holds", "fails", "finished", "failed", "interrupted", "running")
PLACEHOLDER = 300  # pixels of a figure that is not drawn yet


@dataclass(frozen=True)
class Packed:
    """A drawing as the page carries it. tiles: of images, as PNG in base64. height: pixels that it will take."""

    name: str
    figure: Figure
    packed: Markup
    height: int = PLACEHOLDER
    tiles: Sequence[dict[str, str]] = field(default_factory=tuple)


def html(report: Report) -> str:
    """The page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["table_anchor"] = table_anchor
    environment.filters["b64"] = lambda content: base64.b64encode(content).decode()
    environment.filters["breakable"] = _breakable
    drawings = [*report.drawings, *(d for card in report.cards for d in card.drawings)]
    packed = {one.name: _pack(one) for one in drawings}
    plots = any(not one.tiles for one in packed.values())
    css, js = _read("page.css"), _read("inflate.js") + _read("page.js")
    return environment.get_template("page.html").render(
        report=report,
        studies=sum(section.anchor.startswith("study") for section in report.sections),
        packed=packed,
        words=WORDS,
        version=importlib.metadata.version("recipelab"),
        css=Markup(css),
        js=Markup(js),
        has_plots=plots,
        plotly=Markup(packed_plotly() if plots else ""),
        policy=_policy([js, *([_plotly()] if plots else [])]),
        anchors=Markup(_json(dict(report.anchors))),
    )


def _breakable(name: str) -> Markup:
    """A path, which may be broken behind each folder."""
    return escape(name).replace("/", Markup("/<wbr>"))


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text("utf-8")


def _policy(scripts: Sequence[str]) -> str:
    """No network; these scripts and no others. Styles may stand in the page, as plotly.js sets its own."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


def _json(value: Any) -> str:
    """JSON that may stand in a script element: what could end it, or begin another, is written as an escape."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _zipped(content: bytes, level: int = 6) -> str:
    return base64.b64encode(gzip.compress(content, level, mtime=0)).decode()


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


@cache
def packed_plotly() -> str:
    """plotly.js, gzip in base64: 2 MB instead of 5."""
    return _zipped(_plotly().encode(), 9)


def _pack(one: Drawing) -> Packed:
    if isinstance(one.figure, Tiles):
        tiles = [{"png": _png(tile), "caption": tile.caption} for tile in one.figure.tiles]
        return Packed(one.name, one.figure, Markup(""), tiles=tiles)
    made = {width: live(one.figure, width) or {} for width in WIDTHS}
    layouts = [[width, figure.get("layout", {})] for width, figure in made.items()]
    content = {"data": made[WIDTHS[0]].get("data", []), "layouts": layouts}
    packed = Markup(_zipped(json.dumps(content, allow_nan=False, separators=(",", ":")).encode()))
    height = made[WIDTHS[0]].get("layout", {}).get("height", PLACEHOLDER)
    return Packed(one.name, one.figure, packed, int(height))


def _png(tile: Tile) -> str:
    pixels = tile.image[..., 0] if tile.image.shape[-1] == 1 else tile.image
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()
