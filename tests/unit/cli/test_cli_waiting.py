"""Waiting for what comes of a command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from perennial_cli.progress import Phase, Progress
from perennial_cli.waiting import WaitFailed, wait
from perennial_core.errors import Outage


def seen(*found: Progress | Exception) -> Callable[[], Awaitable[Progress]]:
    """Return a look that finds one after the other, the last for ever."""
    left = list(found)

    async def look() -> Progress:
        item = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(item, Exception):
            raise item
        return item

    return look


ROLLING = Progress(Phase.GOES_ON, "rolling out")
DONE = Progress(Phase.DONE, "version 3 serves")


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perennial_cli.waiting._PAUSE_SECONDS", 0.01)


async def test_each_change_is_a_line_and_the_end_is_returned(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await wait(seen(ROLLING, ROLLING, DONE), 60) == "version 3 serves"
    assert capsys.readouterr().err == "rolling out\n"


async def test_on_a_terminal_brackets_are_no_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    texts = ("see [/docs]", "[ONNXRuntimeError] : 7", "\x1b[2J")
    looks = [Progress(Phase.GOES_ON, text) for text in texts]
    assert await wait(seen(*looks, DONE), 60) == "version 3 serves"
    assert "\x1b[2J" not in capsys.readouterr().err


async def test_what_failed_raises() -> None:
    with pytest.raises(WaitFailed, match="the pin is not held"):
        await wait(seen(Progress(Phase.FAILED, "the pin is not held")), 60)


async def test_time_that_is_up_says_how_far_it_was() -> None:
    with pytest.raises(WaitFailed, match=r"not within 0.1 s: rolling out; it goes on"):
        await wait(seen(ROLLING), 0.1)


async def test_a_cluster_that_does_not_answer_is_waited_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await wait(seen(Outage("no answer"), DONE), 60) == "version 3 serves"
    assert capsys.readouterr().err == "no answer\n"
