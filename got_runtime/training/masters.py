"""The optimiser of bf16 weights."""

import torch
from torch import Tensor, nn


class Masters:
    """AdamW on float32 copies of bf16 weights: small updates are not lost, and no step pays for autocast.

    ``slow`` parameters learn at ``slow_rate`` of the rate.
    """

    def __init__(self, parameters: list[nn.Parameter], slow: set[nn.Parameter], slow_rate: float) -> None:
        self.parameters = parameters
        self.masters = [p.detach().float().clone() for p in parameters]
        groups: dict[tuple[bool, bool], list[Tensor]] = {}
        for parameter, master in zip(parameters, self.masters, strict=True):
            groups.setdefault((parameter.ndim > 1, parameter in slow), []).append(master)
        self.optimiser = torch.optim.AdamW(
            [
                {"params": members, "weight_decay": 0.01 if matrix else 0.0, "share": slow_rate if slowed else 1.0}
                for (matrix, slowed), members in groups.items()
            ],
            betas=(0.9, 0.98),
            fused=True,
        )

    def step(self, rate: float) -> float:
        """One update from the bf16 gradients, clipped to norm 1; returns the norm before clipping."""
        for master, parameter in zip(self.masters, self.parameters, strict=True):
            master.grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
        norm = torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        self.optimiser.step()
        with torch.no_grad():
            for master, parameter in zip(self.masters, self.parameters, strict=True):
                parameter.copy_(master)
        return float(norm)

    def state(self) -> dict[str, list[Tensor | None]]:
        """Masters and their moments by parameter: independent of how the groups are cut in a run."""
        moments = [self.optimiser.state.get(master, {}) for master in self.masters]
        return {
            "masters": list(self.masters),
            **{name: [moment.get(name) for moment in moments] for name in ("step", "exp_avg", "exp_avg_sq")},
        }

    def load(self, state: dict[str, list[Tensor | None]]) -> None:
        """Back to a state of :meth:`state`."""
        with torch.no_grad():
            for place, (master, parameter) in enumerate(zip(self.masters, self.parameters, strict=True)):
                saved = {name: values[place] for name, values in state.items()}
                weights = saved.pop("masters")
                assert weights is not None
                master.copy_(weights)
                parameter.copy_(master)
                if saved["step"] is not None:
                    self.optimiser.state[master] = saved
