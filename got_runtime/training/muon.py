"""Muon in float32, for CPUs without 16-bit instructions: torch's own orthogonalises in bfloat16 everywhere."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["Float32Muon", "muon_class"]

COEFFICIENTS = (3.4445, -4.775, 2.0315)
"""Of the Newton-Schulz iteration, those of ``torch.optim.Muon``."""
ITERATIONS = 5


class Float32Muon(torch.optim.Muon):
    """``torch.optim.Muon`` with ``adjust_lr_fn="match_rms_adamw"`` and Nesterov momentum, in float32.

    Its updates are equal to those of torch up to the rounding of bfloat16.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Update all parameters that have a gradient. ``closure`` is not supported."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(parameter)
                momentum = state["momentum_buffer"].lerp_(parameter.grad, 1 - group["momentum"])
                update = _orthogonal(parameter.grad.lerp(momentum, group["momentum"]), group["eps"])
                rate = 0.2 * math.sqrt(max(parameter.shape)) * group["lr"]
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-rate)
        return None


def muon_class(device: torch.device) -> type[torch.optim.Muon]:
    """torch's class where the device computes in bfloat16, else :class:`Float32Muon`."""
    slow = device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return Float32Muon if slow else torch.optim.Muon


def _orthogonal(matrix: Tensor, eps: float) -> Tensor:
    """The nearest matrix with orthogonal rows or columns, roughly: singular values between 0.7 and 1.2."""
    a, b, c = COEFFICIENTS
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    result: Tensor = wide / wide.norm().clamp(min=eps)
    for _ in range(ITERATIONS):
        gram = result @ result.T
        result = torch.addmm(result, torch.addmm(gram, gram, gram, beta=b, alpha=c), result, beta=a)
    return result if wide is matrix else result.T
