"""Puts the service on a card so that whatever interrupts it, the board starts as it did before.

Everything is gathered and checked in a folder of its own, `.k230/stage`, where nothing runs it. Only
then is it put in place, by renames: configuration, package, firmware (which main.py itself takes at
the next start, and gives back where it does not last), fallback.py, and main.py as the last. A rename
on the card refuses to replace, so main.py is away for a moment: it is then called bad_main.py, and
the board runs fallback.py, which brings it back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from firmware_app.version import VERSION
from host_client.installer.content import Content
from host_client.installer.target import InstallError, Target

HOME = ".k230"
STAGE = f"{HOME}/stage"
BEFORE = f"{HOME}/before"
MANIFEST = f"{HOME}/install.json"
NAME = "firmware_app"
SPARE = 1 << 20  # bytes of the card that stay free
_CLUSTER = 32768
_LEFTOVERS = (".new", ".old", ".bad", ".dropped")

Told = Callable[[str], None]
Moved = Callable[[int, str], None]


def digest(data: bytes) -> str:
    """Return the SHA-256 as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class Plan:
    """What an installation would do.

    stage: path under the stage -> content to send; reused: stage path -> path of the same file on the
    card; configs, package, firmware, launcher, fallback: what is put in place; before: files that
    were there before and are kept for the uninstallation.
    """

    stage: dict[str, bytes] = field(default_factory=dict)
    reused: dict[str, str] = field(default_factory=dict)
    configs: list[str] = field(default_factory=list)
    package: str = ""
    firmware: bool = False
    launcher: bool = False
    fallback: bool = False
    before: list[str] = field(default_factory=list)
    expected: dict[str, str] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes to send."""
        return sum(len(data) for data in self.stage.values())

    @property
    def empty(self) -> bool:
        """Whether all is there already."""
        return not (self.configs or self.package or self.firmware or self.launcher or self.fallback)

    def lines(self) -> list[str]:
        """Return what would change, one line each."""
        found = [f"keep {path} for the uninstallation" for path in self.before]
        found += [f"write {path}" for path in self.configs]
        if self.package:
            found.append(f"write packages/{self.package}")
        if self.firmware:
            sent = sum(1 for path in self.stage if path.startswith(f"{STAGE}/firmware/"))
            same = sum(1 for path in self.reused if path.startswith(f"{STAGE}/firmware/"))
            found.append(f"write {NAME}: {sent} files to send, {same} unchanged")
        return found + [f"write {name}" for name in self.scripts]

    @property
    def scripts(self) -> list[str]:
        """The root's scripts to write, main.py as the last."""
        return ["fallback.py"] * self.fallback + ["main.py"] * self.launcher


def read_manifest(target: Target) -> dict[str, Any]:
    """Return what an installation noted on the card, {} where there was none."""
    data = target.read(MANIFEST) or target.read(f"{MANIFEST}.new")
    try:
        found = json.loads(data or b"{}")
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}


