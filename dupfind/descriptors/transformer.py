"""A plain vision transformer, to run saved models without loading timm.

timm's import takes as long as describing 400 photos, and commands that only describe need one
architecture. ``Transformer`` has timm's parameter names and gives timm's results; a test holds it
to that. Architectures that differ from the plain one in any way go through timm itself.

Source: An Image is Worth 16x16 Words (arXiv 2010.11929).
"""

import math
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dupfind.descriptors.stem import ConvStem

STEM_NAME = "dupfind_vit_stem"
PLAIN_NAME = re.compile(r"vit_(tiny|small|base|large)_patch(\d+)_(\d+)(\..*)?")
# Width, depth and heads of timm's sizes.
SIZES = {
    "tiny": (192, 12, 3),
    "small": (384, 12, 6),
    "base": (768, 12, 12),
    "large": (1024, 24, 16),
}
NORM_EPSILON = 1e-6


@dataclass(frozen=True)
class Shape:
    """What distinguishes one plain transformer from another; sizes in pixels or numbers.

    ``grid`` is the side of the table of learned positions, in patches; None means no positions.
    ``registers`` are tokens beside CLS that belong to no patch.
    """

    width: int
    depth: int
    heads: int
    patch_px: int
    image_px: int
    grid: int | None
    has_stem: bool = False
    registers: int = 0


class Attention(nn.Module):
    """Multi-head self-attention, tokens (batch, tokens, width) in and out."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads = heads
        self.head_dim = width // heads
        self.scale = self.head_dim**-0.5
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

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, NORM_EPSILON)
        self.attn = Attention(width, heads)
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
        """Turn views (batch, 3, height, width) into tokens (batch, rows, columns, width)."""
        result: Tensor = self.proj(views).permute(0, 2, 3, 1)
        return result


class Transformer(nn.Module):
    """A ViT with one CLS token and no classifier; views may have any multiple of the patch.

    Source of the register tokens: Vision Transformers Need Registers (arXiv 2309.16588).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.num_features = shape.width
        self.num_prefix_tokens = 1 + shape.registers
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.reg_token = None
        if shape.registers:
            self.reg_token = nn.Parameter(torch.zeros(1, shape.registers, shape.width))
        if shape.grid is None:
            self.pos_embed = None
        else:
            self.pos_embed = nn.Parameter(torch.zeros(1, 1 + shape.grid**2, shape.width))
        self.patch_embed = _patch_embed(shape)
        self.blocks = nn.Sequential(*(Block(shape.width, shape.heads) for _ in range(shape.depth)))
        self.norm = nn.LayerNorm(shape.width, NORM_EPSILON)

    def forward_features(self, views: Tensor) -> Tensor:
        """Return tokens (batch, prefix + patches, width) after the final norm: CLS, registers, patches.

        Args:
            views: Normalised, shape (batch, 3, height, width).
        """
        patches: Tensor = self.patch_embed(views)
        _, rows, columns, width = patches.shape
        learned = (self.cls_token, self.reg_token)
        parts: list[Tensor] = [token for token in learned if token is not None]
        prefix = torch.cat(parts, dim=1).expand(len(patches), -1, -1).to(patches.dtype)
        tokens = torch.cat([prefix, patches.reshape(len(patches), -1, width)], dim=1)
        if self.pos_embed is not None:
            tokens = tokens + self._positions(self.pos_embed, rows, columns).to(tokens.dtype)
        result: Tensor = self.norm(self.blocks(tokens))
        return result

    def forward(self, views: Tensor) -> Tensor:
        """Return the CLS token, shape (batch, width)."""
        return self.forward_features(views)[:, 0]

    def _positions(self, learned: Tensor, rows: int, columns: int) -> Tensor:
        """Return position embeddings (1, 1 + rows * columns, width), resized bicubically."""
        learned, side = learned.float(), math.isqrt(learned.shape[1] - 1)
        if (rows, columns) == (side, side):
            return learned
        grid = learned[:, 1:].view(1, side, side, -1).permute(0, 3, 1, 2)
        resized = functional.interpolate(
            grid, size=(rows, columns), mode="bicubic", antialias=True, align_corners=False
        )
        return torch.cat([learned[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)


def plain_transformer(
    architecture: str, arguments: dict[str, Any], weights: dict[str, Tensor]
) -> Transformer | None:
    """Make a ``Transformer`` with saved weights, or None when only timm can.

    Args:
        architecture: timm name, such as ``vit_tiny_patch16_224``.
        arguments: As for ``timm.create_model``; any that is not known here means None.
        weights: A timm state dict; any name or shape that a plain ViT has not means None.
    """
    shape = _shape(architecture, arguments)
    if shape is None:
        return None
    with torch.device("meta"):
        module = Transformer(shape)
    shapes = {name: value.shape for name, value in module.state_dict().items()}
    if shapes != {name: value.shape for name, value in weights.items()}:
        return None
    module.load_state_dict(weights, assign=True)
    return module


def _shape(architecture: str, arguments: dict[str, Any]) -> Shape | None:
    match = PLAIN_NAME.fullmatch(architecture)
    if match is not None:
        (width, depth, heads), patch_px, image_px = SIZES[match[1]], int(match[2]), int(match[3])
    elif architecture == STEM_NAME:
        (width, depth, heads), patch_px, image_px = (256, 8, 4), 16, 224
    else:
        return None
    positions = arguments.get("pos_embed", "learn")
    known = {"embed_dim", "depth", "num_heads", "pos_embed", "reg_tokens"}
    registers = arguments.get("reg_tokens", 0)
    if not set(arguments) <= known or positions not in ("learn", "none"):
        return None
    if registers and positions == "learn":
        return None  # timm has positions for the registers as well
    return Shape(
        width=arguments.get("embed_dim", width),
        depth=arguments.get("depth", depth),
        heads=arguments.get("num_heads", heads),
        patch_px=patch_px,
        image_px=image_px,
        grid=image_px // patch_px if positions == "learn" else None,
        has_stem=architecture == STEM_NAME,
        registers=registers,
    )


def _patch_embed(shape: Shape) -> nn.Module:
    if shape.has_stem:
        return ConvStem(img_size=shape.image_px, embed_dim=shape.width)
    return PatchEmbed(shape.width, shape.patch_px)
