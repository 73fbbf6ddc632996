"""Make and load the network that describes photos: a vision transformer from timm.

A saved model is a folder: ``weights.safetensors`` and ``model.json``; loading one runs no code
from it. ``training`` makes its student and teacher with ``create_backbone`` and saves with
``save_model``. timm loads only when it is needed, because its import takes seconds.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from dupfind.descriptors.spec import (
    BUILTIN_FOLDER,
    IMAGENET_MEAN,
    IMAGENET_STD,
    SPEC_FILE,
    UNTRAINED,
    WEIGHTS_FILE,
    ModelSpec,
    damaged,
    fingerprint,
    model_folder,
    read_spec,
)
from dupfind.descriptors.transformer import plain_transformer
from dupfind.errors import ModelError
from dupfind.system import write_whole

__all__ = [
    "BUILTIN_FOLDER",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "UNTRAINED",
    "Model",
    "ModelSpec",
    "create_backbone",
    "describe_tokens",
    "load_folder",
    "load_model",
    "save_model",
]

UNTRAINED_SEED = 20210429


@dataclass(frozen=True)
class Model:
    """A loaded network. ``fingerprint`` (64 hex digits) names exactly these weights and this spec."""

    name: str
    spec: ModelSpec
    module: nn.Module
    fingerprint: str

    @property
    def dimensions(self) -> int:
        """Length of a descriptor: width of CLS plus width of the pooled patches."""
        return 2 * int(self.module.num_features)  # type: ignore[arg-type]


def create_backbone(
    spec: ModelSpec, *, drop_path: float = 0.0, patch_drop: float = 0.0, pretrained: bool = False
) -> nn.Module:
    """Build the network of ``spec`` without a classifier; it takes views of several sizes.

    ``drop_path`` and ``patch_drop`` are the shares of layers and patches left out in training.

    Raises:
        ModelError: timm does not know the architecture, or its weights cannot be fetched.
    """
    import timm

    from dupfind.descriptors import timm_stem  # noqa: F401 - registers its architecture with timm

    arguments = {"num_classes": 0, "dynamic_img_size": True, "drop_path_rate": drop_path}
    if patch_drop > 0:
        arguments["patch_drop_rate"] = patch_drop
    try:
        module: nn.Module = timm.create_model(
            spec.architecture, pretrained=pretrained, **(arguments | spec.arguments)
        )
    except (RuntimeError, TypeError, OSError, ValueError) as error:
        raise ModelError(
            f"cannot make the model '{spec.architecture}' ({_first_line(error)}); check its name with "
            "timm.list_models(), and the network connection when its weights must be fetched"
        ) from error
    return module


def suit_attention(module: nn.Module, device: torch.device) -> None:
    """Let a timm transformer use the attention that is fastest on ``device``; results stay alike.

    For the hundred tokens of a photo, two matrix products beat torch's blockwise attention on a
    processor, in training (measured: 1.3 times the photos a second) even more than without gradients.
    """
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = device.type != "cpu"  # type: ignore[assignment]


def describe_tokens(tokens: Tensor, *, prefix_tokens: int, gem_power: float) -> Tensor:
    """Pool transformer tokens into descriptors: [CLS ; GeM(patches)], each half L2-normalised.

    Args:
        tokens: After the final norm, shape (batch, prefix + patches, width).
        prefix_tokens: How many tokens precede the patches (CLS first, then registers).
        gem_power: Exponent of the generalised mean over patches clamped at 1e-6.

    Returns:
        float32 of shape (batch, 2 * width), L2-normalised.

    Source: DINO (arXiv 2104.14294), copy detection: CLS and GeM of the patch tokens concatenated.
    """
    tokens = tokens.float()
    patches = tokens[:, prefix_tokens:].clamp(min=1e-6)
    pooled = patches.pow(gem_power).mean(dim=1).pow(1.0 / gem_power)
    halves = [nn.functional.normalize(half, dim=-1) for half in (tokens[:, 0], pooled)]
    return nn.functional.normalize(torch.cat(halves, dim=-1), dim=-1)


def load_model(name: str, *, models_folder: Path | None = None) -> Model:
    """Load a model by name: ``builtin``, one of the library, a folder, ``untrained``, or a timm name.

    Raises:
        ModelError: There is no such model, or its files are damaged.
    """
    if name == UNTRAINED:
        return _untrained()
    folder = model_folder(name, models_folder)
    if folder is not None:
        return load_folder(folder, name=name)
    return _from_timm(name)


def load_folder(folder: Path, *, name: str) -> Model:
    """Load ``weights.safetensors`` and ``model.json`` of a folder.

    Raises:
        ModelError: A file is missing, damaged, or does not fit the other.
    """
    try:
        spec = read_spec(folder)
        saved = load_file(folder / WEIGHTS_FILE)
        module = _with_weights(spec, {key: value.float() for key, value in saved.items()})
    except ModelError:
        raise
    except Exception as error:  # safetensors, JSON and torch each raise their own kinds
        raise damaged(folder, error) from error
    return Model(name, spec, module.eval(), _fingerprint(spec, module))


def save_model(
    folder: Path, *, spec: ModelSpec, module: nn.Module, details: dict[str, Any], half: bool = True
) -> None:
    """Write a model folder; each file appears whole or not at all.

    ``details`` (training data, options, results) is kept in ``model.json`` beside the spec.
    ``half`` stores the weights as float16.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dtype = torch.float16 if half else torch.float32
    state = {
        key: value.detach().cpu().to(dtype).contiguous()
        for key, value in module.state_dict().items()
    }
    # Written by us, so that the file gets the usual permissions: a library may be shared.
    write_whole(folder / WEIGHTS_FILE, save(state))
    text = json.dumps({"format": 1, "spec": asdict(spec), **details}, indent=2)
    write_whole(folder / SPEC_FILE, f"{text}\n".encode())


def _with_weights(spec: ModelSpec, weights: dict[str, Tensor]) -> nn.Module:
    plain = plain_transformer(spec.architecture, spec.arguments, weights)
    if plain is not None:
        return plain
    module = create_backbone(spec)
    module.load_state_dict(weights)
    return module


def _untrained() -> Model:
    """Return the default architecture with fixed random weights: the yardstick of every training."""
    spec = ModelSpec()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        module = create_backbone(spec)
    return Model(UNTRAINED, spec, module.eval(), _fingerprint(spec, module))


def _from_timm(name: str) -> Model:
    import timm
    from timm.data import resolve_model_data_config

    architecture = name.removeprefix("timm:")
    if not timm.is_model(architecture.split(".")[0]):
        raise ModelError(
            f"there is no model '{name}'; `dupfind models` lists those of this library, "
            "timm.list_models() those that can be fetched"
        )
    module = create_backbone(ModelSpec(architecture=architecture), pretrained=True)
    config = resolve_model_data_config(module)
    spec = ModelSpec(
        architecture=architecture,
        view_px=int(config["input_size"][-1]),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        gem_power=4.0,
    )
    return Model(name, spec, module.eval(), _fingerprint(spec, module))


def _fingerprint(spec: ModelSpec, module: nn.Module) -> str:
    state = module.state_dict().items()
    return fingerprint(spec, {key: value.detach().cpu().float().numpy() for key, value in state})


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
