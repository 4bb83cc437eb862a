"""Where nncase, its simulator and the .NET runtime are found, for a child process."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path


def site_packages() -> Path | None:
    """Return the directory that holds the simulator, or None where it is not installed."""
    found = importlib.util.find_spec("_nncase")
    return Path(found.origin).parent if found and found.origin else None


def prepare_environment() -> None:
    """Point this process at the simulator and, if installed, at .NET; call before importing."""
    site = site_packages()
    if site is None:
        raise ModuleNotFoundError("the KPU simulator is missing: install nncase and nncase-kpu")
    paths = [str(site)]
    os.environ["NNCASE_PLUGIN_PATH"] = str(site)
    dotnet = site / "dnv" / "net" / "runtime" / ".net"
    if dotnet.is_dir():
        os.environ["DOTNET_ROOT"] = str(dotnet)
        os.environ["DOTNET_ROLL_FORWARD"] = "Major"
        os.environ["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1"
        paths.append(str(dotnet))
    os.environ["PATH"] = os.pathsep.join([*paths, os.environ.get("PATH", "")])
