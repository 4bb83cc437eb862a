"""`k230 setup`: from an empty card to results, step by step."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import click
import platformdirs
from serial.tools import list_ports

import board_types
from board_types import BoardType
from board_types.releases import is_supported, parse_name, releases
from host_client.base.exceptions import K230Error
from host_client.base.wording import quantity
from host_client.cli import output, terminal
from host_client.cli.asking import BACK, QUIT, SKIP, Leave, ask, ask_until, interactive, say
from host_client.cli.batch import run_batch
from host_client.cli.discover import BOARD_IDS
from host_client.cli.firmware import lines_of, nncase_of
from host_client.cli.flash import check_fit, choose, flash_card, flash_usb
from host_client.cli.install import install
from host_client.cli.live import watch
from host_client.cli.names import task_option
from host_client.cli.options import board_type_option
from host_client.cli.progress import bar
from host_client.cli.simulation import sim_missing
from host_client.cli.verify import verify
from host_client.commands.packages import PackageFiles, read_package
from host_client.flashing import devices
from host_client.flashing.errors import FlashError
from host_client.flashing.image import fits, inspect, open_image
from host_client.installer import content
from host_client.installer.repl import ReplTarget
from host_client.installer.service_yaml import service_yaml
from host_client.installer.target import InstallError

_PORT_S = 60.0  # for the board's console to appear
_LOOK_S = 0.5
_RESULTS = 3
_CONNECT_S = 20.0


@dataclass
class Setup:
    """The answers so far; answers of earlier runs are the defaults."""

    board: str | None = None
    image: Path | None = None
    card: str | None = None
    over_usb: bool = False
    yes: str | None = None
    fixed_disk: bool = False
    port: str | None = None
    package: Path | None = None
    task: str | None = None
    ssid: str | None = None
    password: str | None = None
    name: str | None = None
    url: str | None = None
    found_url: str | None = None
    results: bool = False
    last: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> BoardType | None:
        """The board's type."""
        return board_types.find(self.board) if self.board else None

    def default(self, name: str) -> str | None:
        """Return the given value, else the one of an earlier run."""
        value = getattr(self, name)
        return str(value) if value else self.last.get(name)


class Step(NamedTuple):
    """A step: its name for --skip and --from, its title, and its function."""

    name: str
    title: str
    work: Callable[[Setup], None]


# Remembered for the next run: nothing secret.
_REMEMBERED = ("board", "image", "port", "package", "ssid", "name")


def _memory() -> Path:
    return platformdirs.user_config_path("k230", appauthor=False, roaming=True) / "setup.json"


def _recall() -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads(_memory().read_text("utf-8"))
        if isinstance(found, dict):
            return {key: found[key] for key in _REMEMBERED if isinstance(found.get(key), str)}
    return {}


def _remember(setup: Setup) -> None:
    found = setup.last | {
        key: str(getattr(setup, key)) for key in _REMEMBERED if getattr(setup, key)
    }
    for key in ("image", "package"):
        if key in found:
            found[key] = str(Path(found[key]).absolute())
    path = _memory()
    with contextlib.suppress(OSError):  # only a convenience
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(found), "utf-8")
        temporary.replace(path)


def _board(setup: Setup) -> None:
    types = [each for each in board_types.all_types() if each.name != board_types.VIRTUAL]
    if interactive():
        say("The board's name is usually printed on it, K230 or K230D on the large chip.")
        for number, each in enumerate(types, 1):
            size = f"{each.chip}, {each.total_kb // 1024} MB"
            say(f"{number:3}  {each.name:14} {each.title:24} {size}")

    def wrong(text: str) -> str | None:
        if text.isdecimal() and 1 <= int(text) <= len(types):
            return None
        try:
            board_types.find(text)
        except board_types.BoardTypeError as error:
            return str(error)
        return None

    answer = ask_until(
        "Which board (number or name)",
        "--board",
        wrong,
        setup.default("board"),
        "Type the number in front of your board, or its name in the second column.",
    )
    setup.board = (
        types[int(answer) - 1].name if answer.isdecimal() else board_types.find(answer).name
    )


