"""The one training loop: draw a pool of pictures, then AdamW with a one-cycle rate."""

# mypy: no-warn-unused-ignores

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.draw import camera
from models.recipe import MEAN, STD, Recipe

SEED = 230
"""Training draws from this seed; held-out pictures come from others."""


def normalise(pixels: Tensor) -> Tensor:
    """Turn uint8-valued [n, 3, h, w] into what the network is fed."""
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    std = torch.tensor(STD).view(1, 3, 1, 1)
    return (pixels.float() / 255 - mean) / std


def draw_pool(
    recipe: Recipe, count: int, seed: int
) -> tuple[NDArray[np.uint8], list[NDArray[Any]]]:
    """Draw ``count`` inputs [n, 3, h, w] and their targets."""
    rng = np.random.default_rng(seed)
    inputs = np.empty((count, 3, recipe.size[1], recipe.size[0]), np.uint8)
    targets: list[list[NDArray[Any]]] = []
    for index in range(count):
        frame, truth = recipe.scene(rng)
        seen = camera(rng, recipe.prepare(frame))
        inputs[index] = seen.transpose(2, 0, 1)
        targets.append(list(recipe.target(truth, (frame.shape[1], frame.shape[0]))))
    return inputs, [np.stack(column) for column in zip(*targets, strict=True)]


def as_tuple(outputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return a network's output or outputs as a tuple."""
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)


def train(recipe: Recipe) -> nn.Module:
    """Return the trained network, in evaluation mode."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    network: nn.Module = recipe.network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for number, epochs in enumerate((recipe.epochs, *recipe.more)):
        train_round(recipe, network, number, epochs)
    return network.eval()


def train_round(recipe: Recipe, network: nn.Module, number: int, epochs: int) -> None:
    """Train on a new pool of pictures; rounds after the first (0) start at half the rate."""
    started = time.monotonic()
    inputs, targets = draw_pool(recipe, recipe.pool, SEED + 1000 * number)
    print(f"{recipe.name}: drew {recipe.pool} in {time.monotonic() - started:.0f} s", flush=True)
    most = recipe.rate / (2 if number else 1)
    optimiser = torch.optim.AdamW(network.parameters(), most, weight_decay=1e-3)
    steps = len(inputs) // recipe.batch
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, most, total_steps=steps * epochs, pct_start=0.15
    )
    rng = np.random.default_rng(SEED + 1 + number)
    for epoch in range(epochs):
        order, total = rng.permutation(len(inputs)), 0.0
        for step in range(steps):
            chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
            batch = normalise(torch.from_numpy(inputs[chosen]))
            batch = _relight(batch).contiguous(memory_format=torch.channels_last)
            wanted = tuple(torch.from_numpy(column[chosen]) for column in targets)
            loss = recipe.loss(as_tuple(network(batch)), wanted)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            rate.step()
            total += float(loss.detach())
        spent = time.monotonic() - started
        print(
            f"{recipe.name}: epoch {epoch + 1} loss {total / steps:.4f} {spent:.0f} s", flush=True
        )


def _relight(batch: Tensor) -> Tensor:
    """Vary light, contrast and noise anew each epoch: the pool is never seen twice alike."""
    count = len(batch)
    gain = 1 + 0.15 * torch.randn(count, 1, 1, 1)
    shift = 0.2 * torch.randn(count, 1, 1, 1) + 0.1 * torch.randn(count, 3, 1, 1)
    noise = 0.06 * torch.rand(count, 1, 1, 1)
    return batch * gain + shift + noise * torch.randn_like(batch)
