"""Judge by a closer look whether two photos come from one picture, learned without labels.

In:  what the closer look and the proof found. Out: log odds, and what to expect of a cut. No disk,
database or model.

Trees, boosted (Friedman 2001), whose answer may only rise with what speaks for a copy and fall with
what speaks against one, however odd the collection. They were grown on edited copies of photos and on
look-alikes that are none by construction (``photos.lookalikes``): ``benchmarks/fit_judge.py``.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import CalibrationError
from dupfind.matching.closer import CloserLook
from dupfind.matching.trees import Trees

# Name and sign: +1 speaks for a copy, -1 against one. 0 does neither by itself: what one picture shows over the
# other is an edit, and coarse agreement only says how much noise and blur to expect in what is finer.
LOOK_SIGNALS: dict[str, int] = {
    "proof": 1,
    "median": -1,
    "agree": -1,
    "wrong": -1,
    "two_sided": -1,
    "largest_two_sided": -1,
    "crossed": -1,
    "plain_two_sided": -1,
    "written": -1,
    "one_sided": 0,
    "explained": 1,
    "apart": -1,
    "moved": -1,
    "fine_1": 1,
    "fine_2": 1,
    "fine_3": 1,
    "windows": 1,
    "clear": 1,
    "two_sided_for_its_noise": -1,
    "two_sided_texture": -1,
    "overlaid": 0,
    "sound_0": 1,
    "sound_1": 1,
    "sound_2": 0,
    "background": 0,
    "side": 0,
    "drift": -1,
    "drift_for_its_noise": -1,
    "unsure": 0,
}
# What the second trees ask for, beside what the first make of a look. Parallax may be all that tells two
# views of a scene apart, and few examples have nothing else: it has trees of its own, grown on many such.
PARALLAX = ("drift", "drift_for_its_noise")
PARALLAX_SIGNALS = (*PARALLAX, "unsure", "background")
RAISED = 0.4  # log odds that the second trees add to what the first say, at most
PROOF_LIMIT = 8.0  # log odds of the proof beyond which more says no more
PAGE_FROM = 0.3  # share of plain ground from which on added writing is content, not an edit
PAGE = 0.75  # share of plain ground from which on a picture is a page or a screen
WRITTEN = 0.003  # what one of two pages must show on plain ground that the other lacks
SOFT_CLEAR = 0.05  # share of patches found at one place only, below which a picture is soft
SOFT_FINE = 0.2  # correlation of its finest pixels that another picture as soft does not reach
OTHER_GRAIN = 0.12  # correlation of the grain below which it is another frame of the same scene
REFUSED = -3.0  # log odds at most of a pair that a look rules out
BENEATH = 4.0  # log odds at least where one is the other with something laid over it
NEAR_LIGHT = 4.5  # times what saving makes of it, up to which the light says nothing against a copy
UNKNOWN = 0.0  # log odds at most of two soft pictures of which nothing speaks for or against a copy
SAME_TONES = 4.0  # log odds at least of two soft pictures that have the same light everywhere
LOOK_FROM = 0.01  # probability of the proof from which on a closer look is worth its time


@dataclass(frozen=True)
class Judge:
    """Boosted trees and the scores of examples that they were not grown on.

    Attributes:
        trees: They ask for ``LOOK_SIGNALS``, by their place.
        second: They ask for what these make of a look, and for ``PARALLAX_SIGNALS``.
        copy_scores, other_scores: Sorted log odds of held-out copies and look-alikes.
    """

    trees: Trees
    second: Trees
    copy_scores: NDArray[np.float64]
    other_scores: NDArray[np.float64]

    def log_odds(self, signals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log odds of a copy against a look-alike, (n,), of (n, signals)."""
        return judged(self.trees.log_odds(signals), self.second, signals)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values, scores to four digits."""
        scores = {
            name: np.round(getattr(self, name), 4).tolist()
            for name in ("copy_scores", "other_scores")
        }
        trees = {name: getattr(self, name).to_json() for name in ("trees", "second")}
        return {"version": 2, "signals": list(LOOK_SIGNALS), **trees, **scores}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Judge":
        """Read what ``to_json`` made.

        Raises:
            CalibrationError: It is of another version, or damaged.
        """
        if values.get("version") != 2 or values.get("signals") != list(LOOK_SIGNALS):
            raise CalibrationError("the judge was made for other signals; install dupfind anew")
        try:
            return cls(
                Trees.from_json(values["trees"]),
                Trees.from_json(values["second"]),
                copy_scores=np.array(values["copy_scores"], np.float64),
                other_scores=np.array(values["other_scores"], np.float64),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(
                f"the judge is damaged ({error}); install dupfind anew"
            ) from error


def judged(
    first: NDArray[np.float64], second: Trees, signals: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what the second trees make of the log odds of the first, (n,), and (n, signals).

    They were grown on fewer examples: they take away what the parallax makes less likely, and nothing for any
    other reason, and add little.
    """
    found = second.log_odds(with_parallax(first, signals))
    still = signals.copy()
    still[:, [list(LOOK_SIGNALS).index(name) for name in PARALLAX]] = -np.inf
    without = second.log_odds(with_parallax(first, still))
    return np.asarray(np.minimum(first + RAISED, found + np.maximum(0, first - without)))


