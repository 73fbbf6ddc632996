"""Student and teacher: a vision transformer with DINO's projection head."""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dupfind.descriptors.backbone import ModelSpec, create_backbone, describe_tokens
from dupfind.descriptors.processor import cpu_has_bfloat16


class Outputs(NamedTuple):
    """What a network says about views: ``descriptors`` (views, dimensions), float32 and
    L2-normalised; ``logits`` (views, prototypes), or None for a network without a head."""

    descriptors: Tensor
    logits: Tensor | None


class DinoHead(nn.Module):
    """Three linear layers with GELU, L2 normalisation, and a weight-normalised layer of prototypes.

    In: (batch, width); out: (batch, prototypes). The last layer's gain is fixed at 1.

    Source: DINO (arXiv 2104.14294), "projection head".
    """

    def __init__(self, width: int, *, hidden: int, bottleneck: int, prototypes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        self.prototypes = nn.Parameter(torch.empty(prototypes, bottleneck))
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        nn.init.trunc_normal_(self.prototypes, std=0.02)

    def forward(self, features: Tensor) -> Tensor:
        """Return the cosine between the projected features and each prototype."""
        projected = functional.normalize(self.layers(features).float(), dim=-1)
        # bfloat16 has two digits: with thousands of prototypes it would change which comes first.
        with torch.autocast(features.device.type, enabled=False):
            return functional.linear(projected, functional.normalize(self.prototypes, dim=-1))


class Network(nn.Module):
    """A backbone and, where the DINO loss is used, its head. Takes groups of views of equal size."""

    def __init__(self, backbone: nn.Module, head: DinoHead | None, gem_power: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.gem_power = gem_power

    def forward(self, groups: list[Tensor]) -> Outputs:
        """Describe all views, (views, 3, side, side) in each group, in the order of the groups."""
        return self.head_outputs([self.tokens(views) for views in groups])

    def tokens(self, views: Tensor) -> Tensor:
        """Return the tokens after the final norm: (views, prefix + patches, width)."""
        tokens: Tensor = self.backbone.forward_features(views)  # type: ignore[operator]
        return tokens

    def head_outputs(self, groups: list[Tensor]) -> Outputs:
        """Pool groups of tokens into descriptors and pass CLS through the head."""
        prefix = int(self.backbone.num_prefix_tokens)  # type: ignore[arg-type]
        descriptors = torch.cat(
            [
                describe_tokens(tokens, prefix_tokens=prefix, gem_power=self.gem_power)
                for tokens in groups
            ]
        )
        if self.head is None:
            return Outputs(descriptors, None)
        classes = torch.cat([tokens[:, 0] for tokens in groups])
        return Outputs(descriptors, self.head(classes))


def make_pair(
    spec: ModelSpec,
    *,
    backbone: nn.Module | None,
    head: DinoHead | None,
    drop_path: float,
    patch_drop: float,
) -> tuple[Network, Network]:
    """Make a student, and a teacher that starts as its exact copy and gets no gradient.

    ``backbone`` gives the first weights (None: random ones). Drop path and patch drop are in the
    student only.
    """
    student = create_backbone(spec, drop_path=drop_path, patch_drop=patch_drop)
    if backbone is not None:
        student.load_state_dict(backbone.state_dict())
    teacher = create_backbone(spec)
    teacher.load_state_dict(student.state_dict())
    pair = (
        Network(student, head, spec.gem_power),
        Network(teacher, copy.deepcopy(head), spec.gem_power),
    )
    pair[1].requires_grad_(False).eval()
    return pair


def mixed_precision(device: torch.device) -> torch.autocast:
    """Compute in bfloat16 where ``device`` has it; emulated it is slower than float32."""
    has_it = torch.cuda.is_bf16_supported() if device.type == "cuda" else cpu_has_bfloat16()
    return torch.autocast(device.type, torch.bfloat16, enabled=has_it)


def patch_size(backbone: nn.Module) -> int:
    """Return the side of a patch in pixels: the sides of views are multiples of it."""
    patches = backbone.patch_embed
    side = getattr(patches, "patch_size", None)  # timm's
    return int(side[0] if side is not None else patches.proj.kernel_size[0])  # type: ignore[union-attr,index]


@torch.no_grad()
def update_teacher(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Move the teacher: ``momentum * teacher + (1 - momentum) * student``."""
    theirs = dict(student.named_parameters())
    names = [name for name, _ in teacher.named_parameters()]
    torch._foreach_lerp_(
        [parameter.data for parameter in teacher.parameters()],
        [theirs[name].data for name in names],
        1 - momentum,
    )
