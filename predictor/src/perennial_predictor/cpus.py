"""What this process may use of CPUs and memory."""

from __future__ import annotations

import os
from contextlib import suppress
from math import nan
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_CPU = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))
"""Microseconds that may be used in each period; "max" or -1: no limit. Source: Control Group v2,
and on nodes that have it yet, v1."""
_MEMORY = ("memory.max", "memory/memory.limit_in_bytes")
"""Bytes; "max", or in v1 more than any machine has: no limit."""
_MORE_THAN_ANY = 2**62


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
    quota = _cpu_quota(cgroup)
    return None if quota is None else int(quota)


def idle_seconds(stat: Path = Path("/proc/stat")) -> float:
    """Return for how long the CPUs that this process may run on have idled, all together.

    NaN where it is not told.
    """
    with suppress(OSError, ValueError):
        rows = [row.split() for row in stat.read_text().splitlines() if row.startswith("cpu")]
        own = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        ticks = sum(int(idle) for row in rows if row[0] in own for idle in row[4:6])
        return ticks / os.sysconf("SC_CLK_TCK")
    return nan


def _cpu_quota(cgroup: Path) -> float | None:
    for names in _CPU:
        with suppress(OSError, ValueError):  # the other version of control groups, or "max"
            most, period = (int(number) for name in names for number in _read(cgroup / name))
            return most / period if most > 0 else None
    return None


def memory_limit(cgroup: Path = _CGROUP) -> int | None:
    """Return the container's limit of memory in bytes; None where there is none."""
    for name in _MEMORY:
        with suppress(OSError, ValueError):
            (most,) = map(int, _read(cgroup / name))
            return most if most < _MORE_THAN_ANY else None
    return None


def _read(file: Path) -> list[str]:
    return file.read_text().split()
