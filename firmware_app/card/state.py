"""What the board remembers: changes made over the link, and the task that ran last.

state.json of the service's own folder, replaced whole.

A change is remembered beside the value that the YAML had then. Where the YAML has another value by
now, the card was edited since, and the card wins. Of the task its YAML is kept as well: it runs
again where the card has nothing that can run.
"""

import json

from firmware_app.base import files, storage

NAME = "state.json"
MAX_SIZE = 65536


def same(left, right) -> bool:
    """Return whether two settings are equal; floats lose digits on their way through the file."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all([same(*pair) for pair in zip(left, right)])
    if isinstance(left, dict) and isinstance(right, dict):
        if sorted(left) != sorted(right):
            return False
        return all([same(left[key], right[key]) for key in left])
    if isinstance(left, float) or isinstance(right, float):
        try:
            return abs(left - right) <= 0.00001 * max(1, abs(left))
        except TypeError:
            return False
    return left == right


class State:
    """The remembered changes: {file name: {setting: [YAML's value then, value now]}}; ran: [task, its YAML]."""

    def __init__(self) -> None:
        self._path = storage.path(NAME)
        self._changes: dict = {}
        self._unread = False  # the card did not answer: the file may be as good as ever
        self.ran: list = []  # empty where no task ran yet

    def load(self) -> str:
        """Read the file; return what is wrong with it, or nothing."""
        self._changes = {}
        self.ran = []
        self._unread = False
        try:
            files.recover(self._path)
            if not files.exists(self._path):
                return ""
            data = json.loads(str(files.read(self._path, MAX_SIZE), "utf-8"))
            changes = data["changes"]
            for name in changes:
                for path in changes[name]:
                    _, _ = changes[name][path]  # a pair, or the file is damaged
            ran = data.get("ran") or []
            if ran:
                name, text = ran
                ran = [str(name), str(text)]
            self._changes = changes
            self.ran = ran
            return ""
        except OSError as error:
            self._unread = True
            return "%s: it can't be read: %s" % (self._path, files.why(error))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return "%s: what was changed over the link is lost: %s" % (self._path, error)

    def applied(self, settings):
        """Return a file's settings with the remembered changes that still hold; forget the others."""
        changes = self._changes.get(settings.name, {})
        stale: list = []
        held: dict = {}
        for path in changes:
            base, value = changes[path]
            try:
                if same(settings.get(path), base):
                    held[path] = value
                else:
                    # Else an edit of the card, taken back later, would wake the old change up.
                    stale.append(path)
            except KeyError:
                pass  # a setting of an older version
        try:
            result = settings.with_changes(held)  # some only fit together
        except ValueError:
            result = settings
            for path in held:
                try:
                    result = result.changed(path, held[path])
                except ValueError:
                    pass  # what an older version allowed
        if stale:
            try:
                self.remember([(settings.name, path, None, None) for path in stale])
            except OSError:
                pass  # it is forgotten until the next start at least
        return result

    def kept(self, name: str) -> dict:
        """Return what is remembered of a file: {setting: value}."""
        changes = self._changes.get(name, {})
        return {path: changes[path][1] for path in changes}

    def remember(self, rows: list, ran: list | None = None) -> None:
        """Remember rows (file name, setting, YAML's value, value now), and what ran, and write the file once.

        OSError: the card can't be written, and what was remembered before stays.
        """
        if self._unread:
            self.load()  # what could not be read must not be written over
            if self._unread:
                raise OSError(files.EIO)
        changes = dict(self._changes)
        for name, path, base, value in rows:
            mine = dict(changes.pop(name, {}))
            if same(base, value):
                mine.pop(path, None)
            else:
                mine[path] = [base, value]
            if mine:
                changes[name] = mine
        if ran is None:
            ran = self.ran
        if changes == self._changes and ran == self.ran:
            return
        data = json.dumps({"changes": changes, "ran": ran}).encode()
        if len(data) > MAX_SIZE:
            ran = []
            data = json.dumps({"changes": changes, "ran": ran}).encode()
        if len(data) > MAX_SIZE:
            raise OSError(27)  # EFBIG: it could not be read again
        files.make_folders(self._path[: self._path.rfind("/")])
        files.replace(self._path, data)
        self._changes = changes
        self.ran = ran
