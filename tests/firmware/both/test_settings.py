"""Settings: defaults, ranges, messages; runs on CPython and MicroPython."""

import os

from firmware_app.settings import service_fields, task_fields
from firmware_app.settings.reader import (
    Settings,
    SettingsError,
    decode,
    read_service,
    read_task,
    read_value,
)

SERVICE = "configs/service.yaml"
TASK = "configs/tasks/t.yaml"


def _refused(text: str, read: object = read_service, name: str = SERVICE) -> list[str]:
    assert callable(read)
    try:
        read(text, name)
    except SettingsError as error:
        return error.messages
    raise AssertionError("accepted: " + text)


def _says(text: str, *messages: str) -> None:
    found = _refused(text)
    assert found == [SERVICE + " " + message for message in messages], found


def _task_says(text: str, *messages: str) -> None:
    found = _refused(text, read_task, TASK)
    assert found == [TASK + " " + message for message in messages], found


def test_empty_service_has_every_default() -> None:
    settings = read_service("", SERVICE)
    for field in service_fields.FIELDS:
        assert settings.get(field.path) == field.default
    assert settings.get("network.port") == 5230
    assert settings.lines == {}


def test_group_without_settings_has_its_defaults() -> None:
    assert read_service("camera:\nuart:  # later\n", SERVICE).get("camera.fps") == 30


def test_given_settings_and_their_lines() -> None:
    settings = read_service("task: veg\n\ncamera:\n  fps: 25\n  width: 640\n", SERVICE)
    assert settings.get("task") == "veg"
    assert settings.values["camera"]["fps"] == 25  # type: ignore[index]
    assert settings.lines == {"task": 1, "camera.fps": 4, "camera.width": 5}


def test_shipped_files_are_valid_and_repeat_the_defaults() -> None:
    with open(SERVICE, encoding="utf-8") as file:
        settings = read_service(file.read(), SERVICE)
    assert settings.get("task") == "classification"
    for field in service_fields.FIELDS:
        if field.path != "task":
            assert settings.get(field.path) == field.default, field.path
    names = sorted(os.listdir("configs/tasks"))
    assert names == sorted([task + ".yaml" for task in task_fields.TASKS])
    for name in names:
        with open("configs/tasks/" + name, encoding="utf-8") as file:
            task = read_task(file.read(), name)
        assert task.get("task") == name[:-5]


def test_wrong_types_and_ranges() -> None:
    _says('camera:\n  fps: "fast"', 'line 2: camera.fps: expected an integer 1..120, found "fast"')
    _says("camera:\n  fps: 0", "line 2: camera.fps: expected an integer 1..120, found 0")
    _says("camera:\n  fps: 30.0", "line 2: camera.fps: expected an integer 1..120, found 30.0")
    _says("camera:\n  fps: true", "line 2: camera.fps: expected an integer 1..120, found true")
    _says("camera:\n  fps:", "line 2: camera.fps: expected an integer 1..120, found null")
    _says("camera: {vflip: 1}", "line 1: camera.vflip: expected true or false, found 1")
    _says("camera: 5", "line 1: camera: expected a group of settings, found 5")
    _says("camera: []", "line 1: camera: expected a group of settings, found a list of 0")
    _says(
        "network: {port: 70000}", "line 1: network.port: expected an integer 1..65535, found 70000"
    )
    _says(
        "results: {rate_limit: -0.5}",
        "line 1: results.rate_limit: expected a number 0..1000, found -0.5",
    )
    _says(
        "camera: {csi_id: 3}",
        "line 1: camera.csi_id: expected an integer 0..2 or null, found 3",
    )
    _says("- a", "line 1: expected settings ('key: value'), found a list of 1")


def test_width_names_the_next_multiple() -> None:
    start = "line 1: camera.width: expected an integer 64..3840, a multiple of 16, found "
    _says("camera: {width: 650}", start + "650; 656 is the next one that fits")
    _says("camera: {width: 63}", start + "63")


def test_unknown_settings_are_refused_with_the_nearest_name() -> None:
    _says("camera: {fsp: 30}", "line 1: camera.fsp: unknown setting; did you mean camera.fps?")
    _says("Camera: {fps: 30}", "line 1: Camera: unknown setting; did you mean camera?")
    _says("netwrok:\n  port: 1", "line 1: netwrok: unknown setting; did you mean network?")
    _says("board: {zzzzzz: 1}", "line 1: board.zzzzzz: unknown setting; known here: name")
    _says(
        "watchdog: {timeout-s: 9}",
        "line 1: watchdog.timeout-s: unknown setting; did you mean watchdog.timeout_s?",
    )


