import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from recipelab.data import decode
from recipelab.data.decode import decode_files, fit, plain, sample_sizes, upright

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 8), np.uint8)
COLOUR = RNG.integers(0, 256, (6, 8, 3), np.uint8)
ALPHA = RNG.integers(0, 256, (6, 8), np.uint8)


def read(path: Path, channels: int = 3, size: tuple[int, int] = (6, 8)) -> np.ndarray:
    decoded = decode_files([path], size, channels, patient=False)
    assert decoded.failures == {}
    return decoded.images[0]


def grey_to_colour(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def luma(colour: np.ndarray) -> np.ndarray:
    """ITU-R 601 in the fixed-point arithmetic that Pillow documents."""
    return ((colour.astype(int) @ [19595, 38470, 7471] + 0x8000) >> 16).astype(np.uint8)[..., None]


def on_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None] / 255
    return colour * share + 255 * (1 - share)


def test_grey_and_colour_are_kept_bit_by_bit(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    Image.fromarray(COLOUR).save(tmp_path / "colour.png")
    assert np.array_equal(read(tmp_path / "grey.png", 1), GREY[..., None])
    assert np.array_equal(read(tmp_path / "grey.png", 3), grey_to_colour(GREY))
    assert np.array_equal(read(tmp_path / "colour.png", 3), COLOUR)
    assert np.array_equal(read(tmp_path / "colour.png", 1), luma(COLOUR))


@pytest.mark.parametrize("ending", ["png", "webp", "tiff", "tga"])
def test_rgba_lies_on_white(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x.{ending}"
    Image.fromarray(np.dstack([COLOUR, ALPHA])).save(
        path, **({"lossless": True, "exact": True} if ending == "webp" else {})
    )
    assert np.abs(read(path) - on_white(COLOUR, ALPHA)).max() <= 1


def test_grey_with_alpha_lies_on_white(tmp_path: Path) -> None:
    Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)]).save(tmp_path / "x.png")
    wanted = on_white(grey_to_colour(GREY), ALPHA)
    assert np.abs(read(tmp_path / "x.png") - wanted).max() <= 1
    assert np.abs(read(tmp_path / "x.png", 1) - wanted[..., :1]).max() <= 1


@pytest.mark.parametrize("transparency", [None, 1, bytes([255, 0, 128])])
def test_palette_with_and_without_transparency(tmp_path: Path, transparency: Any) -> None:
    rows = np.array([[0, 1, 2, 0]] * 3, np.uint8)
    image = Image.frombytes("P", (4, 3), rows.tobytes())
    image.putpalette([10, 20, 30, 200, 100, 50, 0, 0, 0])
    image.save(tmp_path / "x.png", **({} if transparency is None else {"transparency": transparency}))
    colours = np.array([[10, 20, 30], [200, 100, 50], [0, 0, 0]])
    alphas = {None: [255, 255, 255], 1: [255, 0, 255]}.get(transparency, [255, 0, 128])
    wanted = on_white(colours[rows], np.array(alphas)[rows])
    assert np.abs(read(tmp_path / "x.png", size=(3, 4)) - wanted).max() <= 1


def test_one_transparent_colour(tmp_path: Path) -> None:
    pixels = COLOUR.copy()
    pixels[0, 0] = (1, 2, 3)
    Image.fromarray(pixels).save(tmp_path / "x.png", transparency=(1, 2, 3))
    wanted = pixels.copy()
    wanted[0, 0] = 255
    assert np.array_equal(read(tmp_path / "x.png"), wanted)


