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
                updates = orthogonalize(torch.stack(self._momentum(parameters, group["momentum"])).to(self.dtype))
                torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(parameters, updates.to(parameters[0].dtype).unbind(), alpha=-group["lr"] * 0.2 * max(shape) ** 0.5)

    def _momentum(self, parameters: list[Tensor], momentum: float) -> tuple[Tensor, ...]:
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["average"] = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters]
        averages = [self.state[parameter]["average"] for parameter in parameters]
        torch._foreach_lerp_(averages, gradients, 1 - momentum)
        return torch._foreach_lerp(gradients, averages, momentum)


def orthogonalize(matrices: Tensor) -> Tensor:
    """Drives all singular values of ``(count, rows, columns)`` towards 1 by Newton-Schulz iteration."""
    transposed = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if transposed else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if transposed else x
