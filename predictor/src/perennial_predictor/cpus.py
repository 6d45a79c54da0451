"""How many CPUs this process may use."""

from __future__ import annotations

import os
from pathlib import Path

_LIMIT = Path("/sys/fs/cgroup/cpu.max")
"""Source: Control Group v2, "cpu.max": microseconds that may be used in each period, or "max"."""


def usable_cpus(limit: Path = _LIMIT) -> int:
    """Return how many threads have a whole CPU: by affinity, and by the container's limit.

    At least 1. A limit that cannot be read is none.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        most, period = map(int, limit.read_text().split())
    except (OSError, ValueError):  # also "max", which is no limit
        return cpus
    return max(1, min(cpus, most // period))
