"""Load optional third-party libraries when they are needed."""

from __future__ import annotations

import importlib
from typing import Any


def need(module: str, package: str = "") -> Any:
    """Import a module; ImportError names the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = package or module
        if error.name is not None and error.name.partition(".")[0] != module:
            raise  # installed, but one of its own dependencies is missing
        raise ImportError(f"{module} is not installed: pip install {name}", name=module) from None
