"""Install the service on a card. After an interruption at any point, the board still starts.

All files are first sent to the folder `.k230/stage` and checked there. Renames then put them in
place: configuration, package, firmware (main.py takes it over at the next start, and rolls back if it
fails), boot.py if the card has none of its own, fallback.py, and main.py last. A rename on the card
can't replace a file, so main.py is briefly called bad_main.py; meanwhile the board would run
fallback.py, which restores it.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from firmware_app.version import VERSION
from host_client.base.wording import quantity
from host_client.installer.content import Content
from host_client.installer.manifest import (
    ASIDE,
    BEFORE,
    HOME,
    Manifest,
    read_manifest,
    write_manifest,
)
from host_client.installer.target import InstallError, Target

STAGE = f"{HOME}/stage"
NAME = "firmware_app"
BOOT = (
    "the card has its own boot.py, which runs before the service and stays; if it never returns, the "
    "service cannot start"
)
SPARE = 1 << 20  # bytes of the card to keep free
_CLUSTER = 32768

Moved = Callable[[int, str], None]


def digest(data: bytes) -> str:
    """Return the SHA-256 as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class Plan:
    """The changes that an installation makes.

    stage: path under the stage -> content to send. reused: stage path -> path of the same file on the
    card. configs, package, firmware, launcher, fallback, boot: files to put in place. aside: remove
    bad_main.py. launcher_first: write main.py first, because without it the firmware would run
    fallback.py at once. before: existing files to keep for `k230 uninstall`. noted: the manifest
    changes. notes: sentences for the user.
    """

    stage: dict[str, bytes] = field(default_factory=dict)
    reused: dict[str, str] = field(default_factory=dict)
    configs: list[str] = field(default_factory=list)
    package: str = ""
    firmware: bool = False
    launcher: bool = False
    fallback: bool = False
    boot: bool = False
    aside: bool = False
    launcher_first: bool = False
    before: list[str] = field(default_factory=list)
    expected: dict[str, str] = field(default_factory=dict)
    manifest: Manifest = field(default_factory=Manifest)
    noted: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes to send."""
        return sum(len(data) for data in self.stage.values())

    @property
    def empty(self) -> bool:
        """Whether nothing has to change."""
        changes = (self.configs, self.package, self.firmware, self.scripts, self.aside)
        return not any(changes)

    def lines(self) -> list[str]:
        """Return the changes, one line each."""
        single = [path for path in self.before if not path.startswith(f"{NAME}/")]
        found = [f"keep {path} for k230 uninstall" for path in single]
        if len(single) < len(self.before):
            more = quantity(len(self.before) - len(single), "file")
            found.append(f"keep {NAME} for k230 uninstall: {more}")
        found += [f"write {path}" for path in self.configs]
        if self.package:
            found.append(f"write packages/{self.package}")
        if self.firmware:
            sent = sum(1 for path in self.stage if path.startswith(f"{STAGE}/firmware/"))
            same = sum(1 for path in self.reused if path.startswith(f"{STAGE}/firmware/"))
            found.append(f"write {NAME}: {quantity(sent, 'file')} to send, {same} unchanged")
        found += [f"write {name}" for name in self.scripts]
        return found + [f"remove {ASIDE}"] * self.aside

    @property
    def scripts(self) -> list[str]:
        """The scripts to write at the card's root; main.py last."""
        return (
            ["boot.py"] * self.boot + ["fallback.py"] * self.fallback + ["main.py"] * self.launcher
        )


