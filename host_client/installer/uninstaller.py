"""Remove the service from a card. Earlier files are restored; files edited since then stay.

After an interruption the board still starts, and the next attempt continues.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware_app.base import places
from host_client.installer.installer import NAME, STAGE, put_main, swap
from host_client.installer.manifest import (
    ASIDE,
    BEFORE,
    HOME,
    PLACE,
    Manifest,
    read_manifest,
    write_manifest,
)
from host_client.installer.repl import ReplTarget
from host_client.installer.target import InstallError, Target

_RESTORED = f"{HOME}/restored"
_GONE = f"{HOME}/gone"
_DATA = (
    "key",
    "boots.json",
    "fault",
    "service.yaml",
    "state.json",
    "counts.json",
    "galleries",
    "log",
    "log.1",
    "update_failed",
    "probe",
)
"""What the service writes to /data or HOME, besides .new and .old versions of these files."""

_ENDS = ("", ".new", ".old")
_LEFTOVERS = (".new", ".old", ".bad", ".dropped", ".try")

Told = Callable[[str], None]


def uninstall(target: Target, told: Told) -> None:
    """Restore the card to its state before the first installation.

    told: called with a sentence for each file that differs from that state.

    Raises:
        InstallError: nothing was installed, or the manifest is damaged.
    """
    known = read_manifest(target)
    if known is None:
        raise InstallError("the service is not installed on this card")
    for path in known.files:
        _settle(target, path)
    found = target.hashes([*known.files, *known.before, ASIDE])
    _keep_aside(target, known, found.get(ASIDE))
    if "main.py" in known.before and found.get("main.py") != known.before["main.py"]:
        target.copy(f"{BEFORE}/main.py", _RESTORED)
        put_main(target, _RESTORED)
    for path in sorted(set(known.files) - {"main.py"}):
        _restore(target, known, path, found.get(path), told)
    _restore_aside(target, known)
    if "main.py" not in known.before and "main.py" in found:
        # main.py is removed last: while it exists, the firmware ignores the other scripts.
        if known.wrote("main.py", found["main.py"]):
            target.remove("main.py")
        else:
            told("main.py was edited since the installation: it stays")
    for name in known.packages:
        _restore_folder(target, known, f"packages/{name}")
        target.remove(f"packages/.{name}.old")
        _remove_task_of(target, known, name, told)
    if known.firmware:
        for name in target.names(""):
            if name.startswith(tuple(NAME + end for end in _LEFTOVERS)):
                _take_away(target, name)
        _restore_folder(target, known, NAME)
    target.remove(".incoming")
    for folder in ("configs/tasks", "configs", "packages", "dictionaries"):
        target.remove_empty(folder)
    target.remove(STAGE)
    target.remove(BEFORE)
    kept = {f"{name}{end}" for name in _DATA for end in _ENDS}
    if places.BOOTS in target.names(HOME):  # a board without /data keeps its files here
        kept.add(places.KEY_COPY)
    for name in target.names(HOME):
        if name not in kept and f"{HOME}/{name}" != PLACE:
            target.remove(f"{HOME}/{name}")
    target.remove(PLACE)  # last, because a new attempt needs it to continue
    target.remove_empty(HOME)


def purge(target: ReplTarget) -> None:
    """Remove the service's own files: key, galleries, state, logs."""
    for folder in (places.DATA, places.SPARE):
        for name in _DATA:
            for end in _ENDS:
                target.remove_anywhere(f"{folder}/{name}{end}")
    target.remove_anywhere(f"{places.SPARE}/{places.KEY_COPY}")
    target.remove_empty(HOME)


def _settle(target: Target, path: str) -> None:
    """Undo an interrupted replacement of a file (swap)."""
    folder, _, name = path.rpartition("/")
    names = target.names(folder)
    if f"{name}.old" in names and name not in names:
        target.rename(f"{path}.old", path)
    for end in (".new", ".old"):
        if f"{name}{end}" in names:
            target.remove(f"{path}{end}")


def _keep_aside(target: Target, known: Manifest, digest: str | None) -> None:
    """Keep a bad_main.py that appeared after the installation: it is the user's."""
    if digest is None or known.leftover(digest) or digest == known.before.get(ASIDE):
        return
    target.copy(ASIDE, f"{BEFORE}/{ASIDE}")
    known.before[ASIDE] = digest
    write_manifest(target, known)


def _restore_aside(target: Target, known: Manifest) -> None:
    wanted = known.before.get(ASIDE)
    if target.hashes([ASIDE]).get(ASIDE) == wanted:
        return
    target.remove(ASIDE)  # left by an interrupted replacement of main.py
    if wanted is not None:
        target.copy(f"{BEFORE}/{ASIDE}", _RESTORED)
        target.rename(_RESTORED, ASIDE)


def _restore(target: Target, known: Manifest, path: str, digest: str | None, told: Told) -> None:
    before = known.before.get(path)
    edited = digest is not None and digest != before and not known.wrote(path, digest)
    if before is not None and digest != before:
        if edited:
            told(f"{path} was edited since the installation; the earlier version is restored")
        target.copy(f"{BEFORE}/{path}", _RESTORED)
        swap(target, _RESTORED, path)
    elif edited:
        told(f"{path} was edited since the installation: it stays")
    elif before is None and digest is not None:
        target.remove(path)


def _restore_folder(target: Target, known: Manifest, path: str) -> None:
    """Remove a folder, and restore the earlier folder of that name."""
    if not any(kept.startswith(f"{path}/") for kept in known.before):
        _take_away(target, path)
    elif target.names(f"{BEFORE}/{path}"):  # otherwise it is restored already
        _take_away(target, path)
        target.rename(f"{BEFORE}/{path}", path)


def _take_away(target: Target, path: str) -> None:
    """Remove a folder by renaming it first, so that no part of it can run."""
    target.remove(_GONE)
    folder, _, name = path.rpartition("/")
    if name in target.names(folder):
        target.rename(path, _GONE)
        target.remove(_GONE)


def _remove_task_of(target: Target, known: Manifest, name: str, told: Told) -> None:
    """Remove the YAML that a push wrote for a package."""
    path = f"configs/tasks/{name}.yaml"
    if path in known.files:
        return
    text = target.read(path)
    if text is None:
        return
    lines = text.decode(errors="replace").split("\n")
    if len(lines) == 3 and lines[0].startswith("task: ") and lines[1].startswith("package: "):
        target.remove(path)
    else:
        told(f"{path} was edited since the installation: it stays")