def _image(setup: Setup) -> None:
    known = releases()
    kind = setup.kind
    names = [f"{image}_micropython_…" for image in kind.images] if kind is not None else []
    if interactive():
        if names:
            say(f"The file for your board begins with {' or '.join(names)}")
        say(f"Take CanMV {' or '.join(known.supported)}, from:")
        for url in known.downloads:
            say(url, 4)
        say("Do not unpack it (.img.gz). Type skip if the board already runs this firmware.")
    answer = ask("Path of the file", "--image", setup.default("image") or _downloaded(kind))
    if not answer:
        raise FlashError("expected the path of a firmware image, found nothing")
    path = Path(answer).expanduser()
    with bar(False) as progress:
        facts = inspect(path, progress)
    for line in lines_of(facts):
        say(line)
    problems = fits(facts, setup.board)
    if problems:
        raise FlashError("; ".join(each.text for each in problems))
    setup.image = path


def _downloaded(kind: BoardType | None) -> str | None:
    """Return the newest image for the board in this folder or in Downloads."""
    found: list[tuple[float, str]] = []
    for folder in (Path(), Path.home() / "Downloads"):
        with contextlib.suppress(OSError):
            for path in folder.iterdir():
                name = parse_name(path.name)
                if name is None or path.suffix not in (".gz", ".img", ".kdimg"):
                    continue
                if (kind is None or kind in name.boards) and is_supported(name.version):
                    found.append((path.stat().st_mtime, str(path)))
    return max(found)[1] if found else None


def _flash(setup: Setup) -> None:
    if setup.image is None:
        answer = ask("Path of the firmware image", "--image", setup.default("image"))
        setup.image = Path(answer).expanduser()
    with bar(False) as progress:
        source, facts = open_image(setup.image, progress)
    with source:
        check_fit(facts, setup.board, anyway=False)
        if setup.over_usb:
            flash_usb(source, facts, None, "sdcard", setup.yes, False, _typed)
            say("Written. It was not read back: that is not possible over USB.")
            return
        if setup.card is None and interactive():
            say("Put the SD card into this computer's reader. Everything on it will be lost.")
            ask("Press Enter when the card is in the reader", "--card")
        card = setup.card or _which_card()
        device = choose(card, None, setup.fixed_disk)
        flash_card(source, facts, device, setup.yes, setup.fixed_disk, False, _typed)
        say(f"{device.path}: written and compared. Take the card out.")


def _which_card() -> str | None:
    found = devices.candidates()
    if len(found) < 2 or not interactive():
        return None
    for number, each in enumerate(found, 1):
        say(f"{number:3}  {each.path}  {devices.size_text(each.size)}  {each.model}")
    names = [each.path for each in found]

    def wrong(text: str) -> str | None:
        if text in names or (text.isdecimal() and 1 <= int(text) <= len(names)):
            return None
        return f"expected a number from 1 to {len(names)}, found {text or 'nothing'}"

    answer = ask_until("Which card", "--card", wrong)
    return names[int(answer) - 1] if answer.isdecimal() else answer


def _typed(question: str) -> str:
    return ask(question.rstrip(": "), "--yes SERIAL")


def _restart(setup: Setup) -> None:
    say(
        "Put the card into the board, connect the board to this computer by USB, and wait ten "
        "seconds. The first start takes longer. Some boards need two cables."
    )
    if interactive():
        ask("Press Enter when it is done", "")


def _console(setup: Setup) -> None:
    port = setup.port
    if not port and interactive():
        last = setup.last.get("port")
        port = ask(
            "The board's port (Enter: look for it at USB)",
            "--port",
            last if last and Path(last).exists() else "",
            "The serial port of the board's USB console, like /dev/ttyACM0.",
        )
    port = port or _appeared()
    if not port:
        raise InstallError("no board's USB console was found: give its port (--port)")
    say(f"Checking {port}. This interrupts the board and restarts it.")
    with ReplTarget(port, lambda text: output.note(f"k230: {text}")) as target:
        info = target.info()
    setup.port = port
    kind = board_types.recognise(info.board)
    title = kind.title if kind is not None else info.board
    say(f"{title}, CanMV {info.firmware}")
    if is_supported(info.firmware) is False:
        wanted = " or ".join(releases().supported)
        raise InstallError(f"expected CanMV {wanted} on the board, found {info.firmware}")
    if kind is not None and setup.board is not None and kind.name != setup.board:
        # A virtual board reports the type virtual, also when it plays another type.
        if kind.name != board_types.VIRTUAL:
            say(f"You chose {setup.board}, but the board reports {kind.name}: using {kind.name}.")
            setup.board = kind.name
    elif kind is not None and setup.board is None:
        setup.board = kind.name


