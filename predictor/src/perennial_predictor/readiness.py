"""Whether this predictor should get requests: a pure function."""

from __future__ import annotations

import msgspec

from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.manifest import Manifest


class Readiness(msgspec.Struct, omit_defaults=True, rename="camel"):
    """The answer of ``GET /readyz``."""

    ready: bool
    model: str
    version: Version | None = None
    """The version that answers."""
    digest: Digest | None = None
    expected_version: Version | None = None
    """The version that should answer."""
    reason: str | None = None
    """Why it is not ready."""
    problem: str | None = None
    """Why the expected version does not answer, whether or not another does."""


def readiness(
    *,
    key: ModelKey,
    served: Manifest | None,
    expected: Version | None,
    fixed: bool,
    problem: str | None,
    draining: bool,
) -> Readiness:
    """Return whether this predictor is ready.

    A fixed version is the only one that counts. Whoever follows the registry is ready with any
    version, for an older one is better than none.

    Args:
        key: The model.
        served: The version that is loaded, verified and warmed up.
        expected: The version that should be.
        fixed: Whether the expected version is a fixed one.
        problem: What stands in the way of the expected version.
        draining: Whether the process is about to end.
    """
    reason = None
    if draining:
        reason = "draining: the process is about to end"
    elif served is None or (fixed and served.version != expected):
        reason = problem or "the version is being loaded"
    return Readiness(
        ready=reason is None,
        model=str(key),
        version=served.version if served else None,
        digest=served.digest if served else None,
        expected_version=expected,
        reason=reason,
        problem=problem,
    )
