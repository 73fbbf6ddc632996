"""Attention of CLS: against a naive softmax(QK), for several kinds of transformer, and the figure."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from dupfind.cli import cli
from dupfind.descriptors.attention import AttentionMaps, attend, mass_mask, view_size
from dupfind.descriptors.backbone import Model, ModelSpec, create_backbone, load_model, save_model
from dupfind.errors import ModelError
from dupfind.reports.attention import heat_over, lit_by, upsampled

SMALL = {"depth": 2, "embed_dim": 48, "num_heads": 3}
KINDS = {
    "plain": ModelSpec(arguments=SMALL, view_px=64),
    "registers": ModelSpec(arguments=SMALL | {"reg_tokens": 4, "qk_norm": True}, view_px=64),
    "rotary": ModelSpec("eva02_tiny_patch14_224", {"depth": 2}, view_px=56),
    "convolutional stem": ModelSpec("vit_tiny_r_s16_p8_224", {"depth": 1}, view_px=128),
}


def make_model(kind: str) -> Model:
    torch.manual_seed(0)
    module = create_backbone(KINDS[kind]).eval()
    for parameter in module.parameters():  # a network's first weights attend to all alike
        parameter.data += 0.1 * torch.randn_like(parameter)
    return Model(kind, KINDS[kind], module, "")


def naive_weights(model: Model, maps: AttentionMaps, inputs: torch.Tensor) -> np.ndarray:
    """softmax(q k / sqrt(d)) of the first token, one head, one key at a time."""
    attention = model.module.blocks[maps.layer - 1].attn  # type: ignore[index, union-attr]
    heads, width = attention.num_heads, inputs.shape[-1]
    each = width // heads
    weight, bias = (value.detach().double().numpy() for value in attention.qkv.parameters())
    projected = inputs[0].double().numpy() @ weight.T + bias
    result = np.zeros((heads, len(projected)))
    for head in range(heads):
        query = projected[0, head * each : (head + 1) * each]
        scores = []
        for token in projected:
            key = token[width + head * each : width + (head + 1) * each]
            scores.append(float(query @ key) / math.sqrt(each))
        exponents = [math.exp(score - max(scores)) for score in scores]
        result[head] = [exponent / sum(exponents) for exponent in exponents]
    return result


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("layer", [1, 2])
def test_it_equals_a_softmax_computed_by_hand(
    make_picture: Callable[..., np.ndarray], layer: int, fused: bool
) -> None:
    model = make_model("plain")
    attention = model.module.blocks[layer - 1].attn  # type: ignore[index, union-attr]
    attention.fused_attn = fused
    seen: list[torch.Tensor] = []
    hook = attention.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    maps = attend(model, make_picture(1, (90, 60)), layer=layer, device="cpu")
    hook.remove()
    np.testing.assert_allclose(maps.weights, naive_weights(model, maps, seen[0]), atol=1e-5)
    assert np.ptp(maps.weights) > 0.005


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(120, 80), (50, 200), (64, 64)])
def test_rows_sum_to_one_and_the_grid_has_the_shape_of_the_photo(
    make_picture: Callable[..., np.ndarray], kind: str, size: tuple[int, int]
) -> None:
    maps = attend(make_model(kind), make_picture(2, size), device="cpu")
    np.testing.assert_allclose(maps.weights.sum(axis=1), 1, atol=1e-4)
    rows, columns = maps.grid
    assert maps.heads.shape == (len(maps.weights), rows, columns)
    assert maps.mean.shape == maps.grid
    assert (rows < columns) == (size[0] > size[1])
    prefix = maps.weights.shape[1] - rows * columns
    assert prefix == (5 if kind == "registers" else 1)


def test_it_follows_what_is_in_the_photo(make_picture: Callable[..., np.ndarray]) -> None:
    pixels = np.full((64, 128, 3), 128, np.uint8)
    pixels[:, 64:] = make_picture(3, (64, 64))
    maps = attend(make_model("plain"), pixels, layer=1, device="cpu")
    left, right = np.array_split(maps.heads, 2, axis=2)
    assert right.std() > 1.5 * left[:, :, :3].std()


def test_the_saved_model_attends_as_the_one_it_was_saved_from(
    tmp_path: Path, make_picture: Callable[..., np.ndarray]
) -> None:
    spec = ModelSpec(view_px=64)
    torch.manual_seed(1)
    module = create_backbone(spec).eval()
    save_model(tmp_path / "m", spec=spec, module=module, details={}, half=False)
    pixels = make_picture(4, (80, 60))
    expected = attend(Model("m", spec, module, ""), pixels, device="cpu")
    found = attend(load_model(str(tmp_path / "m")), pixels, device="cpu")
    np.testing.assert_allclose(found.weights, expected.weights, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same(make_picture: Callable[..., np.ndarray]) -> None:
    pixels = make_picture(5, (80, 60))
    expected = attend(make_model("plain"), pixels, device="cpu")
    found = attend(make_model("plain"), pixels, device="cuda")
    np.testing.assert_allclose(found.weights, expected.weights, atol=2e-3)


def test_a_layer_that_is_not_there_and_a_model_without_cls_are_clear_errors() -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    for layer in (0, 3, -1):
        with pytest.raises(ModelError, match=rf"layers 1 to 2, so there is no layer {layer}"):
            attend(make_model("plain"), pixels, layer=layer, device="cpu")
    spec = ModelSpec(arguments=SMALL | {"class_token": False, "global_pool": "avg"}, view_px=64)
    with pytest.raises(ModelError, match="no vision transformer with a CLS token"):
        attend(Model("pooled", spec, create_backbone(spec), ""), pixels, device="cpu")


@pytest.mark.parametrize("share", [0.1, 0.6, 0.95, 1.0])
def test_the_mask_is_the_smallest_that_holds_the_share(share: float) -> None:
    attention = np.random.default_rng(0).random((5, 7)).astype(np.float32) ** 3
    mask = mass_mask(attention, share)
    total = float(attention.sum(dtype=np.float64))
    held = float(attention[mask].sum(dtype=np.float64))
    assert held >= share * total * (1 - 1e-9)
    # One patch less would not do.
    assert held - attention[mask].min() <= share * total
    if not mask.all():
        assert attention[mask].min() >= attention[~mask].max()


def test_the_view_keeps_shape_and_area() -> None:
    assert view_size((300, 300), 320, 16) == (320, 320)
    height, width = view_size((1000, 4000), 320, 16)
    assert width / height == pytest.approx(4, rel=0.15)
    assert height * width == pytest.approx(320 * 320, rel=0.1)
    assert view_size((1, 10_000), 320, 16)[0] == 16


def test_tiles_show_heat_and_mask_where_they_are() -> None:
    pixels = np.full((40, 60, 3), 200, np.uint8)
    attention = np.zeros((4, 6), np.float32)
    attention[1, 4] = 1
    heat = heat_over(pixels, attention).astype(int).sum(axis=2)
    lit = lit_by(pixels, attention > 0.5)
    assert heat.shape == (40, 60)
    assert np.unravel_index(heat.argmax(), heat.shape)[0] in range(10, 20)
    assert (lit[10:20, 40:50] == 200).all()
    assert lit[:, :40].max() < 60
    assert upsampled(attention, (40, 60)).max() <= 1


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    torch.manual_seed(2)
    spec = KINDS["plain"]
    save_model(tmp_path / "m", spec=spec, module=create_backbone(spec), details={})
    return tmp_path / "m"


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["attention", *map(str, arguments)])
    return result.exit_code, result.output


def test_the_command_writes_a_figure(
    tmp_path: Path, model_folder: Path, save_picture: Callable[..., Path]
) -> None:
    photo = save_picture("a $photo$_^ \n.jpg", 3, (90, 60))
    target = tmp_path / "out.png"
    options = ("--model", model_folder, "--library", tmp_path / "none", "--device", "cpu")
    code, output = run(photo, "-o", target, "--json", *options)
    assert code == 0, output
    told = json.loads(output)
    assert (told["heads"], told["layer"]) == (3, 2)
    with Image.open(target) as image:
        assert image.format == "PNG"
        assert image.width > 1000
        # The photo, the mean and three heads, each with its mask below: no blank figure.
        assert np.asarray(image.convert("L")).std() > 30
    code, output = run(photo, "-o", target, "--layer", 9, *options)
    assert code == 1
    assert "layers 1 to 2" in output


def test_the_photo_itself_is_never_overwritten(
    tmp_path: Path, model_folder: Path, save_picture: Callable[..., Path]
) -> None:
    photo = save_picture("photo.png", 3)
    before = photo.read_bytes()
    code, output = run(photo, "-o", photo, "--model", model_folder, "--library", tmp_path / "none")
    assert code == 1
    assert "never changed" in output
    assert photo.read_bytes() == before


def test_a_file_that_is_no_photo_is_one_clear_line(tmp_path: Path, model_folder: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no photo")
    code, output = run(
        bad, "-o", tmp_path / "x.png", "--model", model_folder, "--library", tmp_path
    )
    assert code == 1
    assert "cannot read" in output
    assert "Traceback" not in output
    assert not (tmp_path / "x.png").exists()
