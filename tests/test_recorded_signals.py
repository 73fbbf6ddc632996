"""The numbers that the shipped tables weigh are made as when the tables were grown."""

import json

import numpy as np
import pytest
from recorded_signals import ALTERED, RECORD, Numbers, all_of_them

# What another build of OpenCV or NumPy may change.
RELATIVE, ABSOLUTE = 5e-3, 2e-3
RECORDED: dict[str, Numbers] = json.loads(RECORD.read_text("utf-8"))


@pytest.fixture(scope="module")
def found() -> dict[str, Numbers]:
    return all_of_them()


@pytest.mark.parametrize("part", RECORDED)
def test_the_signals_are_those_that_the_tables_were_grown_on(
    found: dict[str, Numbers], part: str
) -> None:
    recorded, now = RECORDED[part], found[part]
    assert now.keys() == recorded.keys()
    wanted, got = (np.array(list(numbers.values()), float) for numbers in (recorded, now))
    same = np.isclose(got, wanted, RELATIVE, ABSOLUTE, equal_nan=True)
    others = {
        name: (was, now[name])
        for (name, was), is_same in zip(recorded.items(), same, strict=True)
        if not is_same
    }
    # Meant? Then grow the tables anew, and record: python tests/recorded_signals.py
    assert not others


def test_all_pairs_are_recorded() -> None:
    assert len(RECORDED) == len(ALTERED) + 2
