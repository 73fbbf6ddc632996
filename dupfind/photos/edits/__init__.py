"""Altered copies of a photo, as people make them: for calibration, evaluation, tests and the demo.

In:  uint8 pixels and a random generator. Out: the altered pixels with the truth about them.
No assets are used: pictures to put beside come from the caller or are made up.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

import numpy as np

from dupfind.photos.edits import colour, composite, encoding, geometry, overlay
from dupfind.photos.edits.step import (
    Apply,
    Edit,
    EditedPicture,
    Pixels,
    alone,
    chain,
    truth_of,
)
from dupfind.records import Relation

__all__ = ["EDITS", "Edit", "EditedPicture", "apply_edit"]


def apply_edit(
    name: str,
    pixels: Pixels,
    rng: np.random.Generator,
    *,
    other: Sequence[Pixels] = (),
) -> EditedPicture:
    """Make an altered copy of a picture.

    Args:
        name: One of ``EDITS``.
        pixels: The picture, uint8 of shape (height, width, 3); it stays as it is.
        rng: Decides the strengths; the same state gives the same copy.
        other: Other pictures, for collages and backgrounds (``EDITS[name].others`` of them);
            without any, some are made up.

    Raises:
        KeyError: There is no edit of that name.
    """
    edit = EDITS[name]
    step = edit.apply(pixels, rng, other)
    return EditedPicture(step.pixels, name, edit.relation, truth_of(pixels, step))


def _combo_mild() -> Apply:
    """What a reshared picture goes through: cut a little, toned a little, saved small."""
    return chain(
        alone(geometry.crop, low=0.75, high=0.92),
        alone(colour.brightness, low=0.8, high=1.25),
        alone(geometry.resize, low=0.5, high=0.9),
        alone(encoding.jpeg, low=40, high=75),
    )


def _combo_social() -> Apply:
    """Cut square, filtered, written over, saved."""
    return chain(
        alone(geometry.crop_aspect, aspect=1.0),
        alone(colour.filter_vivid),
        alone(overlay.text),
        alone(geometry.resize, low=0.6, high=1.0),
        alone(encoding.jpeg, low=50, high=80),
    )


def _combo_turned() -> Apply:
    """Tilted, cut, faded, watermarked, saved."""
    return chain(
        alone(geometry.tilt_cropped),
        alone(colour.filter_faded),
        alone(overlay.watermark),
        alone(encoding.jpeg, low=35, high=70),
    )


def _combo_strong() -> Apply:
    """Nearly all at once: cut deep, mirrored, recoloured, written over, shrunk, saved badly."""
    return chain(
        alone(geometry.crop, low=0.5, high=0.75),
        alone(geometry.flip),
        alone(colour.cast),
        alone(colour.contrast, low=0.7, high=1.4),
        alone(overlay.text),
        alone(overlay.border),
        alone(geometry.resize, low=0.35, high=0.7),
        alone(encoding.jpeg, low=20, high=50),
    )


def _combo_screenshot() -> Apply:
    """A screenshot of a cut and recoloured copy, shrunk and saved."""
    return chain(
        alone(geometry.crop, low=0.7, high=0.9),
        alone(colour.saturation, low=0.4, high=1.6),
        composite.screenshot_phone,
        alone(geometry.resize, low=0.5, high=0.9),
        alone(encoding.jpeg, low=40, high=75),
    )


def _of(relation: Relation, **edits: Apply) -> list[Edit]:
    return [Edit(name, relation, apply) for name, apply in edits.items()]


_REENCODED = _of(
    Relation.REENCODED,
    jpeg_fine=alone(encoding.jpeg, low=85, high=95),
    jpeg_medium=alone(encoding.jpeg, low=55, high=80),
    jpeg_coarse=alone(encoding.jpeg, low=25, high=45),
    jpeg_worst=alone(encoding.jpeg, low=6, high=18),
    jpeg_often=alone(encoding.jpeg_often),
    webp=alone(encoding.webp),
    avif=alone(encoding.avif),
    gif_palette=alone(encoding.palette, low=128, high=256),
    few_colours=alone(encoding.palette, low=16, high=64),
)
_RESIZED = _of(
    Relation.RESIZED,
    shrink=alone(geometry.resize, low=0.6, high=0.9),
    shrink_half=alone(geometry.resize, low=0.4, high=0.6),
    shrink_quarter=alone(geometry.resize, low=0.2, high=0.35),
    enlarge=alone(geometry.resize, low=1.2, high=1.8),
    thumbnail=alone(geometry.thumbnail),
    stretch=alone(geometry.stretch),
    squeeze=alone(geometry.squeeze),
    messenger=chain(
        alone(geometry.resize, low=0.5, high=0.8), alone(encoding.jpeg, low=50, high=75)
    ),
)
_CROPPED = _of(
    Relation.CROPPED,
    crop_95=alone(geometry.crop, low=0.9, high=0.97),
    crop_85=alone(geometry.crop, low=0.8, high=0.9),
    crop_70=alone(geometry.crop, low=0.62, high=0.8),
    crop_50=alone(geometry.crop, low=0.45, high=0.62),
    crop_30=alone(geometry.crop, low=0.25, high=0.4),
    crop_centre=alone(geometry.crop_centre),
    crop_corner=alone(geometry.crop_corner),
    crop_side=alone(geometry.crop_side),
    crop_square=alone(geometry.crop_aspect, aspect=1.0),
    crop_story=alone(geometry.crop_aspect, aspect=9 / 16),
    crop_wide=alone(geometry.crop_aspect, aspect=16 / 9),
    crop_resized=chain(
        alone(geometry.crop, low=0.5, high=0.85), alone(geometry.resize, low=0.4, high=0.8)
    ),
)
_ROTATED = _of(
    Relation.ROTATED,
    rotate_90=alone(geometry.turn, quarters=1),
    rotate_180=alone(geometry.turn, quarters=2),
    rotate_270=alone(geometry.turn, quarters=3),
    tilt_black=alone(geometry.tilt, low=2, high=15),
    tilt_white=alone(geometry.tilt, low=2, high=15, fill=geometry.WHITE),
    tilt_cropped=alone(geometry.tilt_cropped),
    rotate_any=alone(geometry.tilt, low=20, high=160),
)
_MIRRORED = _of(
    Relation.MIRRORED,
    flip=alone(geometry.flip),
    flip_vertical=alone(geometry.flip, upside_down=True),
    flip_turned=chain(alone(geometry.flip), alone(geometry.turn, quarters=1)),
    flip_cropped=chain(alone(geometry.flip), alone(geometry.crop, low=0.6, high=0.9)),
)
_RECOLOURED = _of(
    Relation.RECOLOURED,
    grey=alone(colour.grey),
    sepia=alone(colour.toned),
    duotone=alone(colour.duotone),
    colour_cast=alone(colour.cast),
    brighter=alone(colour.brightness, low=1.2, high=1.6),
    darker=alone(colour.brightness, low=0.45, high=0.8),
    contrast_more=alone(colour.contrast, low=1.3, high=1.9),
    contrast_less=alone(colour.contrast, low=0.4, high=0.75),
    gamma=alone(colour.gamma),
    saturated=alone(colour.saturation, low=1.4, high=2.4),
    pale=alone(colour.saturation, low=0.1, high=0.6),
    hue=alone(colour.hue),
    vignette=alone(colour.vignette),
    see_through=alone(colour.see_through),
    posterise=alone(colour.posterise),
    equalise=alone(colour.equalise),
    invert=alone(colour.invert),
    filter_faded=alone(colour.filter_faded),
    filter_vivid=alone(colour.filter_vivid),
    filter_light_leak=alone(colour.filter_light_leak),
)
_EDITED = _of(
    Relation.EDITED,
    blur=alone(colour.blur),
    motion_blur=alone(colour.motion_blur),
    sharpen=alone(colour.sharpen),
    noise=alone(colour.noise),
    salt_and_pepper=alone(colour.salt_and_pepper),
    pixelate=alone(colour.pixelate),
    painted=alone(colour.painted),
    halftone=alone(colour.halftone),
    perspective=alone(geometry.perspective),
    shear=alone(geometry.shear),
    affine=alone(geometry.affine),
    text=alone(overlay.text),
    meme=alone(overlay.meme),
    caption_above=alone(overlay.caption_above),
    date_stamp=alone(overlay.date_stamp),
    watermark=alone(overlay.watermark),
    watermark_tiled=alone(overlay.watermark_tiled),
    stickers=alone(overlay.stickers),
    sticker_large=alone(overlay.sticker_large),
    stripes=alone(overlay.stripes),
    scribble=alone(overlay.scribble),
    blocks=alone(overlay.blocks),
    censored=alone(overlay.censored),
    moved_patch=alone(overlay.moved_patch),
    border=alone(overlay.border),
    frame=alone(overlay.frame),
    letterbox=alone(overlay.letterbox),
    letterbox_blurred=alone(overlay.letterbox_blurred),
    pad_uneven=alone(overlay.pad_uneven),
    rounded_corners=alone(overlay.rounded_corners),
    combo_mild=_combo_mild(),
    combo_social=_combo_social(),
    combo_turned=_combo_turned(),
    combo_strong=_combo_strong(),
)
_COMPOSITE = [
    Edit("collage_1x2", Relation.COMPOSITE, partial(composite.collage, rows=1, columns=2), 1),
    Edit("collage_2x2", Relation.COMPOSITE, partial(composite.collage, rows=2, columns=2), 3),
    Edit("collage_3x3", Relation.COMPOSITE, partial(composite.collage, rows=3, columns=3), 8),
    Edit("inlay", Relation.COMPOSITE, partial(composite.picture_in_picture, large=False), 1),
    Edit("with_inlay", Relation.COMPOSITE, partial(composite.picture_in_picture, large=True), 1),
    Edit("on_background", Relation.COMPOSITE, composite.on_background, 1),
    Edit("small_on_background", Relation.COMPOSITE, composite.small_on_background, 1),
    *_of(
        Relation.COMPOSITE,
        polaroid=composite.polaroid,
        screenshot_phone=composite.screenshot_phone,
        small_on_screen=composite.small_on_screen,
        screenshot_desktop=composite.screenshot_desktop,
        photo_of_screen=composite.photo_of_screen,
        scanned_print=composite.scanned_print,
        reshared_post=composite.reshared_post,
        combo_screenshot=_combo_screenshot(),
    ),
]

EDITS: Mapping[str, Edit] = MappingProxyType(
    {
        edit.name: edit
        for edit in (
            *_REENCODED,
            *_RESIZED,
            *_CROPPED,
            *_ROTATED,
            *_MIRRORED,
            *_RECOLOURED,
            *_EDITED,
            *_COMPOSITE,
        )
    }
)
