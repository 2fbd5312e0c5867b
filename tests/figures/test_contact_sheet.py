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


def test_a_long_title_takes_more_lines_and_stays_on_the_sheet(tmp_path):
    low = sheet(tmp_path / "a.png", (8, 8), 1, draws=1, title="a")[2]
    tall = sheet(tmp_path / "b.png", (8, 8), 1, draws=1, title="a" * 60)[2]
    assert tall.shape[1] == low.shape[1]
    assert tall.shape[0] > low.shape[0]
    ink = (tall < 100).all(-1)
    assert ink[:50].any()
    assert not ink[:50, -10:].any()


def test_captions_stand_under_their_tiles(tmp_path):
    """Ink below the one draw that has a caption, and below no other."""
    originals, drawn = np.full((2, 8, 8, 1), 255, np.uint8), np.full((2, 3, 8, 8, 1), 255, np.uint8)
    captions = [""] * 4 + ["Rotate 9, Equalize"] + [""]
    contact_sheet(originals, drawn, tmp_path / "sheet.png", "a", captions)
    with Image.open(tmp_path / "sheet.png") as image:
        page = np.asarray(image.convert("L"))
    white = np.argwhere(page == 255)
    left = white[:, 1].min()
    middle = left + 96 + 22 + 96 + 6  # the second draw's left edge
    ink = page < 100
    rows = np.flatnonzero(page[:, left] == 255)
    bottom = rows.max() + 1
    assert ink[bottom : bottom + 20, middle : middle + 96].any()
    assert not ink[bottom : bottom + 20, : middle - 4].any()
    assert not ink[bottom : bottom + 20, middle + 100 :].any()


def test_a_caption_too_long_for_its_tile_is_cut_short(tmp_path):
    short, long = ("one two", "word " * 60)
    for name, text in (("a", short), ("b", long)):
        images = np.zeros((1, 8, 8, 1), np.uint8)
        contact_sheet(images, images[:, None], tmp_path / name, "t", [text])
    with Image.open(tmp_path / "a") as low, Image.open(tmp_path / "b") as tall:
        assert 0 < tall.height - low.height <= 3 * 9
        assert tall.width == low.width


def test_draws_of_another_size_share_the_page(tmp_path):
    rng = np.random.default_rng(0)
    originals = rng.integers(256, size=(1, 20, 24, 3), dtype=np.uint8)
    drawn = rng.integers(256, size=(1, 1, 50, 50, 3), dtype=np.uint8)
    contact_sheet(originals, drawn, tmp_path / "sheet.png", "a")
    with Image.open(tmp_path / "sheet.png") as image:
        page = np.asarray(image.convert("RGB"))
    for tile in (originals[0], drawn[0, 0]):
        assert len(places(page, tile.repeat(2, 0).repeat(2, 1))) == 1


def test_nothing_but_the_sheet_is_left(tmp_path):
    sheet(tmp_path / "sheet.png", (8, 8), 1)
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
