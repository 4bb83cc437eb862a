"""Whatever a board answers, a caller gets a result or a K230Error that names command and field."""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from firmware_app.gallery import format as gallery_format
from firmware_app.wire import messages
from host_client import Board, K230Error, Model, ProtocolError, State, Status, decode_result
from host_client.commands.pictures import Picture
from host_client.results.answers import Answer
from host_client.results.scaling import enlarged
from tests.host.scripted_board import ScriptedBoard, pack_box, tcp_board

ODD: list[Any] = [
    *(None, -1, 0, 1 << 62, "x", b"x", [], {}, True, 1.5, 1e400, -1e400, float("nan")),
    [0] * 5000,
    [[]],
    [None],
    {"x": []},
]
PICTURE = Picture(8, 4, bytes(96), None, 2.0, 2.0)  # sent smaller: coordinates are enlarged
PLACE = {"transfer": 1, "offset": 96, "window": 4096}  # the board has all of it already
DIGEST = bytes(32)


class Case(NamedTuple):
    """A command, a good answer to it, and the call that sends it; others answers of the board."""

    command: str
    answer: Any
    call: Callable[[Board], Awaitable[Any]]
    others: dict[str, Any] = {}  # noqa: RUF012 - never changed


def result(kind: int, *fields: Any) -> list[Any]:
    return [kind, 7, 1000, 1, *fields]


RESULTS = {
    "classification": result(messages.CLASSIFICATION, 1, [2, 65535, 0, 3]),
    "multilabel": result(messages.MULTILABEL, [0, 65535]),
    "packed": result(messages.DETECTION, pack_box(1, 2, 3, 4, score1000=900, kind=1)),
    "boxes": result(messages.DETECTION, [[1, 2, 3, 4, 900, 1]]),
    "segmentation": result(messages.SEGMENTATION, 2, 2, bytes([1, 4]), [4]),
    "ocr": result(messages.OCR, [["text", 65535, [0, 0, 9, 0, 9, 9, 0, 9]]]),
    "ocr_detection": result(messages.OCR_DETECTION, [[None, 65535, [0, 0, 9, 0, 9, 9, 0, 9]]]),
    "ocr_recognition": result(messages.OCR_RECOGNITION, [["text", 65535, None]]),
    "metric_learning": result(
        messages.METRIC_LEARNING, struct.pack("<2f", 0.6, 0.8), ["anna", 9000, 500]
    ),
    "instance_segmentation": result(
        messages.INSTANCE_SEGMENTATION, [[1, 2, 3, 4, 900, 1]], [[1, 2, 3, 4, 2, 2, b"\1\3"]]
    ),
    "pose": result(
        messages.POSE, pack_box(1, 2, 3, 4, score1000=900, kind=1), struct.pack("<3h", 5, 6, 700)
    ),
    "poses in rows": result(messages.POSE, [[1, 2, 3, 4, 900, 1]], [[1, 2, -1]]),
    "oriented_detection": result(messages.ORIENTED_DETECTION, [[80, 80, 40, 16, 4500, 900, 1]]),
    "identities": result(messages.IDENTITIES, [["anna", 9000, 500, 1, 2, 3, 4, 0, 900]]),
}
MODEL = [1, "classification", "model", DIGEST, ["cat", "dog"], 640, 480, "pets"]
PACKAGE = {
    "name": "a", "task": "detection", "model": "m", "size": 9, "in_use": False,
    "problem": None, "tasks": ["a"], "warnings": ["w"],
}  # fmt: skip
STATUS = {
    "board_name": "kitchen", "boot_id": 7, "task": "a", "problems": [{"code": "x", "text": "y"}],
    "stages_us": {"npu": 1500},
    "network": {"up": True, "signal_dbm": None}, "clients": [{"name": "tcp", "sent": 1}],
    "heap_floor_bytes": None, "later": [1], "restart_reason": {"code": "crash", "text": "z"},
}  # fmt: skip
SWITCH = {
    "task": "a", "generation": 2, "first_seq": 5, "gap_ms": 12, "gap_frames": 1, "pause_ms": 30,
    "heap_before_bytes": 1, "heap_after_bytes": 2, "mmz_before_bytes": 3, "mmz_after_bytes": 4, "sha256": "ab",
}  # fmt: skip
GOT = {"transfer": 9, "size": 0, "sha256": hashlib.sha256(b"").digest(), "offset": 0}
SET = {"generation": 2, "changed": ["a"], "saved": True, "later": ["a"]}
COUNTERS = {
    "task": "a", "since": [1, 2, None], "lines": [["door", "cat", 1, 2]], "now": [[None, "cat", 1]],
    "kept": True,
}  # fmt: skip
ENROLLED = {
    "gallery": "g", "label": "a", "added": [4], "samples": 1, "negatives": 0, "total_samples": 1,
    "frames_seen": 2, "refused": {"dark": 1}, "warnings": ["w"],
}  # fmt: skip
RECOGNIZED = {
    "gallery": "g",
    "threshold": 5000,
    "found": [
        {
            "identity": ["anna", 9000, 500], "reason": None, "light": "dark",
            "matches": [["anna", 9000], ["ben", 100]],
            "box": [1, 2, 3, 4], "class": "face", "score1000": 900,
        }
    ],
}  # fmt: skip
LISTED = {
    "selected": "g", "problem": "", "labels": [["anna", 1, 0, None], ["ben", 2, 1, 7000]],
    "total_labels": 2, "samples": 3, "negatives": 1, "capacity": 100, "bytes": 99, "dimension": 4,
    "sha256": DIGEST, "threshold": 5000, "margin": 100, "combine": "nearest", "nearest": 3,
    "galleries": [["g", 99]],
}  # fmt: skip
SHOWN = {"samples": [[1, False, 9000, "ben", 100], [2, True, None, None, None]], "total_samples": 2}
SUGGESTED = {
    "gallery": "g", "threshold": 5000, "refused": 1, "accepted": 0, "current": 6000,
    "combine": "nearest", "within": [9000], "between": [100],
}  # fmt: skip
HEADER = gallery_format.header(4, DIGEST)
FILE = (
    HEADER
    + gallery_format.record(
        gallery_format.END,
        gallery_format.ids_body([1, 0, 0]),
        gallery_format.parse_header(HEADER)[2],
    )[0]
)
EXPORTED = {"changes": 1, "data": FILE, "size": len(FILE)}


