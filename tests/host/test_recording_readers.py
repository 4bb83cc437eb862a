"""Recordings in other programs' hands: Foxglove's own types, ROS 2 messages; and faults of the disk."""

from __future__ import annotations

import contextlib
import json
import os
import resource
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from host_client.recording import Recorder, RecordingError, read
from host_client.results.lines import Source
from host_client.ros2 import DETECTIONS, IMAGE, write_bag
from tests.host.test_recording import detection, walk

pytest.importorskip("mcap")
JPEG = b"\xff\xd8picture\xff\xd9"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "a.mcap"
    with Recorder(path) as recorder:
        walk(recorder)
        recorder.row(detection(50), 0.0)
        recorder.picture(Source("0011aabb", "yard"), 1_700_000_001.25, JPEG)
    return path


def _proto(value: Any) -> Any:
    """Return JSON as protobuf has it: Foxglove's JSON has its times in two parts."""
    if isinstance(value, dict):
        if value.keys() == {"sec", "nsec"}:
            moment = datetime.fromtimestamp(value["sec"], timezone.utc)
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{value['nsec']:09}Z"
        return {name: _proto(item) for name, item in value.items()}
    return [_proto(item) for item in value] if isinstance(value, list) else value


def test_foxglove_knows_every_field(recording: Path) -> None:
    """Boxes and pictures put into the types of Foxglove's own SDK, which refuse what they do not know."""
    kinds = pytest.importorskip("foxglove.messages")
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
    from mcap.reader import make_reader

    found: dict[str, list[Any]] = {}
    with recording.open("rb") as file:
        for schema, _, message in make_reader(file).iter_messages():
            assert schema is not None
            if not schema.name.startswith("foxglove."):
                continue
            wanted = getattr(kinds, schema.name.partition(".")[2]).get_schema()
            assert wanted.name == schema.name
            pool = descriptor_pool.DescriptorPool()
            for part in descriptor_pb2.FileDescriptorSet.FromString(wanted.data).file:
                pool.Add(part)
            type_ = message_factory.GetMessageClass(pool.FindMessageTypeByName(schema.name))
            data = _proto(json.loads(message.data))
            found.setdefault(schema.name, []).append(json_format.ParseDict(data, type_()))
    (picture,) = found["foxglove.CompressedImage"]
    assert (picture.data, picture.format) == (JPEG, "jpeg")
    boxes = found["foxglove.ImageAnnotations"]
    (shape,) = boxes[0].points
    assert [(point.x, point.y) for point in shape.points] == [
        (100, 200),
        (140, 200),
        (140, 300),
        (100, 300),
    ]
    assert shape.type == 2  # LINE_LOOP
    assert boxes[0].texts[0].text == "person"


def test_ros_reads_it_back(recording: Path, tmp_path: Path) -> None:
    decoder = pytest.importorskip("mcap_ros2.decoder")
    from mcap.reader import make_reader

    bag = tmp_path / "bag.mcap"
    assert write_bag(recording, bag) == 42
    found: dict[str, list[Any]] = {}
    with bag.open("rb") as file:
        reader = make_reader(file, decoder_factories=[decoder.DecoderFactory()])
        assert reader.get_header().profile == "ros2"
        for schema, channel, message, decoded in reader.iter_decoded_messages():
            assert schema is not None
            found.setdefault(f"{channel.topic} {schema.name}", []).append((message, decoded))
    ((_, image),) = found.pop(f"/k230_0011aabb/image/compressed {IMAGE}")
    assert (bytes(image.data), image.format) == (JPEG, "jpeg")
    rows = found.pop(f"/k230_0011aabb/detections {DETECTIONS}")
    assert not found
    message, first = rows[0]
    (one,) = first.detections
    assert (one.bbox.center.position.x, one.bbox.center.position.y) == (120.0, 250.0)
    assert (one.bbox.size_x, one.bbox.size_y) == (40.0, 100.0)
    (guess,) = one.results
    assert (guess.hypothesis.class_id, guess.hypothesis.score) == ("person", 0.9)
    stamp = first.header.stamp
    assert stamp.sec * 10**9 + stamp.nanosec == message.log_time
    assert rows[-1][1].detections == []  # a frame without objects says so


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_part_of_a_recording_is_told(recording: Path, tmp_path: Path, share: float) -> None:
    data = recording.read_bytes()
    broken = tmp_path / "broken.mcap"
    broken.write_bytes(data[: int(len(data) * share)])
    for use in (lambda: list(read(broken)), lambda: write_bag(broken, tmp_path / "bag.mcap")):
        with pytest.raises(RecordingError) as told:
            use()
        text = str(told.value)
        assert text.startswith(f"{broken}: expected a recording (MCAP), found")
        assert "\n" not in text
    assert not (tmp_path / "bag.mcap").exists()
    assert not (tmp_path / "bag.mcap.part").exists()


@contextlib.contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Let no file grow beyond size: what a full disk is to who writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _noise(recorder: Recorder, count: int) -> None:
    for number in range(count):  # what can't be compressed
        recorder.picture(Source("one", "yard"), float(number), os.urandom(400_000))


def test_a_full_disk_while_recording(recording: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.mcap"
    with (
        disk_of(1_000_000),
        pytest.raises(RecordingError, match=r"b\.mcap: can't be written: \w"),
        Recorder(path) as recorder,
    ):
        _noise(recorder, 20)
    assert not path.exists()  # nothing in part under that name
    with disk_of(100), pytest.raises(RecordingError, match=r"bag\.mcap: can't be written: \w"):
        write_bag(recording, tmp_path / "bag.mcap")
    assert not list(tmp_path.glob("bag*"))
