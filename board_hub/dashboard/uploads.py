"""Deployment packages on their way from a browser to a board: kept here, tried here, then pushed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import StreamReader

from host_client.base.exceptions import PackageError
from host_client.commands.packages import read_package

MAX_BYTES = 64 << 20  # of a package; a board's card takes less
MAX_UPLOADS = 8  # kept at a time
KEPT_S = 1800.0
VERIFY_S = 300.0
_VERDICT = re.compile(r"^(?:k230: )?(\w+): ")


class Upload(NamedTuple):
    """A package that was sent by a browser."""

    path: Path
    name: str
    task: str
    since: float


class Uploads:
    """The packages that wait for a person's word."""

    def __init__(self) -> None:
        """Nothing is kept yet; the folder is made with the first upload."""
        self._folder: Path | None = None
        self._uploads: dict[str, Upload] = {}
        self._trying = asyncio.Semaphore(1)  # each try is a virtual board

    def close(self) -> None:
        """Remove everything."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        self._uploads.clear()

    async def receive(self, body: StreamReader, given: str) -> tuple[str, Upload]:
        """Keep a zip file under a name of our own; PackageError where it is none or too large.

        given: what the browser calls it; its letters and digits become the package's name.
        """
        self._make_room()
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="k230-uploads-"))
        number = secrets.token_urlsafe(12)
        name = _name(given)
        folder = self._folder / number
        folder.mkdir(mode=0o700)
        path = folder / f"{name}.zip"
        try:
            size = 0
            with path.open("wb") as file:
                async for part in body.iter_chunked(1 << 16):
                    size += len(part)
                    if size > MAX_BYTES:
                        raise PackageError(
                            f"{name}.zip: expected at most {MAX_BYTES >> 20} MB, found more"
                        )
                    file.write(part)
            files = await asyncio.to_thread(read_package, path)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, PackageError):
                raise PackageError(str(error).replace(f"{folder}/", "")) from None
            raise
        upload = self._uploads[number] = Upload(path, files.name, files.task, time.monotonic())
        return number, upload

    def find(self, number: str) -> Upload:
        """Return an upload; PackageError where it is gone."""
        upload = self._uploads.get(number)
        if upload is None:
            raise PackageError("the upload is not kept any more: drop the package again")
        return upload

    def remove(self, number: str) -> None:
        """Forget an upload."""
        upload = self._uploads.pop(number, None)
        if upload is not None:
            shutil.rmtree(upload.path.parent, ignore_errors=True)

    def _make_room(self) -> None:
        now = time.monotonic()
        for number, upload in list(self._uploads.items()):
            if now - upload.since > KEPT_S or len(self._uploads) >= MAX_UPLOADS:
                self.remove(number)

    async def verify(self, upload: Upload) -> dict[str, Any]:
        """Return what `k230 verify` says: trouble (a word), reasons, and the number of pictures.

        It runs as a process of its own: a virtual board with the package's model.
        """
        async with self._trying:
            out = upload.path.parent / "verify"
            command = "import sys; from host_client.cli import main; main(sys.argv[1:])"
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", command, "verify", str(upload.path)),
                *("--json", "--out", str(out)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                said, told = await asyncio.wait_for(process.communicate(), VERIFY_S)
            except asyncio.TimeoutError:
                return {"trouble": "unknown", "reasons": [f"no verdict within {VERIFY_S:g} s"]}
            finally:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()
                shutil.rmtree(out, ignore_errors=True)
        place = f"{upload.path.parent}/"
        return _verdict(
            said.decode("utf-8", "replace").replace(place, ""),
            told.decode("utf-8", "replace").replace(place, ""),
        )


def _verdict(said: str, told: str) -> dict[str, Any]:
    """Return the verdict of the command's own JSON lines; of its last words where there are none."""
    found: dict[str, Any] = {}
    for line in said.splitlines():
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict):
                found |= row
    error = found.get("error")
    text = error.get("message", "") if isinstance(error, dict) else ""
    verdict = found.get("verdict")
    if isinstance(verdict, dict):
        trouble, reasons = verdict.get("trouble", "unknown"), list(verdict.get("reasons", ()))
    elif isinstance(verdict, str):
        trouble, reasons = verdict, list(found.get("reasons", ()))
    else:
        text = text or (told.strip().splitlines() or ["no verdict"])[-1]
        word = _VERDICT.match(text)
        code = error.get("code") if isinstance(error, dict) else ""
        trouble = word[1] if word and code == "verdict" else "unknown"
        reasons = [text[len(word[0]) :] if word else text]
    row = {"trouble": str(trouble), "reasons": [str(reason) for reason in reasons]}
    return row | {"pictures": found.get("pictures", 0), "warnings": found.get("warnings", [])}


def _name(given: str) -> str:
    stem = given.rsplit("/", 1)[-1].rsplit("\\", 1)[-1]
    stem = stem[:-4] if stem.lower().endswith(".zip") else stem
    return re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_")[:48] or "package"