def _push(board: Board) -> Awaitable[Any]:
    return board._requests.send_files("file", "a", [("a", bytes(96))], {}, timeout=5)


def _cases() -> Iterator[Case]:
    yield Case("status", STATUS, lambda b: b.status())
    yield Case("tasks", [{"name": "a", "task": None, "package": "p", "active": True,
                          "problem": "x"}], lambda b: b.tasks())  # fmt: skip
    yield Case("describe", MODEL, lambda b: b.describe())
    yield Case("switch", SWITCH, lambda b: b.switch("a"))
    yield Case("set", SET, lambda b: b.set({"a": 1}))
    yield Case("keep", SET, lambda b: b.keep())
    yield Case("forget", SET, lambda b: b.forget(["a"]))
    yield Case("settings", [["a", 7, 1, 2], ["b", 2, 1.5, 1.5, 3]], lambda b: b.settings())
    yield Case("snapshot", {"jpeg": b"\xff", "width": 8}, lambda b: b.snapshot())
    yield Case("get", GOT, lambda b: b.get("log"))
    yield Case("counters", COUNTERS, lambda b: b.counters())
    yield Case("counters.reset", COUNTERS, lambda b: b.reset_counters("door"))
    yield Case("restart", {}, lambda b: b.restart())
    for message in RESULTS.values():
        yield Case("infer", message, lambda b: b.infer(PICTURE), {"put": PLACE})
    yield Case("infer", RESULTS["boxes"], lambda b: b.infer_on_card("/a.jpg"))
    yield Case("put", PLACE, lambda b: b.infer(PICTURE), {"infer": RESULTS["boxes"]})
    yield Case("packages", [PACKAGE], lambda b: b.card.packages())
    yield Case(
        "package.remove", {"name": "a", "tasks": ["b"]}, lambda b: b.card.remove_package("a")
    )
    yield Case("config", {"service": {"a": 1.25}, "task": None}, lambda b: b.card.config_get())
    yield Case("push", PLACE, _push, {"install": PACKAGE})
    yield Case("enroll", ENROLLED, lambda b: b.gallery.enroll("a"))
    yield Case("recognize", RECOGNIZED, lambda b: b.gallery.recognize())
    yield Case("gallery.list", LISTED, lambda b: b.gallery.list())
    yield Case("gallery.show", SHOWN, lambda b: b.gallery.show("a"))
    yield Case("gallery.rename", {}, lambda b: b.gallery.rename("a", "b"))
    yield Case("gallery.threshold", {}, lambda b: b.gallery.set_threshold("a", 0.5))
    yield Case("gallery.remove", {}, lambda b: b.gallery.remove("a"))
    yield Case("gallery.clear", {}, lambda b: b.gallery.clear())
    yield Case("gallery.select", {"total_samples": 3}, lambda b: b.gallery.select("a"))
    yield Case("gallery.delete", {}, lambda b: b.gallery.delete("a"))
    yield Case("gallery.suggest", SUGGESTED, lambda b: b.gallery.suggest())
    yield Case("gallery.export", EXPORTED, lambda b: b.gallery.export())
    yield Case(
        "gallery.import", {"done": True, "total_samples": 0}, lambda b: b.gallery.import_(FILE, "g")
    )


