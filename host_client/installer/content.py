"""The files of an installation: the service, its configuration, a deployment package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from firmware_app.settings.reader import read_service
from host_client.base.data import data
from host_client.base.exceptions import ConfigurationError
from host_client.commands.configurations import validate
from host_client.commands.packages import PackageFiles

DEFAULT_SERVICE = data("configs") / "service.yaml"
_TASK = re.compile(r"^task:[^\n]*$", re.MULTILINE)


class Content(NamedTuple):
    """Files by their path on the card.

    firmware: path in firmware_app/ -> content; configs: path -> content; package: None for none.
    compiled: whether the firmware's files are .mpy.
    """

    firmware: dict[str, bytes]
    configs: dict[str, bytes]
    package: PackageFiles | None
    compiled: bool

    @property
    def launcher(self) -> bytes:
        """The content of /sdcard/main.py."""
        return self.firmware["main.py"]

    @property
    def fallback(self) -> bytes:
        """The content of /sdcard/fallback.py."""
        return self.firmware["fallback.py"]

    @property
    def boot(self) -> bytes | None:
        """The content of /sdcard/boot.py; None for older versions without one."""
        return self.firmware.get("boot.py")


def config_files(given: Path | None) -> dict[str, bytes]:
    """Return the checked YAML files of --config: a service.yaml, or a folder like configs/.

    Raises:
        ConfigurationError: a file is missing or not valid.
    """
    if given is None:
        return {}
    if given.is_file():
        place = "configs/service.yaml"
        if given.parent.name == "tasks":
            place = f"configs/tasks/{given.name}"
        validate(given, "task" if "/tasks/" in place else "service")
        return {place: given.read_bytes()}
    if not given.is_dir():
        raise ConfigurationError(
            [f"--config {given}: expected a service.yaml or a folder, found nothing"]
        )
    found: dict[str, bytes] = {}
    for path in [given / "service.yaml", *sorted((given / "tasks").glob("*.yaml"))]:
        if path.is_file():
            kind = "service" if path.name == "service.yaml" else "task"
            validate(path, kind)
            found[f"configs/{path.relative_to(given).as_posix()}"] = path.read_bytes()
    if not found:
        raise ConfigurationError(
            [f"--config {given}: expected service.yaml or tasks/*.yaml, found none"]
        )
    return found


def with_task(text: str, task: str | None) -> str:
    """Return the text of a service.yaml with this task."""
    line = f"task: {task or 'null'}"
    return _TASK.sub(line, text, count=1) if _TASK.search(text) else f"{line}\n{text}"


def task_of(text: bytes) -> str | None:
    """Return the task in a checked service.yaml."""
    task = read_service(text.decode(), "service.yaml").get("task")
    return str(task) if task is not None else None


def task_file(package: PackageFiles) -> tuple[str, bytes]:
    """Return path and text of the YAML of a task that uses a package, as a push writes it."""
    text = f'task: {package.task}\npackage: "packages/{package.name}"\n'
    return f"configs/tasks/{package.name}.yaml", text.encode()
