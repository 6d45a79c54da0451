"""Threads for what is done beside the requests, which come first."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic, process_time
from typing import TypeVar

from perennial_predictor.cpus import cpu_share

_BUSY = 0.75
"""From this part on of what may be used of a CPU, requests leave too little of it to a thread that
only gets the rest: the next version would come late, and whenever the thread waits for the CPU
while it holds the interpreter, the requests would too."""
_LOWEST, _LOW = 19, 2
"""Niceness, beyond the process' own. At the lowest priority requests get the CPU as soon as they
want it. At the other the thread gets two thirds of what they get, in turns of some 4 ms, for which
they wait."""
_SHORTEST_SPAN = 0.1
"""In seconds; what was used in less says little."""

T = TypeVar("T")


class Background:
    """Does work, such as to load a version in tens of milliseconds, while requests are answered.

    There is a thread for each priority: who may lower one may not raise it again.
    """

    def __init__(self) -> None:
        self._threads = {niceness: thread_that_gives_way(niceness) for niceness in (_LOWEST, _LOW)}
        self._usage = CpuUsage(monotonic(), process_time())

    def observe(self) -> None:
        """Note how busy this process is; to be called about once a second."""
        self._usage.observe(monotonic(), process_time())

    async def do(self, work: Callable[[], T]) -> T:
        """Return what the work returns; the busier this process is, the less it gives way."""
        thread = self._threads[niceness_beside(self._usage.share / cpu_share())]
        return await asyncio.get_running_loop().run_in_executor(thread, work)


class CpuUsage:
    """How much of one CPU was used of late, from times and what was used until then, in seconds."""

    def __init__(self, at: float, used: float) -> None:
        self.share = 0.0
        self._at, self._used = at, used

    def observe(self, at: float, used: float) -> None:
        """Replace the share by that since the last observation, unless that was just now."""
        span = at - self._at
        if span >= _SHORTEST_SPAN:
            self.share = (used - self._used) / span
            self._at, self._used = at, used


def niceness_beside(used: float) -> int:
    """Return that of a thread beside others that use this part of the CPU that they may use."""
    return _LOWEST if used < _BUSY else _LOW


def thread_that_gives_way(niceness: int) -> ThreadPoolExecutor:
    """Return a thread, started when it is first needed, that gets the CPU after the others."""
    return ThreadPoolExecutor(1, "background", initializer=_give_way, initargs=(niceness,))


def _give_way(niceness: int) -> None:
    """Lower the priority of the thread that calls; only Linux has one for each thread."""
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may not allow it
            own = os.getpriority(os.PRIO_PROCESS, os.getpid())
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), own + niceness)
