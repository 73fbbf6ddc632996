"""A vision transformer whose patches come from a few convolutions: ``dupfind_vit_stem``.

Registered with timm, so ``timm.create_model("dupfind_vit_stem", embed_dim=..., depth=...)`` makes
it like any other architecture. Each patch token still covers a stride of 16 pixels.

Source: "Early convolutions help transformers see better" (arXiv 2106.14881): a stem of 3 x 3
convolutions instead of one 16 x 16 patch projection trains faster and is less delicate.
"""

from itertools import pairwise
from typing import Any

from timm.models import register_model
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

STEM_STRIDE = 16


class ConvStem(nn.Module):
    """Four strided 3 x 3 convolutions, then 1 x 1: (batch, 3, H, W) to (batch, H/16, W/16, width).

    GroupNorm with one group rather than batch norm: a view's tokens then do not depend on
    which other views share its batch.
    """

    def __init__(
        self,
        img_size: int | tuple[int, int] = 224,
        patch_size: int = STEM_STRIDE,
        in_chans: int = 3,
        embed_dim: int = 192,
        **_: Any,
    ) -> None:
        super().__init__()
        height, width = (img_size, img_size) if isinstance(img_size, int) else img_size
        self.patch_size = (patch_size, patch_size)
        self.grid_size = (height // STEM_STRIDE, width // STEM_STRIDE)
        self.num_patches = self.grid_size[0] * self.grid_size[1]
        channels = [in_chans, embed_dim // 8, embed_dim // 4, embed_dim // 2, embed_dim]
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.GroupNorm(1, after),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(embed_dim, embed_dim, 1))

    def feat_ratio(self, as_scalar: bool = True) -> int | tuple[int, int]:
        """Return the stride of a token in pixels (timm asks for it)."""
        return STEM_STRIDE if as_scalar else (STEM_STRIDE, STEM_STRIDE)

    def forward(self, views: Tensor) -> Tensor:
        """Turn views of shape (batch, channels, H, W) into tokens (batch, H/16, W/16, width)."""
        tokens: Tensor = self.layers(views).permute(0, 2, 3, 1).contiguous()
        return tokens


@register_model  # type: ignore[untyped-decorator]
def dupfind_vit_stem(pretrained: bool = False, **arguments: Any) -> VisionTransformer:
    """Build the transformer; width, depth and the rest are ``VisionTransformer``'s arguments.

    Raises:
        RuntimeError: ``pretrained`` is asked for; nobody publishes weights for it.
    """
    if pretrained:
        raise RuntimeError("dupfind_vit_stem has no published weights")
    for unused in ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"):
        arguments.pop(unused, None)
    defaults = {"embed_dim": 256, "depth": 8, "num_heads": 4, "embed_layer": ConvStem}
    return VisionTransformer(**(defaults | arguments))
