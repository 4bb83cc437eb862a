"""Installing onto a card: what is there before, after, and after a cut at any step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from host_client.commands.packages import PackageFiles
from host_client.installer import content as contents
from host_client.installer import installer, uninstaller
from host_client.installer.target import FolderTarget, InstallError, Moved, TargetInfo

FOREIGN = b"print('somebody else')\n"
BAD = b"print('this one crashes')\n"
FALLBACK = b"print('somebody else, too')\n"
OLD_YAML = b"task: null\n"
NEW_YAML = b"task: parts\n"
PACKAGE = PackageFiles(
    "parts", "classification", (("deploy_config.json", b"{}"), ("m.kmodel", b"LDMK" * 99))
)


class Cut(Exception):  # noqa: N818 - the power went off
    """The power went off."""


class CutTarget(FolderTarget):
    """A card that loses its power in front of the change behind so many; a write is cut in half."""

    end: Exception = Cut()

    def __init__(self, root: Path, steps: int) -> None:
        super().__init__(root)
        self.left = steps

    def _step(self) -> None:
        if self.left <= 0:
            raise self.end
        self.left -= 1

    def write(self, path: str, data: bytes, moved: Moved) -> None:
        try:
            self._step()
        except (Cut, InstallError):
            super().write(path, data[: len(data) // 2], moved)
            raise
        super().write(path, data, moved)

    def rename(self, path: str, to: str) -> None:
        self._step()
        super().rename(path, to)

    def remove(self, path: str) -> None:
        if self._at(path).is_dir():
            for inner in sorted(self._at(path).iterdir()):  # a folder goes file by file
                self.remove(f"{path}/{inner.name}")
            self._step()
            self._at(path).rmdir()
        elif self._at(path).exists():
            self._step()
            super().remove(path)


def firmware(version: str) -> dict[str, bytes]:
    """Return a version's files: those of "flat" lie in one folder, as before the rooms."""
    names = ("part0", "part1", "part2") if version == "flat" else ("part0", "run/part1", "run/a")
    files = {f"{name}.py": f"# {version} {name}\n".encode() for name in names}
    if version != "flat":
        files |= {"run/__init__.py": b"", f"only_{version}/part.mpy": b"M\x06\x00\x1f"}
    return {
        "__init__.py": b"",
        "main.py": b"# the launcher\n",
        "fallback.py": b"# the fallback\n",
        "service.py": f"# {version}\n".encode(),
        **files,
    }


def content(version: str = "new", yaml: bytes = NEW_YAML) -> contents.Content:
    configs = {"configs/service.yaml": yaml, "configs/tasks/parts.yaml": b"task: classification\n"}
    return contents.Content(firmware(version), configs, PACKAGE, False)


def run(target: FolderTarget, wanted: contents.Content) -> installer.Plan:
    plan = installer.make_plan(target, wanted)
    if not plan.empty:
        installer.apply(target, plan, lambda count, path: None)
    return plan


def tree(card: Path) -> dict[str, bytes]:
    return {str(p.relative_to(card)): p.read_bytes() for p in card.rglob("*") if p.is_file()}


def boot(card: Path) -> None:
    """Do what the firmware, fallback.py and main.py do with names at a start."""
    names = tree(card)
    ours = names.get("fallback.py") == b"# the fallback\n"
    if "main.py" not in names and "bad_main.py" in names and ours:
        (card / "bad_main.py").rename(card / "main.py")
    if (card / "main.py").exists() and (card / "main.py").read_bytes() == b"# the launcher\n":
        new, app, old = (card / f"firmware_app{end}" for end in (".new", "", ".old"))
        if new.exists():
            assert app.exists()
            app.rename(old)
            new.rename(app)
    for path in list(card.rglob("*.old")):
        place = path.with_suffix("")
        in_configs = path.is_file() and path.parent.name in ("configs", "tasks")
        if in_configs and path.suffix == ".old" and not place.exists():
            path.rename(place)
    for path in (card / "packages").glob(".*.old"):
        place = path.with_name(path.name[1:-4])
        if not place.exists():
            path.rename(place)


def runs(card: Path) -> str:
    """Return what would run: foreign, fallback, nothing, or the whole service's version."""
    if not (card / "main.py").exists():
        runs_fallback = (card / "bad_main.py").exists() and (card / "fallback.py").exists()
        return "fallback" if runs_fallback else "nothing"
    main = (card / "main.py").read_bytes()
    if main == FOREIGN:
        return "foreign"
    assert main == b"# the launcher\n"
    if not (card / "firmware_app").exists():
        return "nothing"
    assert not [
        p for p in (card / "firmware_app").rglob("*") if p.is_dir() and not any(p.iterdir())
    ]
    found = {k: v for k, v in tree(card / "firmware_app").items() if k.endswith(("py", "mpy"))}
    for version in ("old", "new", "flat"):
        if found == firmware(version):
            return version
    raise AssertionError(f"a mixed service: {found}")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "card"
    folder.mkdir()
    (folder / "main.py").write_bytes(FOREIGN)
    (folder / "mine.txt").write_bytes(b"a user's own")
    (folder / "configs").mkdir()
    (folder / "configs" / "service.yaml").write_bytes(OLD_YAML)
    return folder


