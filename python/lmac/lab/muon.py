"""Muon: momentum, orthogonalised (Jordan et al. 2024), for the matrices of the layers.

torch.optim.Muon iterates in bfloat16, which takes 15 times as long as float32 on a processor without
bfloat16 instructions; and it handles one matrix at a time. Here equal shapes are iterated together, in a type of one's choice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Nesterov momentum whose updates have all singular values near 1, scaled to AdamW's root mean square.

    Args:
        parameters: Matrices.
        lr: Learning rate as for AdamW: an update has a root mean square of about 0.2 times it.
        weight_decay: Decoupled, times ``lr``.
        momentum: Decay of the gradient average.
        dtype: Of the iteration.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float, momentum: float = 0.95, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Updates every parameter that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[tuple(parameter.shape)].append(parameter)
            for shape, parameters in by_shape.items():
                updates = orthogonalize(torch.stack([self._momentum(p, group["momentum"]) for p in parameters]).to(self.dtype))
                scale = group["lr"] * 0.2 * max(shape) ** 0.5
                for parameter, update in zip(parameters, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=scale)

    def _momentum(self, parameter: Tensor, momentum: float) -> Tensor:
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if not state:
            state["average"] = torch.zeros_like(parameter)
        average: Tensor = state["average"]
        average.lerp_(gradient, 1 - momentum)
        return gradient.lerp(average, momentum)


def orthogonalize(matrices: Tensor) -> Tensor:
    """Drives all singular values of ``(count, rows, columns)`` towards 1 by Newton-Schulz iteration."""
    transposed = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if transposed else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if transposed else x
