"""What the registry lets go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_core.identity import Digest, Version
from perennial_core.registry.retention import expired, orphans

VERSIONS = st.sets(st.integers(1, 30).map(Version))


@pytest.mark.parametrize(
    ("versions", "limit", "protected", "removed"),
    [
        ([], 3, [], []),
        ([1, 2, 3], 3, [], []),
        ([1, 2, 3, 4], 3, [], [1]),
        ([9, 10, 11], 1, [], [9, 10]),
        ([3, 1, 2], 1, [], [1, 2]),
        ([1, 2, 3, 4], 1, [2], [1, 3]),
        ([1, 2, 3, 4], 2, [4, 3], [1, 2]),
        ([1, 2], 1, [7], [1]),
        ([1, 2], 0, [2], [1]),
        ([1, 2], 0, [], [1, 2]),
    ],
)
def test_what_expires(
    versions: list[Version], limit: int, protected: list[Version], removed: list[int]
) -> None:
    assert expired(versions, limit=limit, protected=protected) == removed


@given(VERSIONS, st.integers(0, 12), VERSIONS)
def test_the_newest_and_the_protected_stay_and_nothing_else(
    versions: set[Version], limit: int, protected: set[Version]
) -> None:
    removed = expired(list(versions), limit=limit, protected=protected)
    kept = versions - set(removed)
    newest = {version for version in versions if sum(other > version for other in versions) < limit}
    assert kept == newest | (protected & versions)
    assert removed == sorted(versions - kept)


def test_an_artifact_stays_as_long_as_a_version_needs_it() -> None:
    digests = {Version(number): Digest(name) for number, name in enumerate("abac", 1)}
    assert orphans(digests, [Version(1)]) == []
    assert orphans(digests, [Version(1), Version(2)]) == ["b"]
    assert orphans(digests, [Version(1), Version(2), Version(3)]) == ["a", "b"]
    assert orphans(digests, []) == []
