"""How results for pairs are written into the cache and read back: whole, not rounded.

The next run must find exactly what this one does. What cannot be read is made again: a cache may be
damaged.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np

from dupfind.evidence import Evidence, Relation, Tone
from dupfind.matching.calibrate import SIGNALS
from dupfind.matching.closer import CloserLook
from dupfind.matching.clues import Clue, Verdict
from dupfind.matching.proven import UNALIGNED, Proven
from dupfind.records import Reason

_Result = TypeVar("_Result")
_SIDES = {"a": 0, "b": 1}


def write_proven(pair: Proven) -> str:
    """Pack the outcome of a proof; empty where there is no alignment."""
    if pair.matrix is None:
        return ""
    values = asdict(pair.evidence).items()
    sides = {pair.a: "a", pair.b: "b"}
    return _write(
        {
            "relation": pair.relation,
            "evidence": {name: value for name, value in values if value not in (None, "", ())},
            "signals": pair.signals.tolist(),
            "matrix": pair.matrix.ravel().tolist(),
            "container": sides.get(pair.container),
        }
    )


def read_proven(a: int, b: int, text: str) -> Proven | None:
    """Unpack the outcome of a proof of rows a < b; None where it is damaged."""
    if not text:
        return Proven(a, b, Relation.SIMILAR, UNALIGNED, np.full(len(SIGNALS), np.nan))
    return _read(text, lambda values: _proven(a, b, values))


def write_look(look: CloserLook | None) -> str:
    """Pack a closer look; empty where there was too little to be looked at."""
    return "" if look is None else _write(asdict(look))


def read_look(text: str) -> CloserLook | None:
    """Unpack a closer look; None where it is damaged."""
    return _read(text, lambda values: CloserLook(**values | {"fine": tuple(values["fine"])}))


def write_clues(verdict: Verdict) -> str:
    """Pack the clues of a pair."""
    return _write(asdict(verdict))


def read_clues(text: str) -> Verdict | None:
    """Unpack the clues of a pair; None where they are damaged."""
    return _read(text, _verdict)


def write_order(tiers: Sequence[int]) -> str:
    """Pack the tiers of a group."""
    return _write(list(tiers))


def read_order(text: str) -> list[int] | None:
    """Unpack the tiers of a group; None where they are damaged."""
    return _read(text, lambda values: [int(value) for value in values])


def _write(values: Any) -> str:
    return json.dumps(values, separators=(",", ":"), default=lambda number: number.item())


def _read(text: str, make: Callable[[Any], _Result]) -> _Result | None:
    try:
        return make(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _proven(a: int, b: int, values: dict[str, Any]) -> Proven:
    container = values["container"]
    return Proven(
        a,
        b,
        Relation(values["relation"]),
        _evidence(values["evidence"]),
        np.array(values["signals"], np.float64),
        -1 if container is None else (a, b)[_SIDES[container]],
        np.array(values["matrix"], np.float64).reshape(3, 3),
    )


def _evidence(values: dict[str, Any]) -> Evidence:
    values["relations"] = tuple(Relation(name) for name in values.get("relations", ()))
    for name in {"crop_box", "matrix"} & values.keys():
        values[name] = tuple(values[name])
    if "tones" in values:
        values["tones"] = Tone(**values["tones"])
    return Evidence(**values)


def _verdict(values: dict[str, Any]) -> Verdict:
    for side in ("against_a", "against_b"):
        values[side] = {Clue(name): weight for name, weight in values[side].items()}
    values["altered"] = tuple(Reason(name) for name in values["altered"])
    return Verdict(**values)
