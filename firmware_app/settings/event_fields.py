"""The settings of `events:` in configs/tasks/NAME.yaml: tracks, zones, lines, steady answers, areas."""

from firmware_app.settings.schema import Field, FieldError, show, suggestion

ANCHORS = ("bottom_center", "center", "top_center", "left_center", "right_center")
MOST_PLACES = 8  # zones, and lines, and areas
MOST_CORNERS = 16
MOST_LABELS = 32
_MOST_PIXELS = 4096
_FRAMES = (1, 100)
_MS = (0, 3600000)

BOXES = (
    "detection",
    "instance_segmentation",
    "pose",
    "oriented_detection",
    "ocr_detection",
    "ocr",
    "metric_learning",
)
STEADY = ("classification", "multilabel", "metric_learning", "ocr_recognition", "ocr")


def _fault(where: str, words: str, value: object) -> FieldError:
    return FieldError(where + ": expected " + words + ", found " + show(value))


def _integer(where: str, value: object, span: "tuple[int, int]") -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not span[0] <= value <= span[1]:
        raise _fault(where, "an integer " + str(span[0]) + ".." + str(span[1]), value)
    return value


def _coordinate(where: str, value: object) -> object:
    """Pixels are integers; a number with a point is a part of the frame."""
    if isinstance(value, float) and 0 <= value <= 1:
        return round(value * 10000) / 10000
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_PIXELS:
        return value
    words = "pixels 0.." + str(_MOST_PIXELS) + ", or a part of the frame 0.0..1.0"
    raise _fault(where, words, value)


def _point(where: str, value: object) -> list:
    if not isinstance(value, list) or len(value) != 2:
        raise _fault(where, "a point [x, y]", value)
    return [_coordinate(where, value[0]), _coordinate(where, value[1])]


def _labels(where: str, value: object) -> "list | None":
    if value is None:
        return None
    if not isinstance(value, list) or not 0 < len(value) <= MOST_LABELS:
        raise _fault(where, "a list of 1.." + str(MOST_LABELS) + " labels", value)
    for label in value:
        if not isinstance(label, str):
            raise _fault(where, "texts only (put them in quotes)", label)
    return value


def _anchor(where: str, value: object) -> "str | None":
    if value is not None and value not in ANCHORS:
        raise _fault(where, "one of " + ", ".join(ANCHORS), value)
    return value


def _named(field: Field, value: object, known: "tuple[str, ...]", needed: "tuple[str, ...]"):
    """Yield (place in the list, mapping) of each item: a mapping with a name of its own, known keys only."""
    if not isinstance(value, list) or len(value) > MOST_PLACES:
        raise FieldError("expected " + field.expected() + ", found " + show(value))
    names: list = []
    rows: list = []
    for item in value:
        where = "number " + str(len(rows) + 1)
        if not isinstance(item, dict):
            raise _fault(where, "a mapping with " + ", ".join(needed), item)
        for key in item:
            if key not in known:
                hint = suggestion(key, known, "") if isinstance(key, str) else ""
                hint = hint or "; known here: " + ", ".join(known)
                raise FieldError(where + ": unknown key " + show(key) + hint)
        for key in needed:
            if item.get(key) is None:
                raise FieldError(where + ": " + key + " is missing")
        name = item["name"]
        if not isinstance(name, str) or not 0 < len(name) <= 32:
            raise _fault(where + ": name", "text of 1..32 characters", name)
        if name in names:
            raise FieldError(where + ": the name " + show(name) + " is there twice")
        names.append(name)
        rows.append((name, item))
    return rows


def check_zones(field: Field, value: object) -> list:
    """Return zones with their defaults filled in; FieldError."""
    checked: list = []
    keys = ("name", "points", "labels", "anchor", "frames", "leave_ms", "dwell_ms")
    for name, item in _named(field, value, keys, ("name", "points")):
        points = item["points"]
        if not isinstance(points, list) or not 3 <= len(points) <= MOST_CORNERS:
            raise _fault(name + ": points", "3.." + str(MOST_CORNERS) + " points [x, y]", points)
        checked.append(
            {
                "name": name,
                "points": [_point(name + ": points", point) for point in points],
                "labels": _labels(name + ": labels", item.get("labels")),
                "anchor": _anchor(name + ": anchor", item.get("anchor")),
                "frames": _integer(name + ": frames", item.get("frames", 3), _FRAMES),
                "leave_ms": _integer(name + ": leave_ms", item.get("leave_ms", 1000), _MS),
                "dwell_ms": _integer(name + ": dwell_ms", item.get("dwell_ms", 0), _MS),
            }
        )
    return checked


