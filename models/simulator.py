"""Run a kmodel in the vendor's KPU simulator, in a child process: some kmodels abort it."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.nncase_env import prepare_environment


def _serve(pipe: Connection, kmodel: bytes) -> None:
    prepare_environment()
    import _nncase

    simulator = _nncase.Simulator()
    simulator.load_model(kmodel)
    while True:
        try:
            pixels = pipe.recv()
        except EOFError:
            return
        started = time.perf_counter()
        # Inputs first: asking a fresh simulator for anything else crashes it.
        simulator.set_input_tensor(0, _nncase.RuntimeTensor.from_numpy(pixels))
        simulator.run()
        outputs = [
            np.array(simulator.get_output_tensor(index).to_numpy())
            for index in range(simulator.outputs_size)
        ]
        pipe.send((outputs, time.perf_counter() - started))


class Kmodel:
    """A kmodel ready to run; use as a context manager."""

    def __init__(self, kmodel: bytes) -> None:
        self._kmodel = kmodel
        self.seconds: list[float] = []
        """What each run took."""

    def __enter__(self) -> Kmodel:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._child = context.Process(target=_serve, args=(theirs, self._kmodel), daemon=True)
        self._child.start()
        theirs.close()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pipe.close()
        self._child.join(5)

    def run(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[Any], ...]:
        """Run one input [1, 3, h, w]; raise RuntimeError if the simulator died of it."""
        self._pipe.send(np.ascontiguousarray(pixels))
        wait([self._pipe, self._child.sentinel])
        if not self._pipe.poll():
            raise RuntimeError("the KPU simulator aborted on this kmodel")
        outputs, seconds = self._pipe.recv()
        self.seconds.append(seconds)
        return tuple(outputs)
