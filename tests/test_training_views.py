"""Views: where pixels come from, what colours become, and that a seed makes the same view again."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from conftest import picture
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from dupfind.training.views.colour import LUMA, ColourOptions, recolour
from dupfind.training.views.compose import (
    COLLAGE,
    FRAME,
    SCREEN,
    ComposeOptions,
    backgrounds,
    choose_boxes,
)
from dupfind.training.views.degrade import (
    BLOCK_PX,
    QUANTISATION,
    DegradeOptions,
    degrade,
    gaussian_blur,
    jpeg,
)
from dupfind.training.views.geometry import (
    GeometryOptions,
    Random,
    placements,
    pyramid,
    random_homographies,
    sample,
)
from dupfind.training.views.maker import Batch, ViewMaker
from dupfind.training.views.overlays import OverlayOptions, make_bank, overlay
from dupfind.training.views.recipes import (
    WHOLE,
    Mixture,
    Recipe,
    copy_mixture,
    copy_recipe,
    dino_recipes,
    original_mixture,
    single_mixture,
)

CPU = torch.device("cpu")


def random(seed: int = 0) -> Random:
    return Random(torch.Generator().manual_seed(seed))


def photos(count: int = 4, side: int = 64) -> Tensor:
    pixels = np.stack([picture(seed, (side, side)) for seed in range(count)])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def batch(count: int = 4) -> Batch:
    return Batch(photos(count), torch.full((count,), 1.5))


def maker() -> ViewMaker:
    return ViewMaker(device=CPU, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def exactly(**chances: float) -> GeometryOptions:
    return replace(GeometryOptions(scale=(1.0, 1.0), ratio=1.0, flip=0.0), **chances)  # type: ignore[arg-type]


def view_of(options: GeometryOptions, seed: int = 0) -> tuple[Tensor, Tensor]:
    shown = photos()
    matrices = random_homographies(random(seed), torch.full((4,), 1.5), options)
    views, inside = sample(pyramid(shown), torch.arange(len(shown)), matrices, 64)
    assert inside.shape == (4, 1, 64, 64)
    return shown.float() / 255, views


def test_a_view_of_the_whole_photo_is_the_photo() -> None:
    shown, views = view_of(exactly())
    assert torch.allclose(views, shown, atol=1e-4)


def test_a_flip_mirrors_the_photo() -> None:
    shown, views = view_of(exactly(flip=1.0))
    assert torch.allclose(views, shown.flip(3), atol=1e-4)


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    shown, views = view_of(exactly(quarter_turn=1.0))
    seen = set()
    for photo, view in zip(shown, views, strict=True):
        turns = [k for k in (1, 2, 3) if torch.allclose(view, photo.rot90(k, (1, 2)), atol=1e-3)]
        assert len(turns) == 1
        seen.add(turns[0])
    assert len(seen) > 1


def test_a_small_turn_keeps_true_proportions() -> None:
    """In a photo three times as wide as high, a turned view must turn by the same angle."""
    tall, wide = 100, 300
    y, x = np.mgrid[:tall, :wide]
    disc = ((x - 150) ** 2 + (y - 50) ** 2 < 40**2).astype(np.uint8) * 255
    squashed = np.asarray(Image.fromarray(disc).resize((128, 128), Image.Resampling.BILINEAR))
    pixels = torch.from_numpy(squashed.copy()).expand(1, 3, 128, 128)
    matrices = random_homographies(random(), torch.tensor([3.0]), exactly(any_rotation=1.0))
    views, _ = sample(pyramid(pixels), torch.arange(len(pixels)), matrices, 128)
    # A disc turned is the same disc; only pixels on its rim may differ. Turned in the squashed
    # square it would be an ellipse that covers other pixels.
    differing = ((views - pixels.float() / 255).abs() > 0.5).float().mean()
    assert float(differing) < 0.005
    assert 0.1 < float(views.mean()) < 0.3


def test_crops_show_the_share_that_was_asked_for() -> None:
    options = GeometryOptions(scale=(0.25, 0.25), ratio=1.0, flip=0.0)
    matrices = random_homographies(random(), torch.ones(50), options)
    area = torch.linalg.det(matrices[:, :2, :2]).abs()
    assert torch.allclose(area, torch.full((50,), 0.25), atol=1e-4)
    corners = matrices @ torch.tensor([[-1.0, 1, -1, 1], [-1, -1, 1, 1], [1, 1, 1, 1]])
    assert float(corners[:, :2].abs().max()) <= 1 + 1e-5


def test_crops_of_any_shape_stay_inside_the_photo() -> None:
    options = GeometryOptions(scale=(0.9, 1.0), ratio=2.0, flip=0.0)
    matrices = random_homographies(random(), torch.ones(50), options)
    corners = matrices @ torch.tensor([[-1.0, 1, -1, 1], [-1, -1, 1, 1], [1, 1, 1, 1]])
    assert float(corners[:, :2].abs().max()) <= 1 + 1e-5
    assert float(matrices[:, 0, 0].min()) < 0.75  # upright ones
    assert float(matrices[:, 1, 1].min()) < 0.75  # and wide ones


def test_a_tilt_leans_every_way_about_the_middle() -> None:
    matrices = random_homographies(random(), torch.ones(50), exactly(tilt=1.0))
    assert float(matrices[:, :2, 2].abs().max()) == 0.0
    for row, column in ((2, 0), (2, 1), (0, 1), (1, 0)):  # away to a side or up, and leaning
        assert float((matrices[:, row, column].abs() > 1e-3).float().mean()) > 0.9


def test_tilted_views_stay_inside_the_photo() -> None:
    matrices = random_homographies(random(), torch.ones(50), exactly(tilt=1.0))
    corners = matrices @ torch.tensor([[-1.0, 1, -1, 1], [-1, -1, 1, 1], [1, 1, 1, 1]])
    assert float((corners[:, :2] / corners[:, 2:]).abs().max()) <= 1.05


def test_a_placed_photo_fills_its_box_and_nothing_else() -> None:
    half, centre = torch.tensor([0.5]), torch.tensor([0.25])
    place = placements(half, half, centre, -centre)
    _, inside = sample(pyramid(photos(1)), torch.arange(1), place, 64)
    y, x = torch.nonzero(inside[0, 0], as_tuple=True)
    assert (int(x.min()), int(x.max())) == (24, 55)
    assert (int(y.min()), int(y.max())) == (8, 39)


def test_shrinking_averages_instead_of_skipping_pixels() -> None:
    stripes = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    stripes[:, :, :, ::2] = 255
    views, _ = sample(pyramid(stripes), torch.arange(1), torch.eye(3)[None], 16)
    assert torch.allclose(views, torch.full_like(views, 0.5), atol=0.02)


def test_colours_stay_as_they_are_when_nothing_is_asked_for() -> None:
    options = ColourOptions(jitter=0.0, gray=0.0)
    shown = photos().float() / 255
    assert torch.allclose(recolour(random(), shown.clone(), options), shown, atol=1e-5)


def test_grey_is_the_luminance() -> None:
    shown = photos().float() / 255
    grey = recolour(random(), shown.clone(), ColourOptions(jitter=0.0, gray=1.0))
    expected = torch.einsum("bchw,c->bhw", shown, LUMA)
    for channel in range(3):
        assert torch.allclose(grey[:, channel], expected, atol=1e-5)


def test_negatives_and_solarised_views_turn_light_to_dark() -> None:
    shown = photos().float() / 255
    negative = recolour(random(), shown.clone(), ColourOptions(jitter=0, gray=0, negative=1.0))
    assert torch.allclose(negative, 1 - shown, atol=1e-5)
    solar = recolour(random(), shown.clone(), ColourOptions(jitter=0, gray=0, solarise=1.0))
    assert torch.allclose(solar, torch.where(shown >= 0.5, 1 - shown, shown), atol=1e-5)


def test_a_turned_hue_changes_colours_and_keeps_their_mean() -> None:
    shown = photos(8).float() / 255 * 0.5 + 0.25  # far from the ends: nothing is clipped
    found = recolour(random(), shown.clone(), ColourOptions(jitter=0.0, gray=0.0, turned_hue=1.0))
    assert float((found - shown).abs().mean()) > 0.01
    assert torch.allclose(found.mean(dim=1), shown.mean(dim=1), atol=0.05)


def test_jitter_of_hue_leaves_grey_alone() -> None:
    grey = torch.full((8, 3, 4, 4), 0.4)
    options = ColourOptions(jitter=1.0, brightness=0, contrast=0, saturation=0.5, hue=0.5, gray=0)
    assert torch.allclose(recolour(random(), grey.clone(), options), grey, atol=1e-5)


def test_blur_is_scipys_gaussian() -> None:
    shown = photos(2).float() / 255
    blurred = gaussian_blur(shown, torch.tensor([0.8, 2.0]))
    for number, sigma in enumerate((0.8, 2.0)):
        expected = gaussian_filter(shown[number, 0].numpy(), sigma, mode="nearest", truncate=4)
        assert float((blurred[number, 0] - torch.from_numpy(expected)).abs().max()) < 0.02


def test_jpeg_quantises_each_block_as_written_out() -> None:
    shown = photos(1, 16).float() / 255
    found = jpeg(shown, torch.tensor([30.0]))
    k = np.arange(BLOCK_PX)
    basis = np.cos(np.pi / 8 * (k[None] + 0.5) * k[:, None]) * 0.5
    basis[0] /= np.sqrt(2)
    table = QUANTISATION.numpy() * (5000 / 30) / 100
    block = shown[0, 1, 8:16, 0:8].numpy() * 255
    coefficients = np.round((basis @ block @ basis.T) / table) * table
    expected = np.clip(basis.T @ coefficients @ basis / 255, 0, 1)
    assert np.allclose(found[0, 1, 8:16, 0:8].numpy(), expected, atol=1e-3)


def test_jpeg_of_odd_sizes_keeps_the_size() -> None:
    shown = photos(1, 64).float()[:, :, :51, :43] / 255
    assert jpeg(shown, torch.tensor([90.0])).shape == shown.shape


@pytest.mark.parametrize("name", [f.name for f in fields(DegradeOptions) if f.default == 0.0])
def test_each_degradation_changes_a_view_and_stays_in_range(name: str) -> None:
    shown = photos().float() / 255
    found = degrade(random(), shown.clone(), replace(DegradeOptions(), **{name: 1.0}))  # type: ignore[arg-type]
    assert float((found - shown).abs().mean()) > 1e-4
    assert 0 <= float(found.min()) <= float(found.max()) <= 1


def test_what_is_flat_stays_flat_when_it_is_sharpened() -> None:
    flat = torch.full((3, 3, 32, 32), 0.4)
    found = degrade(random(), flat.clone(), replace(DegradeOptions(), sharpen=1.0))
    assert torch.allclose(found, flat, atol=1e-5)


def test_a_face_is_the_same_in_a_mirror() -> None:
    stickers = make_bank().stickers
    for number in range(0, len(stickers), 6):  # two in six are faces
        for face in stickers[number : number + 2]:
            assert float((face - face.flip(2)).abs().mean()) < 0.02


@pytest.mark.parametrize("name", [f.name for f in fields(OverlayOptions)])
def test_each_overlay_covers_a_part_of_the_view(name: str) -> None:
    shown = photos(8).float() / 255
    found = overlay(random(), shown.clone(), make_bank(), OverlayOptions(**{name: 1.0}))
    changed = ((found - shown).abs().amax(dim=1) > 0.01).float().mean(dim=(1, 2))
    assert float(changed.min()) > 0
    assert float(changed.mean()) < 0.9


@pytest.mark.parametrize(
    ("name", "kind"), [("frame", FRAME), ("screen", SCREEN), ("collage", COLLAGE)]
)
def test_each_composition_puts_the_photo_into_a_part_of_the_view(name: str, kind: int) -> None:
    boxes = choose_boxes(random(), 40, ComposeOptions(**{name: 1.0}))
    assert set(boxes.kind.tolist()) == {kind}
    share = boxes.half_x * boxes.half_y
    assert float(share.max()) < 1
    reach = torch.stack([boxes.centre_x.abs() + boxes.half_x, boxes.centre_y.abs() + boxes.half_y])
    assert float(reach.max()) <= 1 + 1e-5
    painted = backgrounds(random(), torch.rand(40, 3, 16, 16), torch.rand(7, 3, 16, 16), boxes, 32)
    assert painted.shape == (40, 3, 32, 32)
    assert torch.isfinite(painted).all()


def test_collages_show_the_photos_beside_and_none_of_the_batch() -> None:
    black = torch.zeros(8, 3, 64, 64, dtype=torch.uint8)
    recipe = Recipe(
        geometry=GeometryOptions(scale=(1.0, 1.0), ratio=1.0, flip=0.0),
        colour=ColourOptions(jitter=0.0, gray=0.0),
        compose=ComposeOptions(collage=1.0),
    )
    beside = torch.full((3, 3, 64, 64), 255, dtype=torch.uint8)
    shown = Batch(black, torch.ones(8), beside)
    views = maker().render(shown, recipe, 64, torch.Generator().manual_seed(2))
    bright = (views > 0.9).float().mean(dim=(1, 2, 3))
    assert float(bright.min()) > 0.05  # wide gaps leave little of so small a picture
    alone = maker().render(
        Batch(black, torch.ones(8)), recipe, 64, torch.Generator().manual_seed(2)
    )
    assert float((alone > 0.9).float().mean()) < float(bright.mean())


def test_each_part_of_a_mixture_makes_its_share_of_the_views() -> None:
    black = Recipe(colour=ColourOptions(jitter=0.0, brightness=0.0, gray=0.0, negative=0.0))
    white = Recipe(colour=ColourOptions(jitter=0.0, brightness=0.0, gray=0.0, negative=1.0))
    shown = Batch(torch.zeros(400, 3, 16, 16, dtype=torch.uint8), torch.ones(400))
    mixture = Mixture(((0.25, white), (0.75, black)))
    views = maker().render(shown, mixture, 16, torch.Generator().manual_seed(1))
    share = float((views.mean(dim=(1, 2, 3)) > 0.5).float().mean())
    assert 0.18 < share < 0.32  # three standard deviations of 400 draws


@pytest.mark.parametrize("strong", [0.0, 0.4, 1.0])
def test_the_shares_of_a_mixture_sum_to_one(strong: float) -> None:
    for mixture in (
        copy_mixture(strong=strong),
        original_mixture(light=0.8, strong=strong),
        single_mixture(strong=strong),
    ):
        assert sum(share for share, _ in mixture.parts) == pytest.approx(1.0)


def test_the_whole_photo_is_what_a_descriptor_is_made_of() -> None:
    views = maker().render(batch(), WHOLE, 48, torch.Generator().manual_seed(1))
    assert torch.allclose(views, maker().clean(batch(), 48), atol=1e-5)


def test_a_single_alteration_is_of_the_shape_or_of_what_is_around_or_of_the_surface() -> None:
    for share, recipe in single_mixture((0.5, 0.9), strong=0.0).parts[1:]:
        assert share > 0
        shape, around, over = recipe.geometry, recipe.compose, recipe.overlay
        altered = [
            shape.scale != (1.0, 1.0),
            shape.flip + shape.quarter_turn > 0,
            shape.small_rotation + shape.any_rotation > 0,
            shape.tilt > 0,
            around.frame > 0,
            around.screen > 0,
            around.collage > 0,
            over.text + over.sticker > 0,
            recipe.colour.gray > 0.2,
        ]
        assert sum(altered) == 1


def test_the_same_seed_makes_the_same_views() -> None:
    views = [
        maker().render(batch(), copy_recipe(), 48, torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])


@pytest.mark.parametrize(
    "recipe",
    [
        copy_recipe(),
        copy_mixture(),
        original_mixture(light=0.5),
        single_mixture(),
        *dino_recipes(global_scale=(0.4, 1.0), local_scale=(0.05, 0.4)),
    ],
    ids=["copy", "copies", "originals", "single", "global 1", "global 2", "local"],
)
def test_views_are_finite_and_in_range(recipe: Recipe | Mixture) -> None:
    views = maker().render(batch(16), recipe, 40, torch.Generator().manual_seed(3))
    assert views.shape == (16, 3, 40, 40)
    assert torch.isfinite(views).all()
    assert -1e-5 <= float(views.min()) <= float(views.max()) <= 1 + 1e-5


def test_what_is_drawn_at_random_has_chances_up_to_one() -> None:
    parts = (*copy_mixture().parts, *original_mixture(light=0.5).parts, *single_mixture().parts)
    for recipe in (copy_recipe(), *(recipe for _, recipe in parts)):
        for chance in vars(recipe.overlay).values():
            assert 0 <= chance <= 1


def test_dino_recipes_have_the_papers_chances() -> None:
    first, second, local = dino_recipes(global_scale=(0.4, 1.0), local_scale=(0.05, 0.4))
    assert (first.degrade.blur, second.degrade.blur, local.degrade.blur) == (1.0, 0.1, 0.5)
    assert (first.colour.solarise, second.colour.solarise, local.colour.solarise) == (0, 0.2, 0)
    for recipe in (first, second, local):
        assert recipe.geometry.flip == 0.5
        assert (recipe.colour.jitter, recipe.colour.gray) == (0.8, 0.2)


def test_clean_views_are_normalised_photos() -> None:
    shown = maker().clean(batch(), 64)
    assert torch.allclose(shown, photos().float() / 255, atol=1e-4)
    mean = ViewMaker(device=CPU, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)).clean(batch(), 64)
    assert torch.allclose(mean * 0.25 + 0.5, shown, atol=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_makes_the_same_views() -> None:
    on_gpu = ViewMaker(device=torch.device("cuda"), mean=(0.0,) * 3, std=(1.0,) * 3)
    shown = Batch(batch(16).pixels.cuda(), batch(16).aspects)
    strong = copy_recipe()
    recipe = replace(strong, degrade=replace(strong.degrade, noise=0.0))  # a GPU draws its own
    found = on_gpu.render(shown, recipe, 48, torch.Generator().manual_seed(4)).cpu()
    expected = maker().render(batch(16), recipe, 48, torch.Generator().manual_seed(4))
    assert float(((found - expected).abs() > 0.02).float().mean()) < 0.01


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_draws_its_own_noise_the_same_each_time() -> None:
    views = torch.zeros(8, 3, 64, 64, device="cuda")
    drawn, again, other = (
        Random(torch.Generator().manual_seed(seed)).normal_like(views) for seed in (4, 4, 5)
    )
    assert drawn.device == views.device
    assert torch.equal(drawn, again)
    assert not torch.equal(drawn, other)
    assert abs(float(drawn.mean())) < 0.02
    assert abs(float(drawn.std()) - 1) < 0.02


def test_a_processor_draws_noise_from_the_generator_itself() -> None:
    drawn = Random(torch.Generator().manual_seed(4)).normal_like(torch.zeros(2, 3, 8, 8))
    assert torch.equal(drawn, torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(4)))