def test_install_again_and_uninstall(card: Path) -> None:
    before = tree(card)
    target = FolderTarget(card)
    plan = run(target, content())
    assert plan.before == ["configs/service.yaml", "main.py"]
    assert runs(card) == "new"
    assert run(target, content()).empty
    again = installer.make_plan(target, content("newer"))
    assert {Path(path).name for path in again.stage} == {
        "service.py",
        "part0.py",
        "part1.py",
        "a.py",
        "part.mpy",
    }
    uninstaller.uninstall(target, lambda text: None)
    assert tree(card) == before
    with pytest.raises(InstallError, match="not installed"):
        uninstaller.uninstall(target, lambda text: None)


def test_a_service_copied_by_hand_is_one_line(card: Path) -> None:
    fill(card, service("flat"))
    lines = installer.make_plan(FolderTarget(card), content()).lines()
    count = len(service("flat"))
    assert [line for line in lines if line.startswith("keep firmware_app")] == [
        f"keep firmware_app for k230 uninstall: {count} files"
    ]


def test_a_boot_script_of_somebody_else_is_told(card: Path) -> None:
    assert installer.make_plan(FolderTarget(card), content()).notes == []
    (card / "boot.py").write_bytes(b"pass\n")
    plan = installer.make_plan(FolderTarget(card), content())
    assert "the card has its own boot.py, which runs before the service" in plan.notes[0]


def test_our_boot_script_comes_where_there_is_none_and_goes_again(card: Path) -> None:
    wanted = content()
    wanted.firmware["boot.py"] = b"# 1\n"
    target = FolderTarget(card)
    assert run(target, wanted).scripts[0] == "boot.py"
    assert (card / "boot.py").read_bytes() == b"# 1\n"
    wanted.firmware["boot.py"] = b"# 2\n"
    assert run(target, wanted).notes == []
    assert (card / "boot.py").read_bytes() == b"# 2\n"
    uninstaller.uninstall(target, lambda text: None)
    assert not (card / "boot.py").exists()


def test_a_boot_script_of_somebody_else_stays(card: Path) -> None:
    wanted = content()
    wanted.firmware["boot.py"] = b"# ours\n"
    (card / "boot.py").write_bytes(b"pass\n")
    target = FolderTarget(card)
    assert "boot.py" not in run(target, wanted).scripts
    uninstaller.uninstall(target, lambda text: None)
    assert (card / "boot.py").read_bytes() == b"pass\n"


def test_a_dry_run_changes_nothing(card: Path) -> None:
    before = tree(card)
    assert installer.make_plan(FolderTarget(card), content()).lines()
    assert tree(card) == before


def test_what_was_edited_stays(card: Path) -> None:
    target = FolderTarget(card)
    run(target, content())
    (card / "configs" / "tasks" / "parts.yaml").write_bytes(b"task: classification\ntop_k: 3\n")
    told: list[str] = []
    uninstaller.uninstall(target, told.append)
    assert (card / "configs" / "tasks" / "parts.yaml").exists()
    assert "was edited" in told[0]


def _cuts(make: Callable[[int], CutTarget], work: Callable[[CutTarget], Any]) -> Iterable[int]:
    steps = 0
    while True:
        target = make(steps)
        try:
            work(target)
        except (Cut, InstallError):
            yield steps
            steps += 1
            continue
        return


def service(version: str) -> dict[str, bytes]:
    return {f"firmware_app/{name}": data for name, data in firmware(version).items()}


CARDS: dict[str, tuple[str, dict[str, bytes]]] = {
    "empty": ("nothing", {}),
    "foreign": ("foreign", {"main.py": FOREIGN, "configs/service.yaml": OLD_YAML}),
    "crashed before": (
        "foreign",
        {"main.py": FOREIGN, "bad_main.py": BAD, "fallback.py": FALLBACK},
    ),
    "put aside": ("fallback", {"bad_main.py": BAD, "fallback.py": FALLBACK}),
    "put aside, and no fallback": ("nothing", {"bad_main.py": BAD}),
    "copied by hand": (
        "old",
        {
            "main.py": b"# the launcher\n",
            "fallback.py": b"# the fallback\n",
            "configs/service.yaml": NEW_YAML,
            "packages/parts/deploy_config.json": b"{}",
            "packages/parts/m.kmodel": b"LDMK",
            "packages/mine/deploy_config.json": b"{}",
            **service("old"),
            "firmware_app/mine/deeper/notes.txt": b"a user's own",
        },
    ),
    "a flat one copied by hand": (
        "flat",
        {"main.py": b"# the launcher\n", "configs/service.yaml": NEW_YAML, **service("flat")},
    ),
}


