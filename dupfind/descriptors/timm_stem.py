"""A vision transformer whose patches come from a few convolutions: ``dupfind_vit_stem``.

Registered with timm, so ``timm.create_model("dupfind_vit_stem", embed_dim=..., depth=...)`` makes
it like any other architecture. Each patch token still covers a stride of 16 pixels.
"""

from typing import Any

from timm.models import register_model
from timm.models.vision_transformer import VisionTransformer

from dupfind.descriptors.stem import ConvStem


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
