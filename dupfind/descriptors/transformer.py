"""A plain vision transformer, to run saved models without loading timm.

timm's import takes as long as describing 400 photos, and commands that only describe need one
architecture. ``Transformer`` has timm's parameter names and gives timm's results; a test holds it
to that. Architectures that differ from the plain one in any way go through timm itself.

Source: An Image is Worth 16x16 Words (arXiv 2010.11929).
"""

import re

import torch
from torch import Tensor, nn
from torch.nn import functional

PLAIN_NAME = re.compile(r"vit_(tiny|small|base|large)_patch(\d+)_(\d+)(\..*)?")
WIDTH = {"tiny": 192, "small": 384, "base": 768, "large": 1024}
DEPTH = {"tiny": 12, "small": 12, "base": 12, "large": 24}
HEAD_WIDTH = 64
NORM_EPSILON = 1e-6


class Attention(nn.Module):
    """Multi-head self-attention, tokens (batch, tokens, width) in and out."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_heads = width // HEAD_WIDTH
        self.head_dim = HEAD_WIDTH
        self.scale = HEAD_WIDTH**-0.5
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the attended tokens."""
        batch, length, width = tokens.shape
        heads = self.qkv(tokens).view(batch, length, 3, self.num_heads, self.head_dim)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        if tokens.device.type == "cpu":
            # For the hundred tokens of a photo two matrix products are 1.7 times as fast as torch's
            # blockwise attention on a processor (measured in bfloat16).
            weights = ((query * self.scale) @ key.transpose(-1, -2)).softmax(-1)
            attended = weights @ value
        else:
            attended = functional.scaled_dot_product_attention(query, key, value)
        result: Tensor = self.proj(attended.transpose(1, 2).reshape(batch, length, width))
        return result


class Feedforward(nn.Module):
    """The two linear layers of a block, four times as wide between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the transformed tokens, same shape."""
        result: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return result


class Block(nn.Module):
    """Attention and feed-forward, each behind a norm and beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, NORM_EPSILON)
        self.attn = Attention(width)
        self.norm2 = nn.LayerNorm(width, NORM_EPSILON)
        self.mlp = Feedforward(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the tokens after one block, same shape."""
        tokens = tokens + self.attn(self.norm1(tokens))
        result: Tensor = tokens + self.mlp(self.norm2(tokens))
        return result


class PatchEmbed(nn.Module):
    """Cut a view into patches and project each."""

    def __init__(self, width: int, patch_px: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch_px, patch_px)

    def forward(self, views: Tensor) -> Tensor:
        """Turn views (batch, 3, height, width) into maps (batch, channels, rows, columns)."""
        result: Tensor = self.proj(views)
        return result


class Transformer(nn.Module):
    """A plain ViT with one CLS token and no classifier; views may have any multiple of the patch."""

    def __init__(self, *, width: int, depth: int, patch_px: int, image_px: int) -> None:
        super().__init__()
        self.num_features = width
        self.num_prefix_tokens = 1
        self.grid = image_px // patch_px
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.grid**2, width))
        self.patch_embed = PatchEmbed(width, patch_px)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, NORM_EPSILON)

    def forward_features(self, views: Tensor) -> Tensor:
        """Return tokens (batch, 1 + patches, width) after the final norm, CLS first.

        Args:
            views: Normalised, shape (batch, 3, height, width).
        """
        maps = self.patch_embed(views)
        positions = self._positions(maps.shape[2], maps.shape[3]).to(maps.dtype)
        prefix = self.cls_token.expand(len(maps), -1, -1).to(maps.dtype)
        tokens = torch.cat([prefix, maps.flatten(2).transpose(1, 2)], dim=1) + positions
        result: Tensor = self.norm(self.blocks(tokens))
        return result

    def forward(self, views: Tensor) -> Tensor:
        """Return the CLS token, shape (batch, width)."""
        return self.forward_features(views)[:, 0]

    def _positions(self, rows: int, columns: int) -> Tensor:
        """Return position embeddings (1, 1 + rows * columns, width), resized bicubically."""
        positions = self.pos_embed.float()
        if (rows, columns) == (self.grid, self.grid):
            return positions
        grid = positions[:, 1:].view(1, self.grid, self.grid, -1).permute(0, 3, 1, 2)
        resized = functional.interpolate(
            grid, size=(rows, columns), mode="bicubic", antialias=True, align_corners=False
        )
        return torch.cat([positions[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)


def plain_transformer(architecture: str, weights: dict[str, Tensor]) -> Transformer | None:
    """Make a ``Transformer`` with saved weights, or None when only timm can.

    Args:
        architecture: timm name, such as ``vit_tiny_patch16_224``.
        weights: A timm state dict; any name or shape that a plain ViT has not means None.
    """
    match = PLAIN_NAME.fullmatch(architecture)
    if match is None:
        return None
    size, patch_px, image_px = match[1], int(match[2]), int(match[3])
    with torch.device("meta"):
        module = Transformer(
            width=WIDTH[size], depth=DEPTH[size], patch_px=patch_px, image_px=image_px
        )
    shapes = {name: value.shape for name, value in module.state_dict().items()}
    if shapes != {name: value.shape for name, value in weights.items()}:
        return None
    module.load_state_dict(weights, assign=True)
    return module