@pytest.mark.parametrize("ending", ["png", "tiff", "pgm"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_keep_the_high_byte(tmp_path: Path, ending: str, channels: int) -> None:
    deep = RNG.integers(0, 65536, (6, 8), np.uint16)
    path = tmp_path / f"x.{ending}"
    Image.fromarray(deep).save(path)
    high = (deep >> 8).astype(np.uint8)
    assert np.array_equal(read(path, channels), np.repeat(high[..., None], channels, axis=2))


def test_big_endian_16_bits(tmp_path: Path) -> None:
    deep = RNG.integers(0, 65536, (6, 8), np.uint16)
    header = Image.frombytes("I;16B", (8, 6), deep.astype(">u2").tobytes())
    assert np.array_equal(np.asarray(plain(header, 1)), deep >> 8)


@pytest.mark.parametrize(
    "values", [np.full((6, 8), 0.5, np.float32), np.full((6, 8), 70000, np.int32), np.full((6, 8), -1, np.int32)]
)
def test_pixels_of_unknown_range_are_refused(tmp_path: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(tmp_path / "x.tiff")
    decoded = decode_files([tmp_path / "x.tiff"], (6, 8), 1, patient=True)
    assert "unknown range" in decoded.failures[0]


def test_cmyk_and_one_bit(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 6), (0, 255, 255, 0)).save(tmp_path / "x.tiff")
    assert np.array_equal(read(tmp_path / "x.tiff"), np.broadcast_to(np.array([255, 0, 0], np.uint8), (6, 8, 3)))
    Image.fromarray(GREY > 127).save(tmp_path / "x.png")
    assert np.array_equal(read(tmp_path / "x.png", 1), np.where(GREY > 127, 255, 0)[..., None])


def test_of_several_frames_the_first(tmp_path: Path) -> None:
    frames = [Image.new("L", (8, 6), value) for value in (40, 90)]
    for ending in ("gif", "tiff", "png", "webp"):
        path = tmp_path / f"x.{ending}"
        frames[0].save(
            path, save_all=True, append_images=frames[1:], **({"lossless": True} if ending == "webp" else {})
        )
        assert np.unique(read(path, 1)).tolist() == [40]


TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_exif_orientation(tmp_path: Path, orientation: int, ending: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"x.{ending}"
    Image.fromarray(COLOUR).save(path, exif=exif)
    wanted = TURNS[orientation](COLOUR)
    assert np.array_equal(read(path, size=wanted.shape[:2]), wanted)
    assert sample_sizes([path]) == ({0: wanted.shape[:2]}, {})


def test_exif_orientation_of_a_jpeg_counts_in_its_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOUR).save(tmp_path / "x.jpg", exif=exif)
    assert sample_sizes([tmp_path / "x.jpg"])[0] == {0: (8, 6)}
    assert decode_files([tmp_path / "x.jpg"], (8, 6), 3, patient=False).resized == 0


@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"])
def test_damaged_exif_does_not_matter(tmp_path: Path, exif: bytes) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "x.jpg", exif=exif)
    Image.fromarray(COLOUR).save(tmp_path / "y.jpg")
    assert np.array_equal(read(tmp_path / "x.jpg"), read(tmp_path / "y.jpg"))


def test_an_impossible_orientation_does_not_matter(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    Image.fromarray(COLOUR).save(tmp_path / "x.jpg", exif=exif)
    assert sample_sizes([tmp_path / "x.jpg"])[0] == {0: (6, 8)}


def slow_fit(image: Image.Image, height: int, width: int) -> np.ndarray:
    """The reference: the short side resized, then the centre cropped; exact where all divisions are."""
    scale = max(height / image.height, width / image.width)
    large = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
    top, left = (large.height - height) // 2, (large.width - width) // 2
    return np.asarray(large)[top : top + height, left : left + width]


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((64, 96), (32, 32)),
        ((96, 64), (32, 32)),
        ((64, 64), (32, 16)),
        ((64, 96), (32, 16)),
        ((128, 64), (16, 32)),
        ((16, 24), (32, 32)),
        ((16, 16), (16, 32)),
    ],
)
def test_fit_is_short_side_then_centre_crop(shape: tuple[int, int], size: tuple[int, int]) -> None:
    image = Image.fromarray(RNG.integers(0, 256, (*shape, 3), np.uint8))
    difference = np.asarray(fit(image, size)).astype(int) - slow_fit(image, *size)
    assert np.abs(difference).max() <= 1  # Pillow rounds between its two passes, whose order it chooses by the sizes


@pytest.mark.parametrize("shape", [(33, 47), (1, 500), (500, 1), (3, 3), (1, 1)])
def test_fit_gives_the_size_asked_for(shape: tuple[int, int]) -> None:
    assert fit(Image.fromarray(np.zeros(shape, np.uint8)), (32, 20)).size == (20, 32)


def test_fit_leaves_an_equal_size_alone() -> None:
    image = Image.fromarray(COLOUR)
    assert fit(image, (6, 8)) is image


def test_upright_and_plain_leave_a_plain_image_alone() -> None:
    image = Image.fromarray(COLOUR)
    assert plain(upright(image), 3) is image


