"""Bring any of Pillow's pixel types to 8-bit sRGB, transparency on white (or black, see below)."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

# The colour space of an ICC profile stands at byte 16; Pillow's mode must agree with it.
_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
STRIP_PIXELS = 1 << 20
WHITE, BLACK = 255, 0
_SAMPLE_PX = 1024
NEARLY_WHITE = 225  # luma from which on a drawing is hard to see on white
_MOSTLY = 0.9  # share of what is to be seen that must be nearly white to be put on black


def ground_of(image: Image.Image) -> int | None:
    """Return the grey level that a picture with transparency is to lie on, None for one without.

    White, as nearly every viewer has it; black where hardly anything of the picture could be seen
    on white: all white drawings would be one empty sheet. ``image`` is loaded.
    """
    if not image.has_transparency_data:
        return None
    image = _sample(image)
    pixels = np.asarray(image.convert("RGBA"))
    weight = pixels[..., 3].astype(np.float64)
    if weight.min() == 255:
        return None  # an alpha channel that hides nothing
    luma = pixels[..., :3].astype(np.float64) @ (0.299, 0.587, 0.114)
    nearly_white = float(weight[luma >= NEARLY_WHITE].sum())
    visible = float(weight.sum())
    return BLACK if visible > 0 and nearly_white >= _MOSTLY * visible else WHITE


def to_rgb(image: Image.Image, profile: bytes | None, ground: int | None = None) -> Image.Image:
    """Return ``image`` as 8-bit sRGB (mode ``RGB``).

    Args:
        image: A loaded picture of any mode.
        profile: Its ICC profile, or None; one that does not fit the picture is passed over.
        ground: Grey level behind what is transparent; None for white.

    Raises:
        ValueError, OSError: Pillow knows no way from this mode to RGB.
    """
    if image.mode == "RGB" and not profile and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return _from_deep(image).convert("RGB")
    if image.mode == "LAB":
        return _converted(image, _lab_transform())
    if image.has_transparency_data:
        return _on_ground(_alpha_managed(image.convert("RGBA"), profile), ground)
    if image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return _managed(image, profile).convert("RGB")


def reduced_rgb(
    image: Image.Image, factor: int, profile: bytes | None, ground: int | None = None
) -> Image.Image:
    """Return ``image`` as 8-bit sRGB with both sides divided by ``factor`` (at most 1: as it is).

    A large picture is never copied as a whole: it is reduced before its colours are converted, or
    strip by strip where transparency, a palette or 16 bits want it the other way round.
    """
    if factor <= 1:
        return to_rgb(image, profile, ground)
    plain = image.mode in ("RGB", "L", "CMYK", "I", "F") and not image.has_transparency_data
    if plain:
        return to_rgb(image.reduce(factor), profile)
    width, height = image.size
    reduced = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    rows = factor * max(1, STRIP_PIXELS // (width * factor))
    for top in range(0, height, rows):
        strip = to_rgb(image.crop((0, top, width, min(height, top + rows))), profile, ground)
        reduced.paste(strip.reduce(factor), (0, top // factor))
    return reduced


def _sample(image: Image.Image) -> Image.Image:
    """Return some of the pixels of a large picture; a copy of all would take too much memory."""
    if max(image.size) <= _SAMPLE_PX:
        return image
    scale = _SAMPLE_PX / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    sample = image.resize((width, height), Image.Resampling.NEAREST)
    sample.info.update(image.info)
    return sample


def _on_ground(image: Image.Image, ground: int | None) -> Image.Image:
    level = WHITE if ground is None else ground
    behind = Image.new("RGBA", image.size, (level, level, level, 255))
    return Image.alpha_composite(behind, image).convert("RGB")


def _alpha_managed(image: Image.Image, profile: bytes | None) -> Image.Image:
    managed = _managed(image.convert("RGB"), profile)
    managed.putalpha(image.getchannel("A"))
    return managed


def _from_deep(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and float pixels to 8 bits.

    16-bit numbers cover their full range. Of 32-bit numbers and floats nobody knows the range:
    up to 1, 255 or 65535 when they fit there, else what the picture uses.
    """
    values = np.asarray(image).astype(np.float32)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = min(0.0, float(values.min())), float(values.max())
    if image.mode.startswith("I;16"):
        high = 65535.0
    elif low == 0.0:
        limits = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        high = next((limit for limit in limits if high <= limit), high)
    scaled = (values - low) * (255.0 / max(high - low, 1e-9))
    return Image.fromarray(np.rint(scaled).clip(0, 255).astype(np.uint8))


def has_profile(image: Image.Image) -> bool:
    """Say whether a picture has an ICC profile that fits it and is not sRGB: it changes the colours."""
    profile = image.info.get("icc_profile")
    mode = image.mode if image.mode in ("L", "CMYK") else "RGB"
    return _way_of(profile, mode) is not None if profile else False


def _managed(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Apply an ICC profile, where there is one that fits the picture and is not sRGB."""
    transform = _way_of(profile, image.mode) if profile else None
    return _converted(image, transform) if transform else image


def _way_of(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    return _profile_transform(profile, mode) if _SPACES.get(profile[16:20]) == mode else None


def _converted(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = transform.apply(image)
    converted.info.pop("icc_profile", None)
    return converted


@lru_cache(maxsize=16)
def _profile_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Build the way from ``profile`` to sRGB; None when it is sRGB already, or damaged."""
    if is_srgb(profile):
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.buildTransform(source, _srgb(), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


@lru_cache(maxsize=16)
def is_srgb(profile: bytes) -> bool:
    """Say whether an ICC profile names itself sRGB."""
    try:
        described = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.profile_description
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False
    name = (described or "").lower()
    # "c2" is a tiny sRGB profile that many sites put into their pictures.
    return name.startswith("c2") or ("srgb" in name and "linear" not in name)


@lru_cache(maxsize=1)
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), _srgb(), "LAB", "RGB")


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
