"""Which versions the registry lets go: a pure function."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from perennial_core.identity import Version


def expired(
    versions: Sequence[Version], *, limit: int, protected: Collection[Version]
) -> list[Version]:
    """Return the versions to remove, ascending.

    Args:
        versions: All retained versions.
        limit: How many of the newest stay.
        protected: Versions that stay whatever their age, beside the limit.
    """
    older = sorted(versions, reverse=True)[limit:]
    return sorted(set(older) - set(protected))
