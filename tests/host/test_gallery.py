"""The host's half of galleries: files checked on the PC, and the chart of scores."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from firmware_app.gallery import format as gallery_format
from firmware_app.wire import messages
from host_client.base.exceptions import CommandFailed, GalleryFileError
from host_client.cli.app import run
from host_client.cli.score_chart import chart_bytes, draw_chart, histogram, span, text_chart
from host_client.commands.gallery import remove_target
from host_client.commands.gallery_answers import LabelInfo, Suggestion
from host_client.commands.gallery_file import read_file
from host_client.results.decode import Model, decode_result
from host_client.results.types import Identified, IdentitiesResult

SHA = bytes(range(32))


def gallery_file(changes: list[tuple[int, bytes]]) -> bytes:
    data = gallery_format.header(2, SHA)
    crc = gallery_format.parse_header(data)[2]
    for kind, body in changes:
        part, crc = gallery_format.record(kind, body, crc)
        data += part
    return data


def samples(*heads: tuple[int, int, int]) -> tuple[int, bytes]:
    vectors = struct.pack("<2f", 1, 0) * len(heads)
    return gallery_format.SAMPLES, gallery_format.samples_body(list(heads), vectors)


CHANGES = [
    (gallery_format.LABEL, gallery_format.label_body(0, "张三", 0.75)),
    (gallery_format.LABEL, gallery_format.label_body(1, "🙂", None)),
    samples((1, 0, 0), (2, 1, 0), (3, 1, gallery_format.NEGATIVE)),
    (gallery_format.END, gallery_format.ids_body([3, 3, 2])),
]


def test_a_file_tells_what_it_holds() -> None:
    held = read_file(gallery_file(CHANGES))
    assert (held.dimension, held.sha256) == (2, SHA.hex())
    assert held.labels == (LabelInfo("张三", 1, 0, 0.75), LabelInfo("🙂", 1, 1, None))


def test_changes_behind_the_end_count_where_they_may() -> None:
    more = [
        *CHANGES,
        (gallery_format.REMOVE_SAMPLES, gallery_format.ids_body([3])),
        (gallery_format.REMOVE_LABEL, gallery_format.number_body(0)),
    ]
    held = read_file(gallery_file(more), complete=False)
    assert held.labels == (LabelInfo("🙂", 1, 0, None),)
    with pytest.raises(GalleryFileError, match="incomplete"):
        read_file(gallery_file(more))


def test_damage_in_any_byte_and_every_cut_is_found() -> None:
    data = gallery_file(CHANGES)
    for at in range(len(data)):
        with pytest.raises(GalleryFileError):
            read_file(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        with pytest.raises(GalleryFileError):
            read_file(data[:at])
    with pytest.raises(GalleryFileError):
        read_file(data + b"\0")


def test_counts_that_do_not_fit_are_found() -> None:
    with pytest.raises(GalleryFileError, match="missing"):
        read_file(gallery_file([*CHANGES[:2], CHANGES[3]]))
    with pytest.raises(GalleryFileError, match="not there"):
        read_file(gallery_file([CHANGES[2]]))


def test_the_host_refuses_what_the_board_refuses() -> None:
    short = gallery_format.samples_body([(4, 0, 0)], struct.pack("<2f", 0.5, 0))
    for change, text in (
        ((gallery_format.LABEL, gallery_format.label_body(2, "张三", None)), "the same text"),
        (samples((2, 0, 0)), "number 2"),
        (samples((4, 0, 0), (4, 1, 0)), "number 4"),
        ((gallery_format.SAMPLES, short), "not normalised"),
        ((gallery_format.REMOVE_SAMPLES, gallery_format.ids_body([9])), "no sample has"),
        ((gallery_format.REMOVE_LABEL, gallery_format.number_body(9)), "no label has"),
        ((17, b""), "unknown kind 17"),
    ):
        with pytest.raises(GalleryFileError, match=text):
            read_file(gallery_file([*CHANGES, change]), complete=False)


def test_check_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "people.gallery"
    path.write_bytes(gallery_file(CHANGES))
    assert run(["gallery", "check", str(path)]) == 0
    assert "张三" in capsys.readouterr().out
    path.write_bytes(path.read_bytes()[:-1])
    assert run(["gallery", "check", str(path), "--json"]) == 8
    assert '"bad_gallery"' in capsys.readouterr().out
    assert run(["gallery", "check", str(tmp_path / "none"), "--json"]) == 8


def test_a_number_is_a_sample_only_where_no_label_has_that_text() -> None:
    assert remove_target(CommandFailed("not_found", ""), "#17") == 17
    assert remove_target(CommandFailed("not_found", ""), "17") == 17
    assert remove_target(CommandFailed("not_found", ""), "١٧") is None
    assert remove_target(CommandFailed("not_found", ""), "a17") is None
    assert remove_target(CommandFailed("busy", ""), "17") is None


def test_identities_behind_a_detector_are_decoded() -> None:
    model = Model([3, "find", "det+emb", SHA, ["box", "cup"], 320, 240, "shelf"])
    rows = [
        ["张三", 9876, 1234, 10, 20, 30, 40, 1, 905],
        [None, 4000, 0, 0, 0, 3000, 9, 0, 1000],
        [None, None, None, 1, 2, 3, 4, 7, 500, "of a later version"],
    ]
    result = decode_result([messages.IDENTITIES, 5, 77, 3, rows], model)
    assert isinstance(result, IdentitiesResult)
    first, second, third = result.objects
    assert first == Identified("张三", 0.9876, 0.1234, "cup", 0.905, 10, 20, 30, 40, 1)
    assert (second.identity, second.score, second.w) == (None, 0.4, 3000)
    assert (third.score, third.margin, third.label) == (None, None, "7")
    row = result.to_dict()
    assert row["task"] == "metric_learning"
    assert row["objects"][0]["identity"] == "张三"


SCORES = Suggestion(
    "default", 0.7, 1, 2, 0.5, "best", (0.9, 0.92, 0.95, 0.3, 1.0), (0.1, 0.2, 0.15, 0.75, 0.8)
)


def test_the_text_chart_holds_every_score() -> None:
    lines = text_chart(SCORES)
    assert any("suggested 0.700" in line for line in lines)
    assert any("current 0.500" in line for line in lines)
    low, high = span(SCORES)
    assert low <= 0.1
    assert high == 1.0
    for values in (SCORES.within, SCORES.between):
        counts = histogram(values, low, high, 24)
        assert sum(counts) == len(values)
    bars = [line.count("█") > 0 for line in lines[1:]]
    counts = histogram(SCORES.within, low, high, 24)
    assert bars == [count > 0 for count in reversed(counts)]


def test_the_picture_shows_both_distributions() -> None:
    image = draw_chart(SCORES)
    colours = {colour for _, colour in image.getcolors(100_000) or []}
    assert image.size == (900, 420)
    assert (190, 30, 30) in colours  # the suggested threshold
    assert any(blue > red + 60 for red, _, blue in colours)  # type: ignore[misc]
    assert any(red > blue + 60 for red, _, blue in colours)  # type: ignore[misc]
    with Image.open(io.BytesIO(chart_bytes(SCORES, "chart.png"))) as saved:
        assert saved.size == (900, 420)
    with pytest.raises(ValueError, match=r"expected a name like scores\.png"):
        chart_bytes(SCORES, "chart.nothing")
