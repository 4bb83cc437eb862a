"""The `k230` command."""

from host_client.cli.app import main

__all__ = ["main"]