def test_choices() -> None:
    _says(
        "network: {interface: wifi}",
        "line 1: network.interface: expected one of none, station, access_point, ethernet, "
        + 'found "wifi"',
    )
    _says(
        "log: {level: inof}",
        "line 1: log.level: expected one of error, warning, info, debug, found "
        + '"inof"; did you mean info?',
    )
    _says(
        "switch: {policy: true}",
        "line 1: switch.policy: expected one of beside, unload_first, found true",
    )


def test_console_uart_is_refused() -> None:
    _says(
        "uart: {id: 0}",
        "line 1: uart.id: expected an integer 1..4, found 0 (UART 0 is the board's console)",
    )


def test_uart_pins_belong_to_their_uart() -> None:
    assert read_service("uart: {id: 2, tx: 11, rx: 12}", SERVICE).get("uart.tx") == 11
    _says(
        "uart:\n  id: 2\n  tx: 3\n  rx: 4",
        "line 3: uart.tx: expected the pins tx/rx of UART 2: 5/6, 11/12, 44/45; found 3/4",
    )
    _says(
        "uart:\n  id: 4\n  rx: 49",
        "line 1: uart.tx: expected the pins tx/rx of UART 4: 36/37, 48/49; found null/49",
    )


def test_interface_needs_its_names() -> None:
    _says(
        "network:\n  interface: station",
        "line 1: network.ssid: missing; interface station needs it",
    )
    _says(
        "network:\n  interface: access_point\n  ssid: k230",
        "line 1: network.password: missing; an access point needs one",
    )


def test_secrets_are_never_shown() -> None:
    settings = read_service('network: {ssid: "a", password: "12345678"}', SERVICE)
    assert settings.get("network.password") == "12345678"
    assert "12345678" not in str(settings.public())
    assert settings.public()["network"]["password"] == "***"  # type: ignore[index]
    for wrong in ("87654321", '"87654"', "[8765]"):
        messages = _refused("network: {password: " + wrong + "}")
        assert len(messages) == 1 and "8765" not in messages[0], messages
    assert read_service("", SERVICE).public()["network"]["password"] is None  # type: ignore[index]


def test_every_fault_is_reported_in_order() -> None:
    _says(
        "camera: {fps: 0}\nlog: {sze: 1}\nuart: {id: 9}",
        "line 1: camera.fps: expected an integer 1..120, found 0",
        "line 2: log.sze: unknown setting; did you mean log.size?",
        "line 3: uart.id: expected an integer 1..4, found 9",
    )
    try:
        read_service("camera: {fps: 0, width: 1}", SERVICE)
    except SettingsError as error:
        assert str(error) == error.messages[0] + " (and 1 more)"


def test_yaml_faults_come_as_settings_faults() -> None:
    _says("a: 1\nb:\t2", 'line 2: a tab: use spaces (in quoted text write \\t inside "...")')


def test_task_names_stay_in_their_folder() -> None:
    for name in ('"../x"', '"a/b"', '".x"', '""', '"a\\\\b"'):
        messages = _refused("task: " + name)
        assert "expected the name of a file in configs/tasks" in messages[0], messages
    assert read_service("task: 蔬菜", SERVICE).get("task") == "蔬菜"


def _task(extra: str = "", task: str = "detection") -> Settings:
    return read_task("task: " + task + "\npackage: p\n" + extra, TASK)


def test_task_defaults() -> None:
    task = _task()
    assert task.get("confidence_threshold") is None and task.get("max_results") == 50
    assert "top_k" not in task.values


def test_task_settings() -> None:
    task = _task("confidence_threshold: 0.5\nnms: class_agnostic\nlabels: [a, 菠菜]\n")
    assert task.get("confidence_threshold") == 0.5
    assert task.get("labels") == ["a", "菠菜"]
    assert isinstance(_task("confidence_threshold: 1\n").get("confidence_threshold"), float)
    region = {"x": 0, "y": 10, "width": 320, "height": 240}
    assert (
        _task(
            "region:\n  {}\n".format("\n  ".join([k + ": " + str(v) for k, v in region.items()]))
        ).get("region")
        == region
    )


def test_task_is_required_and_known() -> None:
    choices = ", ".join(task_fields.TASKS)
    assert _refused("package: p", read_task, TASK) == [
        TASK + " line 1: task: missing; expected one of " + choices
    ]
    _task_says(
        "task: detect",
        "line 1: task: expected one of " + choices + ', found "detect"',
    )
    assert _refused("", read_task, TASK)[0].startswith(TASK + " line 1: task: missing")