def check_lines(field: Field, value: object) -> list:
    """Return lines with their defaults filled in; FieldError."""
    checked: list = []
    keys = ("name", "from", "to", "labels", "anchor", "frames")
    for name, item in _named(field, value, keys, ("name", "from", "to")):
        start = _point(name + ": from", item["from"])
        end = _point(name + ": to", item["to"])
        if start == end:
            raise FieldError(name + ": from and to are the same point")
        checked.append(
            {
                "name": name,
                "from": start,
                "to": end,
                "labels": _labels(name + ": labels", item.get("labels")),
                "anchor": _anchor(name + ": anchor", item.get("anchor")),
                "frames": _integer(name + ": frames", item.get("frames", 3), _FRAMES),
            }
        )
    return checked


def check_areas(field: Field, value: object) -> list:
    """Return limits of a class's area with their defaults filled in; FieldError."""
    checked: list = []
    keys = ("name", "label", "above", "below", "for_ms")
    for name, item in _named(field, value, keys, ("name", "label")):
        if not isinstance(item["label"], str):
            raise _fault(name + ": label", "a text", item["label"])
        limits = [key for key in ("above", "below") if item.get(key) is not None]
        if len(limits) != 1:
            raise FieldError(name + ": expected either above or below")
        limit = item[limits[0]]
        if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 <= limit <= 1:
            raise _fault(name + ": " + limits[0], "a part of the frame 0..1", limit)
        checked.append(
            {
                "name": name,
                "label": item["label"],
                "above": float(limit) if limits[0] == "above" else None,
                "below": float(limit) if limits[0] == "below" else None,
                "for_ms": _integer(name + ": for_ms", item.get("for_ms", 1000), _MS),
            }
        )
    return checked


def check_labels(field: Field, value: object) -> "list | None":
    """Return labels; FieldError."""
    return _labels("labels", value)


FIELDS = (
    Field.boolean(
        "events.enabled",
        False,
        live=True,
        text="Track objects and make events from results (docs/events.md).",
    ),
    Field.integer(
        "events.confirm_frames",
        3,
        range=(1, 30),
        tasks=BOXES,
        live=True,
        text="Frames in which an object must appear before its track begins.",
    ),
    Field.integer(
        "events.lost_ms",
        1000,
        range=(0, 60000),
        unit="ms",
        tasks=BOXES,
        live=True,
        text="Time without a sighting after which an object is gone.",
    ),
    Field.integer(
        "events.update_ms",
        1000,
        range=(0, 3600000),
        unit="ms",
        tasks=BOXES,
        live=True,
        text="Least time between two track.update of a moving object; 0: only for a new text or "
        + "identity.",
    ),
    Field.integer(
        "events.count_ms",
        1000,
        range=(0, 3600000),
        unit="ms",
        tasks=BOXES,
        live=True,
        text="Least time between two count events; 0: none.",
    ),
    Field.integer(
        "events.snapshot_ms",
        2000,
        range=(0, 3600000),
        unit="ms",
        tasks=BOXES,
        live=True,
        text="Least time between two snapshots of objects, which need preview.enabled; 0: none.",
    ),
    Field.rows(
        "events.labels",
        checker=check_labels,
        words="a list of labels",
        tasks=BOXES,
        live=True,
        text="Labels of the objects to track; null: all.",
    ),
    Field.choice(
        "events.anchor",
        "bottom_center",
        ANCHORS,
        tasks=BOXES,
        live=True,
        text="Point of a box that decides about zones and lines.",
    ),
    Field.rows(
        "events.zones",
        checker=check_zones,
        words="a list of 0.." + str(MOST_PLACES) + " zones",
        tasks=BOXES,
        live=True,
        text="Zones, such as [{name: yard, points: [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0], [0.1, 1.0]]}]; also "
        + "labels, anchor, frames (3), leave_ms (1000), dwell_ms (0).",
    ),
    Field.rows(
        "events.lines",
        checker=check_lines,
        words="a list of 0.." + str(MOST_PLACES) + " lines",
        tasks=BOXES,
        live=True,
        text="Lines, such as [{name: door, from: [320, 0], to: [320, 480]}]; also labels, anchor, frames (3).",
    ),
    Field.integer(
        "events.steady_frames",
        5,
        range=(1, 30),
        tasks=STEADY,
        live=True,
        text="An answer is steady if this many of the last steady_of frames agree.",
    ),
    Field.integer(
        "events.steady_of",
        8,
        range=(1, 30),
        tasks=STEADY,
        live=True,
        text="Number of last frames for a steady answer.",
    ),
    Field.rows(
        "events.areas",
        checker=check_areas,
        words="a list of 0.." + str(MOST_PLACES) + " limits",
        tasks=("segmentation",),
        live=True,
        text="Limits of a class's area, such as [{name: flood, label: water, above: 0.2, for_ms: 3000}]; "
        + "above or below, as a part of the frame.",
    ),
)