def fill(card: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (card / name).parent.mkdir(parents=True, exist_ok=True)
        (card / name).write_bytes(data)


@pytest.mark.parametrize("kind", CARDS)
def test_power_cuts_at_every_step_of_a_first_installation(tmp_path: Path, kind: str) -> None:
    before, files = CARDS[kind]
    cards: list[Path] = []

    def make(steps: int) -> CutTarget:
        folder = tmp_path / f"card{steps}"
        folder.mkdir()
        fill(folder, files)
        cards.append(folder)
        return CutTarget(folder, steps)

    count = 0
    seen = set()
    for _ in _cuts(make, lambda target: run(target, content())):
        card = cards[-1]
        boot(card)
        seen.add(runs(card))
        if "configs/service.yaml" in files:
            assert (card / "configs" / "service.yaml").read_bytes() in (OLD_YAML, NEW_YAML)
        copy = tmp_path / "copy"
        shutil.copytree(card, copy)
        if (copy / ".k230" / "install.json").exists():  # taken back instead of finished
            uninstaller.uninstall(FolderTarget(copy), lambda text: None)
            assert tree(copy) == files
        shutil.rmtree(copy)
        run(FolderTarget(card), content())  # the next attempt finishes it
        assert run(FolderTarget(card), content()).empty
        boot(card)
        assert runs(card) == "new"
        assert not (card / "bad_main.py").exists()
        assert (card / "configs" / "service.yaml").read_bytes() == NEW_YAML
        uninstaller.uninstall(FolderTarget(card), lambda text: None)
        assert tree(card) == files
        count += 1
    assert count > 20
    # Where fallback.py ran, it does so until main.py is there.
    assert seen == {before, "new"}


@pytest.mark.parametrize("old", ["old", "flat"])
def test_power_cuts_at_every_step_of_an_update(tmp_path: Path, old: str) -> None:
    cards: list[Path] = []

    def make(steps: int) -> CutTarget:
        folder = tmp_path / f"card{steps}"
        folder.mkdir()
        run(FolderTarget(folder), content(old, OLD_YAML))
        cards.append(folder)
        return CutTarget(folder, steps)

    seen = set()
    for _ in _cuts(make, lambda target: run(target, content("new"))):
        boot(cards[-1])
        seen.add(runs(cards[-1]))
        run(FolderTarget(cards[-1]), content("new"))
        boot(cards[-1])
        assert runs(cards[-1]) == "new"
    assert seen == {old, "new"}


class UnpluggedTarget(CutTarget):
    """The board is gone from the console."""

    end = InstallError("the board is gone")


class FullTarget(CutTarget):
    """The card takes no more."""

    end = InstallError("the card is full")


class DamagingTarget(CutTarget):
    """A file of so many arrives with another byte."""

    def _step(self) -> None:
        pass

    def write(self, path: str, data: bytes, moved: Moved) -> None:
        self.left -= 1
        super().write(path, b"?" + data[1:] if self.left == -1 else data, moved)


WAYS_OUT = {
    "power cut": CutTarget,
    "cable unplugged": UnpluggedTarget,
    "card full": FullTarget,
    "damaged on the way": DamagingTarget,
}


@pytest.mark.parametrize("old", ["old", "flat"])
@pytest.mark.parametrize("way", WAYS_OUT)
def test_every_way_out_of_an_update(tmp_path: Path, way: str, old: str) -> None:
    """Whatever ends an update wherever: a version runs as a whole, and the next attempt is the last."""
    count = 0
    while True:
        card = tmp_path / f"card{count}"
        fill(card, CARDS["foreign"][1])
        run(FolderTarget(card), content(old, OLD_YAML))
        try:
            run(WAYS_OUT[way](card, count), content("new"))
            ended = True
        except (Cut, InstallError):
            ended = False
        boot(card)
        assert runs(card) in (("new",) if ended else (old, "new"))
        run(FolderTarget(card), content("new"))
        boot(card)
        assert runs(card) == "new"
        assert run(FolderTarget(card), content("new")).empty
        uninstaller.uninstall(FolderTarget(card), lambda text: None)
        assert tree(card) == CARDS["foreign"][1]
        count += 1
        if ended and count > 5:  # what is damaged may be a note that is replaced at once
            break
    assert count > (5 if way == "damaged on the way" else 20)


@pytest.mark.parametrize("first", ["old", "flat"])
def test_nothing_stays_of_what_another_attempt_staged(tmp_path: Path, first: str) -> None:
    cards: list[Path] = []

    def make(steps: int) -> CutTarget:
        cards.append(tmp_path / f"card{steps}")
        cards[-1].mkdir()
        return CutTarget(cards[-1], steps)

    for _ in _cuts(make, lambda target: run(target, content(first))):
        run(FolderTarget(cards[-1]), content("new"))
        boot(cards[-1])
        assert runs(cards[-1]) == "new"


@pytest.mark.parametrize("version", ["old", "flat"])
def test_an_update_that_was_cut_is_taken_back(tmp_path: Path, version: str) -> None:
    cards: list[Path] = []

    def make(steps: int) -> CutTarget:
        folder = tmp_path / f"card{steps}"
        fill(folder, CARDS["foreign"][1])
        old = content(version, OLD_YAML + b"priority: latency\n")
        old.firmware["main.py"] = b"# the launcher before\n"
        old.firmware["fallback.py"] = b"# the fallback before\n"
        run(FolderTarget(folder), old)
        cards.append(folder)
        return CutTarget(folder, steps)

    for _ in _cuts(make, lambda target: run(target, content("new"))):
        told: list[str] = []
        uninstaller.uninstall(FolderTarget(cards[-1]), told.append)
        assert tree(cards[-1]) == CARDS["foreign"][1]
        assert told == []


@pytest.mark.parametrize("kind", CARDS)
def test_power_cuts_at_every_step_of_an_uninstallation(tmp_path: Path, kind: str) -> None:
    before, files = CARDS[kind]
    cards: list[Path] = []

    def make(steps: int) -> CutTarget:
        folder = tmp_path / f"card{steps}"
        folder.mkdir()
        fill(folder, files)
        run(FolderTarget(folder), content())
        cards.append(folder)
        return CutTarget(folder, steps)

    for _ in _cuts(make, lambda target: uninstaller.uninstall(target, lambda text: None)):
        boot(cards[-1])
        assert runs(cards[-1]) in (before, "new", "old", "nothing")
        if (cards[-1] / ".k230" / "install.json").exists():
            uninstaller.uninstall(FolderTarget(cards[-1]), lambda text: None)
        assert tree(cards[-1]) == files


def test_what_crashed_since_the_installation_stays(card: Path) -> None:
    run(FolderTarget(card), content())
    (card / "bad_main.py").write_bytes(BAD)
    uninstaller.uninstall(FolderTarget(card), lambda text: None)
    assert (card / "bad_main.py").read_bytes() == BAD
    assert (card / "main.py").read_bytes() == FOREIGN


def test_our_own_main_that_was_put_aside_goes(card: Path) -> None:
    before = tree(card)
    run(FolderTarget(card), content())
    (card / "main.py").rename(card / "bad_main.py")  # the firmware's way after a native fault
    plan = run(FolderTarget(card), content())
    assert plan.lines() == ["write main.py", "remove bad_main.py"]
    assert runs(card) == "new"
    (card / "main.py").rename(card / "bad_main.py")
    uninstaller.uninstall(FolderTarget(card), lambda text: None)
    assert tree(card) == before


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"files": 3}'])
def test_a_damaged_note_is_told(card: Path, text: bytes) -> None:
    run(FolderTarget(card), content())
    (card / ".k230" / "install.json").write_bytes(text)
    for work in (installer.make_plan, lambda target, _: uninstaller.uninstall(target, print)):
        with pytest.raises(InstallError, match=r"install\.json on the card is damaged"):
            work(FolderTarget(card), content())


def test_a_damaged_file_is_noticed(card: Path) -> None:
    class Damaging(FolderTarget):
        def write(self, path: str, data: bytes, moved: Moved) -> None:
            super().write(path, data[:-1] + b"?" if path.endswith("service.py") else data, moved)

    with pytest.raises(InstallError, match="damaged on the way"):
        run(Damaging(card), content())
    boot(card)
    assert runs(card) == "foreign"


def test_a_full_card_is_told_before(card: Path) -> None:
    class Full(FolderTarget):
        def info(self) -> TargetInfo:
            return super().info()._replace(free=1000)

    before = tree(card)
    with pytest.raises(InstallError, match="the card is full"):
        run(Full(card), content())
    assert tree(card) == before


def test_the_manifest_says_what_was_installed(card: Path) -> None:
    run(FolderTarget(card), content())
    manifest = json.loads((card / ".k230" / "install.json").read_text())
    assert manifest["packages"] == ["parts"]
    assert set(manifest["before"]) == {"main.py", "configs/service.yaml"}
    assert (card / ".k230" / "before" / "main.py").read_bytes() == FOREIGN
