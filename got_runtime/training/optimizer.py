"""The optimiser of bf16 or float32 weights: Muon and AdamW on float32 copies."""

import torch
from torch import Tensor, nn

from got_runtime.training.muon import muon_class

__all__ = ["ENCODER_RATE", "MixedPrecisionOptimizer"]

ENCODER_RATE = 0.1
"""Learning rate of encoder and connector relative to the decoder's.

At the decoder's rate the encoder lost a tenth of its accuracy in ten minutes (docs/training-notes.md).
"""

MOMENTS = {torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"), torch.optim.Muon: ("momentum_buffer",)}
"""Names of what each optimiser keeps of a parameter."""

OptimizerState = dict[str, list[Tensor | None]]


class MixedPrecisionOptimizer:
    """Updates float32 master copies of the parameters: of bf16 parameters, small updates would be rounded away.

    Gradients have the parameters' dtype, and no step needs autocast.

    Args:
        parameters: all parameters to train.
        muon_parameters: matrices between two hidden layers, updated by Muon; the filters of a convolution count as the
            rows of a matrix. All other parameters are updated by AdamW.
        slow_parameters: parameters whose learning rate is multiplied by ``slow_rate``.
        slow_rate: factor of the learning rate of ``slow_parameters``.
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        muon_parameters: set[nn.Parameter],
        slow_parameters: set[nn.Parameter],
        slow_rate: float,
    ) -> None:
        self.parameters = parameters
        copies = ((p in muon_parameters, p.detach().float().clone()) for p in parameters)
        self.masters = [copy.flatten(1) if by_muon else copy for by_muon, copy in copies]
        groups: dict[tuple[bool, bool, bool], list[Tensor]] = {}
        for parameter, master in zip(parameters, self.masters, strict=True):
            key = parameter in muon_parameters, parameter.ndim > 1, parameter in slow_parameters
            groups.setdefault(key, []).append(master)
        by_optimizer: dict[bool, list[dict[str, object]]] = {True: [], False: []}
        for (by_muon, matrix, slow), members in groups.items():
            group = {"params": members, "weight_decay": 0.01 if matrix else 0.0, "factor": slow_rate if slow else 1.0}
            by_optimizer[by_muon].append(group)
        self.optimizers: list[torch.optim.Optimizer] = []
        if by_optimizer[False]:
            self.optimizers.append(torch.optim.AdamW(by_optimizer[False], betas=(0.9, 0.98), fused=True))
        if by_optimizer[True]:
            # The scale at which AdamW's rates and decays hold for Muon too.
            muon = muon_class(self.masters[0].device)
            self.optimizers.append(muon(by_optimizer[True], adjust_lr_fn="match_rms_adamw"))

    def step(self, rate: float) -> float:
        """Apply the parameters' gradients, clipped to norm 1, and clear them; returns the norm before clipping."""
        for master, parameter in zip(self.masters, self.parameters, strict=True):
            master.grad = None if parameter.grad is None else parameter.grad.float().reshape(master.shape)
            parameter.grad = None
        norm = torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * group["factor"]
            optimizer.step()
        with torch.no_grad():
            for master, parameter in zip(self.masters, self.parameters, strict=True):
                parameter.copy_(master.view_as(parameter))
        return float(norm)

    def state(self) -> OptimizerState:
        """``masters`` and each moment, a list in the order of the parameters: independent of how groups are formed.

        A moment is None for a parameter that its optimiser does not keep it for.
        """
        moments = {master: state for optimizer in self.optimizers for master, state in optimizer.state.items()}
        by_parameter = [moments.get(master, {}) for master in self.masters]
        names = [name for kept in MOMENTS.values() for name in kept]
        return {"masters": list(self.masters), **{name: [kept.get(name) for kept in by_parameter] for name in names}}

    def load(self, state: OptimizerState) -> None:
        """Restore a state of :meth:`state`, and the parameters with it."""
        optimizer_of = {m: o for o in self.optimizers for group in o.param_groups for m in group["params"]}
        with torch.no_grad():
            for index, (master, parameter) in enumerate(zip(self.masters, self.parameters, strict=True)):
                weights = state["masters"][index]
                assert weights is not None
                master.copy_(weights.view_as(master))
                parameter.copy_(master.view_as(parameter))
                optimizer = optimizer_of[master]
                moments = {name: state[name][index] for name in _moments(optimizer) if name in state}
                # None for a parameter that was not trained, or that the other optimiser updated.
                if moments and None not in moments.values():
                    optimizer.state[master] = moments


def _moments(optimizer: torch.optim.Optimizer) -> tuple[str, ...]:
    return next(names for kind, names in MOMENTS.items() if isinstance(optimizer, kind))