def test_resized_images_are_counted(tmp_path: Path) -> None:
    paths = many(tmp_path, 5)
    Image.fromarray(COLOUR[:4, :4]).save(paths[2])
    assert decode_files(paths, (6, 8), 3, patient=False).resized == 1


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_rows_are_in_the_order_of_the_paths_for_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(decode, "CHUNK", 3)
    monkeypatch.setattr(decode, "_threads", lambda paths: threads)
    paths = many(tmp_path, 20)
    images = decode_files(paths, (6, 8), 3, patient=False).images
    assert images.dtype == np.uint8
    assert images[:, 0, 0, 0].tolist() == list(range(20))


def test_small_images_get_one_thread_and_large_ones_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    paths = many(tmp_path, 2)
    assert decode._threads(paths) == 1
    Image.new("L", (200, 200)).save(paths[0])
    assert decode._threads(paths) == 3


def damage(path: Path, kind: str) -> None:
    data = path.read_bytes()
    match kind:
        case "empty":
            path.write_bytes(b"")
        case "truncated":
            path.write_bytes(data[: len(data) // 2])
        case "not an image":
            path.write_bytes(b"hello, I am a text\n" * 10)
        case "missing":
            path.unlink()
        case "folder":
            path.unlink()
            path.mkdir()


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "gif", "bmp", "tiff"])
def test_truncated_files_are_failures(tmp_path: Path, ending: str) -> None:
    Image.fromarray(RNG.integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / f"x.{ending}")
    damage(tmp_path / f"x.{ending}", "truncated")
    assert list(decode_files([tmp_path / f"x.{ending}"], (64, 64), 3, patient=True).failures) == [0]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("empty", "empty"),
        ("truncated", "truncated|broken"),
        ("not an image", "not an image of a known type"),
        ("missing", "No such file"),
        ("folder", "directory"),
    ],
)
def test_failures_say_why_and_leave_the_others_alone(tmp_path: Path, kind: str, words: str) -> None:
    paths = many(tmp_path, 4)
    damage(paths[1], kind)
    decoded = decode_files(paths, (6, 8), 3, patient=True)
    assert list(decoded.failures) == [1]
    assert re.search(words, decoded.failures[1])
    assert str(tmp_path) not in decoded.failures[1]
    assert decoded.images[[0, 2, 3], 0, 0, 0].tolist() == [0, 2, 3]


def test_stops_early_unless_patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "CHUNK", 1)
    paths = many(tmp_path, 200)
    for path in paths:
        damage(path, "empty")
    assert len(decode_files(paths, (6, 8), 3, patient=True).failures) == 200
    assert list(decode_files(paths, (6, 8), 3, patient=False).failures) == [0]


def test_a_decompression_bomb_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("1", (100, 100)).save(tmp_path / "x.png")
    for limit in (6000, 4000):  # Pillow warns from the limit on, and raises from its double on
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        decoded = decode_files([tmp_path / "x.png"], (8, 8), 1, patient=True)
        assert f"more than {limit:,} pixels" in decoded.failures[0]
        assert f"more than {limit:,} pixels" in sample_sizes([tmp_path / "x.png"])[1][0]


def test_a_bomb_in_metadata_is_a_failure(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("note", "x" * (PngImagePlugin.MAX_TEXT_CHUNK + 1), zip=True)
    Image.fromarray(GREY).save(tmp_path / "x.png", pnginfo=text)
    assert 0 in decode_files([tmp_path / "x.png"], (6, 8), 1, patient=True).failures


def test_postscript_is_never_run_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 6\n%%EndComments\nshowpage\n%%EOF\n"
    )
    with Image.open(tmp_path / "x.jpg") as image:
        assert image.format == "EPS"
    assert "known type" in decode_files([tmp_path / "x.jpg"], (6, 8), 3, patient=True).failures[0]


def test_sample_sizes_looks_at_64_evenly_spaced_files(tmp_path: Path) -> None:
    paths = many(tmp_path, 130)
    sizes, failures = sample_sizes(paths)
    assert failures == {}
    positions = sorted(sizes)
    assert len(positions) == 64
    assert positions[0] == 0
    assert positions[-1] >= 127
    assert {after - before for before, after in zip(positions, positions[1:], strict=False)} <= {2, 3}


def many(folder: Path, count: int) -> list[Path]:
    """PNG files of 6x8 whose first pixel is their number."""
    paths = [folder / f"{number:03}.png" for number in range(count)]
    for number, path in enumerate(paths):
        pixels = COLOUR.copy()
        pixels[0, 0] = number % 256
        Image.fromarray(pixels).save(path)
    return paths
