"""The optimiser of bf16 weights."""

import torch
from torch import Tensor, nn

MOMENTS = {torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"), torch.optim.Muon: ("momentum_buffer",)}
"""What each optimiser remembers of a parameter."""


class Masters:
    """Muon and AdamW on float32 copies of bf16 weights: small updates are not lost, and no step pays for autocast.

    ``hidden`` parameters are matrices between two hidden layers (convolutions count, their filters as rows) and are
    Muon's; the others are AdamW's. ``slow`` parameters learn at ``slow_rate`` of the rate.
    """

    def __init__(
        self, parameters: list[nn.Parameter], hidden: set[nn.Parameter], slow: set[nn.Parameter], slow_rate: float
    ) -> None:
        self.parameters = parameters
        copies = ((p in hidden, p.detach().float().clone()) for p in parameters)
        self.masters = [copy.flatten(1) if whole else copy for whole, copy in copies]
        groups: dict[tuple[bool, bool, bool], list[Tensor]] = {}
        for parameter, master in zip(parameters, self.masters, strict=True):
            groups.setdefault((parameter in hidden, parameter.ndim > 1, parameter in slow), []).append(master)
        cut = [
            (whole, {"params": members, "weight_decay": 0.01 if matrix else 0.0, "share": slow_rate if slowed else 1.0})
            for (whole, matrix, slowed), members in groups.items()
        ]
        self.optimisers: list[torch.optim.Optimizer] = []
        if others := [group for whole, group in cut if not whole]:
            self.optimisers.append(torch.optim.AdamW(others, betas=(0.9, 0.98), fused=True))
        if wholes := [group for whole, group in cut if whole]:
            # The scale at which AdamW's rates and decays hold for Muon too.
            self.optimisers.append(torch.optim.Muon(wholes, adjust_lr_fn="match_rms_adamw"))

    def step(self, rate: float) -> float:
        """One update from the bf16 gradients, clipped to norm 1; returns the norm before clipping."""
        for master, parameter in zip(self.masters, self.parameters, strict=True):
            master.grad = None if parameter.grad is None else parameter.grad.float().reshape(master.shape)
            parameter.grad = None
        norm = torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group["share"]
            optimiser.step()
        with torch.no_grad():
            for master, parameter in zip(self.masters, self.parameters, strict=True):
                parameter.copy_(master.view_as(parameter))
        return float(norm)

    def state(self) -> dict[str, list[Tensor | None]]:
        """Masters and their moments by parameter: independent of how the groups are cut in a run."""
        kept = {master: state for optimiser in self.optimisers for master, state in optimiser.state.items()}
        moments = [kept.get(master, {}) for master in self.masters]
        names = (name for remembered in MOMENTS.values() for name in remembered)
        return {"masters": list(self.masters), **{name: [moment.get(name) for moment in moments] for name in names}}

    def load(self, state: dict[str, list[Tensor | None]]) -> None:
        """Back to a state of :meth:`state`."""
        owner = {m: o for o in self.optimisers for group in o.param_groups for m in group["params"]}
        with torch.no_grad():
            for place, (master, parameter) in enumerate(zip(self.masters, self.parameters, strict=True)):
                weights = state["masters"][place]
                assert weights is not None
                master.copy_(weights.view_as(master))
                parameter.copy_(master.view_as(parameter))
                optimiser = owner[master]
                moments = {name: state[name][place] for name in MOMENTS[type(optimiser)] if name in state}
                # None of a parameter that was not taught, or was the other optimiser's.
                if moments and None not in moments.values():
                    optimiser.state[master] = moments
