"""The names of the registry's keys. All keys of one model share a hash tag, so one slot."""

from __future__ import annotations

from dataclasses import dataclass

from perennial_core.identity import Digest, ModelKey, Version

EVENTS = "perennial:events"
"""Stream of hints, common to all models: the fields ``model``, ``kind`` and ``version``."""


@dataclass(frozen=True)
class ModelKeys:
    """The keys of one model."""

    model: ModelKey

    @property
    def prefix(self) -> str:
        return f"perennial:{{{self.model}}}:"

    @property
    def version(self) -> str:
        """The version key: the latest published version."""
        return self.prefix + "version"

    @property
    def versions(self) -> str:
        """Sorted set of the retained versions."""
        return self.prefix + "versions"

    @property
    def serving(self) -> str:
        """Version and digest that should serve, as JSON."""
        return self.prefix + "serving"

    @property
    def runs(self) -> str:
        """Stream of the runs, capped."""
        return self.prefix + "runs"

    @property
    def failures(self) -> str:
        """Hash of version to why its rollout failed, as JSON."""
        return self.prefix + "failures"

    @property
    def decisions(self) -> str:
        """Hash of version to who let it serve, or not, as JSON; each is written once."""
        return self.prefix + "decisions"

    @property
    def allowed(self) -> str:
        """Who may take versions over, as JSON; absent: nobody."""
        return self.prefix + "allowed"

    def manifest(self, version: Version) -> str:
        return f"{self.prefix}manifest:{version}"

    def artifact(self, digest: Digest) -> str:
        return f"{self.prefix}artifact:{digest}"

    def run(self, run_id: str) -> str:
        """The version that this run published."""
        return f"{self.prefix}run:{run_id}"
