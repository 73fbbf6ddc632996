"""AdamW with DINO's parameter groups: no decay on biases and norms, rates by layer."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from dupfind.errors import TrainingError
from dupfind.training.config import OptimiserOptions
from dupfind.training.network import Network


def parameter_groups(network: Network, options: OptimiserOptions) -> list[dict[str, Any]]:
    """Sort trainable parameters into groups with ``decays``, ``share`` of the rate and ``part``.

    ``part`` is "backbone", "head" or "last" (the prototypes), which may be frozen for a while.
    """
    depth = len(network.backbone.blocks)  # type: ignore[arg-type]
    groups: dict[tuple[bool, float, str], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        part = _part(name)
        share = options.layer_decay ** _layers_above(name, depth) if part == "backbone" else 1.0
        decays = parameter.ndim > 1 and not name.endswith((".bias", "_token", "pos_embed"))
        groups.setdefault((decays, share, part), []).append(parameter)
    return [
        {"params": parameters, "decays": decays, "share": share, "part": part}
        for (decays, share, part), parameters in groups.items()
    ]


def make_optimiser(network: Network, options: OptimiserOptions) -> torch.optim.AdamW:
    """Make AdamW over the groups; rates and decays are set before each step."""
    return torch.optim.AdamW(parameter_groups(network, options), lr=0.0, fused=True)


def freeze_layers(network: Network, count: int) -> None:
    """Let the ``count`` lowest layers be as they are: no gradient is computed for them.

    Raises:
        TrainingError: That would be all layers.
    """
    depth = len(network.backbone.blocks)  # type: ignore[arg-type]
    if count > depth:
        raise TrainingError(
            f"optimiser.frozen_layers is {count}, which leaves none of {depth} blocks to learn; give at "
            f"most {depth}"
        )
    for name, parameter in network.named_parameters():
        if _part(name) == "backbone" and _layers_above(name, depth) > depth + 1 - count:
            parameter.requires_grad_(False)


def set_rates(
    optimiser: torch.optim.Optimizer, *, rate: float, weight_decay: float, frozen: set[str]
) -> None:
    """Set each group's rate and decay; groups whose ``part`` is frozen do not move."""
    for group in optimiser.param_groups:
        moves = group["part"] not in frozen
        group["lr"] = rate * group["share"] if moves else 0.0
        group["weight_decay"] = weight_decay if group["decays"] else 0.0


def clip_gradients(parameters: Iterable[nn.Parameter], largest_norm: float) -> bool:
    """Scale each tensor's gradient down to ``largest_norm`` (each by itself, as DINO does).

    0 leaves them as they are. Returns whether all of them are finite.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return True
    norms = torch.stack(torch._foreach_norm(gradients))
    if largest_norm > 0:
        factors = (largest_norm / (norms + 1e-6)).clamp(max=1.0)
        torch._foreach_mul_(gradients, list(factors.unbind()))
    return bool(torch.isfinite(norms).all())


def _part(name: str) -> str:
    if name.startswith("backbone."):
        return "backbone"
    return "last" if name == "head.prototypes" else "head"


def _layers_above(name: str, depth: int) -> int:
    """Count the layers between a parameter and the top: embeddings are the lowest."""
    if name.startswith("backbone.blocks."):
        return depth - int(name.split(".")[2])
    return 0 if name.startswith("backbone.norm.") else depth + 1
