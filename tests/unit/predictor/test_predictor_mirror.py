"""How many copies of requests are under way, whatever the shadow does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from perennial_core.manifest import Task
from perennial_predictor.mirror import Copy, Mirror, Shadow, ShadowAnswer, ShadowAway, ShadowFailed
from perennial_predictor.shadow_tally import ShadowTally

ANSWER = b'{"prediction": 1.0}'


class HeldShadow:
    """Answers, but not before it may."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.asked = 0

    async def ask(self, copy: Copy) -> ShadowAnswer:
        self.asked += 1
        await self.may_answer.wait()
        return ShadowAnswer("2", copy.answer)

    async def close(self) -> None:
        pass


class FailingShadow(HeldShadow):
    """Raises this error each time."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def ask(self, copy: Copy) -> ShadowAnswer:
        self.asked += 1
        raise self._error


def after(mirror: Mirror, body: bytes, *headers: tuple[bytes, bytes]) -> Callable[[], None] | None:
    scope = {"type": "http", "path": "/predict", "query_string": b"", "headers": headers}
    return mirror.after(scope, body, ANSWER, Task.REGRESSION)


async def offer(mirror: Mirror, body: bytes, times: int = 1) -> None:
    for _ in range(times):
        copy = after(mirror, body)
        assert copy is not None
        copy()
    await asyncio.sleep(0)


def outcomes(tally: ShadowTally) -> dict[str, float]:
    answers, _ = tally.families()
    return {sample.labels["outcome"]: sample.value for sample in answers.samples}


def mirror_of(shadow: Shadow, most_bytes: int = 10_000) -> tuple[Mirror, ShadowTally]:
    tally = ShadowTally()
    return Mirror(shadow, tally, most_bytes), tally


async def until(tally: ShadowTally, **expected: float) -> None:
    async with asyncio.timeout(20):
        while outcomes(tally) != expected:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_few_copies_are_under_way_and_their_places_are_free_again() -> None:
    shadow = HeldShadow()
    mirror, tally = mirror_of(shadow)
    await offer(mirror, b"{}", times=40)
    assert (shadow.asked, outcomes(tally)) == (32, {"dropped": 8})
    shadow.may_answer.set()
    await until(tally, dropped=8, same=32)
    await offer(mirror, b"{}", times=32)
    await until(tally, dropped=8, same=64)


async def test_copies_under_way_take_no_more_than_so_many_bytes() -> None:
    shadow = HeldShadow()
    mirror, tally = mirror_of(shadow, most_bytes=1000)
    await offer(mirror, b"x" * 2000)
    await offer(mirror, b"x" * 400, times=4)
    assert (shadow.asked, outcomes(tally)) == (2, {"dropped": 3})
    shadow.may_answer.set()
    await until(tally, dropped=3, same=2)
    await offer(mirror, b"x" * 900)
    await until(tally, dropped=3, same=3)


async def test_nothing_is_sent_for_a_moment_when_nothing_listens() -> None:
    shadow = FailingShadow(ShadowAway("refused"))
    mirror, tally = mirror_of(shadow)
    await offer(mirror, b"{}")
    await offer(mirror, b"{}", times=9)
    assert (shadow.asked, outcomes(tally)) == (1, {"failed": 1, "dropped": 9})


async def test_what_is_wrong_with_the_shadow_is_logged_once() -> None:
    mirror, tally = mirror_of(FailingShadow(ShadowFailed("the shadow answers 422", "2")))
    with structlog.testing.capture_logs() as logs:
        await offer(mirror, b"{}", times=3)
    assert outcomes(tally) == {"failed": 3}
    assert [entry["why"] for entry in logs] == ["the shadow answers 422"]


async def test_a_fault_is_counted_and_stops_nothing() -> None:
    shadow = FailingShadow(RuntimeError("a bug"))
    mirror, tally = mirror_of(shadow)
    await offer(mirror, b"{}", times=3)
    assert (shadow.asked, outcomes(tally)) == (3, {"failed": 3})


async def test_a_marked_request_is_not_copied() -> None:
    mirror, _ = mirror_of(HeldShadow())
    assert after(mirror, b"{}", (b"x-perennial-shadow", b"copy")) is None


async def test_the_end_waits_for_no_answer() -> None:
    shadow = HeldShadow()
    mirror, tally = mirror_of(shadow)
    await offer(mirror, b"{}", times=3)
    async with asyncio.timeout(20):
        await mirror.close()
    assert (shadow.asked, outcomes(tally)) == (3, {})
