"""The sizes in docs/scale.md are computed from measured rates, by the formula that stands there."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def sizing() -> dict[str, object]:
    return runpy.run_path(str(ROOT / "benchmarks" / "sizing.py"))


def test_the_sizes_in_the_docs_are_those_of_the_script() -> None:
    section = sizing()["section"]
    assert callable(section)
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert section() in page, (
        "run `python benchmarks/sizing.py`, and put what it prints into docs/scale.md"
    )


def test_a_size_follows_from_the_formula() -> None:
    script = sizing()
    needs, rates, prices = script["needs"], script["Rates"], script["Prices"]
    assert callable(needs)
    assert callable(rates)
    assert callable(prices)
    found = needs(
        100_000, 10,
        rates(describe_ms=36, votes_ms=0, comparisons=1e6, visited=0.36, proofs=1, proof_ms=72, looks=0),
    )  # fmt: skip
    assert (found.describe, found.compare, found.votes) == pytest.approx((1.0, 1.0, 0.0))
    assert found.prove == pytest.approx(2.0)
    assert found.hours() == pytest.approx(0.4)
    assert found.dollars(prices(core_hour=1.0, gb_month=0.0)) == pytest.approx(4.0)
