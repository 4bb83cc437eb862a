"""Suggest the nearest known name, and list the known names, for a mistyped one."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from firmware_app.package import yolo
from firmware_app.settings.task_fields import TASKS
from host_client.base.exceptions import CommandFailed, K230Error

F = TypeVar("F", bound=Callable[..., Any])

_NEAR = 0.6  # of difflib's ratio
_LISTED = 12  # names of a list


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, or None."""
    folded: dict[str, str] = {}
    for each in known:
        folded.setdefault(_folded(each), each)
    found = difflib.get_close_matches(_folded(name), folded, 3, _NEAR)
    # Swapped letters are likelier than an extra letter.
    found.sort(key=lambda each: sorted(each) != sorted(_folded(name)))
    return folded[found[0]] if found else None


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")


def no_such(what: str, name: str, known: Sequence[str]) -> str:
    """Return the sentence for an unknown name. what: "task", "label"."""
    meant = nearest(name, known)
    hint = f"; did you mean {meant}?" if meant is not None else ""
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    there = ", ".join(known[:_LISTED]) + more if known else "none"
    return f"there is no {what} {name}{hint} (known: {there})"


@contextlib.asynccontextmanager
async def helping(
    what: str, name: str, names: Callable[[], Awaitable[Iterable[str]]]
) -> AsyncIterator[None]:
    """Let a command that fails because its board has no such name say which ones there are."""
    try:
        yield
    except CommandFailed as error:
        try:
            known = sorted(await names())
        except K230Error:
            raise error from None
        if name in known:
            raise
        raise CommandFailed("not_found", no_such(what, name, known)) from None


class TaskType(click.ParamType):  # type: ignore[type-arg]
    """What a package does: one of the tasks that the service has."""

    name = "TASK"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the task; a usage error names the one that was meant, and all of them."""
        # "segmentation" is a task of its own here, and Ultralytics' name of another.
        task = value if value in TASKS else yolo.task_of(str(value))
        if task is None:
            self.fail(no_such("task", str(value), TASKS), param, ctx)
        return str(task)


def task_option(function: F) -> F:
    """Add --task."""
    return click.option(
        "--task", type=TaskType(), help="What the package does (default: what its files say)."
    )(function)


class Verbs(click.Group):
    """A group of verbs that names the nearest one, and lists them in sections if it has any."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.sections: dict[str, list[str]] = {}
        """Title and names of each section."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        sections = self.sections or {"Commands": self.list_commands(ctx)}
        width = max(map(len, self.commands), default=0)
        for title, names in sections.items():
            rows = []
            for name in names:
                command = self.get_command(ctx, name)
                if command is not None and not command.hidden:
                    text = command.get_short_help_str(formatter.width - 4 - width)
                    rows.append((name.ljust(width), text))
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; a usage error names the one that was meant, and all of them."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(no_such("command", args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)
