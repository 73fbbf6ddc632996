"""`dupfind cluster`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from dupfind.cli.choices import (
    cluster_engine_option,
    index_kind_option,
    keep_option,
    level_option,
    precision_option,
)
from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.options import ClusterOptions, EngineKind, IndexKind
from dupfind.records import Level
from dupfind.reports.words import count, reclaim_words, safe_name

if TYPE_CHECKING:
    from dupfind import ClusterSummary, JoinFacts


@click.command(short_help="Find and record the groups of copies.")
@precision_option
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Group pairs of at least this probability, instead of --precision.",
)
@level_option
@keep_option
@index_kind_option
@cluster_engine_option
@json_option
@common_options
def cluster(
    common: Common,
    precision: float,
    threshold: float | None,
    level: str,
    keep: str,
    index_kind: str,
    engine: str,
    as_json: bool,
) -> None:
    """Find and record the groups of copies.

    Candidates are proven one by one: aligned, then compared where they overlap. What
    passes is looked at once more, in full detail.

    Example: dupfind cluster --precision 0.999 --keep resolution,oldest
    """
    from dupfind.cli.progress import ProgressDisplay
    from dupfind.cli.time_left import CLUSTER

    options = ClusterOptions(
        precision,
        threshold,
        Level(level),
        keep,
        index_kind=IndexKind(index_kind),
        engine=EngineKind(engine),
    )
    library = common.library()
    with ProgressDisplay(quiet=common.quiet or as_json, phases=CLUSTER) as display:
        summary = library.cluster(options, on_progress=display)
    if as_json:
        print_json({"library": str(library.paths.root), **asdict(summary)})
        return
    _say(common, summary)
    common.say(f"Next: {common.next_command('report')}")


def _say(common: Common, summary: "ClusterSummary") -> None:
    if summary.join:
        common.say(f"{join_words(summary.join)}.")
    if summary.note:
        common.say(f"Note: {safe_name(summary.note)}.")
    common.say(
        f"{count(summary.groups, 'group')} of {count(summary.grouped_photos, 'photo')} found among "
        f"{summary.photos:,}; {reclaim_words(summary.reclaimable_bytes, summary.looks)}."
    )
    if summary.settled or summary.decided:
        common.say(
            f"Of these you settled {summary.settled:,} and decided {summary.decided:,} before."
        )
    if not summary.groups:
        common.say(
            f"{count(summary.pairs, 'pair')} scored; none is sure enough to be called a copy."
        )
        if summary.expectation is None:
            common.say(f"{_expected(summary)}.")
        return
    common.say(
        f"{count(summary.pairs, 'pair')} scored; grouped from probability {summary.cut:.2f} on. "
        f"{_expected(summary)}, calibrated on {summary.calibration}."
    )


def _expected(summary: "ClusterSummary") -> str:
    expected = summary.expectation
    if expected is None:
        return "Hardly any of the pairs looks like a copy: too few to say how many are missed"
    return (
        f"Expected precision {expected.precision:.4f} (at least {expected.precision_low:.3f}), "
        f"recall {expected.recall:.2f}"
    )


def join_words(join: "JoinFacts") -> str:
    """Say how descriptors were compared, and what that misses."""
    if join.kind == IndexKind.EXACT:
        return "All descriptors compared with all"
    of = "" if join.joined == join.count else f" for {count(join.joined, 'new or changed photo')}"
    return (
        f"Descriptors compared in lists, {join.probes:,} of {join.lists:,}{of}: finds "
        f"{join.recall:.1%} of the nearest ({count(join.sample, 'photo')} checked against all)"
    )