def make_plan(target: Target, content: Content, with_package: bool = True) -> Plan:
    """Compare a card with what should be on it.

    Raises:
        InstallError: the card is too full.
    """
    plan = Plan()
    known = read_manifest(target)
    ours: dict[str, str] = known.get("files", {})
    wanted_configs = dict(content.configs)
    roots = {"main.py": content.launcher, "fallback.py": content.fallback}
    firmware = {f"{NAME}/{name}": data for name, data in content.firmware.items()}
    package: dict[str, bytes] = {}
    if content.package is not None and with_package:
        package = {
            f"packages/{content.package.name}/{name}": data for name, data in content.package.files
        }
    everything = {**wanted_configs, **roots, **firmware, **package}
    there = target.hashes(everything)
    staged: dict[str, str] = {}
    if "stage" in target.names(HOME):
        staged = target.hashes([_staged(path) for path in everything])

    def differs(path: str) -> bool:
        return there.get(path) != digest(everything[path])

    def put(path: str) -> None:
        stage = _staged(path)
        plan.expected[stage] = digest(everything[path])
        if staged.get(stage) == plan.expected[stage]:
            return
        if not differs(path):
            plan.reused[stage] = path
        else:
            plan.stage[stage] = everything[path]

    plan.firmware = set(target.names(NAME)) - {"__pycache__"} != set(content.firmware) or any(
        differs(path) for path in firmware
    )
    if plan.firmware and _matches(target, f"{NAME}.new", content.firmware):
        plan.firmware = False  # sent before; the board takes it at its next start
    if plan.firmware:
        for path in firmware:
            put(path)
    plan.configs = [path for path in wanted_configs if differs(path)]
    for path in plan.configs:
        put(path)
    if package and any(differs(path) for path in package):
        assert content.package is not None
        plan.package = content.package.name
        for path in package:
            put(path)
    plan.launcher = differs("main.py")
    plan.fallback = differs("fallback.py")
    for name in plan.scripts:
        put(name)
    kept: dict[str, str] = dict(known.get("before", {}))
    for path in [*plan.configs, *plan.scripts]:
        # A file of ours, even an edited one, is nobody else's.
        if path in there and path not in ours and path not in kept:
            plan.before.append(path)
            kept[path] = there[path]
    files = ours | {path: digest(everything[path]) for path in [*wanted_configs, *roots]}
    packages = set(known.get("packages", []))
    if content.package is not None:
        packages.add(content.package.name)
    plan.manifest = {
        "version": VERSION,
        "files": files,
        "packages": sorted(packages),
        "before": kept,
    }
    free = target.info().free
    needed = plan.size + _CLUSTER * len(plan.expected) + SPARE
    if plan.stage and free is not None and free < needed:
        raise InstallError(
            f"the card is full: expected {needed >> 10} kB free, found {free >> 10} kB"
        )
    return plan


def _staged(path: str) -> str:
    return (
        f"{STAGE}/firmware/{path[len(NAME) + 1 :]}"
        if path.startswith(f"{NAME}/")
        else (f"{STAGE}/{path}")
    )


def _matches(target: Target, folder: str, files: dict[str, bytes]) -> bool:
    if set(target.names(folder)) != set(files):
        return False
    found = target.hashes(f"{folder}/{name}" for name in files)
    return all(found.get(f"{folder}/{name}") == digest(data) for name, data in files.items())


def apply(target: Target, plan: Plan, moved: Moved) -> None:
    """Do what the plan says; moved gets the bytes of each piece sent and the file's path.

    Raises:
        InstallError: the card is as it was, or the next attempt finishes what was begun.
    """
    for path in plan.before:
        target.copy(path, f"{BEFORE}/{path}")
    if target.hashes(f"{BEFORE}/{path}" for path in plan.before) != {
        f"{BEFORE}/{path}": plan.manifest["before"][path] for path in plan.before
    }:
        raise InstallError("the card did not keep the copies of what was there before")
    _replace(target, MANIFEST, json.dumps(plan.manifest).encode())
    _tidy_stage(target, plan)
    for stage, path in plan.reused.items():
        target.copy(path, stage)
    for stage, data in plan.stage.items():
        name = stage.removeprefix(f"{STAGE}/")
        target.write(stage, data, lambda count, name=name: moved(count, name))  # type: ignore[misc]
    found = target.hashes(plan.expected)
    for stage, wanted in plan.expected.items():
        if found.get(stage) != wanted:
            target.remove(stage)
            raise InstallError(
                f"{stage.removeprefix(STAGE + '/')}: damaged on the way: expected SHA-256 "
                f"{wanted[:8]}…, found {found.get(stage, 'no file')[:8]}; start it again"
            )
    _commit(target, plan)


def _tidy_stage(target: Target, plan: Plan) -> None:
    """Remove what an earlier attempt staged and this one does not want."""
    for folder in ("firmware", f"packages/{plan.package}" if plan.package else ""):
        if not folder:
            continue
        for name in target.names(f"{STAGE}/{folder}"):
            if f"{STAGE}/{folder}/{name}" not in plan.expected:
                target.remove(f"{STAGE}/{folder}/{name}")


def _replace(target: Target, path: str, data: bytes) -> None:
    target.write(f"{path}.new", data, lambda _: None)
    target.remove(path)
    target.rename(f"{path}.new", path)


