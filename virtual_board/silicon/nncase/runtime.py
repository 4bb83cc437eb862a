"""What nncase_runtime calls: tensors that stay here, ai2d plans, kmodels on the KPU."""

from __future__ import annotations

import io
import itertools
import json
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_app.package import footprint
from firmware_app.package.footprint import Footprint
from virtual_board.silicon.ai2d import plan as ai2d
from virtual_board.silicon.base.contents import Buffer
from virtual_board.silicon.base.errors import NativeFault, SiliconError
from virtual_board.silicon.base.lru import ByteLru
from virtual_board.silicon.base.media import Media
from virtual_board.silicon.base.server import Operation
from virtual_board.silicon.camera.sensors import Sensors
from virtual_board.silicon.clock.timing import Clock
from virtual_board.silicon.kpu import twin as kpu_twin
from virtual_board.silicon.kpu.runner import ONNX_BACKEND, Kpu, Model
from virtual_board.silicon.kpu.stub import StubKpu
from virtual_board.silicon.nncase.replay import ReplayStore

Array = NDArray[Any]

MAX_TENSORS = 96
MAX_TENSOR_BYTES = 256 << 20
MAX_PLANS = 32
MAX_PREPARED_BYTES = 64 << 20
MAX_MODELS = 16


class Tensors:
    """Contents of tensors by number; the least recently used go when there are too many."""

    def __init__(self) -> None:
        self._items: OrderedDict[int, Array] = OrderedDict()
        self._bytes = 0
        self._numbers = itertools.count(1)

    @property
    def bytes(self) -> int:
        """Bytes of all contents."""
        return self._bytes

    def put(self, content: Array, number: int = 0) -> int:
        """Keep content under number (0: a new one) and return the number."""
        number = number or next(self._numbers)
        old = self._items.pop(number, None)
        if old is not None:
            self._bytes -= old.nbytes
        self._items[number] = content
        self._bytes += content.nbytes
        while len(self._items) > MAX_TENSORS or self._bytes > MAX_TENSOR_BYTES:
            self._bytes -= self._items.popitem(last=False)[1].nbytes
        return number

    def get(self, number: int) -> Array:
        """Return the content of number; RuntimeError when too many came after it."""
        content = self._items.get(number)
        if content is None:
            raise SiliconError(
                "RuntimeError",
                f"tensor {number} is no longer kept: the virtual board keeps the last "
                f"{MAX_TENSORS} tensors of ai2d and the KPU, up to {MAX_TENSOR_BYTES >> 20} MiB",
            )
        self._items.move_to_end(number)
        return content

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self._bytes = 0


