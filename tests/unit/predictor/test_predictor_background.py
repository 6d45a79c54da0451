"""Requests come before what is done beside them."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from perennial_predictor.background import thread_that_gives_way


def niceness() -> int:
    """Return that of the thread that calls."""
    return os.getpriority(os.PRIO_PROCESS, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_a_thread_gives_way_and_those_beside_it_do_not() -> None:
    before = niceness()
    with thread_that_gives_way() as background, ThreadPoolExecutor(1) as other:
        assert background.submit(niceness).result() > before
        assert other.submit(niceness).result() == before
    assert niceness() == before


def test_where_no_priority_can_be_set_the_work_is_done_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuses(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuses)
    with thread_that_gives_way() as background:
        assert background.submit(len, "abc").result() == 3
