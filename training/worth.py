"""Whether tuning can be worth its time, told before the time is spent.

Trained weights move little in few steps, and a model that finds nearly all copies has nearly nothing to
win: in our own runs (EXPERIMENTS.md) neither gave a model that was better than its start.
"""

import math

from dupfind.errors import TrainingError
from dupfind.training.config import TrainingConfig
from dupfind.training.heldout import Retrieval

FEWEST_STEPS = 200  # 55 moved nothing, 540 did
PROBE_STEPS = 12  # a run with a budget of minutes knows its pace after these
WARM_UP_STEPS = 2  # the first steps are slow, and say nothing of the pace
MOST_FOUND = 0.97
ALL_THE_SAME = "or train all the same with --anyway"


def check_steps(config: TrainingConfig, steps: float, *, seconds_per_step: float = 0.0) -> None:
    """Refuse a run of too few steps to move anything.

    Args:
        config: Says what the steps follow from: a budget of minutes, or epochs.
        steps: How many there will be, with all processes together.
        seconds_per_step: The pace; only a run with a budget needs it.

    Raises:
        TrainingError: There are fewer than ``FEWEST_STEPS``.
    """
    if steps >= FEWEST_STEPS:
        return
    missing = FEWEST_STEPS - steps
    if config.minutes is not None:
        least = math.ceil(config.minutes + missing * seconds_per_step / 60)
        given, advice = f"--minutes {config.minutes:g} makes", f"--minutes {least}"
    else:
        least = math.ceil(config.epochs * FEWEST_STEPS / steps)
        given, advice = f"--epochs {config.epochs} makes", f"--epochs {least}"
    raise TrainingError(
        f"{given} about {steps:,.0f} steps of {config.batch_size} photos here, and in fewer than "
        f"{FEWEST_STEPS} a trained model hardly moves, so this would not help; give {advice}, "
        f"{ALL_THE_SAME}"
    )


def check_room(found: Retrieval, copies: int) -> None:
    """Refuse to tune a model that misses too few altered copies for any to be won back.

    Raises:
        TrainingError: It finds more than ``MOST_FOUND`` of the ``copies`` first.
    """
    if found.recall_at_1 > MOST_FOUND:
        raise TrainingError(
            f"the model to start from finds {found.recall_at_1:.1%} of {copies:,} altered copies of held-out "
            f"photos first already, so training has next to nothing to win and would not help; keep that "
            f"model, {ALL_THE_SAME}"
        )
