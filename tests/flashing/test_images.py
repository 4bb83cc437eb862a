"""What an image file is, whole and damaged in each way."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

import board_types
from board_types.releases import number, parse_name, releases
from host_client.cli.app import run
from host_client.flashing.errors import ImageError
from host_client.flashing.image import fits, inspect
from host_client.flashing.source import open_source

from .conftest import Images
from .images import APP_PLACE, MB, NAME, Image, needs_mkfs

pytestmark = needs_mkfs
PACKAGES = Path(__file__).parents[2] / "models" / "packages"


@pytest.mark.parametrize("form", ["img", "gz", "kdimg"])
def test_an_image_says_what_it_is(images: Images, form: str) -> None:
    facts = inspect(getattr(images, form))
    assert facts.boards == ("01studio",)
    assert facts.board_from == "image"
    assert (facts.canmv, facts.nncase, facts.nncase_from) == ("v1.7-0-g738f17f", "2.11.0", "image")
    assert (facts.label, facts.card_size) == ("SDCARD", images.source.size)
    assert facts.problems == []
    assert (facts.form, facts.compressed) == ("kdimg" if form == "kdimg" else "img", form == "gz")


def test_the_interpreter_may_lie_in_the_kernel(tmp_path: Path) -> None:
    source = Image(tmp_path, in_kernel=True, uname="k230_canmv_lckfb", kmodels=None)
    for path in (source.img(tmp_path / "firmware.img"), source.kdimg(tmp_path / "a.kdimg", "x")):
        facts = inspect(path)
        assert (facts.boards, facts.board_from) == (("lushanpi",), "image")
        assert (facts.canmv, facts.nncase_from) == ("v1.7-0-g738f17f", "release")


def test_an_older_kdimg_and_one_that_is_packed(tmp_path: Path, images: Images) -> None:
    for name in ("old.kdimg", "old.kdimg.gz"):
        assert inspect(images.source.kdimg(tmp_path / name, version=1)).boards == ("01studio",)


def test_the_header_and_the_name_count_where_the_image_says_nothing(tmp_path: Path) -> None:
    source = Image(tmp_path, uname="another", canmv="", kmodels=None)
    by_header = inspect(source.kdimg(tmp_path / "a.kdimg", "K230_CanMV_01Studio"))
    assert (by_header.boards, by_header.board_from) == (("01studio",), "header")
    named = source.img(tmp_path / "CanMV_K230D_Zero_micropython_v1.7_nncase_v2.11.0 (1).img")
    facts = inspect(named)
    assert (facts.boards, facts.board_from, facts.nncase) == (("bpi-zero",), "name", "2.11.0")
    unnamed = inspect(source.img(tmp_path / "unnamed.img"))
    assert (unnamed.boards, unnamed.canmv, unnamed.nncase) == ((), None, None)


def test_a_name_that_lies_is_told(tmp_path: Path, images: Images) -> None:
    path = tmp_path / "CanMV_K230_YAHBOOM_micropython_v1.7_nncase_v2.11.0.img"
    path.hardlink_to(images.img)
    facts = inspect(path)
    assert facts.boards == ("01studio",)
    assert [each.code for each in facts.problems] == ["name"]


def test_every_place_of_a_gz_can_be_read_again(tmp_path: Path) -> None:
    rng = random.Random(22)
    parts = [rng.randbytes(300_000), bytes(40 * MB), rng.randbytes(3 * MB), b"x" * 20 * MB]
    data = b"".join(parts)
    path = tmp_path / "a.img.gz"
    path.write_bytes(
        gzip.compress(data[: 30 * MB], 1) + gzip.compress(data[30 * MB :], 1) + b"\0" * 99
    )
    with open_source(path) as source:
        assert source.size == len(data)
        for _ in range(40):
            place = rng.randrange(len(data))
            size = rng.choice((1, 512, 70_000, 2 * MB))
            assert source.read_at(place, size) == data[place : place + size]
        assert source.read_at(len(data), 5) == b""
        digest = hashlib.sha256()
        for piece in source.chunks(0, source.size):
            digest.update(piece)
        assert digest.digest() == hashlib.sha256(data).digest()


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def flipped(data: bytes) -> bytes:
    # Many bits: one alone may say the same in another way, as zeros can be packed in several.
    place = len(data) // 2
    return (
        data[:place] + bytes(byte ^ 0x55 for byte in data[place : place + 64]) + data[place + 64 :]
    )


def changed(place: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


# form, what happened to it, what is said
DAMAGE: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("img", cut, "the image is cut off: partition 2 ends at byte"),
    ("img", lambda data: data[:100], "expected a partition table"),
    ("img", lambda data: bytes(512) + data[512:], "expected a partition table"),
    ("gz", cut, "the .gz is cut off"),
    ("gz", lambda data: data[:30], "the .gz is cut off"),
    ("gz", lambda data: data[:-4], "the .gz is cut off"),
    ("gz", flipped, "the .gz is damaged near byte"),
    ("gz", lambda data: data[:-8] + b"\0\0\0\0" + data[-4:], "the .gz is damaged near byte"),
    ("kdimg", cut, "the .kdimg is cut off after"),
    ("kdimg", lambda data: data[:600], "the .kdimg is cut off after"),
    ("kdimg", changed(40), "the .kdimg's header is damaged"),
    ("kdimg", changed(600), "the .kdimg's table is damaged"),
    ("kdimg", changed(65_600), "is damaged (its SHA-256 differs)"),
    ("img", lambda _: b"", "found an empty file"),
    ("gz", lambda _: b"\n<!DOCTYPE html>\n<html><body>404</body></html>", "found a web page"),
    ("gz", lambda _: b"<html>" + b"x" * 5000, "found a web page"),
    ("gz", lambda _: gzip.compress(b"<html>not found</html>"), "found a web page"),
    ("img", lambda _: b"PK\x03\x04" + bytes(900), "found a zip file; unpack it"),
    ("img", lambda _: b"\xfd7zXZ\0" + bytes(900), "found an .xz file; unpack it"),
    ("img", lambda _: b"version https://git-lfs.github.com/spec/v1\n", "found a Git LFS pointer"),
    ("img", lambda _: b"Not Found\n", "found a text file"),
]


@pytest.mark.parametrize(("form", "damage", "said"), DAMAGE)
def test_a_damaged_image_is_one_sentence(
    images: Images,
    tmp_path: Path,
    form: str,
    damage: Callable[[bytes], bytes],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "image.file"
    path.write_bytes(damage(getattr(images, form).read_bytes()))
    card = tmp_path / "card"
    card.write_bytes(bytes(1000))
    for words in (["firmware", "check", str(path)], ["flash", str(path), "--card", str(card)]):
        assert run(words) == ImageError.exit_code
        shown = capsys.readouterr()
        assert said in shown.err
        assert shown.err.count("\n") == 1
        assert shown.out == ""
    assert card.read_bytes() == bytes(1000)


def test_a_missing_image(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["firmware", "check", str(tmp_path / "none.img")]) == 8
    assert "no such file" in capsys.readouterr().err
    assert run(["firmware", "check", str(tmp_path)]) == 8
    assert "found a folder" in capsys.readouterr().err


def test_the_hash_of_the_release(images: Images, tmp_path: Path) -> None:
    path = tmp_path / f"{NAME}.gz"
    path.hardlink_to(images.gz)
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    beside = tmp_path / f"{NAME}.gz.md5"
    beside.write_text(f"{'0' * 32}  /build/{NAME}\n{digest}  /build/{NAME}.gz\n")
    assert inspect(path).hash == "md5"
    beside.write_text(f"{'0' * 32}  /build/{NAME}.gz\n")
    with pytest.raises(ImageError, match="its MD5 is not the one in"):
        inspect(path)
    beside.write_text("nothing of use")
    assert inspect(path).hash is None


def test_what_does_not_fit_has_a_code(
    tmp_path: Path, images: Images, capsys: pytest.CaptureFixture[str]
) -> None:
    def codes(*words: str) -> list[str]:
        code = run(["firmware", "check", *words, "--json"])
        row = json.loads(capsys.readouterr().out)
        assert code == (11 if row["problems"] else 0)
        return [each["code"] for each in row["problems"]]

    img = str(images.img)
    assert codes(img, "--board", "01studio") == []
    assert codes(img, "--board", "bpi-zero") == ["wrong_board"]
    small = tmp_path / "small"
    small.write_bytes(bytes(MB))
    assert codes(img, "--card", str(small)) == ["too_small"]
    old = Image(tmp_path, canmv="v1.4-0-gabcdef0", kmodels="2.9.0").img(tmp_path / "old.img")
    package = PACKAGES / "shapes_cls" / "mp_deployment_source"
    assert codes(str(old), "--package", str(package)) == ["old_firmware", "nncase"]
    assert codes(img, "--package", str(package)) == []
    update = images.source.kdimg(tmp_path / f"{NAME[:-4]}_ota.kdimg", board="none", ota=True)
    assert "update_only" in codes(str(update))
    other = Image(tmp_path, label="DATA", uname="").img(tmp_path / "linux.img")
    raw = bytearray(other.read_bytes())
    raw[APP_PLACE : APP_PLACE + 512] = bytes(512)
    raw[MB : MB + 4] = bytes(4)
    other.write_bytes(raw)
    assert codes(str(other)) == ["not_k230", "not_canmv"]


def test_names_of_releases() -> None:
    for each in board_types.all_types():
        for image in each.images:
            name = f"{image}_micropython_v1.7-0-gabc_nncase_v2.11.0.img.gz"
            found = parse_name(name)
            assert found is not None
            assert each in found.boards
            assert (number(found.version), found.nncase) == ("1.7", "2.11.0")
    assert parse_name("sysimage-sdcard.img") is None
    assert number("PreRelease") is None
    assert releases().nncase == "2.11"
    facts = parse_name("A_micropython_v1.7_nncase_v2.11.0_ota.kdimg")
    assert facts is not None
    assert facts.update


def test_fits_is_quiet_where_nothing_is_known(tmp_path: Path) -> None:
    source = Image(tmp_path, uname="another", canmv="", kmodels=None)
    facts = inspect(source.img(tmp_path / "unnamed.img"))
    assert fits(facts, board="01studio", nncase="2.9") == []


def test_the_list_of_boards(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["firmware", "list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["board"] for row in rows} == set(board_types.names()) - {board_types.VIRTUAL}
    assert all(row["canmv"] == ["1.7", "1.8"] and row["nncase"] == "2.11" for row in rows)
    assert run(["firmware", "list"]) == 0
    assert all(len(line) <= 80 for line in capsys.readouterr().out.splitlines())