def _appeared() -> str | None:
    """Wait for the board's port; return it, or None if there is none or more than one."""
    stop = time.monotonic() + (_PORT_S if interactive() else 5.0)
    told = False
    while True:
        found = [port.device for port in list_ports.comports() if (port.vid, port.pid) in BOARD_IDS]
        if len(found) == 1:
            say(f"The board's console is {found[0]}.")
            return str(found[0])
        if len(found) > 1:
            say(f"Found {quantity(len(found), 'board')}: {', '.join(found)}.")
            return None
        if time.monotonic() > stop:
            say("No board was found at USB. Check that the cable carries data, not only power.")
            return None
        if not told:
            told = True
            say("Waiting for the board's console (Ctrl-C stops; --port names the port) …")
        time.sleep(_LOOK_S)


def _read(setup: Setup) -> PackageFiles:
    if setup.package is None:
        answer = ask(
            "Path of your deployment package (zip or folder)",
            "--package",
            setup.default("package"),
            "The zip file from the training platform, or the unpacked folder.",
        )
        if not answer:
            raise FlashError("expected the path of a deployment package, found nothing")
        setup.package = Path(answer).expanduser()
    try:
        return read_package(setup.package, None, setup.task)
    except K230Error:
        setup.package = None
        raise


def _verify(setup: Setup) -> None:
    files = _read(setup)
    for text in files.warnings:
        output.note(f"k230: {text}")
    version = nncase_of(files)
    if setup.image is not None and version:
        with contextlib.suppress(K230Error), bar(False) as progress:
            problems = fits(inspect(setup.image, progress), nncase=version)
            for each in problems:
                if each.code == "nncase":
                    raise FlashError(each.text)
    say(f"{files.name}: {files.task}")
    missing = sim_missing()
    if missing is not None:
        say(f"The package is not tried with pictures: {missing}")
        return
    say("Trying the package with its own pictures on this computer …")
    with (
        tempfile.TemporaryDirectory(prefix="k230-setup-") as folder,
        contextlib.suppress(click.exceptions.Exit),
    ):
        click.get_current_context().invoke(
            verify,
            package=setup.package,
            images=(),
            task=setup.task,
            expected=None,
            onnx=None,
            out=Path(folder) / "pictures",
            micropython=None,
            as_json=False,
        )


def _network(setup: Setup) -> None:
    kind = setup.kind
    setup.name = ask("A name for the board", "--name", setup.default("name") or "k230") or "k230"
    if kind is not None and not kind.wlan and kind.name != board_types.VIRTUAL:
        say(
            "This board's firmware has no Wi-Fi. "
            + ("Use USB Ethernet." if kind.lan else "Use its UART.")
        )
        return
    say("Press Enter without a name to use a cable instead of Wi-Fi.")
    setup.ssid = ask(
        "Name of your Wi-Fi network", "--ssid", setup.ssid or setup.last.get("ssid", "")
    )
    if setup.ssid and setup.password is None:
        if interactive():
            setup.password = ask(
                "Its password (not shown; Enter: it has none)", "--password-file", secret=True
            )
        else:
            setup.password = ""


def _install(setup: Setup) -> None:
    if setup.port is None:
        setup.port = ask("The board's port", "--port", setup.default("port"))
    files = _read(setup)
    with tempfile.TemporaryDirectory(prefix="k230-setup-") as folder:
        config = Path(folder) / "service.yaml"
        text = service_yaml(setup.kind, setup.name, setup.ssid, setup.password)
        config.write_text(content.with_task(text, files.name), "utf-8")
        config.chmod(0o600)
        report = click.get_current_context().invoke(
            install,
            port=setup.port,
            card=None,
            package=setup.package,
            task=setup.task,
            config=config,
            board=None,
            url=setup.url,
            via="auto",
            sources=False,
            dry_run=False,
            as_json=False,
        )
    setup.found_url = report.get("url")
    setup.results = bool(report.get("results"))


def _results(setup: Setup) -> None:
    url = setup.url or setup.found_url
    if url is None:
        url = ask("The board's address (like tcp://192.168.1.42)", "--url")
        if not url:
            raise InstallError(
                "the board has no network address: set up a network (k230 setup --from network), or "
                "connect its UART and use serial:///dev/ttyUSB0"
            )
    say(f"The next {_RESULTS} results of {url}:")
    click.get_current_context().invoke(
        watch,
        urls=(url,),
        key=None,
        unencrypted=False,
        wait=_CONNECT_S,
        as_json=False,
        count=_RESULTS,
        rate=0,
    )
    setup.found_url = url
    setup.results = True


