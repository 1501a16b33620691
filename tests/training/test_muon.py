"""Muon in float32 updates as torch's own does."""

import pytest
import torch
from torch import nn

from got_runtime.training.muon import Float32Muon


@pytest.mark.parametrize("shape", [(24, 40), (40, 24), (16, 16)])
def test_updates_equal_those_of_torch_up_to_the_rounding_of_bfloat16(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(shape, generator=generator)
    ours, theirs = (nn.Parameter(start.clone()) for _ in range(2))
    optimizers = [
        kind([parameter], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
        for kind, parameter in ((Float32Muon, ours), (torch.optim.Muon, theirs))
    ]
    for _ in range(3):
        gradient = torch.randn(shape, generator=generator)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        for optimizer in optimizers:
            optimizer.step()
    moved = (theirs - start).norm()
    assert moved > 0.1
    assert (ours - theirs).norm() < 0.02 * moved
    assert torch.equal(optimizers[0].state[ours]["momentum_buffer"], optimizers[1].state[theirs]["momentum_buffer"])
