"""What the registry lets go: pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from perennial_core.identity import Digest, Version


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


def orphans(digests: Mapping[Version, Digest], removed: Collection[Version]) -> list[Digest]:
    """Return the artifacts that no version needs any more once some are removed, sorted.

    Args:
        digests: All retained versions, each with its artifact.
        removed: The versions to remove.
    """
    kept = {digest for version, digest in digests.items() if version not in removed}
    return sorted(set(digests.values()) - kept)
