"""Draw what a model looks at in a photo."""

from pathlib import Path

from dupfind.config import DEFAULT_MODEL, LibraryPaths
from dupfind.descriptors.attention import SIDE_FACTOR, AttentionMaps, attend, mass_mask
from dupfind.descriptors.backbone import Model
from dupfind.errors import PhotoError, ReportError
from dupfind.flows.models import open_model, wanted_model
from dupfind.options import AttentionOptions
from dupfind.photos.decode import decode, fit
from dupfind.reports.attention import HeadView, attention_figure
from dupfind.reports.output import binary_output
from dupfind.store.store import Store

_FIGURE_PX = 640


def draw_attention(
    paths: LibraryPaths, image: Path, target: Path, options: AttentionOptions | None = None
) -> AttentionMaps:
    """Write a PNG of what the model looks at in ``image``; return the attention itself.

    Args:
        paths: Of the library, which need not exist: the default model then looks.
        image: Any photo.
        target: The PNG to write.
        options: See ``AttentionOptions``.

    Raises:
        PhotoError: The image cannot be read.
        ModelError: The model cannot be loaded, or has no CLS token or no such layer.
        ReportError: ``target`` cannot be written, or is the photo itself.
    """
    options = options or AttentionOptions()
    if target.exists() and target.samefile(image):
        raise ReportError(
            f"{target} is the photo itself, which is never changed; choose another -o"
        )
    model = _model(paths, options.model)
    needed_px = max(SIDE_FACTOR * model.spec.view_px // 2, _FIGURE_PX // 2)
    try:
        pixels = decode(image, needed_px=needed_px, max_pixels=options.max_pixels).pixels
    except PhotoError as error:
        raise PhotoError(f"cannot read {image}: {error}") from error
    maps = attend(model, pixels, layer=options.layer, device=options.device)
    figure = attention_figure(
        fit(pixels, _FIGURE_PX),
        head_views(maps, options.share),
        name=image.name,
        caption=f"attention of CLS, model {Path(model.name).name}, layer {maps.layer} of {maps.depth}",
        share=options.share,
    )
    with binary_output(target) as stream:
        stream.write(figure)
    return maps


def head_views(maps: AttentionMaps, share: float) -> list[HeadView]:
    """Return the mean and each head, with the masks that keep ``share`` of their attention."""
    titled = [("mean of the heads", maps.mean)]
    titled += [(f"head {number}", head) for number, head in enumerate(maps.heads, start=1)]
    return [HeadView(title, attention, mass_mask(attention, share)) for title, attention in titled]


def _model(paths: LibraryPaths, name: str | None) -> Model:
    if name is None and paths.database.is_file():
        with Store.open(paths) as store:
            name = wanted_model(store, None)
    return open_model(name or DEFAULT_MODEL, paths)
