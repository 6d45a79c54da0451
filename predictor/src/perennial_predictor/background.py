"""Threads for what is done beside the requests, which come first."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from perennial_predictor.cpus import idle_seconds

_ENOUGH = 0.75
"""Seconds of CPU in each second, from which on other processes leave enough for work of the least
priority. Where they leave less it takes seconds, and requests wait for a thread that holds the
interpreter while it waits for the CPU."""
_NICENESS = 2
"""Beyond the process' own, of work beside busy processes: it gets two thirds of what requests get,
in turns of some 4 ms, for which they wait."""
_EVERY, _TURN = 0.001, 0.0002
"""Seconds; in so many of the first the work gets the second at least, while requests wait."""
_PATIENCE, _LEAST = 0.2, 0.01
"""Seconds: work that got less than the second in each of the first is starved by other processes,
for the turns alone are twice as much."""
_SHORTEST_SPAN = 0.1
"""In seconds; what was used in less says little."""

T = TypeVar("T")


class Background:
    """Does work, such as to load a version in tens of milliseconds, while requests are answered.

    There is a thread for each priority: who may lower one may not raise it again.
    """

    def __init__(self) -> None:
        self._idle = IdleThread()
        self._low = ThreadPoolExecutor(1, "background", _give_way)
        self._cpu_time = CpuTime(time.monotonic(), time.process_time(), idle_seconds())

    async def observe(self) -> None:
        """Note what others leave of the CPUs; to be called about once a second.

        It is asked in a thread: the more CPUs a machine has, the longer it takes to tell.
        """
        idled = await asyncio.to_thread(idle_seconds)
        self._cpu_time.observe(time.monotonic(), time.process_time(), idled)

    async def do(self, work: Callable[[], T], *, repeatable: bool = False) -> T:
        """Return what the work returns, which holds the interpreter for short times only.

        Args:
            work: What is to be done.
            repeatable: It may be begun once more when others take the CPU from it.
        """
        if self._cpu_time.left >= _ENOUGH:
            with suppress(Starved):
                return await self._idle.do(work, repeatable=repeatable)
        return await self.do_with_a_share(work)

    async def do_with_a_share(self, work: Callable[[], T]) -> T:
        """Return what the work returns; it may hold the interpreter, for it is not starved."""
        return await asyncio.get_running_loop().run_in_executor(self._low, work)


class Starved(Exception):
    """Other processes took the CPU from work that may be begun once more; it goes on, unseen."""


class _Watch:
    """Looks now and then whether work gets the CPU, from times and what it used, in seconds."""

    def __init__(self, at: float, used: float) -> None:
        self._at, self._used = at, used

    def finds_it_starved(self, at: float, used: float) -> bool:
        if at - self._at < _PATIENCE:
            return False
        got = used - self._used
        self._at, self._used = at, used
        return got < _LEAST


class IdleThread:
    """Works while no other thread wants the CPU, and a little besides.

    A thread of Linux' least priority is stopped as soon as a request comes, where one with a share
    of the CPU goes on until the next tick of the clock, 4 ms away at most. For what is missing to
    a share the event loop sleeps, in turns that are shorter than that.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "idle", self._begin)
        self._clock: int | None = None

    async def do(self, work: Callable[[], T], *, repeatable: bool = False) -> T:
        """Return what the work returns, and meanwhile stop the event loop for it if need be.

        Raises:
            Starved: The work is repeatable, and got nearly no time.
        """
        done = asyncio.get_running_loop().run_in_executor(self._executor, work)
        watch = _Watch(time.monotonic(), self._used())
        while not done.done():
            used = self._used()
            await asyncio.wait({done}, timeout=_EVERY)
            if not done.done():
                self._give_turn(used)
                if repeatable and watch.finds_it_starved(time.monotonic(), self._used()):
                    done.cancel()  # what comes of it, an error too, is not wanted any more
                    raise Starved
        return done.result()

    def _give_turn(self, used: float) -> None:
        """Sleep for what is missing to a turn since so many seconds of CPU were used."""
        missing = _TURN - (self._used() - used)
        if missing > 0:
            time.sleep(missing)

    def _used(self) -> float:
        """Return the seconds of CPU that the thread used."""
        return 0.0 if self._clock is None else time.clock_gettime(self._clock)

    def _begin(self) -> None:
        _be_idle()
        if sys.platform == "linux":
            self._clock = time.pthread_getcpuclockid(threading.get_ident())


class CpuTime:
    """What others left of the CPUs of late, in seconds of CPU in a second.

    It is known from times, the seconds of CPU that this process had used until then, and those that
    its CPUs together had idled; NaN where that is not told.
    """

    def __init__(self, at: float, used: float, idled: float) -> None:
        self.left = 0.0
        self._at, self._others_left = at, used + idled

    def observe(self, at: float, used: float, idled: float) -> None:
        """Replace what was left by that since the last observation, unless that was just now."""
        span, others_left = at - self._at, used + idled
        if span >= _SHORTEST_SPAN:
            self.left = (others_left - self._others_left) / span
            self._at, self._others_left = at, others_left


def _be_idle() -> None:
    """Give the least priority to the thread that calls."""
    if sys.platform == "linux":
        try:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        except OSError:  # a sandbox may not allow it
            _give_way()


def _give_way() -> None:
    """Lower the priority of the thread that calls; only Linux has one for each thread."""
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may not allow it
            own = os.getpriority(os.PRIO_PROCESS, os.getpid())
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), own + _NICENESS)