def make_plan(target: Target, content: Content, with_package: bool = True) -> Plan:
    """Compare a card with what should be on it.

    with_package: False if the package is sent later, over the link.

    Raises:
        InstallError: the card is too full, or its manifest is damaged.
    """
    plan = Plan()
    known = read_manifest(target)
    plan.manifest = copy.deepcopy(known) if known is not None else Manifest()
    roots = {"main.py": content.launcher, "fallback.py": content.fallback}
    foreign = has_foreign_boot(target, plan.manifest)
    if content.boot is not None and not foreign:
        roots["boot.py"] = content.boot
    firmware = {f"{NAME}/{name}": data for name, data in content.firmware.items()}
    package: dict[str, bytes] = {}
    folder = ""
    if content.package is not None:
        folder = f"packages/{content.package.name}"
        package = {f"{folder}/{name}": data for name, data in content.package.files}
    everything = {**content.configs, **roots, **firmware, **package}
    there = target.hashes([*everything, ASIDE])
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

    def keep(paths: Iterable[str]) -> None:
        """Keep the user's own files, so that `k230 uninstall` restores them."""
        for path in paths:
            if path in there and path not in plan.manifest.before:
                plan.before.append(path)
                plan.manifest.before[path] = there[path]

    def keep_folder(path: str) -> None:
        inner = [f"{path}/{name}" for name in target.files(path)]
        there.update(target.hashes(inner))
        keep(inner)

    plan.firmware = not _same_names(target, NAME, content.firmware) or any(
        differs(path) for path in firmware
    )
    if plan.firmware and _matches(target, f"{NAME}.new", content.firmware):
        plan.firmware = False  # already sent; the board uses it from its next start on
    if plan.firmware:
        if not plan.manifest.firmware:
            keep_folder(NAME)
        plan.manifest.firmware = True
        plan.manifest.version = VERSION
        for path in firmware:
            put(path)
    plan.configs = [path for path in content.configs if differs(path)]
    plan.launcher = differs("main.py")
    plan.fallback = differs("fallback.py")
    plan.boot = "boot.py" in roots and differs("boot.py")
    for path in [*plan.configs, *plan.scripts]:
        if (
            path not in plan.manifest.files
        ):  # a file of an installation is not kept, even an edited one
            keep([path])
        plan.manifest.note(path, digest(everything[path]))
        put(path)
    plan.aside = ASIDE in there
    if plan.aside and not plan.manifest.leftover(there[ASIDE]):
        keep([ASIDE])
        plan.launcher_first = "main.py" not in there
    if content.package is not None and any(differs(path) for path in package):
        name = content.package.name
        if name not in plan.manifest.packages:
            keep_folder(folder)
            plan.manifest.packages.append(name)
        if with_package:
            plan.package = name
            for path in package:
                put(path)
    plan.noted = plan.manifest != known
    if foreign:
        plan.notes.append(BOOT)
    free = target.info().free
    needed = plan.size + _CLUSTER * len(plan.expected) + SPARE
    if plan.stage and free is not None and free < needed:
        raise InstallError(
            f"the card is full: expected {needed >> 10} kB free, found {free >> 10} kB"
        )
    return plan


def has_foreign_boot(target: Target, manifest: Manifest) -> bool:
    """Return whether the card has a boot.py that no installation wrote."""
    if "boot.py" not in target.names(""):
        return False
    return not manifest.wrote("boot.py", target.hashes(["boot.py"]).get("boot.py"))


def _staged(path: str) -> str:
    return (
        f"{STAGE}/firmware/{path[len(NAME) + 1 :]}"
        if path.startswith(f"{NAME}/")
        else (f"{STAGE}/{path}")
    )


def _same_names(target: Target, folder: str, files: Iterable[str]) -> bool:
    there = {path for path in target.files(folder) if "__pycache__" not in path.split("/")}
    return there == set(files)


def _matches(target: Target, folder: str, files: dict[str, bytes]) -> bool:
    if not _same_names(target, folder, files):
        return False
    found = target.hashes(f"{folder}/{name}" for name in files)
    return all(found.get(f"{folder}/{name}") == digest(data) for name, data in files.items())


def apply(target: Target, plan: Plan, moved: Moved) -> None:
    """Carry out the plan. moved: called with the bytes of each piece sent and the file's path.

    Raises:
        InstallError: the card is unchanged, or the next attempt completes the change.
    """
    for path in plan.before:
        target.copy(path, f"{BEFORE}/{path}")
    if target.hashes(f"{BEFORE}/{path}" for path in plan.before) != {
        f"{BEFORE}/{path}": plan.manifest.before[path] for path in plan.before
    }:
        raise InstallError("the card did not store the copies of the existing files")
    if plan.noted:
        write_manifest(target, plan.manifest)
    if plan.empty:
        return
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
    """Remove staged files of an earlier attempt that this one does not need."""
    wanted = set(plan.expected)
    for path in plan.expected:
        folder = path.rpartition("/")[0]
        while folder:
            wanted.add(folder)
            folder = folder.rpartition("/")[0]
    for folder in ("firmware", *([f"packages/{plan.package}"] if plan.package else [])):
        place = f"{STAGE}/{folder}"
        for name in target.names(place):
            if f"{place}/{name}" not in wanted:
                target.remove(f"{place}/{name}")
        for path in target.files(place):
            if f"{place}/{path}" not in wanted:
                target.remove(f"{place}/{path}")


def swap(target: Target, stage: str, path: str) -> None:
    """Put a staged file in place, with the names from which the service recovers (files.py)."""
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
        swap(target, _staged(path), path)
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
    if plan.launcher and plan.launcher_first:
        put_main(target, f"{STAGE}/main.py")
    if plan.boot:
        target.remove("boot.py")
        target.rename(f"{STAGE}/boot.py", "boot.py")
    if plan.fallback:
        target.remove("fallback.py")
        target.rename(f"{STAGE}/fallback.py", "fallback.py")
    if plan.launcher and not plan.launcher_first:
        put_main(target, f"{STAGE}/main.py")
    elif plan.aside:
        target.remove(ASIDE)
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
    """Rename a file on the card to main.py; the installation's fallback.py must be in place."""
    if "main.py" in target.names(""):
        target.remove(ASIDE)
        target.rename("main.py", ASIDE)
    target.rename(new, "main.py")
    target.remove(ASIDE)
