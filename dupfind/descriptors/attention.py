"""What the model looks at: the attention that CLS pays to each patch of a photo.

Works for any vision transformer with a CLS token, whichever way its attention is computed, also
with register tokens and with a stem of convolutions.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from dupfind.descriptors.backbone import Model
from dupfind.descriptors.embed import choose_device
from dupfind.errors import ModelError

# A photo is looked at with twice the side of the model's own view: the paper's figures do the
# same (480 px for a network trained at 224), for a finer grid of patches.
SIDE_FACTOR = 2
_SOFTMAX = {torch.softmax, Tensor.softmax, functional.softmax}


@dataclass(frozen=True)
class AttentionMaps:
    """Attention of CLS in one layer.

    ``weights``: float32 of shape (heads, tokens), each row summing to 1: to the prefix tokens (CLS
    itself first, then registers), then to the patches row by row. ``grid`` is (rows, columns) of
    patches; ``layer`` counts from 1 to ``depth``.
    """

    weights: NDArray[np.float32]
    grid: tuple[int, int]
    layer: int
    depth: int

    @property
    def heads(self) -> NDArray[np.float32]:
        """Attention to the patches, shape (heads, rows, columns); what is missing to 1 is prefix."""
        rows, columns = self.grid
        return self.weights[:, -rows * columns :].reshape(-1, rows, columns)

    @property
    def mean(self) -> NDArray[np.float32]:
        """The mean over the heads, shape (rows, columns)."""
        mean: NDArray[np.float32] = self.heads.mean(axis=0)
        return mean


def attend(
    model: Model, pixels: NDArray[np.uint8], *, layer: int | None = None, device: str = "auto"
) -> AttentionMaps:
    """Return the attention of CLS for one photo, which keeps its shape.

    Args:
        model: A vision transformer with a CLS token.
        pixels: uint8 sRGB of shape (height, width, 3).
        layer: From 1 to the number of blocks; None means the last.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ModelError: The model has no CLS token or no such layer; there is no such device.
    """
    blocks = _blocks(model)
    number = len(blocks) if layer is None else layer
    if not 1 <= number <= len(blocks):
        raise ModelError(
            f"the model '{model.name}' has layers 1 to {len(blocks)}, so there is no layer {number}"
        )
    module = model.module.to(choose_device(device)).eval()
    patch_px = _patch_px(model)
    size = view_size(pixels.shape[:2], SIDE_FACTOR * model.spec.view_px, patch_px)
    with torch.inference_mode(), _Watch(blocks[number - 1].attn) as watch:
        module.forward_features(_normalised(model, pixels, size))  # type: ignore[operator]
    if watch.weights is None:
        raise ModelError(f"the attention of the model '{model.name}' cannot be seen")
    weights = watch.weights[0].float().cpu().numpy()
    return AttentionMaps(weights, (size[0] // patch_px, size[1] // patch_px), number, len(blocks))


def mass_mask(attention: NDArray[np.float32], share: float) -> NDArray[np.bool_]:
    """Return the fewest patches that together hold ``share`` of the attention.

    Args:
        attention: Not negative, shape (rows, columns).
        share: In (0, 1].

    Returns:
        bool of the same shape, at least one of them True.

    Source: figure 1 of DINO (arXiv 2104.14294) keeps 60% of the mass of each head.
    """
    flat = attention.ravel().astype(np.float64)
    order = np.argsort(-flat, kind="stable")
    mass = np.cumsum(flat[order])
    # Rounding must not ask for more than there is.
    enough = np.searchsorted(mass, share * mass[-1] * (1 - 1e-12)) + 1
    mask = np.zeros(flat.shape, np.bool_)
    mask[order[:enough]] = True
    return mask.reshape(attention.shape)


def view_size(shape: tuple[int, ...], side_px: int, patch_px: int) -> tuple[int, int]:
    """Return (height, width) in whole patches: the photo's shape, about side_px x side_px pixels."""
    height, width = shape
    scale = side_px / math.sqrt(height * width)
    rows, columns = (max(1, round(scale * side / patch_px)) for side in (height, width))
    return rows * patch_px, columns * patch_px


class _Watch(TorchFunctionMode):
    """Sees the first row of the attention matrix while one attention module runs.

    Frameworks either call softmax, or a fused kernel that never shows the matrix; for that one the
    row is computed from the same queries and keys.
    """

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.weights: Tensor | None = None
        self._inside = False
        self._hooks = [
            attention.register_forward_pre_hook(self._enter_module),
            attention.register_forward_hook(self._leave_module),
        ]

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Let everything through, and look at attention."""
        result = func(*args, **(kwargs or {}))
        if self._inside and func is functional.scaled_dot_product_attention:
            self.weights = _first_row(*args[:2], **(kwargs or {}))
        elif self._inside and func in _SOFTMAX and result.ndim == 4:
            self.weights = result[:, :, 0]
        return result

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the hooks away."""
        for hook in self._hooks:
            hook.remove()
        super().__exit__(kind, error, traceback)  # type: ignore[no-untyped-call]

    def _enter_module(self, *_: object) -> None:
        self._inside = True

    def _leave_module(self, *_: object) -> None:
        self._inside = False


def _first_row(
    query: Tensor,
    key: Tensor,
    *,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
    **_: object,
) -> Tensor:
    """The attention of the first query, shape (batch, heads, keys), as the fused kernel has it."""
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = (query[:, :, :1].float() @ key.float().transpose(-1, -2)) * scale
    if attn_mask is not None:
        row = attn_mask[..., :1, :]
        scores = scores.masked_fill(~row, -torch.inf) if row.dtype == torch.bool else scores + row
    return scores.softmax(-1)[:, :, 0]


def _blocks(model: Model) -> list[Any]:
    blocks = getattr(model.module, "blocks", None)
    has_cls = getattr(model.module, "cls_token", None) is not None
    if blocks is None or not has_cls or not all(hasattr(block, "attn") for block in blocks):
        raise ModelError(
            f"the model '{model.name}' ({model.spec.architecture}) is no vision transformer with a "
            "CLS token, so there is no attention to show; choose another with --model"
        )
    return list(blocks)


def _patch_px(model: Model) -> int:
    """How many pixels of the view one patch spans, also behind a stem of convolutions."""
    side = model.spec.view_px
    probe = torch.zeros(1, 3, side, side, device=next(model.module.parameters()).device)
    with torch.inference_mode():
        embedded: Tensor = model.module.patch_embed(probe)  # type: ignore[operator]
    patches = embedded.numel() // int(model.module.num_features)  # type: ignore[arg-type]
    return side // math.isqrt(patches)


def _normalised(model: Model, pixels: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
    """Resize to ``size`` (height, width) and normalise; shape (1, 3, height, width)."""
    device = next(model.module.parameters()).device
    planes = torch.from_numpy(pixels.copy()).to(device).permute(2, 0, 1)[None]
    view = functional.interpolate(
        planes.float(), size=size, mode="bicubic", antialias=True, align_corners=False
    )
    mean, std = (
        torch.tensor(values, device=device).view(1, 3, 1, 1)
        for values in (model.spec.mean, model.spec.std)
    )
    return (view.clamp(0, 255) / 255 - mean) / std
