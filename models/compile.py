"""ONNX to kmodel: nncase 2.11 with post-training quantisation, as the cloud platform does it.

The kmodel takes uint8 RGB [1, 3, h, w]; scaling to 0..1, mean and standard deviation are inside.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

import numpy as np
from numpy.typing import NDArray

from models.nncase_env import prepare_environment
from models.recipe import MEAN, STD

KMODEL_VERSION = 7
CHIP = "k230"


@dataclass(frozen=True)
class Quantisation:
    """The choices of one compilation."""

    calibrate_method: str = "NoClip"
    data: str = "uint8"
    weights: str = "uint8"


def _compile(
    pipe: Connection, onnx: bytes, samples: NDArray[np.uint8], choice: Quantisation
) -> None:
    prepare_environment()
    # nncase leaves dumps in the working directory with all its options.
    scratch = tempfile.TemporaryDirectory()
    os.chdir(scratch.name)
    import nncase  # noqa: PLC0415 - it reads the environment when imported

    options = nncase.CompileOptions()
    options.target = CHIP
    options.preprocess = True
    options.input_type = "uint8"
    options.input_shape = [1, *samples.shape[1:]]
    options.input_range = [0, 1]
    options.input_layout = "NCHW"
    options.mean = list(MEAN)
    options.std = list(STD)
    options.dump_asm = False
    options.dump_dir = scratch.name
    compiler = nncase.Compiler(options)
    compiler.import_onnx(onnx, nncase.ImportOptions())
    ptq = nncase.PTQTensorOptions()
    ptq.calibrate_method = choice.calibrate_method
    ptq.quant_type = choice.data
    ptq.w_quant_type = choice.weights
    ptq.samples_count = len(samples)
    ptq.set_tensor_data([[sample[None]] for sample in samples])
    compiler.use_ptq(ptq)
    compiler.compile()
    pipe.send(compiler.gencode_tobytes())
    os.chdir("/")
    scratch.cleanup()


def compile_kmodel(
    onnx: bytes, samples: NDArray[np.uint8], choice: Quantisation | None = None
) -> bytes:
    """Return the kmodel; ``samples`` [n, 3, h, w] are the pictures to calibrate on."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (theirs, onnx, samples, choice or Quantisation())
    child = context.Process(target=_compile, args=arguments, daemon=True)
    child.start()
    theirs.close()
    wait([ours, child.sentinel])
    if not ours.poll():
        raise RuntimeError("nncase failed; its own message is above")
    kmodel: bytes = ours.recv()
    child.join()
    if kmodel[:4] != b"LDMK" or int.from_bytes(kmodel[4:8], "little") != KMODEL_VERSION:
        raise RuntimeError(f"nncase wrote a kmodel with the header {kmodel[:8].hex()}")
    return kmodel
