"""The KPU's child process, its ONNX twin and the recorder.

A stand-in for the vendor's extension module makes the process side testable everywhere; one test
runs the real simulator.
"""

from __future__ import annotations

import hashlib
import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from virtual_board.silicon.ai2d import plan as ai2d
from virtual_board.silicon.base.errors import NativeFault, SiliconError
from virtual_board.silicon.kpu import twin as kpu_twin
from virtual_board.silicon.kpu.runner import ONNX_BACKEND, SIMULATOR_FILE, Kpu
from virtual_board.silicon.nncase.replay import ReplayStore


def tensor(typecode: int, *shape: int) -> bytes:
    dimensions = b"".join(b"\x01" + struct.pack("<I", side) for side in shape)
    return bytes((2, typecode, 1)) + dimensions + b"\xff"


FAKE = """
import os, numpy
__version__ = "0.0 (fake)"
LOG = {log!r}
class RuntimeTensor:
    def __init__(self, array): self._array = array
    from_numpy = classmethod(lambda cls, array: cls(array))
    def to_numpy(self): return self._array
class Simulator:
    inputs_size, outputs_size = 1, 1
    def load_model(self, data):
        open(LOG, "a").write("load\\n")
        if b"refuse" in data: raise RuntimeError("no thanks")
        if b"abort" in data: os.abort()
    def set_input_tensor(self, index, tensor): self._input = tensor
    def run(self):
        open(LOG, "a").write("run\\n")
        print("chatter on standard output")
        first = self._input.to_numpy().flat[0]
        if first == 255: os.abort()
        if first == 254: raise RuntimeError("run failed")
        self._sum = float(self._input.to_numpy().sum())
    def get_output_tensor(self, index):
        return RuntimeTensor(numpy.array([[self._sum, os.getpid()]], numpy.float32))
"""


def model_bytes(mark: bytes = b"") -> bytes:
    """A complete kmodel, uint8 [1, 3, 8, 8] to float32 [1, 2], followed by `mark`."""
    types = tensor(6, 1, 3, 8, 8) + tensor(11, 1, 2)
    types += bytes(-len(types) % 8)
    function = struct.pack("<2I3Q", 1, 0, 0, 0, 32 + len(types)) + types
    module = struct.pack("<16s4IQ", b"stackvm", 1, 0, 1, 0, 40 + len(function)) + function
    return struct.pack("<4s7I", b"LDMK", 7, 0, 8, 1, 0, 0, 0) + module + mark


