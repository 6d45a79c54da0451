"""Where versions come from, as whoever serves them sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from perennial_core.errors import PerennialError, UserError
from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.manifest import Manifest
from perennial_predictor.served import StoredVersion


class NothingToServe(PerennialError):
    """Nobody says yet which version should serve."""


class WrongVersion(UserError):
    """What is there is not the version that should serve."""


@dataclass(frozen=True)
class Target:
    """The version that should serve; without a digest, whatever artifact it has."""

    version: Version
    digest: Digest | None

    def is_met_by(self, manifest: Manifest) -> bool:
        return manifest.version == self.version and self.digest in (None, manifest.digest)


class VersionSource(Protocol):
    """The versions of one model."""

    key: ModelKey
    copy: StoredVersion | None
    """What an earlier process left, until a version is served."""

    @property
    def fixed(self) -> Target | None:
        """The only version that is ever to serve; None where that changes."""

    async def open(self) -> None:
        """Read the copy."""

    async def target(self) -> Target:
        """Return what should serve.

        Raises:
            NothingToServe: Nobody says yet.
        """

    async def get(self, target: Target) -> StoredVersion:
        """Return a version with its verified artifact.

        Raises:
            UserError: It is not there, or is not what it should be.
        """

    def keep(self, stored: StoredVersion) -> None:
        """Keep a version that serves as the copy; to be called in a thread."""

    def hints(self) -> AsyncIterator[None]:
        """Yield whenever another version may be the one that should serve."""
