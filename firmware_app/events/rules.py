"""What the settings of `events:` mean for a model's labels and a frame's size: the only place with fractions."""

from firmware_app.events.places import Line, Zone
from firmware_app.events.steady import Area
from firmware_app.settings.event_fields import ANCHORS


def pixels(value: object, size: int) -> int:
    """Return a coordinate: an integer is pixels, a number with a point is a part of the frame."""
    if isinstance(value, float):
        return int(value * 10000 + 0.5) * size // 10000
    return value  # type: ignore[return-value]


def kinds(labels: "list | None", names: list) -> "tuple | None":
    """Return the classes of these labels; None for all."""
    if labels is None:
        return None
    return tuple([i for i in range(len(names)) if names[i] in labels])


def unknown(settings: dict, names: list) -> list:
    """Return the labels that the settings name and the model has not."""
    wanted: list = list(settings.get("labels") or [])
    for group in ("zones", "lines"):
        for place in settings.get(group) or []:
            wanted += place["labels"] or []
    wanted += [area["label"] for area in settings.get("areas") or []]
    missing: list = []
    for label in wanted:
        if label not in names and label not in missing:
            missing.append(label)
    return missing


def outside(settings: dict, width: int, height: int) -> str:
    """Return what is wrong with the first zone or line that leaves the frame; empty: nothing."""
    for group, word in (("zones", "zone"), ("lines", "line")):
        for place in settings.get(group) or []:
            points = place["points"] if group == "zones" else [place["from"], place["to"]]
            for x, y in points:
                if pixels(x, width) > width or pixels(y, height) > height:
                    return "%s %s: expected points in the frame of %d x %d, found [%s, %s]" % (
                        word,
                        place["name"],
                        width,
                        height,
                        x,
                        y,
                    )
    return ""


class Rules:
    """The settings of `events:`, made for these labels and this size of frames."""

    def __init__(self, settings: dict, names: list, width: int, height: int) -> None:
        """settings: the checked values of the group; names: the model's labels in their order."""
        self.names = names
        self.confirm = settings.get("confirm_frames", 1)
        self.lost_ms = settings.get("lost_ms", 0)
        self.update_ms = settings.get("update_ms", 0)
        self.count_ms = settings.get("count_ms", 0)
        self.steady = settings.get("steady_frames", 1)
        self.steady_of = settings.get("steady_of", 1)
        self.kinds = kinds(settings.get("labels"), names)
        usual = settings.get("anchor", ANCHORS[0])
        self.zones = [
            Zone(
                row["name"],
                [(pixels(x, width), pixels(y, height)) for x, y in row["points"]],
                ANCHORS.index(row["anchor"] or usual),
                kinds(row["labels"], names),
                row["frames"],
                row["leave_ms"],
                row["dwell_ms"],
            )
            for row in settings.get("zones") or []
        ]
        self.lines = [
            Line(
                row["name"],
                (pixels(row["from"][0], width), pixels(row["from"][1], height)),
                (pixels(row["to"][0], width), pixels(row["to"][1], height)),
                ANCHORS.index(row["anchor"] or usual),
                kinds(row["labels"], names),
                row["frames"],
            )
            for row in settings.get("lines") or []
        ]
        self.areas = [
            Area(
                row["name"],
                names.index(row["label"]) if row["label"] in names else -1,
                int((row["below"] if row["above"] is None else row["above"]) * 1000 + 0.5),
                row["above"] is not None,
                row["for_ms"],
            )
            for row in settings.get("areas") or []
        ]
