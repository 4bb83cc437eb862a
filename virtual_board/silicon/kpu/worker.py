"""The child process around the vendor's KPU simulator; `kpu.py` starts it and talks to it.

It runs as a script of its own, because the simulator may abort the process, writes to standard
output and leaves files in the working directory: a scratch folder, argument 2. Requests and replies
go over the socket of argument 1: a u32 length, a JSON object with `sizes`, and that many bytes for
each size.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Any

Buffer = bytes | bytearray | memoryview


def send(channel: socket.socket, head: dict[str, Any], blobs: Sequence[Buffer] = ()) -> None:
    """Send one message."""
    head["sizes"] = [memoryview(blob).nbytes for blob in blobs]
    text = json.dumps(head).encode()
    channel.sendall(struct.pack("<I", len(text)) + text)
    for blob in blobs:
        channel.sendall(blob)


def receive(channel: socket.socket) -> tuple[dict[str, Any], list[bytearray]]:
    """Return the next message; EOFError when the other side is gone."""
    (length,) = struct.unpack("<I", _exactly(channel, 4))
    head = json.loads(_exactly(channel, length))
    return head, [_exactly(channel, size) for size in head["sizes"]]


def _exactly(channel: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        got = channel.recv_into(view[done:])
        if got == 0:
            raise EOFError("the other side closed the channel")
        done += got
    return data


class Simulators:
    """The loaded simulators by key."""

    def __init__(self, native: Any, numpy: Any) -> None:
        self._native, self._numpy = native, numpy
        self._loaded: dict[str, Any] = {}
        self._inputs: dict[str, list[Any]] = {}  # the arrays that the simulators read

    def load(self, key: str, kmodel: bytes) -> None:
        """Load a kmodel."""
        simulator = self._native.Simulator()
        simulator.load_model(kmodel)
        self._loaded[key] = simulator

    def drop(self, key: str) -> None:
        """Forget a model."""
        self._loaded.pop(key, None)
        self._inputs.pop(key, None)

    def run(self, key: str, specs: list[list[Any]], blobs: list[bytearray]) -> list[Any]:
        """Return the output arrays for the input blobs described by (dtype, shape)."""
        simulator, numpy = self._loaded[key], self._numpy
        arrays = [
            numpy.frombuffer(blob, dtype=dtype).reshape(shape)
            for (dtype, shape), blob in zip(specs, blobs, strict=True)
        ]
        kept = self._inputs.get(key, [])
        if [(one.dtype, one.shape) for one in kept] != [(one.dtype, one.shape) for one in arrays]:
            # The simulator never gives a tensor back: one for each input, not for each frame.
            kept = self._inputs[key] = [numpy.array(one, order="C") for one in arrays]
            for index, array in enumerate(kept):
                simulator.set_input_tensor(index, self._native.RuntimeTensor.from_numpy(array))
        for array, values in zip(kept, arrays, strict=True):
            array[...] = values
        simulator.run()
        count = simulator.outputs_size
        outputs = (simulator.get_output_tensor(index).to_numpy() for index in range(count))
        return [numpy.array(one, order="C", copy=True) for one in outputs]


def serve(channel: socket.socket) -> None:
    """Answer requests until the parent goes away."""
    try:
        native: Any = importlib.import_module("_nncase")
        numpy: Any = importlib.import_module("numpy")
    except ImportError as error:
        send(channel, {"error": str(error)})
        return
    simulators = Simulators(native, numpy)
    send(channel, {"version": getattr(native, "__version__", "")})
    while True:
        try:
            head, blobs = receive(channel)
        except (EOFError, ConnectionError):
            return
        try:
            arrays: list[Any] = []
            if head["op"] == "load":
                simulators.load(head["key"], bytes(blobs[0]))
            elif head["op"] == "drop":
                simulators.drop(head["key"])
            else:
                arrays = simulators.run(head["key"], head["specs"], blobs)
        except Exception as error:  # the parent reports all that the extension raises
            send(channel, {"error": f"{type(error).__name__}: {error}"})
        else:
            specs = [[array.dtype.str, list(array.shape)] for array in arrays]
            send(channel, {"specs": specs}, [memoryview(a.reshape(-1)).cast("B") for a in arrays])


if __name__ == "__main__":
    os.chdir(sys.argv[2])
    try:
        serve(socket.socket(fileno=int(sys.argv[1])))
    finally:
        shutil.rmtree(sys.argv[2], ignore_errors=True)  # the parent is gone without having done it
