"""How many processes answer for a predictor: a pure rule."""

from __future__ import annotations

from dataclasses import dataclass

from perennial_predictor.cost import Cost
from perennial_predictor.inference import INLINE_SECONDS

_ROOM = 1.5
"""What a process takes at most, as a multiple of what the first took with its model: for a moment
it holds two."""


@dataclass(frozen=True)
class Limits:
    """What the container may use."""

    cpus: int | None
    """Whole CPUs; None: no limit, so that it is not known how many are meant for it."""
    memory: int | None
    """Bytes; None: no limit."""


def workers_for(cost: Cost, limits: Limits, taken: int) -> int:
    """Return how many processes should answer.

    One, where rows take long to predict: threads do that, and use the CPUs. Where the call itself
    takes long it is mostly the interpreter's work, as reading and writing is where the model is
    quick: of that each process does what one CPU can.

    Args:
        cost: Of a prediction.
        limits: Of the container.
        taken: The memory in bytes that one process takes.
    """
    is_for_threads = cost.of(1) > INLINE_SECONDS and not cost.is_mostly_call(1)
    if limits.cpus is None or is_for_threads:
        return 1
    if limits.memory is None:
        return max(1, limits.cpus)
    return max(1, min(limits.cpus, int(limits.memory / (_ROOM * taken))))