STEPS = (
    Step("board", "Which board", _board),
    Step("image", "Its firmware", _image),
    Step("flash", "Write the card", _flash),
    Step("restart", "Start the board", _restart),
    Step("console", "Find the board", _console),
    Step("package", "Try your package", _verify),
    Step("network", "Name and network", _network),
    Step("install", "Install the service", _install),
    Step("results", "See results", _results),
)
_NAMES = [step.name for step in STEPS]


@click.command()
@board_type_option
@click.option("--image", type=click.Path(path_type=Path), help="The firmware image.")
@click.option("--card", metavar="DEVICE", help="The card in this computer's reader.")
@click.option("--usb", "over_usb", is_flag=True, help="Flash a board in boot mode instead.")
@click.option("--yes", metavar="SERIAL", help="Write the card with this serial without asking.")
@click.option("--fixed-disk", is_flag=True, help="Allow a disk that is not removable.")
@click.option("--port", metavar="TTY", help="The board's USB console.")
@click.option(
    "--package",
    type=click.Path(path_type=Path),
    metavar="FOLDER|ZIP",
    help="Deployment package to install and run.",
)
@task_option
@click.option("--name", help="The board's name.")
@click.option("--ssid", help="The Wi-Fi network to join.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="A file with the network's password in its first line.",
)
@click.option("--url", help="Address of the service (default: as the board reports it).")
@click.option(
    "--skip",
    "skipped",
    multiple=True,
    type=click.Choice(_NAMES),
    help="Skip a step; repeatable.",
)
@click.option("--from", "first", type=click.Choice(_NAMES), help="Start with this step.")
@click.option(
    "--batch",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Prepare many cards, one per row (docs/flashing.md).",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="With --batch: file for the report (default: NAME-report.csv).",
)
@click.option(
    "--keys",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="With --batch: folder for the boards' keys (default: NAME-keys).",
)
def setup(
    *,
    password_file: Path | None,
    skipped: tuple[str, ...],
    first: str | None,
    batch: Path | None,
    report: Path | None,
    keys: Path | None,
    **given: object,
) -> int:
    """Set up a board step by step, from an empty card to results.

    Steps can be skipped and repeated. Answers given as options are not asked. Without a
    terminal, all answers must be options.
    """
    password = _password(password_file)
    if batch is not None:
        return run_batch(batch, report, keys, given, password)
    state = Setup(password=password, last=_recall() if interactive() else {})
    for name, value in given.items():
        setattr(state, name, value)
    done: dict[str, str] = {}
    if interactive():
        say(
            "At each question: Enter accepts the value in [ ]; skip skips the step, back returns "
            "to the step before, quit ends, help explains.",
            0,
        )
    index = _NAMES.index(first) if first else 0
    while index < len(STEPS):
        step = STEPS[index]
        if step.name in skipped:
            done.setdefault(step.name, "skipped")
            index += 1
            continue
        terminal.tell_own(f"\n{index + 1} of {len(STEPS)}  {step.title}\n")
        word = _do(step, state, done)
        _remember(state)
        if word == QUIT:
            break
        index = max(0, index - 1) if word == BACK else index + 1
    _end(state, done, quit_at=STEPS[index].name if index < len(STEPS) else None)
    return 0


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    lines = path.read_text("utf-8-sig").splitlines()
    return lines[0] if lines else ""


def _do(step: Step, state: Setup, done: dict[str, str]) -> str | None:
    """Repeat a step until it succeeds or the user leaves it; return the word that leaves it."""
    while True:
        try:
            step.work(state)
        except Leave as leave:
            if leave.word == SKIP:
                done[step.name] = "skipped"
                return None
            return leave.word
        except K230Error as error:
            if not interactive():
                raise
            output.print_error(error, False)
            try:
                ask("Press Enter to try again, or type skip, back or quit", "")
            except Leave as leave:
                if leave.word == SKIP:
                    done[step.name] = "failed"
                    return None
                return leave.word
        else:
            done[step.name] = "done"
            return None


def _end(state: Setup, done: dict[str, str], quit_at: str | None) -> None:
    terminal.tell_own("\n")
    for step in STEPS:
        if step.name in done:
            say(f"{step.title:22}{done[step.name]}", 0)
    if quit_at is not None:
        output.print_line(f"continue with: k230 setup --from {quit_at}")
        return
    url = state.url or state.found_url
    if url is None:
        output.print_line("find the board with: k230 discover")
        return
    output.print_line("next:")
    for line in (
        f"k230 watch {url}",
        f"k230 status {url}",
        f"k230 push {url} ANOTHER.zip",
        f"k230 doctor {url}",
    ):
        output.print_line(f"  {line}")