def picture(value: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((1, 3, 8, 8), value, np.uint8)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts the stand-in before the real extension; its calls appear in the returned file."""
    calls = tmp_path / "calls.txt"
    (tmp_path / "_nncase.py").write_text(FAKE.format(log=str(calls)))
    (tmp_path / SIMULATOR_FILE).touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    return calls


@pytest.fixture
def kpu(log: Path) -> Iterator[Kpu]:
    unit = Kpu(backend="simulator", max_models=2)
    yield unit
    unit.close()


def test_load_and_run(kpu: Kpu) -> None:
    model = kpu.load(model_bytes(), name="sum")
    assert kpu.backend == "nncase simulator 0.0 (fake)"
    assert (model.inputs[0].dtype, model.inputs[0].shape) == ("uint8", (1, 3, 8, 8))
    assert (model.outputs[0].typecode, model.outputs[0].start, model.outputs[0].size) == (11, 0, 8)
    (output,) = kpu.run(model, [picture(2)])
    assert output.shape == (1, 2)
    assert output[0, 0] == 2 * 192


def test_equal_models_are_loaded_once_and_the_oldest_makes_room(kpu: Kpu, log: Path) -> None:
    models = [kpu.load(model_bytes(mark), name=mark.decode()) for mark in (b"a", b"a", b"b", b"c")]
    assert log.read_text() == "load\n" * 3
    kpu.run(models[0], [picture(1)])
    assert log.read_text() == "load\n" * 4 + "run\n"


def test_an_abort_is_a_fault_naming_the_model_and_the_next_run_works(kpu: Kpu) -> None:
    model = kpu.load(model_bytes(), name="fragile")
    before = kpu.run(model, [picture(1)])[0][0, 1]
    with pytest.raises(NativeFault, match=r"died \(SIGABRT\) running model fragile"):
        kpu.run(model, [picture(255)])
    after = kpu.run(model, [picture(1)])[0][0, 1]
    assert before != after
    with pytest.raises(NativeFault, match=r"died \(SIGABRT\) loading model worse"):
        kpu.load(model_bytes(b"abort"), name="worse")
    assert kpu.run(model, [picture(1)])[0][0, 0] == 192


def test_what_can_be_caught(kpu: Kpu) -> None:
    with pytest.raises(SiliconError, match="truncated") as caught:
        kpu.load(model_bytes()[:-1])
    assert caught.value.kind == "EOFError"
    with pytest.raises(SiliconError, match="loading model shy failed: RuntimeError: no thanks"):
        kpu.load(model_bytes(b"refuse"), name="shy")
    model = kpu.load(model_bytes(), name="sum")
    with pytest.raises(SiliconError, match="run failed") as caught:
        kpu.run(model, [picture(254)])
    assert caught.value.kind == "RuntimeError"
    with pytest.raises(SiliconError, match="expected 1 input tensors, found 2"):
        kpu.run(model, [picture(1), picture(1)])
    with pytest.raises(SiliconError, match=r"input 0 expected uint8 \[1, 3, 8, 8\], found float32"):
        kpu.run(model, [picture(1).astype(np.float32)])
    assert kpu.run(model, [picture(1)])[0][0, 0] == 192


def test_without_simulator_and_twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "_nncase.py").write_text("raise ImportError('wrong machine')")
    monkeypatch.syspath_prepend(str(tmp_path))
    unit = Kpu()
    assert unit.backend == ONNX_BACKEND
    with pytest.raises(SiliconError, match=r"model lone: .* has no ONNX twin"):
        unit.load(model_bytes(), name="lone")
    with pytest.raises(SiliconError, match=r"nncase.simulator.k230.sc is missing"):
        Kpu(backend="simulator")
    (tmp_path / SIMULATOR_FILE).touch()
    with pytest.raises(SiliconError, match="wrong machine"):
        Kpu(backend="simulator")


def onnx_sum(path: Path, width: int) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
        helper.make_node("Expand", ["s", "shape"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "sum",
        [helper.make_tensor_value_info("x", kind, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", kind, None)],
        [helper.make_tensor("shape", onnx.TensorProto.INT64, [2], [1, width])],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))


def test_the_onnx_twin(tmp_path: Path) -> None:
    onnx_sum(tmp_path / "twin.onnx", 2)
    unit = Kpu(backend="onnx")
    model = unit.load(model_bytes(), name="sum", twin=tmp_path / "twin.onnx")
    (output,) = unit.run(model, [picture(3)])
    assert unit.backend == ONNX_BACKEND
    assert output.dtype == np.float32
    assert output.tolist() == [[576.0, 576.0]]


def test_a_twin_that_does_not_match(tmp_path: Path) -> None:
    onnx_sum(tmp_path / "twin.onnx", 5)
    unit = Kpu(backend="onnx")
    model = unit.load(model_bytes(), name="sum", twin=tmp_path / "twin.onnx")
    with pytest.raises(SiliconError, match=r"output 0 expected shape \[1, 2\].* gave \[1, 5\]"):
        unit.run(model, [picture(3)])
    (tmp_path / "bad.onnx").write_bytes(b"nonsense")
    with pytest.raises(SiliconError, match=r"cannot load its ONNX twin bad.onnx"):
        unit.load(model_bytes(), name="sum", twin=tmp_path / "bad.onnx")


def test_finding_the_twin(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    kmodel_path = package / "det.kmodel"
    assert kpu_twin.find_twin(kmodel_path) is None
    (tmp_path / "float.onnx").touch()
    assert kpu_twin.find_twin(kmodel_path) == tmp_path / "float.onnx"
    (package / "a.onnx").touch()
    (package / "b.onnx").touch()
    assert kpu_twin.find_twin(kmodel_path) == tmp_path / "float.onnx"
    (package / "det.onnx").touch()
    assert kpu_twin.find_twin(kmodel_path) == package / "det.onnx"


def test_recorded_outputs_replace_runs(kpu: Kpu, log: Path, tmp_path: Path) -> None:
    model = kpu.load(model_bytes())
    folder = tmp_path / "records"
    store = ReplayStore(folder)
    made = [store.run(kpu, model, [picture(value)])[0] for value in (1, 2, 1)]
    assert (store.hits, store.misses) == (1, 2)
    np.testing.assert_array_equal(made[0], made[2])
    again = ReplayStore(folder)
    np.testing.assert_array_equal(again.run(kpu, model, [picture(2)])[0], made[1])
    assert again.hits == 1
    assert log.read_text().count("run") == 2


def test_a_damaged_record_is_made_anew(kpu: Kpu, tmp_path: Path) -> None:
    model = kpu.load(model_bytes())
    ReplayStore(tmp_path / "records").run(kpu, model, [picture(1)])
    (record,) = (tmp_path / "records").iterdir()
    record.write_bytes(record.read_bytes()[:50])
    store = ReplayStore(tmp_path / "records")
    assert store.run(kpu, model, [picture(1)])[0][0, 0] == 192
    assert store.misses == 1


def test_records_are_bounded(kpu: Kpu, tmp_path: Path) -> None:
    model = kpu.load(model_bytes())
    store = ReplayStore(tmp_path / "records", max_bytes=1000, max_memory=0)
    for value in range(12):
        store.run(kpu, model, [picture(value)])
    assert 0 < sum(path.stat().st_size for path in (tmp_path / "records").iterdir()) <= 1000


SHAPES = Path(__file__).parents[2] / "models/packages/shapes_cls/mp_deployment_source"


def memory_kb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_frames_take_no_memory() -> None:
    """2,000 frames, or as many as there is time for: 27 kB a frame, as it was, would be 54 MB."""
    pytest.importorskip("_nncase", reason="needs the KPU simulator (nncase, nncase-kpu)")
    kpu = Kpu(backend="simulator")
    try:
        (kmodel,) = SHAPES.glob("*.kmodel")
        model = kpu.load(kmodel.read_bytes())
        assert kpu._child is not None
        pid = kpu._child._process.pid
        dice = np.random.default_rng(230)
        frames = dice.integers(0, 256, (8, *model.inputs[0].shape)).astype(np.uint8)
        first = [kpu.run(model, [frame])[0] for frame in frames]
        before = memory_kb(pid)
        stop = time.monotonic() + 15
        count = 0
        while count < 2000 and (count < 40 or time.monotonic() < stop):
            found = kpu.run(model, [frames[count % 8]])[0]
            assert (found == first[count % 8]).all()  # each frame has its own answer still
            count += 1
        assert memory_kb(pid) - before < 27 * count / 4
        assert len({one.tobytes() for one in first}) == 8
    finally:
        kpu.close()


@pytest.mark.slow
def test_real_simulator_gives_the_golden_logits(shared: Path) -> None:
    """About five seconds: one frame of a real classifier."""
    pytest.importorskip("_nncase", reason="needs the KPU simulator (nncase, nncase-kpu)")
    golden = json.loads((shared / "golden/e2e.json").read_text())
    with Image.open(shared / "data/pictures/veg_0.jpg") as opened:
        frame = np.asarray(opened.convert("RGB")).transpose(2, 0, 1)[None]
    resize = ai2d.Ai2dParams(resize=(ai2d.TF_BILINEAR, ai2d.MODE_HALF_PIXEL))
    tensor = ai2d.Ai2dPlan(frame.shape, (1, 3, 224, 224), resize).run(frame)
    expected = golden["images"][0]["tensor_1x3x224x224_u8_sha256"]
    assert hashlib.sha256(tensor.tobytes()).hexdigest() == expected
    unit = Kpu(backend="simulator", max_models=8)
    try:
        for path in sorted((shared / "data/kmodels").glob("*.kmodel")):
            unit.load(path.read_bytes(), name=path.stem)
        model = unit.load((shared / "data/kmodels/veg_cls.kmodel").read_bytes())
        (logits,) = unit.run(model, [tensor])
    finally:
        unit.close()
    assert logits[0].tolist() == golden["veg_cls"]["results"][0]["raw"]
