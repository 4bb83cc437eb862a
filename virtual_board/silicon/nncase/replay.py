"""Recorded KPU outputs, so that timed runs do not wait for the simulator."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virtual_board.silicon.base.lru import ByteLru
from virtual_board.silicon.kpu.runner import Kpu, Model

Array = NDArray[Any]

MAX_DISK_BYTES = 512 << 20
MAX_MEMORY_BYTES = 64 << 20


class ReplayStore:
    """Maps (kmodel sha256, input sha256) to outputs, as `.npz` files in `folder`.

    The least recently used files go when the folder passes `max_bytes`. Results of the ONNX twin
    are kept apart from the simulator's. `hits` and `misses` count what `run` did.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = MAX_DISK_BYTES,
        max_memory: int = MAX_MEMORY_BYTES,
    ) -> None:
        self.folder = folder
        self.hits = 0
        self.misses = 0
        self._max_bytes = max_bytes
        self._memory: ByteLru[list[Array]] = ByteLru(max_memory)
        folder.mkdir(parents=True, exist_ok=True)
        self._disk_bytes = sum(size for _, size, _ in self._files())

    def scene(self, kmodel: bytes) -> list[Array] | None:
        """Return the outputs recorded for this kmodel with any input, None where there are none.

        Timed runs of models that are not inferred here (a benchmark's sizes, another one's network)
        have one such recording, `SHA256-scene.npz`: what the outputs of one scene look like.
        """
        return self._get(f"{hashlib.sha256(kmodel).hexdigest()[:32]}-scene")

    def put_scene(self, kmodel: bytes, outputs: Sequence[Array]) -> None:
        """Record outputs for this kmodel with any input."""
        self._put(f"{hashlib.sha256(kmodel).hexdigest()[:32]}-scene", list(outputs))

    def run(self, kpu: Kpu, model: Model, inputs: Sequence[Array]) -> list[Array]:
        """Return the recorded outputs, or run the model and record them (read-only arrays)."""
        outputs = self._get(f"{model.sha256[:32]}-scene")
        if outputs is not None:
            self.hits += 1
            return outputs
        key = self._key(model, inputs)
        outputs = self._get(key)
        if outputs is not None:
            self.hits += 1
            return outputs
        self.misses += 1
        outputs = kpu.run(model, inputs)
        self._put(key, outputs)
        return outputs

    def _key(self, model: Model, inputs: Sequence[Array]) -> str:
        digest = hashlib.sha256(b"twin" if model.twin is not None else b"")
        for array in inputs:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return f"{model.sha256[:32]}-{digest.hexdigest()[:32]}"

    def _get(self, key: str) -> list[Array] | None:
        outputs = self._memory.get(key)
        if outputs is not None:
            return outputs
        path = self.folder / f"{key}.npz"
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                outputs = [stored[f"output{index}"] for index in range(len(stored.files))]
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None  # a damaged recording is made anew
        self._remember(key, outputs)
        return outputs

    def _put(self, key: str, outputs: list[Array]) -> None:
        self._remember(key, outputs)
        handle, temporary = tempfile.mkstemp(dir=self.folder, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                named: dict[str, Any] = {f"output{i}": one for i, one in enumerate(outputs)}
                np.savez(file, **named)
                size = file.tell()
            os.replace(temporary, self.folder / f"{key}.npz")
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        self._disk_bytes += size
        if self._disk_bytes > self._max_bytes:
            self._evict()

    def _remember(self, key: str, outputs: list[Array]) -> None:
        for array in outputs:
            array.flags.writeable = False
        self._memory.put(key, outputs, sum(array.nbytes for array in outputs))

    def _files(self) -> list[tuple[float, int, Path]]:
        found = []
        for path in self.folder.glob("*.npz"):
            with contextlib.suppress(OSError):
                state = path.stat()
                found.append((state.st_mtime, state.st_size, path))
        return sorted(found)

    def _evict(self) -> None:
        files = self._files()
        self._disk_bytes = sum(size for _, size, _ in files)
        for _, size, path in files:
            if self._disk_bytes <= self._max_bytes:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            self._disk_bytes -= size
