"""Say what a collection of any size takes: cores, hours, disk and money, from the rates that were measured.

    python benchmarks/sizing.py [--core-hour 0.04] [--gb-month 0.02]

Prints the section of docs/scale.md (a test holds it up to date). `RATES` names where each figure comes
from: measure them on your machine and change them here.
"""

import argparse
from dataclasses import dataclass

CORES = {1_000_000: 16, 10_000_000: 64, 100_000_000: 512, 1_000_000_000: 4096}
SECONDS, GB = 3600, 1e9
KEYPOINTS_IN_ALL, FEWEST, MOST = 12_000_000, 16, 128  # dupfind.copies.sketches
ONE_MACHINE = 16  # cores


@dataclass(frozen=True)
class Rates:
    """What was measured: CPU milliseconds of one core, shares and bytes.

    ``describe_ms`` a camera photo, decoded, described and sketched (docs/speed.md: 71.4 + 5.2).
    ``votes_ms`` a photo of ``votes_at``, for its 128 keypoints to be asked for in the index of all, in 3 views
    (docs/speed.md: 1.1 each, and 0.5 to count). It falls with the keypoints of a photo (12 million in all, 16
    at least), and grows with the root of all keypoints, as the lists that are visited do.
    ``comparisons`` of descriptors that one core makes in a second, lists and all (benchmarks/scale.py).
    ``visited`` is the share of all descriptors that each is compared with at ``visited_at`` photos; it
    falls as ``visited_power`` says (benchmarks/scale.py, 100,000 and more photos).
    ``proofs`` a photo, and what one costs with the features of its photos (docs/speed.md: 31 ms a photo);
    ``looks`` a photo, two decoded pictures each. Copies of 10% of the photos are among them.
    ``row_bytes`` a photo in the database: descriptor, facts and its pairs; ``cache_bytes``: its sketch, and the
    features of those in proven pairs; ``shard_bytes`` in Parquet; ``held_bytes`` of memory that ``cluster``
    takes for each photo: the descriptor, its neighbours, its record; ``keypoint_bytes`` for each
    keypoint of the index (1.9 GB for 12 million).
    """

    describe_ms: float = 76.6
    votes_ms: float = 3.8
    votes_at: float = 2_000
    comparisons: float = 60e6
    visited: float = 0.30
    visited_at: float = 100_000
    visited_power: float = -0.44
    proofs: float = 0.9
    proof_ms: float = 66.0
    looks: float = 0.2
    look_ms: float = 80.0
    row_bytes: float = 3_000
    cache_bytes: float = 18_000
    shard_bytes: float = 12_000
    held_bytes: float = 2_800
    keypoint_bytes: float = 160


@dataclass(frozen=True)
class Prices:
    """What is paid, in dollars: assumed, not measured. Storage for one month."""

    core_hour: float = 0.04
    gb_month: float = 0.02


RATES, PRICES = Rates(), Prices()
FORMULA = """    describing   photos * describe_ms
    comparing    photos^2 * visited * (photos / visited_at)^visited_power / comparisons
    keypoints    12 million / photos, between 16 and 128 of each
    votes        photos * votes_ms * keypoints / 128 * (photos * keypoints / (votes_at * 128))^0.5
    proving      photos * (proofs * proof_ms + looks * look_ms)
    hours        (describing + comparing + proving) / cores + votes / 16: those of one machine
    memory       photos * (held_bytes + keypoints * keypoint_bytes), of the machine that gives the command
    money        core hours * core_hour + gigabytes * gb_month"""


@dataclass(frozen=True)
class Needs:
    """What a collection takes: core hours of each stage, hours, gigabytes of disk and of memory, dollars."""

    photos: int
    cores: int
    describe: float
    compare: float
    votes: float
    prove: float
    disk_gb: float
    memory_gb: float

    def hours(self) -> float:
        """Hours with all cores; votes have those of one machine."""
        spread = self.describe + self.compare + self.prove
        return spread / self.cores + self.votes / min(self.cores, ONE_MACHINE)

    def dollars(self, prices: Prices) -> float:
        """Cores are paid while they work, disks for a month."""
        work = self.describe + self.compare + self.votes + self.prove
        return work * prices.core_hour + self.disk_gb * prices.gb_month


def needs(photos: int, cores: int, rates: Rates = RATES) -> Needs:
    """Return what a collection takes on so many cores."""
    visited = rates.visited * (photos / rates.visited_at) ** rates.visited_power
    keypoints = min(max(KEYPOINTS_IN_ALL / photos, FEWEST), MOST)
    grown = (photos * keypoints / (rates.votes_at * MOST)) ** 0.5
    votes_s = photos * rates.votes_ms / 1000 * keypoints / MOST * grown
    prove_ms = rates.proofs * rates.proof_ms + rates.looks * rates.look_ms
    return Needs(
        photos,
        cores,
        describe=photos * rates.describe_ms / 1000 / SECONDS,
        compare=photos**2 * min(visited, 1.0) / rates.comparisons / SECONDS,
        votes=votes_s / SECONDS,
        prove=photos * prove_ms / 1000 / SECONDS,
        disk_gb=photos * (rates.row_bytes + rates.cache_bytes + rates.shard_bytes) / GB,
        memory_gb=photos * (rates.held_bytes + keypoints * rates.keypoint_bytes) / GB,
    )


def section(rates: Rates = RATES, prices: Prices = PRICES) -> str:
    """Return the part of docs/scale.md."""
    lines = [
        "| photos | cores | core hours: describing | comparing | votes | proving, looking | hours | disk | "
        "memory | money |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for count, cores in CORES.items():
        found = needs(count, cores, rates)
        work = [found.describe, found.compare, found.votes, found.prove]
        lines.append(
            f"| {count:,} | {cores:,} | {' | '.join(f'{hours:,.0f}' for hours in work)} | "
            f"{found.hours():,.0f} | {_size(found.disk_gb)} | {_size(found.memory_gb)} | "
            f"${found.dollars(prices):,.0f} |"
        )
    values = ", ".join(f"`{name}` {value:g}" for name, value in vars(rates).items())
    paid = f"${prices.core_hour:g} a core hour, ${prices.gb_month:g} a gigabyte and month"
    return "\n".join([*lines, "", FORMULA, "", f"With {values}; {paid} (assumed).", ""])


def _size(gigabytes: float) -> str:
    return f"{gigabytes / 1000:,.1f} TB" if gigabytes >= 1000 else f"{gigabytes:,.0f} GB"


def main() -> None:
    """Print the section."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--core-hour", type=float, default=PRICES.core_hour, help="dollars")
    parser.add_argument("--gb-month", type=float, default=PRICES.gb_month, help="dollars")
    arguments = parser.parse_args()
    print(section(RATES, Prices(arguments.core_hour, arguments.gb_month)))


if __name__ == "__main__":
    main()
