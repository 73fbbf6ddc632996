"""Patches from a few convolutions, for transformers that train fast on few photos.

Source: "Early convolutions help transformers see better" (arXiv 2106.14881): a stem of 3 x 3
convolutions instead of one 16 x 16 patch projection trains faster and is less delicate.
"""

from itertools import pairwise
from typing import Any

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
