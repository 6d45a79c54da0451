"""The queue: each key once, never twice at the same time, nothing lost."""

from __future__ import annotations

import asyncio

from operator_bench import running

from perennial_core.identity import ModelKey
from perennial_operator.queue import ModelQueue
from perennial_operator.reconciler import Reconciler
from perennial_operator.workers import Workers, backoff_seconds

ONE, OTHER = ModelKey("shop", "one"), ModelKey("shop", "other")


async def take(queue: ModelQueue) -> ModelKey:
    async with asyncio.timeout(5), queue.next() as key:
        return key


async def test_a_key_that_waits_is_not_queued_again() -> None:
    queue = ModelQueue()
    for key in (ONE, OTHER, ONE, ONE):
        queue.request(key)

    assert len(queue) == 2
    assert [await take(queue), await take(queue)] == [ONE, OTHER]
    assert len(queue) == 0


async def test_a_key_that_is_worked_on_comes_once_more_and_only_after_that() -> None:
    queue = ModelQueue()
    queue.request(ONE)

    async with queue.next():
        queue.request(ONE)
        queue.request(ONE)
        assert len(queue) == 0

    assert await take(queue) == ONE
    assert len(queue) == 0


async def test_a_key_comes_again_after_work_that_failed() -> None:
    queue = ModelQueue()
    queue.request(ONE)
    try:
        async with queue.next():
            queue.request(ONE)
            raise ValueError
    except ValueError:
        pass

    assert await take(queue) == ONE


async def test_no_key_is_ever_worked_on_twice_at_the_same_time_and_none_is_lost() -> None:
    queue, active, done = ModelQueue(), set[ModelKey](), dict[ModelKey, int]()
    asked = dict.fromkeys((ONE, OTHER), 0)
    stale = dict(asked)

    async def work() -> None:
        while True:
            async with queue.next() as key:
                assert key not in active
                active.add(key)
                stale[key] = asked[key]
                await asyncio.sleep(0)
                done[key] = done.get(key, 0) + 1
                active.discard(key)

    workers = [asyncio.create_task(work()) for _ in range(4)]
    for number in range(200):
        key = (ONE, OTHER)[number % 2]
        asked[key] += 1
        queue.request(key)
        if number % 3 == 0:
            await asyncio.sleep(0)
    for _ in range(2000):
        await asyncio.sleep(0)
    for worker in workers:
        assert not worker.done()
        worker.cancel()

    assert stale == asked, "the last request of each key was seen"
    assert sum(done.values()) < 200, "requests were joined"


async def test_a_delayed_request_comes_by_itself() -> None:
    queue = ModelQueue()
    queue.request_later(ONE, 0.01)

    assert len(queue) == 0
    assert await take(queue) == ONE


async def test_an_earlier_request_replaces_a_delayed_one() -> None:
    queue = ModelQueue()
    queue.request_later(ONE, 0.05)
    queue.request(ONE)
    assert await take(queue) == ONE

    await asyncio.sleep(0.1)

    assert len(queue) == 0


async def test_delays_do_not_add_up() -> None:
    queue = ModelQueue()
    for _ in range(3):
        queue.request_later(ONE, 0.01)
    await asyncio.sleep(0.05)

    assert len(queue) == 1


def test_waiting_after_failures_grows_to_a_minute() -> None:
    waits = [backoff_seconds(failures) for failures in range(1, 12)]

    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1.0, 60.0)


async def test_a_model_that_has_to_be_looked_at_again_comes_by_itself_until_it_has_not() -> None:
    queue, seen = ModelQueue(), asyncio.Queue[ModelKey]()
    waits = iter([0.01, 0.01, None])

    class Looks(Reconciler):
        def __init__(self) -> None:
            """It needs nothing."""

        async def reconcile(self, key: ModelKey) -> float | None:
            seen.put_nowait(key)
            return next(waits)

    async with running(Workers(Looks(), queue, count=2).run()):
        queue.request(ONE)
        async with asyncio.timeout(5):
            assert [await seen.get() for _ in range(3)] == [ONE] * 3
        await asyncio.sleep(0.1)

    assert seen.empty()
