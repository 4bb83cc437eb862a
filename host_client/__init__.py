"""Client of the K230 vision service: read results and events of a board, send commands.

    from host_client import Board

    async with Board.connect("tcp://192.168.1.20") as board:
        async for result in board.results():
            print(result.task, result.to_dict())

host_client.sync has the same without await.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from host_client.base.exceptions import (
        AddressError,
        ArgumentError,
        AuthenticationError,
        BoardFull,
        Closed,
        CommandFailed,
        ConfigurationError,
        ConnectionFailed,
        GalleryFileError,
        K230Error,
        KeyFormatError,
        LinkLost,
        NoGreeting,
        PackageError,
        PictureError,
        PortLocked,
        ProtocolError,
        RequestTimeout,
        SimulationError,
        TooManyAttempts,
        VersionError,
    )
    from host_client.board import Board
    from host_client.commands.card import Card, InstalledFiles, InstalledPackage, PackageInfo
    from host_client.commands.gallery import Gallery
    from host_client.commands.gallery_answers import (
        Enrolment,
        GalleryInfo,
        LabelInfo,
        Match,
        Recognition,
        Recognized,
        SampleInfo,
        Suggestion,
    )
    from host_client.commands.requester import Received
    from host_client.link.address import SerialAddress, TcpAddress, parse_address
    from host_client.link.clock import BoardClock
    from host_client.link.discovery import FoundBoard, discover, discover_serial
    from host_client.link.greeting import Welcome
    from host_client.link.keys import KeyStore
    from host_client.results.counters import Counters, LineCount, PlaceCount
    from host_client.results.decode import Model, decode_result
    from host_client.results.events import (
        CountEvent,
        EventBox,
        LineEvent,
        StateEvent,
        TrackEvent,
        ZoneEvent,
        typed_event,
    )
    from host_client.results.messages import (
        Counts,
        Event,
        LogLine,
        State,
        StateChange,
        Statistics,
        Status,
        SwitchReport,
        TaskInfo,
    )
    from host_client.results.objects import Instance, Keypoint, Mask, OrientedBox, Pose
    from host_client.results.settings import SetReport, Setting
    from host_client.results.streams import Stream
    from host_client.results.types import (
        Box,
        ClassificationResult,
        DetectionResult,
        Identified,
        IdentitiesResult,
        InstanceSegmentationResult,
        Label,
        MetricLearningResult,
        MultilabelResult,
        OcrResult,
        OrientedDetectionResult,
        PoseResult,
        Result,
        SegmentationResult,
        Text,
    )

__all__ = [
    "AddressError",
    "ArgumentError",
    "AuthenticationError",
    "Board",
    "BoardClock",
    "BoardFull",
    "Box",
    "Card",
    "ClassificationResult",
    "Closed",
    "CommandFailed",
    "ConfigurationError",
    "ConnectionFailed",
    "CountEvent",
    "Counters",
    "Counts",
    "DetectionResult",
    "Enrolment",
    "Event",
    "EventBox",
    "FoundBoard",
    "Gallery",
    "GalleryFileError",
    "GalleryInfo",
    "Identified",
    "IdentitiesResult",
    "InstalledFiles",
    "InstalledPackage",
    "Instance",
    "InstanceSegmentationResult",
    "K230Error",
    "KeyFormatError",
    "KeyStore",
    "Keypoint",
    "Label",
    "LabelInfo",
    "LineCount",
    "LineEvent",
    "LinkLost",
    "LogLine",
    "Mask",
    "Match",
    "MetricLearningResult",
    "Model",
    "MultilabelResult",
    "NoGreeting",
    "OcrResult",
    "OrientedBox",
    "OrientedDetectionResult",
    "PackageError",
    "PackageInfo",
    "PictureError",
    "PlaceCount",
    "PortLocked",
    "Pose",
    "PoseResult",
    "ProtocolError",
    "Received",
    "Recognition",
    "Recognized",
    "RequestTimeout",
    "Result",
    "SampleInfo",
    "SegmentationResult",
    "SerialAddress",
    "SetReport",
    "Setting",
    "SimulationError",
    "State",
    "StateChange",
    "StateEvent",
    "Statistics",
    "Status",
    "Stream",
    "Suggestion",
    "SwitchReport",
    "TaskInfo",
    "TcpAddress",
    "Text",
    "TooManyAttempts",
    "TrackEvent",
    "VersionError",
    "Welcome",
    "ZoneEvent",
    "decode_result",
    "discover",
    "discover_serial",
    "parse_address",
    "typed_event",
]

# Loaded when a name is first used: the command line starts quickly and can be interrupted.
_MODULES = (
    "base.exceptions",
    "board",
    "commands.card",
    "commands.requester",
    "commands.gallery",
    "commands.gallery_answers",
    "link.address",
    "link.clock",
    "link.discovery",
    "link.greeting",
    "link.keys",
    "results.counters",
    "results.decode",
    "results.events",
    "results.messages",
    "results.objects",
    "results.settings",
    "results.streams",
    "results.types",
)


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in _MODULES:
            found = getattr(importlib.import_module(f"host_client.{module}"), name, None)
            if found is not None:
                globals()[name] = found
                return found
    raise AttributeError(f"module 'host_client' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
