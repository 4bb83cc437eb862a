"""From a trained network to ONNX: one file for the compiler, one twin that runs on any PC."""

# mypy: allow-subclassing-any, no-warn-unused-ignores

from __future__ import annotations

import io
import warnings

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import torch
from torch import Tensor, nn

from models.recipe import Recipe
from models.train import normalise

OPSET = 13
"""The newest operator set that nncase 2.11 reads without surprises."""

WORTH_HALVING = 256
"""Smaller tensors than this stay as they are."""


class _Twin(nn.Module):
    """The network behind the normalisation that the kmodel carries inside."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """Map uint8-valued float [1, 3, h, w] to the network's outputs."""
        outputs: Tensor = self.network(normalise(pixels))
        return outputs


def _export(network: nn.Module, recipe: Recipe) -> bytes:
    stream = io.BytesIO()
    example = torch.zeros(1, 3, recipe.size[1], recipe.size[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The older exporter: it folds batch normalisation and writes one self-contained file.
        torch.onnx.export(
            network.eval(),
            (example,),
            stream,  # type: ignore[arg-type]
            input_names=["input"],
            output_names=list(recipe.outputs),
            opset_version=OPSET,
            dynamo=False,
        )
    return stream.getvalue()


def bare(network: nn.Module, recipe: Recipe) -> bytes:
    """Return ONNX that takes normalised input; nncase adds the normalisation itself."""
    return _export(network, recipe)


def twin(network: nn.Module, recipe: Recipe) -> bytes:
    """Return ONNX that takes what the kmodel takes: pixels 0..255 (as float32)."""
    return _halve(_export(_Twin(network), recipe))


def _halve(model: bytes) -> bytes:
    """Store the weights as float16 behind a cast: half the size, float32 arithmetic."""
    graph = onnx.load_from_string(model)
    casts = []
    for tensor in graph.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        if values.size < WORTH_HALVING:
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(
            onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    onnx.checker.check_model(graph)
    halved: bytes = graph.SerializeToString()
    return halved


def multiply_adds(network: nn.Module, recipe: Recipe) -> int:
    """Count the multiply-adds of one frame's convolutions and linear layers."""
    total = 0

    def count(module: nn.Module, _inputs: object, output: Tensor) -> None:
        nonlocal total
        weight = module.weight
        assert isinstance(weight, Tensor)
        total += output.numel() * weight[0].numel()

    hooks = [
        module.register_forward_hook(count)
        for module in network.modules()
        if isinstance(module, (nn.Conv2d, nn.Linear))
    ]
    with torch.no_grad():
        network(torch.zeros(1, 3, recipe.size[1], recipe.size[0]))
    for hook in hooks:
        hook.remove()
    return total
