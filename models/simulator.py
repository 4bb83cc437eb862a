"""Run a kmodel in the vendor's KPU simulator, in a child process: some kmodels abort it."""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.nncase_env import prepare_environment


def _spent() -> float:
    """Return the processor time so far, in seconds, the simulator's own processes included.

    Not wall time: a busy machine would make the model look slow.
    """
    here = resource.getrusage(resource.RUSAGE_SELF)
    there = resource.getrusage(resource.RUSAGE_CHILDREN)
    return here.ru_utime + here.ru_stime + there.ru_utime + there.ru_stime


def _serve(pipe: Connection, kmodel: bytes) -> None:
    prepare_environment()
    # The simulator leaves a dump of each run in the working directory.
    scratch = tempfile.TemporaryDirectory()
    os.chdir(scratch.name)
    import _nncase  # noqa: PLC0415 - it reads the environment when imported

    simulator = _nncase.Simulator()
    simulator.load_model(kmodel)
    while True:
        try:
            pixels = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            os.chdir("/")
            scratch.cleanup()
            return
        started = _spent()
        # Inputs first: asking a fresh simulator for anything else crashes it.
        simulator.set_input_tensor(0, _nncase.RuntimeTensor.from_numpy(pixels))
        simulator.run()
        outputs = [
            np.array(simulator.get_output_tensor(index).to_numpy())
            for index in range(simulator.outputs_size)
        ]
        pipe.send((outputs, _spent() - started))


class Kmodel:
    """A kmodel ready to run; use as a context manager."""

    def __init__(self, kmodel: bytes) -> None:
        self._kmodel = kmodel
        self.seconds: list[float] = []
        """Processor time of each run."""

    def __enter__(self) -> Kmodel:
        """Start the child."""
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
        """End the child."""
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
