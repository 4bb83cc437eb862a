"""What lines have counted, kept over restarts: counts.json of the service's own folder, replaced whole."""

import json

from firmware_app.base import files, storage

NAME = "counts.json"
MAX_SIZE = 65536
MOST_TASKS = 16
_FORM = 1


class Counts:
    """The kept counters of each task, by its name."""

    def __init__(self) -> None:
        self._path = storage.path(NAME)
        self._tasks: "dict | None" = None  # read when it is first asked for

    def find(self, task: str) -> "dict | None":
        """Return what was kept of a task."""
        return self._read().get(task)

    def keep(self, task: str, saved: dict) -> None:
        """Keep a task's counters over a power loss; OSError: the card can't be written."""
        tasks = dict(self._read())
        tasks.pop(task, None)
        while len(tasks) >= MOST_TASKS:
            del tasks[sorted(tasks)[0]]
        tasks[task] = saved
        data = json.dumps({"form": _FORM, "tasks": tasks}).encode()
        if len(data) > MAX_SIZE:
            tasks = {task: saved}
            data = json.dumps({"form": _FORM, "tasks": tasks}).encode()
        files.make_folders(self._path[: self._path.rfind("/")])
        files.replace(self._path, data)
        self._tasks = tasks

    def _read(self) -> dict:
        if self._tasks is None:
            self._tasks = {}
            try:
                files.recover(self._path)
                with open(self._path, "rb") as file:
                    data = json.loads(str(file.read(MAX_SIZE), "utf-8"))
                if data["form"] == _FORM and isinstance(data["tasks"], dict):
                    self._tasks = data["tasks"]
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                pass  # there is none, or it is of no use: counting begins anew
        return self._tasks
