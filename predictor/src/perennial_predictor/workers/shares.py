"""How the CPUs of a predictor are shared out between its processes, and in each between threads."""

from __future__ import annotations

import resource
import sys

from perennial_predictor.cost import Cost
from perennial_predictor.cpus import cpu_limit, memory_limit, usable_cpus
from perennial_predictor.workers.plan import Limits, workers_for


class Shares:
    """What the first process decides once its first model is loaded, for as long as it runs.

    Args:
        workers: How many processes should answer; None: what suits the model.
    """

    def __init__(self, workers: int | None) -> None:
        self.workers = workers

    def threads_for(self, cost: Cost) -> int:
        """Return how many threads of a process may predict at once."""
        if self.workers is None:
            self.workers = workers_for(cost, Limits(cpu_limit(), memory_limit()), _taken())
        return max(1, usable_cpus() // self.workers)


def _taken() -> int:
    """Return the bytes that this process took at most. Source: getrusage(2), in KiB on Linux."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
