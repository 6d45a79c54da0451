"""Requests come before what is done beside them."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from perennial_predictor.background import (
    Background,
    CpuUsage,
    niceness_beside,
    thread_that_gives_way,
)


def niceness() -> int:
    """Return that of the thread that calls."""
    return os.getpriority(os.PRIO_PROCESS, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_a_thread_gives_way_and_those_beside_it_do_not() -> None:
    before = niceness()
    with thread_that_gives_way(3) as background, ThreadPoolExecutor(1) as other:
        assert background.submit(niceness).result() == before + 3
        assert other.submit(niceness).result() == before
    assert niceness() == before


def test_where_no_priority_can_be_set_the_work_is_done_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuses(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuses)
    with thread_that_gives_way(3) as background:
        assert background.submit(len, "abc").result() == 3


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
@pytest.mark.parametrize(
    ("used", "limit", "lower"), [(0.2, 1, 19), (0.95, 1, 2), (0.45, 1, 19), (0.45, 0.5, 2)]
)
async def test_the_busier_the_process_is_the_less_its_work_gives_way(
    used: float, limit: float, lower: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "perennial_predictor.background"
    monkeypatch.setattr(f"{module}.process_time", lambda: used * time.monotonic())
    monkeypatch.setattr(f"{module}.cpu_share", lambda: limit)
    background = Background()
    await asyncio.sleep(0.2)
    background.observe()
    assert await background.do(niceness) == min(niceness() + lower, 19)


async def test_a_thread_stays_for_the_next_work() -> None:
    background = Background()
    assert await background.do(threading.get_ident) == await background.do(threading.get_ident)


async def test_what_goes_wrong_in_the_background_is_told() -> None:
    with pytest.raises(ZeroDivisionError):
        await Background().do(lambda: 1 // 0)


def test_usage_is_that_of_late() -> None:
    usage = CpuUsage(100, 5)
    assert usage.share == 0
    usage.observe(101, 5.5)
    assert usage.share == 0.5
    usage.observe(103, 7.5)
    assert usage.share == 1


def test_what_was_used_in_a_moment_says_nothing_but_is_not_forgotten() -> None:
    usage = CpuUsage(0, 0)
    usage.observe(1, 0.5)
    usage.observe(1.001, 0.501)
    assert usage.share == 0.5
    usage.observe(2, 0.5)
    assert usage.share == 0


def test_a_thread_gets_enough_of_the_cpu_beside_a_busy_process() -> None:
    assert niceness_beside(0.7) > niceness_beside(0.8) > 0
