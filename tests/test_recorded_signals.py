"""The numbers that the shipped tables weigh are made as when the tables were grown."""

import json

import numpy as np
import pytest
from recorded_signals import PARTS, RECORD, Numbers, numbers_of

# What another build of OpenCV or NumPy may change.
RELATIVE, ABSOLUTE = 5e-3, 2e-3
RECORDED: dict[str, Numbers] = json.loads(RECORD.read_text("utf-8"))


@pytest.mark.parametrize("part", PARTS)
def test_the_signals_are_those_that_the_tables_were_grown_on(part: str) -> None:
    recorded, found = RECORDED[part], numbers_of(part)
    assert found.keys() == recorded.keys()
    wanted, got = (np.array(list(numbers.values()), float) for numbers in (recorded, found))
    same = np.isclose(got, wanted, RELATIVE, ABSOLUTE, equal_nan=True).tolist()
    others = {
        name: (recorded[name], found[name])
        for name, is_same in zip(found, same, strict=True)
        if not is_same
    }
    # Meant? Then grow the tables anew, and record: python tests/recorded_signals.py
    assert not others
