"""The numbers that the shipped tables were grown on, of a few made pairs.

    python tests/recorded_signals.py      writes tests/signals.json anew

calibration.json, judge.json, worth.json and origin.json weigh these numbers: whoever changes how one of
them is made has to grow the tables anew, and then to record the numbers anew.
"""

import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matching_helpers import photo
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from dupfind.copies.local_index import index_local
from dupfind.matching.calibrate import SIGNALS, signals_of
from dupfind.matching.closer import look_closer
from dupfind.matching.family import lay_out
from dupfind.matching.features import extract
from dupfind.matching.judge import LOOK_SIGNALS, look_signals
from dupfind.matching.origin import standing
from dupfind.matching.original import judge
from dupfind.matching.quality import look_at
from dupfind.matching.relation import Side, relate
from dupfind.matching.sketch import draw_sketch
from dupfind.matching.traces import TRACES, trace
from dupfind.matching.verify import verify
from dupfind.matching.voting import SketchTable, compare_sketches
from dupfind.matching.worth import beside_signals, worth_signals

RECORD = Path(__file__).parent / "signals.json"
Pixels = NDArray[np.uint8]
Numbers = dict[str, float | None]
_DIGITS = 5


def picture(name: str, width: int = 300) -> Image.Image:
    return Image.fromarray(photo(name, width))


def saved(image: Image.Image, quality: int) -> tuple[Pixels, NDArray[np.float32]]:
    """Save as JPEG; return what comes back and the table it was saved with."""
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=quality)
    back = Image.open(file)
    table = np.array(back.quantization[0], np.float32).reshape(8, 8)  # type: ignore[attr-defined]
    return np.asarray(back.convert("RGB")), table


def _written(image: Image.Image) -> Image.Image:
    ImageDraw.Draw(image).text((40, 90), "NOT ON A MONDAY", "white", font_size=26, stroke_width=2,
                               stroke_fill="black")  # fmt: skip
    return image


def _tilted(image: Image.Image) -> Image.Image:
    high, wide = image.height, image.width
    corners = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    moved = corners + np.array([[14, 9], [-6, 3], [-16, -5], [4, -12]], np.float32)
    warp = cv2.getPerspectiveTransform(corners, moved)
    return Image.fromarray(np.asarray(cv2.warpPerspective(np.asarray(image), warp, (wide, high))))


def _beside(image: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", (520, 260), "white")
    canvas.paste(image.resize((230, 170)), (12, 30))
    canvas.paste(picture("coins.png").resize((240, 180)), (262, 40))
    return canvas


def _noisy(image: Image.Image) -> Image.Image:
    grain = np.random.default_rng(1).normal(0, 14, (image.height, image.width, 3))
    return Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8))


def _uneven(image: Image.Image) -> Image.Image:
    fall = np.linspace(1.0, 0.55, image.width)[None, :, None]
    return Image.fromarray((np.asarray(image) * fall).astype(np.uint8))


def _covered(image: Image.Image) -> Image.Image:
    ImageDraw.Draw(image).rectangle((150, 50, 235, 120), "gold", "black", 4)
    return image.filter(ImageFilter.MedianFilter(3))


def _another_shot(image: Image.Image) -> Image.Image:
    """Return the scene a little aside, with something else in it."""
    shot = image.crop((9, 6, image.width, image.height)).copy()
    ImageDraw.Draw(shot).ellipse((120, 60, 190, 150), "firebrick", "black", 3)
    return _noisy(shot)


def _enhanced(image: Image.Image) -> Image.Image:
    return ImageEnhance.Color(ImageEnhance.Contrast(image).enhance(1.4)).enhance(1.6)


