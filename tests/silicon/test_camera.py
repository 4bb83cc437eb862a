"""Camera sources: what they give, and what they say when they cannot."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from virtual_board.silicon.camera.sources import Frame, SourceError, fit_picture, open_source


def save(path: Path, shade: int, size: tuple[int, int] = (6, 4)) -> None:
    Image.new("RGB", size, (shade, 0, 0)).save(path)


def shades(spec: str, count: int) -> list[int]:
    source = open_source(spec)
    return [int(source.next().rgb[0, 0, 0]) for _ in range(count)]


def test_a_folder_loops_in_name_order(tmp_path: Path) -> None:
    for name, shade in (("b.png", 2), ("a.bmp", 1), ("c.WEBP", 3)):
        save(tmp_path / name, shade)
    (tmp_path / "notes.txt").write_text("not a picture")
    source = open_source(str(tmp_path))
    assert [source.next().name for _ in range(4)] == ["a.bmp", "b.png", "c.WEBP", "a.bmp"]
    assert shades(str(tmp_path), 2) == [1, 2]


def test_unreadable_pictures_are_skipped_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path / "a.png", 1)
    (tmp_path / "b.png").write_bytes(b"nonsense")
    save(tmp_path / "c.png", 3)
    assert shades(str(tmp_path), 5) == [1, 3, 1, 3, 1]
    assert caplog.text.count("b.png skipped: not a picture") == 1


def test_the_first_picture_may_be_the_bad_one(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    save(tmp_path / "b.png", 7)
    assert shades(str(tmp_path), 2) == [7, 7]


def test_a_single_picture_repeats(tmp_path: Path) -> None:
    save(tmp_path / "one.png", 9)
    assert shades(str(tmp_path / "one.png"), 3) == [9, 9, 9]


def test_orientation_tags_are_ignored(tmp_path: Path) -> None:
    picture = Image.new("RGB", (16, 8))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=exif)
    assert open_source(str(tmp_path / "turned.jpg")).next().rgb.shape == (8, 16, 3)


def test_synthetic_frames_are_the_same_every_time_and_move() -> None:
    first, second = open_source("synthetic:320x240"), open_source("synthetic:320x240")
    frames = [first.next() for _ in range(3)]
    assert [frame.name for frame in frames] == ["synthetic 0", "synthetic 1", "synthetic 2"]
    for frame in frames:
        np.testing.assert_array_equal(frame.rgb, second.next().rgb)
    assert frames[0].rgb.shape == (240, 320, 3)
    assert (frames[0].rgb != frames[1].rgb).any()
    assert open_source("synthetic").next().rgb.shape == (720, 1280, 3)


def test_fitting() -> None:
    rgb = np.zeros((40, 80, 3), np.uint8)
    rgb[:, :40] = 200
    stretched = fit_picture(rgb, 20, 20, "stretch")
    assert (stretched[10, 2, 0], stretched[10, 17, 0]) == (200, 0)
    padded = fit_picture(rgb, 20, 20, "pad")
    assert padded[2].max() == padded[17].max() == 0
    assert padded[10, 2, 0] == 200
    cropped = fit_picture(rgb, 20, 20, "crop")
    assert (cropped[0, 2, 0], cropped[19, 17, 0]) == (200, 0)
    for fit in ("stretch", "pad", "crop"):
        assert fit_picture(rgb, 7, 33, fit).shape == (33, 7, 3)


def test_equal_sizes_are_untouched_and_others_fitted_once(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 5)
    source = open_source(f"{tmp_path}?fit=pad")
    frame = source.next()
    assert source.fitted(frame, 6, 4) is frame.rgb
    assert source.fitted(frame, 12, 12) is source.fitted(source.next(), 12, 12)
    assert source.fitted(frame, 12, 12)[0].max() == 0
    assert source.fitted(frame, 12, 12)[6].max() == 5


def test_synthetic_frames_are_fitted_each(tmp_path: Path) -> None:
    source = open_source("synthetic:64x64")
    first, second = source.next(), source.next()
    assert (source.fitted(first, 32, 32) != source.fitted(second, 32, 32)).any()


def test_a_video_loops(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for shade in (20, 120, 220):
        writer.write(np.full((48, 64, 3), (10, 100, shade), np.uint8))
    writer.release()
    source = open_source(str(path))
    frames: list[Frame] = [source.next() for _ in range(4)]
    source.close()
    assert source.fps == 25
    assert [frame.name for frame in frames] == [f"clip.avi {n}" for n in (0, 1, 2, 0)]
    for frame, red in zip(frames, (20, 120, 220, 20), strict=True):
        np.testing.assert_allclose(frame.rgb.mean(axis=(0, 1)), (red, 100, 10), atol=6)


def test_a_file_that_is_no_video(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"nonsense" * 99)
    with pytest.raises(SourceError, match=r"camera video .*clip.mp4: not a video"):
        open_source(str(tmp_path / "clip.mp4"))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{tmp}/nothing", "no such file or folder"),
        ("", "no such file or folder"),
        ("{tmp}", r"no pictures in it \(.jpg, .jpeg, .png, .bmp, .webp count\)"),
        ("{tmp}?fit=zoom", "expected [?]fit= with one of stretch, pad, crop, found [?]fit=zoom"),
        ("{tmp}?speed=2", "found [?]speed=2"),
        ("synthetic:big", "expected a size like 1280x720"),
        ("synthetic:9x9", "16 to 8192"),
        ("/dev/video97", "webcam /dev/video97: No such file"),
    ],
)
def test_bad_specs(tmp_path: Path, spec: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        open_source(spec.format(tmp=tmp_path))


def test_a_bad_single_picture_and_a_folder_of_them(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"nonsense")
    with pytest.raises(SourceError, match=r"camera picture .*x.jpg: not a picture"):
        open_source(str(tmp_path / "x.jpg"))
    with pytest.raises(SourceError, match=r"none of its pictures can be read; x.jpg"):
        open_source(str(tmp_path))
