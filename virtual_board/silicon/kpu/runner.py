"""The KPU: runs kmodels in the vendor's simulator, in a child process that may die.

Where the simulator cannot be imported, the model's ONNX twin runs through onnxruntime instead;
`Kpu.backend` says which.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virtual_board.silicon.base.errors import NativeAbort, NativeFault, SiliconError
from virtual_board.silicon.kpu import twin as kpu_twin
from virtual_board.silicon.kpu import worker as kpu_worker
from virtual_board.silicon.kpu.kmodel import TYPECODES, KmodelHeader, TensorType, read_header

Array = NDArray[Any]

SIMULATOR_FILE = "nncase.simulator.k230.sc"
ONNX_BACKEND = "onnxruntime (ONNX twin)"
_NOT_INSTALLED = (
    'the KPU simulator is not installed (pip install "k230-vision[sim]" brings it on Linux x86-64, '
    "Python 3.10 to 3.13)"
)


@dataclass(frozen=True, slots=True)
class TensorDesc:
    """One input or output as `kpu.inputs_desc` shows it, and its shape.

    `start` is the offset in bytes after the tensors before it, `size` the tensor's bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int

    @property
    def typecode(self) -> int:
        """nncase's number of the element type."""
        return TYPECODES[self.dtype]


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded kmodel. `name` is for messages; two loads of equal bytes share one simulator."""

    name: str
    sha256: str
    inputs: tuple[TensorDesc, ...]
    outputs: tuple[TensorDesc, ...]
    data: bytes = field(repr=False)
    twin: kpu_twin.Twin | None = field(default=None, repr=False)


class SimulatorMissingError(Exception):
    """The simulator cannot run on this machine; the text says why."""


class Kpu:
    """Loads kmodels and runs them; one inference at a time, callable from any thread."""

    def __init__(self, *, backend: str = "auto", max_models: int = 4) -> None:
        """Choose the backend: `auto` (the simulator where it can run), `simulator` or `onnx`.

        At most `max_models` stay loaded in the child; others are loaded again when needed.
        """
        if backend not in ("auto", "simulator", "onnx"):
            raise ValueError(f"backend: expected auto, simulator or onnx, found {backend!r}")
        self._lock = threading.RLock()
        self._child: _Child | None = None
        self._loaded: OrderedDict[str, None] = OrderedDict()
        self._max_models = max_models
        self._missing = "the simulator is switched off" if backend == "onnx" else ""
        if backend != "onnx":
            try:
                self._ensure_child()
            except SimulatorMissingError as error:
                if backend == "simulator":
                    raise SiliconError("RuntimeError", f"KPU: {error}") from None
                self._missing = str(error)

    @property
    def backend(self) -> str:
        """What runs the models, for everything that shows their results."""
        return ONNX_BACKEND if self._missing else f"nncase simulator {self._ensure_child().version}"

    def load(
        self, kmodel: bytes, *, name: str = "kmodel", twin: Path | None = None, run: bool = True
    ) -> Model:
        """Return the model in `kmodel` (the whole file), ready to run.

        `twin` is its ONNX twin (see `kpu.twin.find_twin`), used without the simulator only. Without
        `run` only the headers are read: its outputs are recorded ones.

        Raises:
            SiliconError: EOFError for a bad kmodel; RuntimeError where nothing can run it.
            NativeFault: the simulator died of it.
        """
        try:
            header = read_header(kmodel, f"model {name}")
        except ValueError as error:
            raise SiliconError("EOFError", str(error)) from None
        model = Model(
            name,
            hashlib.sha256(kmodel).hexdigest(),
            describe(header.inputs),
            describe(header.outputs),
            bytes(kmodel),
            self._load_twin(name, twin, header) if self._missing and run else None,
        )
        if model.twin is None and run:
            with self._lock:
                self._ensure_loaded(model)
        return model

    def run(self, model: Model, inputs: Sequence[Array]) -> list[Array]:
        """Return the outputs of one inference (new arrays, the model's shapes and types).

        Raises:
            SiliconError: RuntimeError for inputs that do not fit or a failed run.
            NativeFault: the simulator died; the next call starts a new one.
        """
        arrays = fit_inputs(model, inputs)
        if model.twin is not None:
            with self._lock:
                return model.twin.run(arrays)
        with self._lock:
            child = self._ensure_loaded(model)
            specs = [[array.dtype.str, list(array.shape)] for array in arrays]
            blobs = [array.reshape(-1).view(np.uint8).data for array in arrays]
            head = {"op": "run", "key": model.sha256, "specs": specs}
            reply, made = self._request(child, model, "running", head, blobs)
            outputs = []
            for (dtype, shape), blob in zip(reply["specs"], made, strict=True):
                outputs.append(np.frombuffer(blob, dtype=dtype).reshape(shape))
            return outputs

    def close(self) -> None:
        """End the child. The object can be used again; a new child is started then."""
        child, self._child = self._child, None
        self._loaded.clear()
        if child is not None:
            child.close()

    def _load_twin(self, name: str, twin: Path | None, header: KmodelHeader) -> kpu_twin.Twin:
        if twin is None:
            raise SiliconError(
                "RuntimeError",
                f"model {name}: {self._missing}, and it has no ONNX twin "
                "(a .onnx file beside the kmodel or one folder up)",
            )
        if not kpu_twin.available():
            raise SiliconError(
                "RuntimeError",
                f"model {name}: {self._missing}, and onnxruntime, which would run {twin.name}, "
                "is not installed either (pip install onnxruntime)",
            )
        return kpu_twin.Twin(twin, name, header.outputs)

    def _ensure_child(self) -> _Child:
        with self._lock:
            if self._child is None:
                self._loaded.clear()
                self._child = _Child()
            return self._child

    def _ensure_loaded(self, model: Model) -> _Child:
        try:
            child = self._ensure_child()
        except SimulatorMissingError as error:
            raise SiliconError("RuntimeError", f"model {model.name}: {error}") from None
        if model.sha256 in self._loaded:
            self._loaded.move_to_end(model.sha256)
            return child
        while len(self._loaded) >= self._max_models:
            oldest, _ = self._loaded.popitem(last=False)
            self._request(child, model, "loading", {"op": "drop", "key": oldest})
        head = {"op": "load", "key": model.sha256}
        self._request(child, model, "loading", head, [memoryview(model.data)])
        self._loaded[model.sha256] = None
        return child

    def _request(
        self,
        child: _Child,
        model: Model,
        doing: str,
        head: dict[str, Any],
        blobs: Sequence[memoryview] = (),
    ) -> tuple[dict[str, Any], list[bytearray]]:
        try:
            reply, made = child.request(head, blobs)
        except (EOFError, OSError):
            ending = child.ending()
            self.close()
            fault = NativeFault if ending == "SIGSEGV" else NativeAbort
            raise fault(f"the KPU simulator died ({ending}) {doing} model {model.name}") from None
        if "error" in reply:
            kind = "EOFError" if doing == "loading" else "RuntimeError"
            raise SiliconError(kind, f"{doing} model {model.name} failed: {reply['error']}")
        return reply, made


class _Child:
    """The worker process and the channel to it."""

    def __init__(self) -> None:
        folder = _simulator_folder()
        ours, theirs = socket.socketpair()
        # The simulator writes its dumps into the working directory.
        self._scratch = tempfile.TemporaryDirectory(prefix="k230-kpu-")
        environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
        worker = str(Path(kpu_worker.__file__).resolve())
        command = [sys.executable, worker, str(theirs.fileno()), self._scratch.name]
        with theirs:
            self._process = subprocess.Popen(
                command,
                env=environment | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the parent to handle
            )
        self._channel = ours
        try:
            hello, _ = kpu_worker.receive(ours)
        except (EOFError, OSError):
            hello = {"error": f"its process ended ({self.ending()})"}
        if "error" in hello:
            self.close()
            raise SimulatorMissingError(f"the KPU simulator cannot start: {hello['error']}")
        self.version = str(hello["version"]) or "of unknown version"

    def request(
        self, head: dict[str, Any], blobs: Sequence[memoryview]
    ) -> tuple[dict[str, Any], list[bytearray]]:
        """Return the reply; EOFError or OSError when the process is gone."""
        kpu_worker.send(self._channel, head, blobs)
        return kpu_worker.receive(self._channel)

    def ending(self) -> str:
        """Say how the process ended, which it has or is about to."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "it stopped answering"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def close(self) -> None:
        """End the process and remove its working directory."""
        self._channel.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._scratch.cleanup()


def _simulator_folder() -> Path:
    spec = importlib.util.find_spec("_nncase")
    if spec is None or spec.origin is None:
        raise SimulatorMissingError(_NOT_INSTALLED)
    folder = Path(spec.origin).parent
    if not (folder / SIMULATOR_FILE).is_file():
        raise SimulatorMissingError(f"{SIMULATOR_FILE} is missing (pip install nncase-kpu)")
    return folder


def describe(types: Sequence[TensorType]) -> tuple[TensorDesc, ...]:
    """Return tensors as a model's descriptions show them."""
    described, start = [], 0
    for one in types:
        described.append(TensorDesc(one.dtype, one.shape, start, one.nbytes))
        start += one.nbytes
    return tuple(described)


def fit_inputs(model: Model, inputs: Sequence[Array]) -> list[Array]:
    """Return the inputs in the model's shapes; SiliconError RuntimeError where they do not fit."""
    if len(inputs) != len(model.inputs):
        raise SiliconError(
            "RuntimeError",
            f"model {model.name}: expected {len(model.inputs)} input tensors, found {len(inputs)}",
        )
    fitted = []
    for index, (array, desc) in enumerate(zip(inputs, model.inputs, strict=True)):
        wanted = np.prod(desc.shape, dtype=np.int64) if desc.size else array.size
        if array.dtype.name != desc.dtype or array.size != wanted:
            raise SiliconError(
                "RuntimeError",
                f"model {model.name}: input {index} expected {desc.dtype} {list(desc.shape)}, "
                f"found {array.dtype.name} {list(array.shape)}",
            )
        shape = desc.shape if desc.size else array.shape
        fitted.append(np.ascontiguousarray(array).reshape(shape))
    return fitted