ALTERED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved": lambda image: image,
    "cropped": lambda image: image.crop((30, 20, 250, 160)).resize((320, 204)),
    "written": _written,
    "turned": lambda image: ImageOps.mirror(image.transpose(Image.Transpose.ROTATE_90)),
    "toned": _enhanced,
    "grey": lambda image: image.convert("L").point(lambda tone: min(255, 30 + tone)),
    "framed": lambda image: ImageOps.expand(image, 24, "black"),
    "reduced": lambda image: image.resize((image.width // 2, image.height // 2)),
    "sharpened": lambda image: image.filter(ImageFilter.UnsharpMask(2, 200, 0)),
    "noisy": lambda image: _noisy(image.filter(ImageFilter.GaussianBlur(1))),
    "uneven": _uneven,
    "tilted": _tilted,
    "beside": _beside,
    "another shot": _another_shot,
    "negative": ImageOps.invert,
    "stretched": lambda image: image.resize((image.width * 5 // 4, image.height)),
    "enlarged": lambda image: image.resize((image.width * 2, image.height * 2)),
    "aslant": lambda image: image.rotate(7, Image.Resampling.BICUBIC, fillcolor="white"),
    "covered": _covered,
}
# How a copy differs in tones and detail: each leaves a clue to the original.
TONES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "grey": lambda image: image.convert("L"),
    "sepia": lambda image: ImageOps.colorize(image.convert("L"), "#201005", "#fff2d8"),
    "brighter": lambda image: image.point(lambda tone: min(255, tone * 3 // 2)),
    "dimmed": lambda image: image.point(lambda tone: 20 + tone * 4 // 5),
    "flatter": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
    "more contrast": _enhanced,
    "few tones": lambda image: ImageOps.posterize(image, 3),
    "few colours": lambda image: image.quantize(24),
    "corners": lambda image: Image.composite(
        image,
        Image.new("RGB", image.size),
        ImageOps.invert(Image.radial_gradient("L").resize(image.size)),
    ),
    "leak": lambda image: ImageChops.add(
        image, Image.linear_gradient("L").rotate(90).resize(image.size).convert("RGB"), 2, -20
    ),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "sharpened": lambda image: image.filter(ImageFilter.UnsharpMask(2, 250, 0)),
    "noisy": _noisy,
    "smooth": lambda image: image.filter(ImageFilter.MedianFilter(5)),
    "pixelated": lambda image: image.resize((75, 50)).resize(image.size, Image.Resampling.NEAREST),
    "saved twice": lambda image: Image.fromarray(saved(image, 30)[0]),
    "enlarged": lambda image: image.resize((image.width * 2, image.height * 2)),
    "reduced": lambda image: image.resize((image.width * 2 // 3, image.height * 2 // 3)),
    "stretched": lambda image: image.resize((image.width * 5 // 4, image.height)),
    "written": _written,
}
NAMES = ("coffee.png", "chelsea.png", "astronaut.png", "rocket.jpg")
FAMILY = ("written", "toned", "reduced", "cropped", "turned")


def of_a_pair(how: str) -> Numbers:
    """Return the numbers of a picture and its altered copy."""
    place = list(ALTERED).index(how)
    name = NAMES[place % len(NAMES)]
    a, table_a = saved(picture(name), 93)
    b, table_b = saved(ALTERED[how](picture(name)), 70 + place * 3 % 25)
    one, two = Side(extract(a), a.shape[1], a.shape[0]), Side(extract(b), b.shape[1], b.shape[0])
    proof = verify(one.features, two.features)
    found: Numbers = dict(zip(SIGNALS, signals_of(proof).tolist(), strict=True))
    if proof.matrix is None:
        return found
    _, evidence = relate(proof, one, two)
    found |= _flat(asdict(evidence))
    look = look_closer(a, b, proof.matrix)
    if look is not None:
        found |= dict(zip(LOOK_SIGNALS, look_signals(look, 1.5).tolist(), strict=True))
        found |= _flat({"look": asdict(look)})
    matrix = np.array(evidence.matrix, np.float64).reshape(3, 3)
    verdict = judge(look_at(a, table=table_a), look_at(b, table=table_b), matrix)
    return found | _flat({"verdict": asdict(verdict)})


def of_clues() -> Numbers:
    """Return the clues to the original, of copies that lie on it as they are and the other way."""
    pixels, table = saved(picture("astronaut.png"), 90)
    original = look_at(pixels, table=table, camera=True)
    found: Numbers = {}
    for how, alter in TONES.items():
        again, again_table = saved(alter(Image.fromarray(pixels)), 93)
        copy = look_at(again, table=again_table)
        there, back = judge(original, copy, np.eye(3)), judge(copy, original, np.eye(3))
        found |= _flat({how: {"there": asdict(there), "back": asdict(back)}})
    turned = np.array([[0, 1, 0], [-1, 0, 1], [0, 0, 1.0]])
    copy = look_at(saved(Image.fromarray(np.rot90(pixels)), 90)[0], edited=True)
    return found | _flat({"turned": asdict(judge(original, copy, turned))})


def of_a_family() -> Numbers:
    """Return the traces of a picture and its copies."""
    original, table = saved(picture("coffee.png"), 95)
    looks, matrices = [look_at(original, table=table)], [np.eye(3)]
    for place, how in enumerate(FAMILY):
        pixels, table = saved(ALTERED[how](picture("coffee.png")), 75 + 2 * place)
        sides = [Side(extract(side), side.shape[1], side.shape[0]) for side in (pixels, original)]
        _, evidence = relate(verify(*(side.features for side in sides)), *sides)
        assert evidence.matrix is not None, how
        looks.append(look_at(pixels, table=table))
        matrices.append(np.array(evidence.matrix, np.float64).reshape(3, 3))
    traced = trace(lay_out(looks, matrices, 0), {(0, 4): -1}, {})
    found: Numbers = {}
    for (a, b), row in traced.pairs.items():
        found |= {
            f"{a}-{b} {name}": value for name, value in zip(TRACES, row.tolist(), strict=True)
        }
    own = {name: getattr(traced, name) for name in ("deviating", "astray", "differing", "pixels")}
    links = np.random.default_rng(8).normal(size=(len(looks), len(looks)))
    own["standing"] = standing(traced, links - links.T)
    return found | _flat({name: values.tolist() for name, values in own.items()})


def of_sketches() -> Numbers:
    """Return what makes pairs worth a proof, of pictures and their copies."""
    shown = [np.asarray(picture(name)) for name in NAMES]
    shown += [
        saved(ALTERED[how](picture(NAMES[place % 4])), 85)[0]
        for place, how in enumerate(("cropped", "written", "turned", "negative", "reduced"))
    ]
    sketches = [draw_sketch(pixels) for pixels in shown]
    table = SketchTable.of(sketches)
    pairs = np.array([(a, b) for a in range(len(shown)) for b in range(a + 1, len(shown))])
    thumbs = np.stack([sketch.thumb for sketch in sketches])
    vectors = np.random.default_rng(4).normal(size=(len(shown), 12))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    worth = worth_signals(pairs, index_local(table).votes(), thumbs, vectors)
    beside = beside_signals(compare_sketches(table, pairs))
    named = {
        f"{a}-{b}": [*first, *second]
        for (a, b), first, second in zip(
            pairs.tolist(), worth.tolist(), beside.tolist(), strict=True
        )
    }
    return _flat(named)


def _flat(values: Any, name: str = "") -> Numbers:
    """Return the numbers in nested values by the way to them."""
    if isinstance(values, Mapping):
        items = [(f"{name}.{key}" if name else str(key), value) for key, value in values.items()]
    elif isinstance(values, list | tuple):
        items = [(f"{name}.{place}", value) for place, value in enumerate(values)]
    elif isinstance(values, bool | int | float):
        return {name: float(values)}
    else:
        return {}
    found: Numbers = {}
    for key, value in items:
        found |= _flat(value, key)
    return found


PARTS: dict[str, Callable[[], Numbers]] = {
    **{how: partial(of_a_pair, how) for how in ALTERED},
    "clues": of_clues,
    "a family": of_a_family,
    "sketches": of_sketches,
}


def numbers_of(part: str) -> Numbers:
    """Return the numbers of a part; None stands for those that are no number."""
    return {name: _rounded(value) for name, value in PARTS[part]().items()}


def _rounded(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")


if __name__ == "__main__":
    lines = [f"{json.dumps(part)}: {json.dumps(numbers_of(part))}" for part in PARTS]
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
