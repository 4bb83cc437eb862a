"""`k230 completion`: verbs and options completed by the shell."""

from __future__ import annotations

import os

import click
from click import shell_completion

from host_client.cli import terminal

_VARIABLE = "_K230_COMPLETE"  # set by the script that a shell has loaded


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash: k230 completion bash > ~/.local/share/bash-completion/completions/k230
    zsh:  k230 completion zsh > ~/.zfunc/_k230   (a folder of your $fpath)
    fish: k230 completion fish > ~/.config/fish/completions/k230.fish
    """
    kind = shell_completion.get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, "k230", _VARIABLE).source().rstrip()
    terminal.write_own(script + "\n")


def complete(command: click.Command) -> int | None:
    """Answer a shell's completion request; None if there is none."""
    instruction = os.environ.get(_VARIABLE)
    if not instruction:
        return None
    return shell_completion.shell_complete(command, {}, "k230", _VARIABLE, instruction)