def test_package_is_required() -> None:
    _task_says("task: detection", "line 1: package: missing; expected a path on the card")
    _task_says(
        "task: ocr\ndetection_package: a",
        "line 1: recognition_package: missing; expected a path on the card",
    )


def test_detection_package_is_required_by_ocr_alone() -> None:
    _task_says(
        "task: ocr\nrecognition_package: a",
        "line 1: detection_package: missing; expected a path on the card",
    )
    assert _task(task="metric_learning").get("detection_package") is None


def test_settings_of_other_tasks_are_refused() -> None:
    _task_says(
        "task: classification\npackage: p\nnms_threshold: 0.5",
        "line 3: nms_threshold: not a setting of the task classification; "
        + "it belongs to detection, instance_segmentation, pose, oriented_detection",
    )
    messages = _refused("task: ocr\npackage: p", read_task, TASK)
    assert "package: not a setting of the task ocr" in messages[0]


def test_thresholds_stay_between_0_and_1() -> None:
    _task_says(
        "task: detection\npackage: p\nconfidence_threshold: 1.5",
        "line 3: confidence_threshold: expected a number 0..1 or null, found 1.5",
    )


def test_regions_and_labels() -> None:
    start = "task: detection\npackage: p\n"
    _task_says(
        start + "region: {x: 0, y: 0, width: 10, height: 20}",
        "line 3: region: width: expected an integer 16..4096, found 10",
    )
    _task_says(
        start + "region: {x: 0, y: 0, width: 32}",
        "line 3: region: expected x, y, width and height in pixels or null: height is missing",
    )
    _task_says(
        start + "labels: [a, 1]",
        "line 3: labels: expected texts only, found 1 at position 2: put it in quotes",
    )


def test_paths_stay_on_the_card() -> None:
    for path in ("../x", "a/../../b", "'a\\b'", "''"):
        messages = _refused("task: detection\npackage: " + path, read_task, TASK)
        assert "package: expected a path on the card" in messages[0]


def test_one_setting_changed_while_running() -> None:
    task = _task("min_size: 4\n")
    other = task.changed("confidence_threshold", 0.25)
    assert other.get("confidence_threshold") == 0.25 and other.get("min_size") == 4
    assert task.get("confidence_threshold") is None
    for path, value, words in (
        ("confidence", 0.5, "confidence: unknown setting"),
        ("max_result", 5, "max_result: unknown setting; did you mean max_results?"),
        ("nms_threshold", 2, "nms_threshold: expected a number 0..1 or null, found 2"),
    ):
        try:
            task.changed(path, value)
        except SettingsError as error:
            assert str(error) == words, str(error)
        else:
            raise AssertionError(path)
    service = read_service("", SERVICE)
    assert service.changed("camera.fps", 60).get("camera.fps") == 60
    pins = {"uart.id": 1, "uart.tx": 9, "uart.rx": 10}  # none of which fits without the others
    assert service.with_changes(pins).get("uart.tx") == 9
    try:
        service.changed("uart.tx", 9)
        raise AssertionError("a pin alone was taken")
    except SettingsError as error:
        assert "expected the pins" in str(error)
    assert service.get("camera.fps") == 30
    try:
        service.changed("network.interface", "station")
    except SettingsError as error:
        assert "network.ssid: missing" in str(error)
    else:
        raise AssertionError("accepted")


def test_bytes_that_are_not_utf8_are_refused_with_their_line() -> None:
    assert decode("a: 菠菜\n".encode(), "f.yaml") == "a: 菠菜\n"
    try:
        decode(b"a: 1\nb: 2\nc: \xb2\xa4\n", "f.yaml")
    except SettingsError as error:
        assert str(error) == "f.yaml line 3: text that is not UTF-8: save the file as UTF-8"
    else:
        raise AssertionError("accepted")


def test_one_value_reads_as_in_a_file() -> None:
    for text, value in (
        ("0.5", 0.5),
        ("true", True),
        ("beside", "beside"),
        ("", None),
        ("{x: 1, y: 2}", {"x": 1, "y": 2}),
    ):
        assert read_value(text, "k") == value
    for text, words in (
        ("on", "k: on is not clear"),
        ("[1", "k: the ] that closes"),
        ("1\nb: 2", "k: expected one line"),
    ):
        try:
            read_value(text, "k")
        except SettingsError as error:
            assert str(error).startswith(words), str(error)
        else:
            raise AssertionError(text)
