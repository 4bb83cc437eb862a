"""What users may call: the public names, and the same surface with and without await."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

import host_client
from host_client import sync
from host_client.results.messages import TaskInfo
from host_client.sync.derive import Derived

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import assert_type

PAIRS = [
    (host_client.Board, sync.Board),
    (host_client.Card, sync.Card),
    (host_client.Gallery, sync.Gallery),
]
NAMES = """
    AddressError ArgumentError AuthenticationError Board BoardClock BoardFull Box Card
    ClassificationResult Closed CommandFailed ConfigurationError ConnectionFailed CountEvent Counters Counts
    DetectionResult Enrolment Event EventBox FoundBoard Gallery GalleryFileError GalleryInfo
    Identified IdentitiesResult InstalledFiles InstalledPackage Instance
    InstanceSegmentationResult K230Error KeyFormatError KeyStore Keypoint Label LabelInfo LineCount
    LineEvent LinkLost LogLine Mask Match MetricLearningResult Model MultilabelResult NoGreeting
    OcrResult OrientedBox OrientedDetectionResult PackageError PackageInfo PictureError
    PlaceCount PortLocked Pose PoseResult ProtocolError Received Recognition Recognized
    RequestTimeout Result SampleInfo SegmentationResult SerialAddress SetReport Setting
    SimulationError State StateChange StateEvent Statistics Status Stream Suggestion
    SwitchReport TaskInfo TcpAddress Text TooManyAttempts TrackEvent VersionError Welcome
    ZoneEvent decode_result discover discover_serial parse_address typed_event
"""
BOARD = """
    address card clock close connect counters counts describe event_snapshot events forget gallery get infer
    infer_on_card info keep latest_statistics logs model previews request reset_counters restart
    results set settings snapshot state states
    statistics status switch tasks
"""
CARD = "config_get config_validate packages pull push push_file push_firmware remove_package"
GALLERY = """
    clear delete enroll export import_ list recognize remove rename select set_threshold show suggest
"""


def public(kind: type) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_")]


def described(member: Any) -> tuple[str, str]:
    """Return parameters, defaults and annotations, and the docstring."""
    if isinstance(member, property):
        assert member.fget is not None
        member = member.fget
    return str(inspect.signature(member)), member.__doc__


def test_public_names() -> None:
    assert host_client.__all__ == NAMES.split()
    assert public(host_client.Board) == BOARD.split()
    assert public(host_client.Card) == CARD.split()
    assert public(host_client.Gallery) == GALLERY.split()


@pytest.mark.parametrize(("original", "derived"), PAIRS)
def test_the_sync_surface_has_the_same_signatures(original: type[Any], derived: type[Any]) -> None:
    assert public(original) == public(derived)
    for name in public(original):
        expected, found = getattr(original, name), getattr(derived, name)
        parameters, doc = described(expected)
        if name == "connect":  # it connects at once
            doc = described(found)[1]
        if name == "previews":
            parameters = parameters.replace("AsyncIterator", "Iterator")
        assert described(found) == (parameters, doc), name
        assert not inspect.iscoroutinefunction(found), name


@pytest.mark.parametrize(("original", "derived"), PAIRS)
def test_type_checkers_see_each_method(original: type[Any], derived: type[Any]) -> None:
    """What comes by itself at run time has a line in the class's body, too."""
    body = inspect.getsource(derived)
    for name in public(original):
        assert f"    {name} = " in body or f"    def {name}(" in body, (
            f"add `{name} = blocking(...)` to {derived.__name__} in {derived.__module__}"
        )


def test_an_added_async_method_has_a_sync_one() -> None:
    class Original:
        async def doubled(self, number: int = 2) -> int:
            """Return twice the number."""
            return 2 * number

    class Twin(Derived, of=Original):
        pass

    twin: Any = Twin()
    twin._async = Original()
    twin._loop = sync.derive.LoopThread()
    assert twin.doubled(4) == 8
    assert described(Twin.doubled) == described(Original.doubled)  # type: ignore[attr-defined]
    twin._loop.stop()


if TYPE_CHECKING:

    def types_that_are_seen(board: sync.Board) -> None:
        """Checked by mypy alone."""
        assert_type(board.tasks(timeout=1.0), list[TaskInfo])
        assert_type(board.previews(every=2.0), Iterator[bytes])
        assert_type(board.results(rate=5), sync.Stream[host_client.Result])
        assert_type(board.card.packages(), list[host_client.PackageInfo])
        assert_type(board.gallery.select("a"), int)
        assert_type(board.set({"a": 1}), host_client.SetReport)
        assert_type(board.settings(), list[host_client.Setting])
        board.tasks(timeout="x")  # type: ignore[arg-type]
        board.gallery.enroll("a", cuont=3)  # type: ignore[call-arg]
        status = board.status()
        assert_type(status["heap_used_bytes"], int)
        assert_type(status["problems"][0]["code"], str)
        print(status["heap"])  # type: ignore[misc]

    def results_that_are_told_apart_by_their_task(result: host_client.Result) -> None:
        """Checked by mypy alone."""
        if result.task == "detection":
            assert_type(result, host_client.DetectionResult)
            assert_type(result.boxes[0].label, str)
            print(result.texts)  # type: ignore[attr-defined]
        elif result.task == "ocr":
            assert_type(result, host_client.OcrResult)
        elif result.task == "pose":
            assert_type(result, host_client.PoseResult)
        else:
            print(result.boxes)  # type: ignore[union-attr]
        if result.task == "detekcion":  # type: ignore[comparison-overlap]
            pass
