"""Requests come before what is done beside them."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from math import nan

import pytest

from perennial_predictor.background import Background, CpuTime, IdleThread

MODULE = "perennial_predictor.background"

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="threads have no priority of their own"
)


def priority() -> tuple[int, int]:
    """Return policy and niceness of the thread that calls."""
    return os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)


async def beside_others_that_leave(left: float, monkeypatch: pytest.MonkeyPatch) -> Background:
    """Return one that has seen for a while how much of a CPU in a second others leave."""
    monkeypatch.setattr(f"{MODULE}.idle_seconds", lambda: left * time.monotonic())
    monkeypatch.setattr(time, "process_time", lambda: 0.0)
    background = Background()
    await asyncio.sleep(0.2)
    await background.observe()
    return background


@on_linux
async def test_where_others_leave_enough_work_gets_the_time_that_nobody_wants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, niceness = priority()
    background = await beside_others_that_leave(0.9, monkeypatch)
    assert await background.do(priority) == (os.SCHED_IDLE, niceness)
    assert priority() == (os.SCHED_OTHER, niceness)


@on_linux
async def test_where_others_leave_little_work_has_a_share_beside_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, niceness = priority()
    background = await beside_others_that_leave(0.6, monkeypatch)
    assert await background.do(priority) == (os.SCHED_OTHER, niceness + 2)
    assert priority() == (os.SCHED_OTHER, niceness)


@on_linux
async def test_until_it_is_known_what_others_leave_work_has_a_share() -> None:
    assert (await Background().do(priority))[0] == os.SCHED_OTHER


@on_linux
async def test_where_no_priority_can_be_set_the_work_is_done_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuses(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuses)
    assert (await IdleThread().do(priority))[1] == priority()[1] + 2
    monkeypatch.setattr(os, "setpriority", refuses)
    assert await IdleThread().do(priority) == priority()
    assert await Background().do(priority) == priority()


@on_linux
async def test_the_event_loop_sleeps_for_work_that_gets_too_little_of_the_cpu(
    slept: list[float],
) -> None:
    thread = IdleThread()
    await thread.do(uses_the_cpu)
    slept.clear()
    await thread.do(lambda: threading.Event().wait(0.05))
    assert len(slept) > 10
    assert max(slept) <= 0.0002


@on_linux
async def test_the_event_loop_does_not_sleep_for_work_that_has_a_cpu(
    slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "clock_gettime", lambda _: time.monotonic())
    await IdleThread().do(lambda: threading.Event().wait(0.05))
    assert slept == []


@on_linux
async def test_work_that_others_starve_is_begun_once_more_with_a_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    background = await beside_others_that_leave(0.9, monkeypatch)
    tries: list[int] = []
    ended = threading.Event()

    unseen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))

    def work() -> int:
        tries.append(os.sched_getscheduler(0))
        if len(tries) == 1:
            ended.wait(30)
            raise ValueError
        return len(tries)

    assert await background.do(work, repeatable=True) == 2
    assert tries == [os.SCHED_IDLE, os.SCHED_OTHER]
    ended.set()
    await background.do(priority)  # by the same thread, so that it is done with the first
    gc.collect()
    await asyncio.sleep(0)
    assert unseen == []


@on_linux
async def test_where_idle_time_is_not_told_work_has_a_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"{MODULE}.idle_seconds", lambda: nan)
    monkeypatch.setattr(time, "process_time", time.monotonic)
    background = Background()
    await asyncio.sleep(0.2)
    await background.observe()
    assert (await background.do(priority))[0] == os.SCHED_OTHER


async def test_idle_time_is_asked_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    background = Background()
    askers: list[threading.Thread] = []

    def asked() -> float:
        askers.append(threading.current_thread())
        return 0.0

    monkeypatch.setattr(f"{MODULE}.idle_seconds", asked)
    await background.observe()
    assert len(askers) == 1
    assert askers[0] is not threading.current_thread()


@on_linux
@pytest.mark.parametrize("repeatable", [True, False])
async def test_work_that_gets_its_time_or_that_cannot_be_repeated_is_done_once(
    repeatable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    background = await beside_others_that_leave(0.9, monkeypatch)
    tries: list[int] = []
    if repeatable:
        monkeypatch.setattr(time, "clock_gettime", lambda _: time.monotonic())

    def work() -> None:
        tries.append(1)
        threading.Event().wait(0.5)

    await background.do(work, repeatable=repeatable)
    assert tries == [1]


@on_linux
async def test_work_that_holds_the_interpreter_has_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    background = await beside_others_that_leave(0.9, monkeypatch)
    assert (await background.do_with_a_share(priority))[0] == os.SCHED_OTHER


def uses_the_cpu() -> None:
    """Use ten milliseconds of it."""
    begun = time.thread_time()
    while time.thread_time() - begun < 0.01:
        pass


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long the event loop slept, each time."""
    sleeps: list[float] = []
    monkeypatch.setattr(time, "sleep", sleeps.append)
    return sleeps


@pytest.mark.parametrize("thread", [Background, IdleThread])
async def test_a_thread_stays_for_the_next_work(
    thread: Callable[[], Background | IdleThread],
) -> None:
    it = thread()
    assert await it.do(threading.get_ident) == await it.do(threading.get_ident)


@pytest.mark.parametrize("thread", [Background, IdleThread])
async def test_what_goes_wrong_in_the_background_is_told(
    thread: Callable[[], Background | IdleThread],
) -> None:
    with pytest.raises(ZeroDivisionError):
        await thread().do(lambda: 1 // 0)


def test_what_others_leave_is_what_idles_and_what_is_used_here() -> None:
    time_of_cpus = CpuTime(at=100, used=5, idled=50)
    assert time_of_cpus.left == 0
    time_of_cpus.observe(at=101, used=5.5, idled=50.25)
    assert time_of_cpus.left == 0.75
    time_of_cpus.observe(at=103, used=5.5, idled=54.25)
    assert time_of_cpus.left == 2


def test_what_was_left_in_a_moment_says_nothing_but_is_not_forgotten() -> None:
    time_of_cpus = CpuTime(0, 0, 0)
    time_of_cpus.observe(1, 0.25, 0.25)
    time_of_cpus.observe(1.001, 0.25, 0.25)
    assert time_of_cpus.left == 0.5
    time_of_cpus.observe(2, 0.25, 0.25)
    assert time_of_cpus.left == 0