def _swap(target: Target, stage: str, path: str) -> None:
    """Put a staged file in place; the names are those that the service recovers (files.py)."""
    folder, _, name = path.rpartition("/")
    target.remove(f"{path}.new")
    target.rename(stage, f"{path}.new")
    if name in target.names(folder):
        target.remove(f"{path}.old")
        target.rename(path, f"{path}.old")
    target.rename(f"{path}.new", path)
    target.remove(f"{path}.old")


def _commit(target: Target, plan: Plan) -> None:
    for path in plan.configs:
        _swap(target, _staged(path), path)
    if plan.package:
        _swap_package(target, plan.package)
    if plan.firmware:
        if NAME in target.names(""):
            if f"{NAME}.new" in target.names(""):
                target.remove(f"{NAME}.dropped")
                target.rename(f"{NAME}.new", f"{NAME}.dropped")
            target.rename(f"{STAGE}/firmware", f"{NAME}.new")
            target.remove(f"{NAME}.dropped")
        else:
            target.rename(f"{STAGE}/firmware", NAME)
    if plan.fallback:
        if "fallback.py" in target.names(""):
            target.remove("fallback.py")
        target.rename(f"{STAGE}/fallback.py", "fallback.py")
    if plan.launcher:
        put_main(target, f"{STAGE}/main.py")
    target.remove(STAGE)


def _swap_package(target: Target, name: str) -> None:
    there = f"packages/{name}"
    old = f"packages/.{name}.old"
    if name in target.names("packages"):
        target.remove(old)
        target.rename(there, old)
    target.rename(f"{STAGE}/packages/{name}", there)
    target.remove(old)


def put_main(target: Target, new: str) -> None:
    """Make a file on the card main.py; fallback.py must be ours already."""
    names = target.names("")
    if "main.py" in names:
        target.remove("bad_main.py")
        target.rename("main.py", "bad_main.py")
    target.rename(new, "main.py")
    target.remove("bad_main.py")


def uninstall(target: Target, told: Told) -> None:
    """Leave the card as it was before the first installation; what somebody edited since stays.

    Raises:
        InstallError: nothing was installed.
    """
    known = read_manifest(target)
    if not known:
        raise InstallError("there is no installation of the service on this card")
    before: dict[str, str] = known.get("before", {})
    files: dict[str, str] = known.get("files", {})
    found = target.hashes([*files, "bad_main.py"])
    if "main.py" in before:
        if found.get("main.py") != before["main.py"]:
            target.copy(f"{BEFORE}/main.py", f"{HOME}/main.py")
            put_main(target, f"{HOME}/main.py")
    elif found.get("main.py") == files.get("main.py"):
        target.remove("main.py")
    if found.get("bad_main.py") == files.get("main.py", ""):
        target.remove("bad_main.py")  # of an uninstallation that was cut
    for path in sorted(set(files) - {"main.py"}):
        if path in before:
            if found.get(path) != before[path]:
                target.copy(f"{BEFORE}/{path}", f"{HOME}/restored")
                _swap(target, f"{HOME}/restored", path)
        elif found.get(path) == files[path]:
            target.remove(path)
        elif path in found:
            told(f"{path} was edited since the installation: it stays")
    for name in known.get("packages", []):
        target.remove(f"packages/{name}")
        target.remove(f"packages/.{name}.old")
        _remove_task_of(target, name, told)
    for name in target.names(""):
        if name == NAME or name.startswith((*(NAME + end for end in _LEFTOVERS), f"{NAME}.try")):
            target.remove(name)
    target.remove(".incoming")
    for folder in ("configs/tasks", "configs", "packages", "dictionaries"):
        target.remove_empty(folder)
    target.remove(HOME)


def _remove_task_of(target: Target, name: str, told: Told) -> None:
    """Remove the YAML that a push wrote for a package."""
    path = f"configs/tasks/{name}.yaml"
    text = target.read(path)
    if text is None:
        return
    lines = text.decode(errors="replace").split("\n")
    if len(lines) == 3 and lines[0].startswith("task: ") and lines[1].startswith("package: "):
        target.remove(path)
    else:
        told(f"{path} was edited since the installation: it stays")