class Npu:
    """The ai2d unit and the KPU behind the interpreter's handles."""

    def __init__(
        self,
        sensors: Sensors,
        clock: Clock,
        sdcard: Path,
        data: Path,
        replay: Path | None,
        backend: str,
        media: Media,
    ) -> None:
        self._sensors = sensors
        self._clock = clock
        self._mounts = {"/sdcard": sdcard, "/data": data}
        self._replay = ReplayStore(replay) if replay is not None else None
        self._backend = backend
        self._kpu: Kpu | None = None
        self._starter = threading.Thread(target=self._start, daemon=True)
        self._starter.start()
        self.tensors = Tensors()
        self._plans: OrderedDict[int, ai2d.Ai2dPlan] = OrderedDict()
        self._models: OrderedDict[int, Model] = OrderedDict()
        # On the board's clock there is no time to prepare the same picture again.
        self._prepared: ByteLru[tuple[ai2d.Ai2dPlan, Array]] = ByteLru(MAX_PREPARED_BYTES)
        self._built: ByteLru[ai2d.Ai2dPlan] = ByteLru(MAX_PLANS)
        self._handles = itertools.count(1)
        self._media = media
        self._footprints: dict[int, Footprint] = {}
        media.add(self.memory)

    def operations(self) -> dict[str, Operation]:
        """Return what the nncase_runtime stand-in calls."""
        return {
            "tensor.read": self._read,
            "ai2d.build": self._build,
            "ai2d.run": self._prepare,
            "kpu.load": self._load,
            "kpu.free": self._free,
            "kpu.run": self._run,
        }

    def reset(self) -> None:
        """The board restarts: nothing is loaded."""
        self.tensors.clear()
        self._plans.clear()
        self._models.clear()
        self._footprints.clear()

    def memory(self) -> int:
        """Return the bytes of media memory that loaded models take."""
        return sum(each.loaded for each in list(self._footprints.values()))

    @property
    def loaded(self) -> int:
        """How many models the interpreter has loaded and not given back."""
        return len(self._models)

    def close(self) -> None:
        """End the simulator."""
        self._unit().close()

    def _start(self) -> None:
        # Beside the interpreter's start: the simulator's process takes a third of a second.
        self._kpu = StubKpu() if self._backend == "stub" else Kpu(backend=self._backend)

    def _unit(self) -> Kpu:
        self._starter.join()
        assert self._kpu is not None
        return self._kpu

    # -- tensors

    def _content(self, reference: list[Any], blobs: list[memoryview]) -> Array:
        kind = reference[0]
        if kind == "frame":
            pixels: Array = self._sensors.shot(reference).pixels().reshape(-1)
            wanted: Array = pixels[: math.prod(reference[4])].reshape(reference[4])
            return wanted
        if kind == "tensor":
            return self.tensors.get(reference[1])
        sent: Array = np.frombuffer(blobs.pop(0), dtype=reference[1]).reshape(reference[2])
        return sent

    def _read(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        content = np.ascontiguousarray(self.tensors.get(args[0])).reshape(-1)
        return None, [content.view(np.uint8).data]

    # -- ai2d

    def _build(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        settings, in_shape, out_shape = args
        key = json.dumps(args, sort_keys=True)
        plan = self._built.get(key)  # the same crop in each frame: built once
        if plan is None:
            plan = ai2d.Ai2dPlan(in_shape, out_shape, _params(settings))
            self._built.put(key, plan, 1)
        handle = next(self._handles)
        self._plans[handle] = plan
        if len(self._plans) > MAX_PLANS:
            self._plans.popitem(last=False)
        return handle, []

    def _prepare(self, args: list[Any], blobs: list[memoryview]) -> tuple[Any, list[Buffer]]:
        handle, reference, out_shape, number = args
        plan = self._plans.get(handle)
        if plan is None:
            return None, []
        self._plans.move_to_end(handle)
        crop = plan.params.crop
        taken = plan.in_shape if crop is None else (3, crop[2], crop[3])
        with self._clock.ai2d(taken):
            key = (id(plan), self._looks(reference)) if self._clock.paced else None
            kept = self._prepared.get(key) if key is not None and key[1] is not None else None
            if kept is not None:
                return self.tensors.put(kept[1], number), []
            if math.prod(out_shape) != math.prod(plan.out_shape):
                raise NativeFault(
                    f"ai2d run: built for an output of {list(plan.out_shape)}, "
                    f"the tensor is {out_shape}"
                )
            made = plan.run(self._content(reference, blobs)).reshape(out_shape)
            if key is not None and key[1] is not None:
                self._prepared.put(key, (plan, made), made.nbytes)
            return self.tensors.put(made, number), []

    def _looks(self, reference: list[Any]) -> tuple[Any, ...] | None:
        """Return what pictures that look the same share; None for any but the camera's frames."""
        return self._sensors.shot(reference).looks if reference[0] == "frame" else None

    # -- KPU

    def _load(self, args: list[Any], blobs: list[memoryview]) -> tuple[Any, list[Buffer]]:
        (name,) = args
        data = bytes(blobs[0])
        needs = _footprint(data)
        self._media.need(needs.loaded, "kpu.load_kmodel()")
        with self._clock.load(len(data), by_path=name != "buffer"):
            unit = self._unit()
            twin = self._twin(name, data) if unit.backend == ONNX_BACKEND else None
            if self._clock.paced and name == "buffer":
                name = self._name(data)  # the profile knows models by name
            scene = self._replay is not None and self._replay.scene(data) is not None
            model = unit.load(data, name=name, twin=twin, run=not scene)
        handle = next(self._handles)
        self._models[handle] = model
        self._footprints[handle] = needs
        if len(self._models) > MAX_MODELS:
            self._footprints.pop(self._models.popitem(last=False)[0], None)
        described = {
            "handle": handle,
            "inputs": [[d.dtype, d.shape, d.start, d.size] for d in model.inputs],
            "outputs": [[d.dtype, d.shape, d.start, d.size] for d in model.outputs],
        }
        return described, []

    def _twin(self, name: str, data: bytes) -> Path | None:
        """Return the ONNX twin of a kmodel, which a script may have read in slices."""
        for mount, folder in self._mounts.items():
            if name.startswith(mount + "/"):
                return kpu_twin.find_twin(folder / name[len(mount) + 1 :])
        path = self._on_card(data)
        return kpu_twin.find_twin(path) if path is not None else None

    def _on_card(self, data: bytes) -> Path | None:
        for path in sorted(self._mounts["/sdcard"].rglob("*.kmodel")):
            if path.stat().st_size == len(data) and path.read_bytes() == data:
                return path
        return None

    def _name(self, data: bytes) -> str:
        path = self._on_card(data)
        return path.name if path is not None else "buffer"

    def _free(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        self._models.pop(args[0], None)
        self._footprints.pop(args[0], None)
        return None, []

    def _run(self, args: list[Any], blobs: list[memoryview]) -> tuple[Any, list[Buffer]]:
        handle, references, *certain = args
        model = self._models.get(handle)
        if model is None:
            return None, []
        work = self._footprints[handle].work
        if certain:
            self._media.need(work, "kpu.run()")
        elif not self._media.holds(work):
            return "short", []
        self._models.move_to_end(handle)
        with self._clock.kpu(model):
            inputs = [self._content(reference, blobs) for reference in references]
            outputs = self._infer(model, inputs)
            made = [[self.tensors.put(one), one.dtype.name, one.shape] for one in outputs]
            return made, []

    def _infer(self, model: Model, inputs: Sequence[Array]) -> Sequence[Array]:
        if self._replay is not None:
            return self._replay.run(self._unit(), model, inputs)
        return self._unit().run(model, inputs)


def _footprint(data: bytes) -> Footprint:
    """Return what a kmodel takes; one that cannot be read takes its own size until it is refused."""
    try:
        return footprint.read_from(io.BytesIO(data), "kmodel")
    except ValueError:
        return Footprint(len(data), len(data), 0)


def _params(settings: dict[str, Any]) -> ai2d.Ai2dParams:
    values: dict[str, Any] = {}
    if settings.get("dtype"):
        names = ("src_format", "dst_format", "src_dtype", "dst_dtype")
        values.update(zip(names, settings["dtype"], strict=True))
    if settings.get("crop"):
        values["crop"] = tuple(settings["crop"])
    if settings.get("shift") is not None:
        values["shift"] = settings["shift"]
    if settings.get("pad"):
        pads, mode, fill = settings["pad"]
        values.update(pad=tuple(pads), pad_mode=mode, pad_values=tuple(fill))
    if settings.get("resize"):
        values["resize"] = tuple(settings["resize"])
    if settings.get("affine"):
        method, cord_round, bound_ind, bound_val, bound_smooth, matrix = settings["affine"]
        values["affine"] = ai2d.Affine(
            method, tuple(matrix), cord_round, bound_ind, bound_val, bound_smooth
        )
    return ai2d.Ai2dParams(**values)
