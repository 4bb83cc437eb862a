"""Libraries of other people's, loaded when they are needed."""

from __future__ import annotations

import importlib
from typing import Any


def need(module: str, package: str = "") -> Any:
    """Return a module; ImportError says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = package or module
        if error.name is not None and error.name.partition(".")[0] != module:
            raise  # it is there, and lacks something itself
        raise ImportError(f"{module} is not installed: pip install {name}", name=module) from None
