"""Recordings: what boards said as MCAP, read again, and events made of it by the board's own code."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from firmware_app.settings.reader import read_task
from firmware_app.wire import messages
from host_client import Board, CommandFailed, ConnectionFailed, Event, Model, decode_result
from host_client.cli.app import run
from host_client.cli.recordings import _serve
from host_client.recording import Recorder, RecordingError, events_of, read, wire_message
from host_client.replay import Player
from host_client.results.lines import Source
from tests.host.scripted_board import tcp_board

pytest.importorskip("mcap")
MODEL = Model(
    [1, "detection", "net", b"\x11" * 32, ["person", "car"], 640, 480, "yard"], "0011aabb", "yard"
)
YAML = """task: detection
package: /sdcard/p
events:
  enabled: true
  count_ms: 0
  update_ms: 0
  lines: [{name: door, from: [0.5, 0.0], to: [0.5, 1.0]}]
"""


def detection(frame: int, *boxes: list[int], generation: int = 1) -> Any:
    message = [messages.DETECTION, frame, 33 * frame, generation, [*boxes]]
    return decode_result(message, MODEL, None, 1_700_000_000 + frame / 30, 0.001)


def walk(recorder: Recorder, begin: int = 0, generation: int = 1) -> None:
    for i in range(40):
        box = [100 + 10 * i, 200, 40, 100, 900, 0]
        recorder.row(detection(begin + i, box, generation=generation), 0.0)


def settings(text: str = YAML) -> Any:
    return read_task(text, "task.yaml")


def test_what_zones_would_have_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with Recorder(path) as recorder:
        walk(recorder)
        assert not path.exists()  # no file is there in part
    (board,) = events_of(path, settings())
    assert [event.kind for event in board.events] == ["track.new", "line.cross", "track.end"]
    assert board.lines == (("door", "person", 0, 1),)
    crossing = board.events[1]
    assert crossing.source.board_id == "0011aabb"
    assert crossing.host_time is not None
    assert 1_700_000_000 < crossing.host_time < 1_700_000_002
    assert not list(tmp_path.glob("*.part"))


def test_another_generation_ends_tracks(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with Recorder(path) as recorder:
        walk(recorder)
        walk(recorder, 40, generation=2)
    (board,) = events_of(path, settings())
    ends = [event.details["reason"] for event in board.events if event.kind == "track.end"]
    assert ends == ["switched", "switched"]
    assert board.lines == (("door", "person", 0, 2),)


def test_topics_and_schemas(tmp_path: Path) -> None:
    from mcap.reader import make_reader

    path = tmp_path / "a.mcap"
    source = Source("0011aabb", "yard")
    with Recorder(path) as recorder:
        walk(recorder)
        recorder.row(Event(5, "switched", {"task": "a"}, 1.0, 0, 0.1, source), 0.0)
        recorder.picture(source, 1_700_000_000.5, b"\xff\xd8jpeg")
    topics: dict[str, Any] = {}
    with path.open("rb") as file:
        for schema, channel, message in make_reader(file).iter_messages():
            assert schema is not None
            assert (schema.encoding, channel.message_encoding) == ("jsonschema", "json")
            json.loads(schema.data)
            topics[channel.topic] = (schema.name, json.loads(message.data))
    assert {topic: name for topic, (name, _) in topics.items()} == {
        "/0011aabb/result": "k230.result",
        "/0011aabb/event": "k230.event",
        "/0011aabb/picture": "foxglove.CompressedImage",
        "/0011aabb/boxes": "foxglove.ImageAnnotations",
    }
    assert topics["/0011aabb/picture"][1]["format"] == "jpeg"
    assert topics["/0011aabb/boxes"][1]["points"][0]["type"] == 2
    assert len(list(read(path))) == 42  # the boxes are drawn from the results


RESULTS: list[list[Any]] = [
    [messages.CLASSIFICATION, 1, [1, 65535, 0, 13107]],
    [messages.CLASSIFICATION, 0, []],
    [messages.DETECTION, [[1, 2, 3, 4, 987, 1]]],
    [messages.SEGMENTATION, 2, 1, b"\1\1\2\1", [1, 1]],
    [messages.OCR, [["text", 1, [1, 2, 3, 4, 5, 6, 7, 8]]]],
    [messages.OCR_DETECTION, [[None, 65535, [1, 2, 3, 4, 5, 6, 7, 8]]]],
    [messages.OCR_RECOGNITION, [["text", 1, None]]],
    [messages.METRIC_LEARNING, None, ["me", 9999, 100]],
    [messages.MULTILABEL, [0, 65535, 1, 32768]],
    [messages.IDENTITIES, [["me", 9999, 100, 1, 2, 3, 4, 1, 500]]],
    [messages.INSTANCE_SEGMENTATION, [[1, 2, 3, 4, 900, 1]], [[1, 2, 3, 4, 20, 10, b"\1\xc7\1"]]],
    [messages.INSTANCE_SEGMENTATION, [[1, 2, 3, 4, 900, 1]], [None], b"\5\0"],
    [messages.POSE, [[1, 2, 3, 4, 900, 1]], [[1, 2, -1, 3, 4, 500]]],
    [messages.ORIENTED_DETECTION, [[80, 80, 40, 16, 4500, 900, 1]]],
    [messages.DETECTION, [[1, 2, 3, 4, 987, 1], [1, 2, 3, 4, 5, 0]], b"\1\2\0\0"],
]


@pytest.mark.parametrize("message", RESULTS)
def test_json_becomes_the_wires_message_again(message: list[Any]) -> None:
    full = [message[0], 7, 99, 1, *message[1:]]
    again = wire_message(decode_result(full, MODEL).to_dict())
    assert again[:4] == full[:4]
    assert again[4:] == full[4:]


@pytest.mark.parametrize("data", [b"", b"x" * 500, b"\x89MCAP0\r\n" + b"y" * 50])
def test_what_is_no_recording_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(data)
    with pytest.raises(RecordingError) as caught:
        events_of(path, settings())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recording_of_another_task_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with Recorder(path) as recorder:
        walk(recorder)
    text = YAML.replace("detection", "multilabel").partition("  count_ms")[0]
    with pytest.raises(RecordingError, match="expected results of the task multilabel, found none"):
        events_of(path, settings(text))


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, config = tmp_path / "a.mcap", tmp_path / "task.yaml"
    with Recorder(path) as recorder:
        walk(recorder)
    config.write_text(YAML)
    assert run(["events", "--from", str(path), "--config", str(config), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kind"] for line in lines] == ["track.new", "line.cross", "track.end"]
    assert run(["events", "--from", str(path), "--config", str(config)]) == 0
    assert "line door: person 0 in, 1 out" in capsys.readouterr().out
    words = ["events", "--from", str(path), "--config", str(config)]
    assert run([*words, "--json", "--count", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    config.write_text(YAML.replace("name: door,", "name: door, labels: [persn],"))
    assert run(words) == 0
    shown = capsys.readouterr()
    assert "line.cross" not in shown.out
    assert "no result in" in shown.err and "has the label persn" in shown.err
    config.write_text(YAML)
    assert run(["events", "--from", str(path)]) == 2
    assert run(["events"]) == 2
    assert run(["events", "--from", str(tmp_path / "none"), "--config", str(config)]) == 8
    assert run(["events", "--from", str(path), "--config", str(tmp_path / "none")]) == 12
    config.write_text(YAML.replace("enabled: true", "enabled: false"))
    assert run(["events", "--from", str(path), "--config", str(config)]) == 12
    assert "Traceback" not in capsys.readouterr().err


async def test_a_board_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    async with tcp_board() as board:
        board.task = "detection"

        async def speak() -> None:
            seq = 0
            while True:
                board.publish(seq, [[1, 2, 3, 4, 900, 0]], kind=messages.DETECTION)
                board.broadcast([messages.EVENT, 5, "switched", {"task": "a"}, 0], "events")
                seq += 1
                await asyncio.sleep(0.01)

        speaker = asyncio.create_task(speak())
        code = await asyncio.to_thread(run, ["record", board.url, str(path), "--seconds", "3"])
        speaker.cancel()
        assert code == 0
    kinds = {row.kind for row in read(path)}
    assert kinds == {"result", "event"}


async def test_a_recording_is_played_as_a_board(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with Recorder(path) as recorder:
        walk(recorder)
        source = Source("0011aabb", "yard")
        for number in (7, 8):
            details = {"place": "frame", "label": "person", "count": 1}
            event = Event(5, "count", details, 1_700_000_001 + number / 10, number, 0.1, source)
            recorder.row(event, 0.0)
    async with Board.connect(f"replay:{path}") as board:
        assert board.info.board_name == "yard"
        results, events = board.results(), board.events()
        seen = [await asyncio.wait_for(anext(results), 30) for _ in range(40)]
        assert [result.seq for result in seen] == list(range(40))
        assert [box.label for box in seen[0].boxes] == ["person"]  # type: ignore[union-attr]
        numbers = [(await asyncio.wait_for(anext(events), 30)).number for _ in range(2)]
        assert numbers == [1, 2]
        with pytest.raises(CommandFailed):
            await board.tasks()
    with pytest.raises(ConnectionFailed):
        async with Board.connect(f"replay:{tmp_path / 'none'}"):
            pass


async def test_the_verb_replay_serves_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.mcap"
    with Recorder(path) as recorder:
        walk(recorder)
    player = Player(path)
    server = asyncio.create_task(_serve(player, "127.0.0.1", 0, None))
    text = ""
    while "tcp://" not in text:
        await asyncio.sleep(0.05)
        text += capsys.readouterr().out
    url = text.split()[-1]
    for _ in range(2):  # from the beginning for each client
        async with Board.connect(url, key=False) as board:
            first = await asyncio.wait_for(anext(board.results()), 30)
            assert first.seq == 0
    server.cancel()
    await asyncio.gather(server, return_exceptions=True)
    assert run(["replay", str(tmp_path / "none")]) == 8
    assert run(["replay", str(path), "--tcp", "x"]) == 2
