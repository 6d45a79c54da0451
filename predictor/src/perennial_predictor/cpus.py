"""What this process may use of CPUs and memory."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_CPU = "cpu.max"
"""Source: Control Group v2: microseconds that may be used in each period, or "max"."""
_MEMORY = "memory.max"
"""Source: Control Group v2: bytes, or "max"."""


def usable_cpus(cgroup: Path = _CGROUP) -> int:
    """Return how many threads have a whole CPU: by affinity, and by the container's limit.

    At least 1. A limit that cannot be read is none.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = cpu_limit(cgroup)
    return cpus if limit is None else max(1, min(cpus, limit))


def a_thread_for_each_cpu(_: object) -> int:
    """Return how many threads of the only process may predict at once, whatever a model costs."""
    return usable_cpus()


def cpu_limit(cgroup: Path = _CGROUP) -> int | None:
    """Return how many whole CPUs the container's limit has; None where there is none."""
    try:
        most, period = map(int, (cgroup / _CPU).read_text().split())
    except (OSError, ValueError):  # also "max", which is no limit
        return None
    return most // period


def memory_limit(cgroup: Path = _CGROUP) -> int | None:
    """Return the container's limit of memory in bytes; None where there is none."""
    try:
        return int((cgroup / _MEMORY).read_text())
    except (OSError, ValueError):
        return None