CASES = list(_cases())


def answering(value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda arguments: value


def odd_ones(answer: Any) -> Iterator[Any]:
    """Yield the answer with each of its parts replaced by each odd value, left out, or repeated."""
    yield from ODD
    if isinstance(answer, dict):
        for key, value in answer.items():
            yield {name: item for name, item in answer.items() if name != key}
            for odd in odd_ones(value):
                yield {**answer, key: odd}
    elif isinstance(answer, list):
        yield answer + answer
        for i, value in enumerate(answer):
            yield answer[:i] + answer[i + 1 :]
            yield answer[:i]
            for odd in odd_ones(value):
                yield [*answer[:i], odd, *answer[i + 1 :]]


@pytest.fixture
async def pair() -> AsyncIterator[tuple[ScriptedBoard, Board]]:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        yield scripted, board


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{c.command}" for i, c in enumerate(CASES)])
async def test_odd_answers(pair: tuple[ScriptedBoard, Board], case: Case) -> None:
    scripted, board = pair
    for command, answer in case.others.items():
        scripted.answers[command] = answering(answer)
    scripted.answers[case.command] = answering(case.answer)
    await case.call(board)
    for odd in odd_ones(case.answer):
        if odd is None:
            continue  # to the scripted board: no answer at all
        scripted.answers[case.command] = answering(odd)
        try:
            await asyncio.wait_for(case.call(board), 5)
        except ProtocolError as error:
            assert case.command in str(error) or "describe" in str(error), (odd, error)
        except K230Error:
            pass
        except BaseException as error:
            raise AssertionError(f"{case.command} answered with {odd!r:.300}") from error
    assert board.state is State.CONNECTED
    assert board.counts.rejected == 0


@pytest.mark.parametrize("name", ["push", "push_file", "push_firmware"])
async def test_odd_answers_to_what_was_pushed(
    pair: tuple[ScriptedBoard, Board], name: str, tmp_path: Path, monkeypatch: Any
) -> None:
    from host_client.commands import card

    scripted, board = pair
    path = tmp_path / "a.txt"
    path.write_bytes(bytes(96))
    monkeypatch.setattr(card, "read_package", lambda *_: package_of(path))
    service = SimpleNamespace(files={"a": bytes(96)})
    monkeypatch.setattr(card, "service_files", lambda *_, **__: service)
    scripted.answers["push"] = answering(PLACE)
    call = getattr(board.card, name)
    for odd in (PACKAGE, *odd_ones(PACKAGE)):
        if odd is None:
            continue
        scripted.answers["install"] = answering(odd)
        try:
            await asyncio.wait_for(call(path, timeout=5), 5)
            assert isinstance(odd, dict)
        except ProtocolError as error:
            assert odd is not PACKAGE
            assert str(error).startswith("install: "), error


def package_of(path: Path) -> Any:
    from host_client.commands.packages import PackageFiles

    return PackageFiles("a", "detection", (("a", path.read_bytes()),))


def test_every_command_of_the_library_has_a_case() -> None:
    """Each command that a source file of the library sends by name is tried above."""
    import re

    import host_client

    root = Path(host_client.__file__).parent
    text = "\n".join(p.read_text("utf-8") for p in [root / "board.py", *root.glob("commands/*.py")])
    sent = set(re.findall(r'(?:request|_ask|_settle|send_picture)\(\s*"([a-z_.]+)"', text))
    assert sent - {"install"} == {case.command for case in CASES}


def test_every_result_has_a_case_and_its_coordinates_are_scaled() -> None:
    assert {message[0] for message in RESULTS.values()} == set(messages.RESULT_TASKS)
    for message in RESULTS.values():
        found = decode_result(message, Model(MODEL))
        text = json.dumps(found.to_dict())
        placed = any(f'"{name}": ' in text for name in ("x", "quad", "corners", "keypoints"))
        assert (enlarged(found, 2, 3) != found) == (placed and '"quad": null' not in text), text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"a": [{"b": 1}, {}]}, "c: the answer lacks a[1].b"),
        ({"a": [{"b": "y" * 99}]}, f"c: a[0].b: expected an integer in the answer, found '{'y' * 39}"),
        ({"a": 3}, "c: a: expected an array in the answer, found 3"),
        ({"a": [None]}, "c: a[0]: expected a map in the answer, found NoneType"),
    ],
)  # fmt: skip
def test_an_error_names_the_field(answer: Any, words: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        Answer("c", answer).rows("a", dict, lambda row: row.integer("b"))
    assert str(caught.value) == words


def test_status_is_checked_where_it_is_known() -> None:
    assert Answer("status", STATUS).typed(Status)["later"] == [1]  # type: ignore[typeddict-item]
    with pytest.raises(ProtocolError, match=r"status: clients: expected .* found list"):
        Answer("status", {"clients": [{"sent": "x"}]}).typed(Status)
    with pytest.raises(ProtocolError, match=r"problems: expected list\[Problem\] in .* found list"):
        Answer("status", {"problems": [{"text": "no code"}]}).typed(Status)


async def test_odd_messages_end_no_stream_and_no_link(pair: tuple[ScriptedBoard, Board]) -> None:
    scripted, board = pair
    results = board.results()
    streams: list[Any] = [board.events(), board.statistics(), board.logs()]
    await scripted.until(lambda: scripted.sessions[0].wants.get("logs") is True)
    good: list[list[Any]] = [
        [messages.PONG, 1, 2],
        [messages.TAKEN, 1, 2],
        [messages.PROGRESS, 1, 2, 3, "x"],
        [messages.EVENT, 1, "x", {"a": 1}],
        [messages.STATISTICS, 1, {"a": 1}],
        [messages.LOG, 1, 20, "x"],
        [messages.MODEL, *MODEL],
        *RESULTS.values(),
    ]
    for message in good:
        for odd in odd_ones(message[1:]):
            if isinstance(odd, list):
                scripted.sessions[0].send([message[0], *odd])
    scripted.publish_label(99)
    async for item in results:
        if item.seq == 99:
            break
    assert board.state is State.CONNECTED
    assert scripted.hellos == 1
    assert board.counts.malformed > 100
    for stream in streams:
        await stream.aclose()
