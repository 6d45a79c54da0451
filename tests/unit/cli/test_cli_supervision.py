"""Back-off, and how ends are told."""

from __future__ import annotations

import pytest

from perennial_cli.local.backoff import Backoff
from perennial_cli.local.child_process import how_it_ended


@pytest.mark.parametrize(
    ("failures", "expected"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 30.0), (10_000, 30.0)]
)
def test_waits_double_up_to_the_longest(failures: int, expected: float) -> None:
    assert Backoff(first=0.5, longest=30.0).after(failures) == expected


@pytest.mark.parametrize(
    ("code", "expected"), [(0, "with exit code 0"), (75, "with exit code 75"), (-9, "by SIGKILL")]
)
def test_an_end_is_told_in_words(code: int, expected: str) -> None:
    assert how_it_ended(code) == expected
