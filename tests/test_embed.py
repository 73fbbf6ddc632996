"""Describing photos: the same numbers whatever the batch, the threads or the code path."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadpoolctl
import torch
from numpy.typing import NDArray
from PIL import Image

from dupfind.descriptors import backbone
from dupfind.descriptors.backbone import Model, ModelSpec, create_backbone, describe_tokens
from dupfind.descriptors.embed import Described, Embedder, choose_device, describe_stream
from dupfind.descriptors.transformer import Transformer, plain_transformer
from dupfind.descriptors.views import make_view
from dupfind.errors import DescriptorError, ModelError, PhotoError

VIEW_PX = 32


@pytest.fixture(scope="module")
def model() -> Model:
    """A shallow network for small views, with fixed random weights."""
    spec = ModelSpec(arguments={"depth": 2}, view_px=VIEW_PX)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = create_backbone(spec)
    return Model("small", spec, module.eval(), "0" * 64)


@pytest.fixture(scope="module")
def embedder(model: Model) -> Embedder:
    return Embedder(model, device="cpu", batch_size=4)


def random_views(count: int, seed: int = 0) -> NDArray[np.uint8]:
    shape = (count, VIEW_PX, VIEW_PX, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def naive_descriptor(model: Model, view: NDArray[np.uint8]) -> NDArray[np.float32]:
    """One view, float32, no batch: what every faster path must agree with."""
    pixels = (view / 255.0 - np.array(model.spec.mean)) / np.array(model.spec.std)
    inputs = torch.from_numpy(pixels.transpose(2, 0, 1)[None]).float()
    with torch.inference_mode():
        tokens = model.module.forward_features(inputs)  # type: ignore[operator]
        described = describe_tokens(tokens, prefix_tokens=1, gem_power=model.spec.gem_power)
    return described[0].numpy()


def by_position(views: NDArray[np.uint8], item: int) -> tuple[str, NDArray[np.uint8]]:
    return f"payload {item}", views[item]


def test_descriptors_agree_with_one_view_at_a_time_in_float32(
    model: Model, embedder: Embedder
) -> None:
    views = random_views(9)
    described = embedder.describe(views)
    assert described.dtype == np.float16
    assert described.shape == (9, model.dimensions) == (9, embedder.dimensions)
    np.testing.assert_allclose(np.linalg.norm(described.astype(np.float32), axis=1), 1, atol=2e-3)
    for view, vector in zip(views, described, strict=True):
        assert naive_descriptor(model, view) @ vector.astype(np.float32) > 0.999


def test_no_views_give_no_descriptors(embedder: Embedder) -> None:
    assert embedder.describe(random_views(0)).shape == (0, embedder.dimensions)


@pytest.mark.parametrize(
    "views",
    [
        np.zeros((2, 16, 16, 3), np.uint8),
        np.zeros((VIEW_PX, VIEW_PX, 3), np.uint8),
        np.zeros((1, VIEW_PX, VIEW_PX, 3), np.float32),
    ],
)
def test_views_of_another_shape_or_type_are_refused(
    embedder: Embedder, views: NDArray[np.uint8]
) -> None:
    with pytest.raises(DescriptorError, match=f"uint8 \\(n, {VIEW_PX}, {VIEW_PX}, 3\\)"):
        embedder.describe(views)


@pytest.mark.parametrize("count", [0, 1, 3, 7, 8, 9, 50])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_stream_gives_what_describe_gives_in_the_same_order(
    embedder: Embedder, count: int, workers: int
) -> None:
    views = random_views(count)
    stream = describe_stream(
        embedder, range(count), lambda item: by_position(views, item), workers=workers
    )
    results = list(stream)
    assert [result.item for result in results] == list(range(count))
    assert [result.payload for result in results] == [f"payload {item}" for item in range(count)]
    expected = embedder.describe(views).astype(np.float32)
    for result, vector in zip(results, expected, strict=True):
        assert result.error is None
        assert result.vector is not None
        assert vector @ result.vector.astype(np.float32) > 0.999


def test_an_item_that_fails_to_load_is_reported_and_the_others_go_on(embedder: Embedder) -> None:
    views = random_views(20)

    def load(item: int) -> tuple[None, NDArray[np.uint8]]:
        if item % 7 == 3:
            raise PhotoError(f"number {item} is cut off")
        return None, views[item]

    results = list(describe_stream(embedder, range(20), load, workers=2))
    failed = [result.item for result in results if result.error is not None]
    assert failed == [3, 10, 17]
    assert str(results[10].error) == "number 10 is cut off"
    assert all((result.vector is None) == (result.error is not None) for result in results)


def test_a_batch_in_which_nothing_loads_is_all_errors(embedder: Embedder) -> None:
    def load(_: int) -> tuple[None, NDArray[np.uint8]]:
        raise PhotoError("no photo")

    results = list(describe_stream(embedder, range(9), load, workers=2))
    assert [str(result.error) for result in results] == ["no photo"] * 9


def test_a_defect_in_load_ends_the_stream_with_its_own_error(embedder: Embedder) -> None:
    def load(_: int) -> tuple[None, NDArray[np.uint8]]:
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError):
        list(describe_stream(embedder, range(9), load, workers=2))


def test_descriptors_that_are_not_finite_are_errors(model: Model) -> None:
    with torch.random.fork_rng(devices=[]):
        module = create_backbone(model.spec).eval()
    with torch.no_grad():
        module.norm.weight[0] = float("nan")  # type: ignore[union-attr, operator]
    broken = Embedder(replace(model, module=module), device="cpu", batch_size=4)
    views = random_views(5)
    with pytest.raises(DescriptorError, match="5 descriptors that are not finite"):
        broken.describe(views)
    results = list(describe_stream(broken, range(5), lambda item: by_position(views, item)))
    assert all(isinstance(result.error, DescriptorError) for result in results)
    assert all(result.vector is None for result in results)
    assert results[4].payload == "payload 4"


class Cramped(torch.nn.Module):
    """A network that runs out of memory with more than ``most`` views, as a full GPU does."""

    def __init__(self, inner: torch.nn.Module, most: int) -> None:
        super().__init__()
        self.inner, self.most, self.num_prefix_tokens = inner, most, 1
        self.num_features = inner.num_features

    def forward_features(self, views: torch.Tensor) -> torch.Tensor:
        if len(views) > self.most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        tokens: torch.Tensor = self.inner.forward_features(views)  # type: ignore[operator]
        return tokens


def test_a_device_short_of_memory_gets_smaller_batches(model: Model, embedder: Embedder) -> None:
    views = random_views(9)
    cramped = Embedder(replace(model, module=Cramped(model.module, 2)), device="cpu", batch_size=7)
    expected = embedder.describe(views).astype(np.float32)
    assert ((cramped.describe(views).astype(np.float32) * expected).sum(axis=1) > 0.999).all()


def test_a_device_without_memory_for_one_photo_is_named(model: Model) -> None:
    full = Embedder(replace(model, module=Cramped(model.module, 0)), device="cpu")
    with pytest.raises(ModelError, match="cpu has too little free memory"):
        full.describe(random_views(3))


def test_a_stream_takes_items_only_a_few_batches_ahead(embedder: Embedder) -> None:
    taken = 0

    def count_forever() -> Iterator[int]:
        nonlocal taken
        while True:
            yield taken
            taken += 1

    view = random_views(1)[0]
    stream = describe_stream(embedder, count_forever(), lambda _: (None, view), workers=2)
    ahead = []
    for position, result in enumerate(stream):
        assert result.item == position
        ahead.append(taken - position)
        if position == 100:
            break
    stream.close()  # type: ignore[attr-defined]
    assert max(ahead) <= 2 * 2 * embedder.batch_size + 1


def test_leaving_a_stream_early_stops_its_threads(embedder: Embedder) -> None:
    before = threading.active_count()
    view = random_views(1)[0]
    stream = describe_stream(embedder, range(1000), lambda _: (None, view), workers=2)
    assert isinstance(next(stream), Described)
    stream.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_stream_leaves_the_number_of_torch_threads_as_it_was(embedder: Embedder) -> None:
    before = torch.get_num_threads()
    view = random_views(1)[0]
    list(describe_stream(embedder, range(3), lambda _: (None, view), workers=2))
    assert torch.get_num_threads() == before


def test_small_products_beside_each_other_use_one_thread_each(embedder: Embedder) -> None:
    def load(_item: int) -> tuple[int, NDArray[np.uint8]]:
        return blas_threads(), random_views(1)[0]

    before = blas_threads()
    found = list(describe_stream(embedder, range(8), load, workers=2))
    assert {described.payload for described in found} == {1}
    assert blas_threads() == before


def blas_threads() -> int:
    """Return the most threads that any BLAS with threads of its own would use in this process."""
    # With OpenMP (as in FAISS) the number is one of each thread that asks.
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    return max(pool["num_threads"] for pool in pools if pool.get("threading_layer") != "openmp")


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", "cpu:x"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(ModelError, match=r"cpu"):
        choose_device(device)


@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [
        ("vit_tiny_patch16_224", {"depth": 3}),
        ("vit_small_patch16_224", {"depth": 2, "embed_dim": 128, "num_heads": 4}),
        ("vit_tiny_patch16_224", {"depth": 2, "pos_embed": "none"}),
        ("dupfind_vit_stem", {"depth": 2, "embed_dim": 128, "pos_embed": "none"}),
        ("dupfind_vit_stem", {"depth": 2}),
        ("dupfind_vit_stem", {"depth": 2, "pos_embed": "none", "reg_tokens": 3}),
    ],
)
def test_the_plain_transformer_gives_what_timm_gives_at_every_view_size(
    architecture: str, arguments: dict[str, Any]
) -> None:
    timm_module = create_backbone(ModelSpec(architecture, arguments)).eval()
    weights = {
        name: value + 0.02 * torch.randn_like(value)  # timm starts with zeros that would hide much
        for name, value in timm_module.state_dict().items()
    }
    timm_module.load_state_dict(weights)
    plain = plain_transformer(architecture, arguments, weights)
    assert isinstance(plain, Transformer)
    assert plain.num_prefix_tokens == timm_module.num_prefix_tokens
    for size in ((96, 96), (160, 160), (224, 224), (96, 224)):
        views = torch.randn(2, 3, *size)
        with torch.inference_mode():
            expected = timm_module.forward_features(views)  # type: ignore[operator]
            given = plain.forward_features(views)
        torch.testing.assert_close(given, expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    "arguments", [{"reg_tokens": 2}, {"init_values": 0.1}, {"qk_norm": True}, {"pos_embed": "rope"}]
)
def test_an_argument_that_is_not_plain_is_left_to_timm(arguments: dict[str, Any]) -> None:
    module = create_backbone(ModelSpec(arguments={"depth": 1}))
    arguments = {"depth": 1, **arguments}
    assert plain_transformer("vit_tiny_patch16_224", arguments, module.state_dict()) is None


def test_weights_of_another_network_are_not_taken_for_plain_ones() -> None:
    weights = create_backbone(ModelSpec(arguments={"depth": 1, "init_values": 0.1})).state_dict()
    assert plain_transformer("vit_tiny_patch16_224", {"depth": 1}, weights) is None
    assert plain_transformer("vit_tiny_r_s16_p8_224", {"depth": 1}, weights) is None
    assert plain_transformer("resnet18", {}, weights) is None


def test_an_architecture_that_is_not_plain_is_loaded_through_timm(tmp_path: Path) -> None:
    spec = ModelSpec(arguments={"depth": 2, "reg_tokens": 2}, view_px=VIEW_PX)
    module = create_backbone(spec).eval()
    backbone.save_model(tmp_path, spec=spec, module=module, details={}, half=False)
    loaded = backbone.load_folder(tmp_path, name="registers")
    assert not isinstance(loaded.module, Transformer)
    views = torch.randn(1, 3, VIEW_PX, VIEW_PX)
    with torch.inference_mode():
        expected = module.forward_features(views)  # type: ignore[operator]
        torch.testing.assert_close(loaded.module.forward_features(views), expected)  # type: ignore[operator]


def test_a_saved_plain_model_keeps_its_fingerprint_and_its_descriptors(tmp_path: Path) -> None:
    untrained = backbone.load_model("untrained")
    backbone.save_model(
        tmp_path, spec=untrained.spec, module=untrained.module, details={}, half=False
    )
    loaded = backbone.load_folder(tmp_path, name="saved")
    assert isinstance(loaded.module, Transformer)
    assert loaded.fingerprint == untrained.fingerprint
    assert loaded.dimensions == untrained.dimensions
    views = np.random.default_rng(0).integers(0, 256, (2, 160, 160, 3), dtype=np.uint8)
    first, second = (
        Embedder(model, device="cpu").describe(views).astype(np.float32)
        for model in (untrained, loaded)
    )
    assert ((first * second).sum(axis=1) > 0.999).all()


@pytest.mark.parametrize("size", [(500, 333), (64, 700), (20, 30), (1, 1), (96, 96)])
def test_a_view_is_what_pillow_makes_within_one_level(
    make_picture: Callable[..., NDArray[np.uint8]], size: tuple[int, int]
) -> None:
    pixels = make_picture(seed=3, size=size)
    view = make_view(pixels, 96)
    assert (view.shape, view.dtype) == ((96, 96, 3), np.dtype(np.uint8))
    expected = np.asarray(Image.fromarray(pixels).resize((96, 96), Image.Resampling.BICUBIC))
    difference = np.abs(view.astype(int) - expected)
    assert difference.max() <= 1
    assert difference.mean() < 0.25


def test_a_view_can_be_made_of_pixels_that_are_read_only_or_turned() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    turned = np.rot90(pixels)
    expected = make_view(np.ascontiguousarray(turned), 32)
    turned.flags.writeable = False
    before = pixels.copy()
    np.testing.assert_array_equal(make_view(turned, 32), expected)
    np.testing.assert_array_equal(make_view(pixels[::-1], 32), make_view(before[::-1].copy(), 32))
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.gpu
def test_a_gpu_gives_the_descriptors_of_the_processor(model: Model) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    views = random_views(300)
    on_cpu = Embedder(model, device="cpu").describe(views).astype(np.float32)
    gpu_model = replace(model, module=create_backbone(model.spec).eval())
    gpu_model.module.load_state_dict(model.module.state_dict())
    on_gpu = Embedder(gpu_model, device="cuda")
    described = on_gpu.describe(views).astype(np.float32)
    assert ((on_cpu * described).sum(axis=1) > 0.998).all()
    stream = describe_stream(on_gpu, range(300), lambda item: by_position(views, item))
    streamed = np.stack([result.vector for result in stream if result.vector is not None])
    assert ((streamed.astype(np.float32) * described).sum(axis=1) > 0.999).all()
