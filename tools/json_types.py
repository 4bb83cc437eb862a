"""The types of lines that `k230 … --json` prints, and their fields (docs/json.md).

Results, events, statistics and log lines are not here: their schemas are written by hand.
"""

from __future__ import annotations

from tools.json_forms import Schema, array, entry, flag, kind, mapping, maybe, number, string, whole

ANYTHING: Schema = {}
TEXTS = array(string())
SHARE = {"minimum": 0, "maximum": 1}
COSINE = {"minimum": -1, "maximum": 1}
BOX = entry({name: whole("Pixels.", None) for name in "xywh"})
GALLERY_LABELS = array(
    entry(
        {
            "label": string(),
            "samples": whole(),
            "negatives": whole(),
            "threshold": maybe(number("Its own.", **COSINE)),
        }
    )
)
BYTES = whole("Bytes.")
BYTES_OR_NULL = maybe(whole("Bytes; null where the board can't tell."))
SHA256 = string("Hexadecimal digits.", pattern="^[0-9a-f]{64}$")
CODED = entry({"code": string("For programs."), "text": string("For people.")})
WARNINGS = array(string(), "Sentences for people.")

HEAD: Schema = {
    "schema": {
        "const": 1,
        "description": "Version of this form. It grows when a field changes its meaning or goes; "
        "new fields come any time.",
    },
    "type": ANYTHING,
    "board_id": maybe(
        string("The chip's serial number, 16 hexadecimal digits; null where no board was asked.")
    ),
    "board_name": maybe(string("Its name in service.yaml.")),
    "time": string("When it was known here, RFC 3339 in UTC.", format="date-time"),
    "time_uncertainty_ms": number("Plus or minus milliseconds of time.", minimum=0),
}

LABELLED = array(
    array(ANYTHING, "Label and score.", minItems=2, maxItems=2), "What was found, best first."
)
ANSWER_OF_PICTURE = entry(
    {
        "picture": string("Its path."),
        "labels?": LABELLED,
        "low?": LABELLED,
        "parts?": maybe(LABELLED),
        "before?": maybe(LABELLED),
        "expected?": maybe(TEXTS),
        "identity?": maybe(string()),
        "nearest?": maybe(
            entry(
                {
                    "picture": string(),
                    "identity": maybe(string()),
                    "cosine": number("", **COSINE),
                }
            )
        ),
    }
)
REPORT: Schema = {
    "pictures": whole("How many were tried."),
    "threshold": maybe(number("The package's.", **SHARE)),
    "thresholds": array(
        entry({"threshold": number("", **SHARE), "found": whole(), "wrong": whole()}),
        "What another threshold would give.",
    ),
    "verdict": string("ok, unknown, or what is wrong: a word for programs."),
    "reasons": array(string(), "Sentences for people."),
    "answers": array(ANSWER_OF_PICTURE),
    "failed": array(
        entry({"picture": string(), "code": string(), "message": string()}),
        "Pictures that could not be tried.",
    ),
    "similarities?": array(array(number("", **COSINE)), "Cosine of each picture to each."),
}
LATENCY = maybe(entry({"p50": number("Milliseconds."), "p99": number("Milliseconds.")}))
IMAGE: Schema = {
    "image": string("Its path."),
    "form": string("img or kdimg."),
    "compressed": flag(),
    "size_bytes": BYTES,
    "card_bytes": whole("Bytes that a card must have."),
    "boards": array(string(), "Types of boards that it is for."),
    "board_from": maybe(string("Where that was read.")),
    "canmv": maybe(string("Version of CanMV.")),
    "nncase": maybe(string("Version of nncase.")),
    "nncase_from": maybe(string("Where that was read.")),
    "hash": maybe(string("Which hash was compared.")),
}

