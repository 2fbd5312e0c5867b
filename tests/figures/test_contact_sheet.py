"""The contact sheet holds every stored pixel, enlarged by a whole factor."""

import numpy as np
import pytest
from PIL import Image

from recipelab.figures.contact_sheet import contact_sheet


def sheet(path, size, channels, count=2, draws=3, title="digits, augment=shift"):
    rng = np.random.default_rng(0)
    originals = rng.integers(256, size=(count, *size, channels), dtype=np.uint8)
    drawn = rng.integers(256, size=(count, draws, *size, channels), dtype=np.uint8)
    contact_sheet(originals, drawn, path, title)
    with Image.open(path) as image:
        return originals, drawn, np.asarray(image.convert("RGB"))


def places(page, tile):
    """Where `tile` (H, W, 3) is found on the page, pixel for pixel: (top, left) pairs."""
    height, width, _ = tile.shape
    corners = np.argwhere((page[: -height + 1, : -width + 1] == tile[0, 0]).all(-1))
    return [(y, x) for y, x in corners if np.array_equal(page[y : y + height, x : x + width], tile)]


@pytest.mark.parametrize(("size", "scale"), [((8, 8), 12), ((32, 32), 3), ((20, 40), 3), ((120, 100), 1)])
def test_every_tile_is_there_in_its_place(tmp_path, size, scale):
    originals, drawn, page = sheet(tmp_path / "sheet.png", size, 3)
    lefts, tops = set(), set()
    for row in range(2):
        tiles = [originals[row], *drawn[row]]
        found = [places(page, tile.repeat(scale, 0).repeat(scale, 1)) for tile in tiles]
        assert [len(spots) for spots in found] == [1] * 4
        assert len({spots[0][0] for spots in found}) == 1
        assert sorted(spots[0][1] for spots in found) == [spots[0][1] for spots in found]
        lefts.add(tuple(spots[0][1] for spots in found))
        tops.add(found[0][0][0])
    assert len(lefts) == 1
    assert len(tops) == 2


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_other_channels_are_shown_in_grey(tmp_path, channels):
    originals, _, page = sheet(tmp_path / "sheet.png", (8, 8), channels)
    grey = originals[0].mean(-1).round().astype(np.uint8)
    tile = np.stack([grey] * 3, axis=-1).repeat(12, 0).repeat(12, 1)
    assert len(places(page, tile)) == 1


def test_a_long_title_widens_the_sheet(tmp_path):
    narrow = sheet(tmp_path / "a.png", (8, 8), 1, draws=1, title="a")[2]
    wide = sheet(tmp_path / "b.png", (8, 8), 1, draws=1, title="a" * 60)[2]
    assert wide.shape[1] > narrow.shape[1]
    ink = (wide < 100).all(-1)
    assert ink[:50].any()
    assert not ink[:50, -10:].any()


def test_nothing_but_the_sheet_is_left(tmp_path):
    sheet(tmp_path / "sheet.png", (8, 8), 1)
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