def with_parallax(first: NDArray[np.float64], signals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the second trees ask for, (n, 5), of the log odds of the first, (n,), and (n, signals)."""
    places = [list(LOOK_SIGNALS).index(name) for name in PARALLAX_SIGNALS]
    return np.column_stack([first, signals[:, places]])


@cache
def shipped_judge() -> Judge:
    """Return the judge that comes with dupfind, made by ``benchmarks/fit_judge.py``."""
    file = resources.files("dupfind.matching") / "judge.json"
    return Judge.from_json(json.loads(file.read_text(encoding="utf-8")))


def look_signals(look: CloserLook, proof_log_odds: float) -> NDArray[np.float64]:
    """Return the numbers of a closer look that the judge asks for, (signals,).

    Args:
        look: What was found.
        proof_log_odds: Log odds of the proof (``Calibration.log_odds``).
    """
    seen = look.windows > 0
    median, agree = (look.median, look.agree) if seen else (0.5, 0.7)
    written = look.plain_one_sided * max(0.0, look.background - PAGE_FROM)
    explained = look.explained_share > 0
    values = {
        "proof": float(np.clip(proof_log_odds, -PROOF_LIMIT, PROOF_LIMIT)),
        "median": _log(1 - median, 0.01),
        "agree": _log(1 - agree, 0.01),
        "wrong": _log(look.wrong, 0.003),
        "two_sided": _log(look.two_sided, 3e-4),
        "largest_two_sided": _log(look.largest_two_sided, 3e-4),
        "crossed": _log(look.crossed, 1e-3),
        "plain_two_sided": _log(look.plain_two_sided, 1e-4),
        "written": _log(written, 1e-4),
        "one_sided": _log(look.one_sided, 1e-3),
        "explained": look.explained_share,
        "apart": _log(look.apart_px if explained else 1.0, 0.1),
        "moved": look.moved_share,
        "fine_1": look.fine[1],
        "fine_2": look.fine[2],
        "fine_3": look.fine[3],
        "windows": float(np.log1p(look.windows)),
        "clear": look.clear_share,
        "two_sided_for_its_noise": _log(look.two_sided / (1.01 - median), 1e-3),
        "two_sided_texture": _log(look.two_sided_texture, 3e-4),
        "overlaid": _log(look.overlaid, 1e-3),
        "sound_0": look.sound[0],
        "sound_1": look.sound[1],
        "sound_2": look.sound[2],
        "background": look.background,
        "side": _log(look.side_px, 1),
        "drift": _log(look.drift_px, 0.01),
        "drift_for_its_noise": _log(look.drift_px / (look.unsure_px + 1e-3), 0.02),
        "unsure": _log(look.unsure_px, 0.01),
    }
    return np.array([values[name] for name in LOOK_SIGNALS], np.float64)


def is_refused(look: CloserLook) -> bool:
    """Say whether a look rules a copy out, whatever the judge makes of its numbers.

    What is written on a page or a screen is its content: one more line on a slide is another slide,
    where the same words over a photo are an edit. And where no patch can be found again, in a sky or
    a dark room, only pixels that agree, or the same light everywhere, tell a copy from another picture as
    soft; where the light is near nothing is known. The grain of another frame of one sky is not the same.
    Two captions on one template are two pictures, unless both are copies of a third.
    """
    is_page = look.background >= PAGE
    written = is_page and look.plain_one_sided >= WRITTEN
    soft_other = _is_unseen(look) and look.light_apart > NEAR_LIGHT
    return written or soft_other or look.over_both or look.grain < OTHER_GRAIN


def settled(look: CloserLook, score: float) -> float:
    """Return the log odds of a look: the judge's, unless it rules a copy out or is in no doubt."""
    if is_refused(look):
        return min(score, REFUSED)
    if _is_unseen(look):
        return min(score, UNKNOWN)
    if _is_soft(look) and look.same_tones:
        score = max(score, SAME_TONES)
    return max(score, BENEATH) if look.laid_over > 0 else score


def _is_unseen(look: CloserLook) -> bool:
    """Say whether a picture is so soft that nothing of it is found again in the other one."""
    return _is_soft(look) and not look.same_tones and max(look.fine[:2]) < SOFT_FINE


def _is_soft(look: CloserLook) -> bool:
    return look.explained_share == 0 and look.clear_share < SOFT_CLEAR


def _log(value: float, least: float) -> float:
    return float(np.log(max(value, 0.0) + least))
