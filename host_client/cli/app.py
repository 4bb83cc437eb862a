"""The top of the command line: all verbs, and the handling of every error."""

from __future__ import annotations

import asyncio
import copy
import importlib
import logging
import sys
from collections.abc import Iterator
from typing import Any

import click

from firmware_app.version import VERSION
from host_client.base.exceptions import K230Error
from host_client.cli import output, terminal
from host_client.cli.board_status import status
from host_client.cli.boards import infer, snapshot, switch, tasks
from host_client.cli.card import config, packages, pull, push, restart
from host_client.cli.completion import complete, completion
from host_client.cli.demo import demo
from host_client.cli.discover import discover
from host_client.cli.doctor import doctor
from host_client.cli.endings import Terminated, endings
from host_client.cli.firmware import firmware
from host_client.cli.flash import flash
from host_client.cli.gallery import gallery
from host_client.cli.install import install, uninstall
from host_client.cli.keys import key
from host_client.cli.live import stats, watch
from host_client.cli.logs import logs
from host_client.cli.names import Verbs
from host_client.cli.package import package
from host_client.cli.recognition import enroll, recognize
from host_client.cli.recordings import bag, counters, events, record, replay
from host_client.cli.settings import forget, keep, set_, settings
from host_client.cli.setup import setup
from host_client.cli.sim import sim
from host_client.cli.verify import verify
from host_client.cli.zones import zones

USAGE_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 130


class UsageError(K230Error):
    """The command line itself is wrong."""

    code = "usage"
    exit_code = USAGE_EXIT_CODE


class InternalError(K230Error):
    """A bug of this program."""

    code = "internal"
    exit_code = 70


class _Escaping(logging.Formatter):
    """Formats log lines with control characters escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines, escaped."""
        return "\n".join(terminal.shown(line) for line in super().format(record).split("\n"))


def _above() -> Iterator[click.Command]:
    """Yield the verbs of packages above this one, found by name: they need an extra."""
    for place in ("board_hub.dashboard_cli:dashboard", "board_hub.cli:hub"):
        module, _, name = place.partition(":")
        yield getattr(importlib.import_module(module), name)


@click.group(
    cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80}
)
@click.version_option(VERSION, prog_name="k230")
@click.option("--debug", is_flag=True, help="Show tracebacks and debug logging.")
def cli(debug: bool) -> None:
    """Use a K230 vision board, or a virtual one on this computer.

    Begin with `k230 demo`. `k230 COMMAND --help` shows the options of a command. URL is
    tcp://HOST or serial:///dev/ttyUSB0; `k230 discover` finds it.
    """


SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Try it here": (demo, verify, package, sim),
    "On a board": (setup, firmware, flash, install, uninstall, discover, doctor, key),
    "See results": (watch, status, stats, events, counters, snapshot, zones, infer, logs),
    "Tasks and settings": (tasks, switch, settings, set_, keep, forget, config),
    "Card": (packages, push, pull, restart),
    "Metric learning": (enroll, recognize, gallery),
    "Recordings": (record, replay, bag),
    "Many boards": tuple(_above()),
    "Shell": (completion,),
}
for _title, _verbs in SECTIONS.items():
    for _verb in _verbs:
        cli.add_command(_verb)
        cli.sections.setdefault(_title, []).append(_verb.name or "")
_reboot = copy.copy(restart)
_reboot.name, _reboot.help = "reboot", "Restart the board at URL (the same as `restart`)."
cli.add_command(_reboot)
cli.sections["Card"].append("reboot")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    asked = complete(cli)
    if asked is not None:
        sys.exit(asked)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line; return the exit code. Tracebacks are shown only with --debug."""
    terminal.prepare()
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    as_json = "--json" in options
    debug = "--debug" in options
    if debug:
        # Anywhere on the line, like --json.
        arguments = ["--debug", *_without_debug(arguments)]
        form = "%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s"
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Escaping(form, "%H:%M:%S"))
        logging.basicConfig(level=logging.INFO, handlers=[handler])
        logging.getLogger("host_client").setLevel(logging.DEBUG)
    else:
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        with endings():
            try:
                return _invoke(arguments)
            except K230Error as error:
                if debug:
                    logging.exception("the error")
                output.print_error(error, as_json)
                return error.exit_code
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED_EXIT_CODE
    except Terminated as error:
        return error.exit_code
    except BrokenPipeError:
        terminal.abandon_stdout()  # the reader of our output has closed the pipe
        return 0


def _without_debug(arguments: list[str]) -> list[str]:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [a for i, a in enumerate(arguments) if a != "--debug" or i > end]


def _invoke(arguments: list[str]) -> int:
    try:
        # Not cli.main(), which prints a line at Ctrl-C and exits at a closed pipe.
        with cli.make_context("k230", list(arguments)) as context:
            outcome: Any = cli.invoke(context)
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        terminal.write_own(error.format_message() + "\n")
        return USAGE_EXIT_CODE
    except click.ClickException as error:
        raise UsageError(_usage(error)) from error
    except (K230Error, BrokenPipeError):
        raise
    except OSError as error:
        raise terminal.file_error(error) from error
    except Exception as error:
        raise InternalError(
            f"a bug in k230 ({type(error).__name__}: {error}); run again with --debug to report it"
        ) from error
    return outcome if isinstance(outcome, int) else 0


def _usage(error: click.ClickException) -> str:
    text = error.format_message().rstrip(".")
    text = text[:1].lower() + text[1:]
    command = (
        error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "k230"
    )
    return f"{text} (see `{command} --help`)"
