"""What a caller may choose, one class for each thing that a library does. Defaults stand here only.

The command line and the Python API take the same ones. Light to import: no numpy, no torch.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dupfind.config import DEFAULT_CANDIDATES, DEFAULT_KEEP, DEFAULT_MAX_PIXELS, DEFAULT_MODEL
from dupfind.records import Level

DEFAULT_PRECISION = 0.99
DEFAULT_MATCHES = 10  # photos that a query returns


class ReportFormat(StrEnum):
    """The formats of a report: two for people, three for scripts, three for other tools."""

    TERMINAL = "terminal"
    JSON = "json"
    CSV = "csv"
    PAIRS = "pairs"
    HTML = "html"
    FIFTYONE = "fiftyone"
    IMAGEDEDUP = "imagededup"
    FASTDUP = "fastdup"


class IndexKind(StrEnum):
    """How neighbours are found: by comparing all with all, through inverted lists, or as suits the size."""

    AUTO = "auto"
    EXACT = "exact"
    LISTS = "lists"


class EngineKind(StrEnum):
    """Where work in parts is done: in this process, in others of this machine, on a Ray cluster, or in
    commands that the user starts (a Slurm array)."""

    LOCAL = "local"
    PROCESSES = "processes"
    RAY = "ray"
    ARRAY = "array"


class LabelLayout(StrEnum):
    """How labels are laid out: a CSV file, or the folder of a published data set."""

    CSV = "csv"
    COPYDAYS = "copydays"
    DISC21 = "disc21"


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How to index. ``reference`` folders are scanned too and their photos are kept before others.

    ``model`` None means the library's active model, or the builtin one. ``workers`` decode
    and describe, threads or, for many photos, processes; None takes one a core.
    ``batch_size`` is the model's, in photos. ``forget``:
    photos of folders that are all of a sudden empty count as deleted, not as away. ``features``: sketch
    each photo while it is decoded; ``cluster`` does it otherwise. ``engine`` describes shards of
    ``shard_photos`` in other processes, which write them to ``shards``: a folder that all machines reach,
    or an address such as ``s3://bucket/folder``; None is the library's own cache.
    """

    model: str | None = None
    device: str = "auto"
    exclude: tuple[str, ...] = ()
    reference: tuple[Path, ...] = ()
    max_pixels: int = DEFAULT_MAX_PIXELS
    batch_size: int | None = None
    workers: int | None = None
    forget: bool = False
    features: bool = True
    engine: EngineKind = EngineKind.LOCAL
    shards: str | None = None
    shard_photos: int = 1000


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """What to group and how sure to be.

    Attributes:
        precision: Share of the grouped pairs that must be right, in (0.5, 1].
        threshold: Smallest probability to group; None finds it from ``precision``.
        level: Which relations join a group.
        keep: Stacked rules for the photo to keep (``matching.keep``).
        candidates: Partners of a photo that are proven.
        workers: Threads or, for many pairs, processes; 0 takes one for each core.
        index_kind: How descriptors are compared.
        engine: Where pairs are proven and looked at, and lists joined.
    """

    precision: float = DEFAULT_PRECISION
    threshold: float | None = None
    level: Level = Level.COPY
    keep: str = DEFAULT_KEEP
    candidates: int = DEFAULT_CANDIDATES
    workers: int = 0
    index_kind: IndexKind = IndexKind.AUTO
    engine: EngineKind = EngineKind.LOCAL


@dataclass(frozen=True, slots=True)
class CalibrateOptions:
    """How much to try: of ``photos`` are made ``edits`` copies each, and as many look-alikes."""

    photos: int = 150
    edits: int = 4


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How to report.

    ``limit``: groups on the terminal, 0 for all; ``pictures``: the most photos that the HTML page
    shows as pictures; ``settled``: show the groups too of which a person keeps all;
    ``one_page``: write a single HTML page, however large.
    """

    format: ReportFormat = ReportFormat.TERMINAL
    limit: int = 30
    pictures: int = 8000
    settled: bool = False
    one_page: bool = False


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """How to serve the page: ``port`` of the loopback address, 0 for a free one."""

    port: int = 0


@dataclass(frozen=True, slots=True)
class MapOptions:
    """How to draw the map: above ``most`` photos a sample is shown, those in groups first."""

    most: int = 20_000


@dataclass(frozen=True, slots=True)
class AttentionOptions:
    """What to show. ``layer`` None: the last; ``share`` of the attention that the masks keep.

    ``model`` None: the library's active model, or the builtin one where there is no library.
    """

    layer: int | None = None
    share: float = 0.6
    model: str | None = None
    device: str = "auto"
    max_pixels: int = DEFAULT_MAX_PIXELS


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """How to evaluate.

    Attributes:
        model: What describes the photos; None means the library's own, or the builtin one.
        device: As for ``Library``.
        precision: What the clustering is asked for.
        descriptor_only: Measure the model alone: no proof, no groups.
        compare: Measure a 64-bit pHash on the same files too.
        layout: How the labels are laid out.
        hard_negatives: CSV ``path_a,path_b[,reason]`` of look-alikes.
        neutral: CSV ``path_a,path_b`` of pairs to leave out of account.
        keep: Index the labelled files into the library, which then has their descriptors the next
            time; otherwise a temporary one serves.
    """

    model: str | None = None
    device: str = "auto"
    precision: float = DEFAULT_PRECISION
    descriptor_only: bool = False
    compare: bool = False
    layout: LabelLayout = LabelLayout.CSV
    hard_negatives: Path | None = None
    neutral: Path | None = None
    keep: bool = False


@dataclass(frozen=True)
class TrainOptions:
    """How to train. ``init`` is builtin, scratch, a model of the library, a timm name or a folder.

    ``name`` is the new model's. ``minutes`` is a budget for all of the command, which all schedules
    fit themselves to, instead of ``epochs``; None takes what suits the size of the collection.
    ``changes`` are further options by name, like ``views.local_count=6``. ``anyway`` trains even where
    it is known beforehand that it will not help.
    """

    init: str = DEFAULT_MODEL
    name: str = "mine"
    minutes: float | None = None
    epochs: int | None = None
    batch_size: int | None = None
    seed: int | None = None
    resume: bool = False
    device: str = "auto"
    threads: int | None = None
    exclude: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    anyway: bool = False