LINES: dict[str, tuple[str, Schema]] = {
    "error": (
        "A command, or one board or picture of several, failed",
        {
            "url": maybe(string("Of the board, where several were asked.")),
            "error": entry(
                {
                    "code": string("docs/protocol.md, section 10."),
                    "message": string("For people; may change."),
                }
            ),
        },
    ),
    "status": (
        "How a board is doing",
        {
            "version?": string("Of the service."),
            "board_type?": string("The hardware."),
            "firmware?": string("CanMV's version."),
            "boot_id?": whole("Another after every start."),
            "uptime_ms?": whole("Milliseconds since its start."),
            "early_starts?": whole("Starts in a row that ended early."),
            "safe_mode?": flag("No task is started, because the last starts crashed."),
            "restart_reason?": maybe(CODED),
            "starts?": whole("Starts so far."),
            "watchdog_ms?": whole("The watchdog's timeout, 0: none runs."),
            "network?": maybe(
                entry(
                    {
                        "interface": string(),
                        "up": flag(),
                        "waiting": string("address while one is awaited, else empty."),
                        "address": string("IP address, or empty."),
                        "signal_dbm": maybe(whole("", None)),
                        "reconnects": whole(),
                    }
                )
            ),
            "task?": maybe(string("Its name in configs/tasks.")),
            "model?": string("Empty where no task runs."),
            "generation?": whole("Configurations that ran since the start."),
            "camera?": flag("Whether frames come."),
            "processed?": whole("Frames made into results."),
            "captured?": whole("Frames."),
            "skipped?": whole("Frames."),
            "renewed?": whole("Frames given back for a fresher one."),
            "stages_us?": mapping(
                whole(), "Microseconds a frame of each stage, in the last statistics period."
            ),
            "heap_floor_bytes?": BYTES_OR_NULL,
            "heap_floor_first_bytes?": BYTES_OR_NULL,
            "heap_used_bytes?": BYTES,
            "heap_free_bytes?": BYTES,
            "heap_growth_bytes_per_hour?": maybe(whole("null: too early to say.", None)),
            "seq?": whole("Number of the latest frame."),
            "clients?": array(
                entry(
                    {
                        "name": string("The link."),
                        "client": maybe(string("What the client calls itself.")),
                        "sent": whole("Messages."),
                        "dropped": whole("Results that it was too slow for."),
                    }
                )
            ),
            "rejected?": whole("Damaged packets."),
            "refused?": whole("Greetings."),
            "failed_attempts?": whole("Wrong keys."),
            "memory?": entry(
                {
                    "media_total_bytes": BYTES_OR_NULL,
                    "media_free_bytes": BYTES_OR_NULL,
                    "programs_free_bytes": BYTES_OR_NULL,
                }
            ),
            "card_free_bytes?": BYTES_OR_NULL,
            "data_free_bytes?": BYTES_OR_NULL,
            "temperature_c?": maybe(whole("Degrees Celsius.", None)),
            "problems?": array(CODED, "What is wrong now; codes: docs/protocol.md, section 9."),
        },
    ),
    "task": (
        "A task on a board's card",
        {
            "name": string("Its name in configs/tasks."),
            "task": maybe(string("Kind of task.")),
            "package": maybe(string()),
            "active": flag(),
            "problem": maybe(string("Why it can't run.")),
        },
    ),
    "switch": (
        "What a switch did",
        {
            "task": string("Its name in configs/tasks."),
            "generation": whole(),
            "first_seq": maybe(whole("Frame of the first result.")),
            "gap_ms": maybe(whole("Milliseconds without results.")),
            "gap_frames": maybe(whole("The same in frames.")),
            "heap_before_bytes": BYTES_OR_NULL,
            "heap_after_bytes": BYTES_OR_NULL,
            "sha256": maybe(string("Of the kmodel.")),
            "pause_ms": maybe(whole("The longest time between two results.")),
            "mmz_before_bytes": BYTES_OR_NULL,
            "mmz_after_bytes": BYTES_OR_NULL,
        },
    ),
    "setting": (
        "A setting of a board",
        {
            "name": string("docs/configuration.md."),
            "value": {"description": "In force; secrets are ***."},
            "file_value": {"description": "What the YAML on the card says, else the default."},
            "next_value": {"description": "In force from the next start on."},
            "live": flag("set changes it at once."),
            "kept": flag("The change outlasts a restart."),
            "of_task": flag("Of the running task's YAML."),
            "changed": flag("It is, or will be, another than the YAML says."),
        },
    ),
    "settings_changed": (
        "What set, keep or forget did",
        {
            "generation": whole("Of the first result made with them."),
            "changed": array(string(), "Names."),
            "saved": flag("Kept over a restart."),
            "later": array(string(), "Names of those that take effect from the next start."),
        },
    ),
    "configuration": (
        "The settings in force",
        {"service": kind("object"), "task": maybe(kind("object"))},
    ),
    "configuration_check": (
        "Whether a YAML file is valid",
        {
            "file": string(),
            "valid": flag(),
            "problems": array(string(), "Sentences for people."),
            "values": maybe(kind("object", "Null where it is not valid.")),
        },
    ),
    "file": (
        "A file that was written",
        {
            "file": string("Its path here."),
            "size_bytes?": BYTES,
            "name?": string("Its name on the board."),
            "labels?": whole("In a gallery."),
            "messages?": whole("In a recording."),
            "zones?": whole("Drawn into a picture."),
            "lines?": whole("Drawn into a picture."),
        },
    ),
    "pushed": (
        "What lies on a board's card now",
        {
            "name": string(),
            "size_bytes": BYTES,
            "warnings": WARNINGS,
            "task?": string("Kind of task of a package."),
            "model?": string(),
            "tasks?": array(string(), "What `switch` runs it with."),
            "in_use?": flag(),
        },
    ),
    "package": (
        "A package on a board's card",
        {
            "name": string(),
            "task": maybe(string("Kind of task.")),
            "model": maybe(string()),
            "size_bytes": BYTES,
            "in_use": flag(),
            "problem": maybe(string("Why it can't be used.")),
            "warnings": WARNINGS,
        },
    ),
    "package_removed": (
        "A package was removed",
        {"name": string(), "tasks": array(string(), "Tasks that now lack it.")},
    ),
    "restart": ("A board restarts", {"restarting": flag()}),
    "enrolment": (
        "What was enrolled",
        {
            "gallery": string(),
            "label": string(),
            "added": array(whole(), "Numbers of the new samples."),
            "samples": whole("Of the label now."),
            "negatives": whole("Of the label now."),
            "total_samples": whole("Of all labels."),
            "frames_seen": whole(),
            "refused": mapping(whole(), "Reason: how many frames."),
            "warnings": WARNINGS,
        },
    ),
    "recognition": (
        "Whom a frame or picture shows",
        {
            "gallery": string(),
            "threshold": number("", **COSINE),
            "image": maybe(string("Path of the picture that was asked about.")),
            "found": array(
                entry(
                    {
                        "identity": maybe(string("Null: unknown.")),
                        "score": number("Cosine.", **COSINE),
                        "margin": number(),
                        "reason": maybe(string("Why it is unknown.")),
                        "matches": array(
                            entry({"label": string(), "score": number("Cosine.", **COSINE)})
                        ),
                        "box": maybe(BOX),
                        "label": maybe(string("Of the detector.")),
                        "label_score": maybe(number("", **SHARE)),
                        "light": maybe(string("What is wrong with the picture.")),
                    }
                )
            ),
        },
    ),
    "gallery": (
        "The gallery in use",
        {
            "selected": maybe(string("Its name.")),
            "problem": string("Why it can't be used, or empty."),
            "labels": GALLERY_LABELS,
            "samples": whole(),
            "negatives": whole(),
            "capacity": whole("Samples."),
            "size_bytes": BYTES,
            "dimension": whole("Values of an embedding."),
            "sha256": string("Of the kmodel."),
            "threshold": number("", **COSINE),
            "margin": number(),
            "combine": string(),
            "nearest": whole(),
            "galleries": array(
                entry({"name": string(), "size_bytes": BYTES}), "All galleries on the card."
            ),
        },
    ),
    "gallery_totals": (
        "What the gallery in use holds after a change",
        {
            "gallery": maybe(string("Its name.")),
            "labels": whole(),
            "total_samples": whole("Negative ones included."),
        },
    ),
    "gallery_imported": (
        "A gallery lies on the card",
        {"gallery": string("Its name."), "total_samples": whole("Negative ones included.")},
    ),
    "gallery_content": (
        "What a gallery's file holds",
        {
            "file": string(),
            "dimension": whole("Values of an embedding."),
            "sha256": string("Of the kmodel."),
            "labels": GALLERY_LABELS,
        },
    ),
    "sample": (
        "A sample of a label",
        {
            "label": string(),
            "number": whole(),
            "negative": flag(),
            "own": maybe(number("Best cosine to the others of its label.", **COSINE)),
            "other_label": maybe(string()),
            "other": maybe(number("Best cosine to another label.", **COSINE)),
        },
    ),
    "suggestion": (
        "A threshold from what is enrolled",
        {
            "gallery": string(),
            "threshold": number("", **COSINE),
            "refused": whole("Samples that would be."),
            "accepted": whole("Samples that would be, for another label."),
            "current": number("The threshold in force.", **COSINE),
            "combine": string(),
            "within": array(number("", **COSINE), "Each sample's score for its own label."),
            "between": array(number("", **COSINE), "Each sample's best score for another label."),
        },
    ),
    "counters": (
        "What lines have counted, and what is there now",
        {
            "task": string("Its name in configs/tasks."),
            "since_start": maybe(whole("Number of the board's start at which counting began.")),
            "since_ms": maybe(whole("Milliseconds after that start.")),
            "since_time": maybe(string("The same, RFC 3339 in UTC.", format="date-time")),
            "lines": array(
                entry(
                    {
                        "line": string(),
                        "label": string(),
                        "counted_in": whole(),
                        "counted_out": whole(),
                    }
                )
            ),
            "now": array(
                entry(
                    {
                        "zone": maybe(string("Null: the whole frame.")),
                        "label": string(),
                        "objects": whole(),
                    }
                )
            ),
            "kept": flag("A power cut would lose nothing."),
        },
    ),
    "found_board": (
        "A board that answered",
        {
            "url": string(),
            "version": string("Of the service."),
            "key_required": flag(),
            "protocol": whole("Protocol version."),
        },
    ),
    "serial_port": (
        "A serial port of this computer",
        {"url": string(), "name": maybe(string("What the port says of itself."))},
    ),
    "finding": (
        "One thing that doctor looked at",
        {
            "what": string(),
            "state": {"enum": ["ok", "warning", "trouble", "unknown"]},
            "text": string("For people."),
        },
    ),
    "key": (
        "A board whose key is kept here",
        {"board": string("Its URL or its id.")},
    ),
    "firmware": (
        "A type of board, and the firmware for it",
        {
            "board": string("The type."),
            "title": string(),
            "chip": string(),
            "memory_bytes": BYTES,
            "files": array(string(), "What the files' names begin with."),
            "canmv": array(string(), "Versions that are supported."),
            "nncase": string("Version."),
            "downloads": array(string(), "Where to get them."),
        },
    ),
    "image": (
        "What a firmware image is",
        {**IMAGE, "problems": array(CODED, "Why it does not fit.")},
    ),
    "flashed": (
        "A card or board was written",
        {
            **IMAGE,
            "device": string(),
            "serial?": string("Of the card."),
            "medium?": string("Of the board."),
            "written_bytes": BYTES,
            "sha256?": SHA256,
            "compared": flag("It was read back."),
            "duration_ms": whole(),
        },
    ),
    "installation": (
        "What an installation did, or would do",
        {
            "dry_run": flag(),
            "board": maybe(string("What the board calls itself.")),
            "firmware": maybe(string("CanMV's version.")),
            "place": string("The board's or card's place here."),
            "board_type": maybe(string()),
            "changes": array(string(), "Sentences for people."),
            "notes": array(string(), "Sentences for people."),
            "size_bytes": whole("Bytes to copy."),
            "compiled": flag("The service was copied compiled."),
            "duration_ms?": whole(),
            "bytes_per_s?": maybe(whole()),
            "link_size_bytes?": whole("Bytes of a package that went over the link."),
            "link_bytes_per_s?": whole(),
            "url?": maybe(string()),
            "key?": string("64 hexadecimal digits."),
            "results?": flag("They arrive."),
            "task?": string("Kind of task of the first result."),
            "model?": string(),
            "unreachable?": string("Why it was not reached from here."),
        },
    ),
    "uninstallation": (
        "The card is as it was before the installation",
        {
            "uninstalled": flag(),
            "purged": flag(),
            "kept": array(string(), "Sentences for people."),
            "place": string(),
        },
    ),
    "verdict": (
        "What is wrong with a package",
        {
            "package": string("Its path."),
            "task": string("Kind of task."),
            "onnx": maybe(string("Path of the model before its conversion.")),
            "warnings": WARNINGS,
            **REPORT,
        },
    ),
    "package_made": (
        "A package was made of a kmodel",
        {
            "package": string("Its path."),
            "family": string(),
            "task": string("Kind of task."),
            "labels": whole(),
            "layout": string("Of the model's outputs."),
            "img_size": array(whole(), "Width and height.", minItems=2, maxItems=2),
            "verify": maybe(entry(REPORT)),
        },
    ),
    "demo": (
        "How the tour went",
        {
            "results": whole(),
            "results_per_s": number(),
            "latency_ms": LATENCY,
            "labels": mapping(whole()),
            "dropped": whole(),
            "rejected": whole(),
            "tasks": array(
                entry(
                    {
                        "task": string(),
                        "model": maybe(string()),
                        "results": whole(),
                        "results_per_s": number(),
                        "latency_ms": LATENCY,
                        "gap_ms": maybe(whole()),
                        "gap_frames": maybe(whole()),
                        "problem": maybe(string()),
                    }
                )
            ),
        },
    ),
    "demo_enrolled": ("The tour enrolled a sample", {"identity": string()}),
    "simulation": (
        "What happened to a virtual board",
        {
            "event": string("address, console, reset, fault, dead and others."),
            "detail": {"description": "A text, or what the event needs."},
        },
    ),
    "listening": (
        "Where the hub's pages are",
        {"url": maybe(string()), "open": maybe(string("An address that logs in once."))},
    ),
    "hub_check": ("A hub's configuration is valid", {"boards": whole()}),
}
