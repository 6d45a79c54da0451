"""Rules on a model's versions and records the approvals that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from perennial_core.decisions import Rules, Ruling, State, rule
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import Manifest
from perennial_core.registry import Answer, Decision, Registry, RegistryRefused, Snapshot

GATE = "the gate"
"""Who approved what no person had to look at."""


_OPEN = (State.CANDIDATE, State.AWAITING_APPROVAL)


@dataclass(frozen=True)
class Judgement:
    """What is to be said of each retained version, and what was decided on them."""

    manifests: Mapping[Version, Manifest]
    rulings: Mapping[Version, Ruling]
    decisions: Mapping[Version, Decision]
    problem: str | None = None
    """Why a decision could not be recorded, so that it does not count yet."""

    @property
    def awaiting(self) -> tuple[Version, ...]:
        """The versions on which a person has to decide, newest first."""
        rulings = self.rulings.items()
        return tuple(v for v, ruling in rulings if ruling.state is State.AWAITING_APPROVAL)


async def judge(
    registry: Registry,
    key: ModelKey,
    snapshot: Snapshot,
    incumbent: Version | None,
    rules: Rules,
    asked: Mapping[Version, Decision] = MappingProxyType({}),
) -> Judgement:
    """Rule on all retained versions, and approve those that no person has to look at.

    Args:
        registry: Where approvals are recorded.
        key: The model.
        snapshot: What the registry says of it.
        incumbent: The version that serves now.
        rules: What the spec says.
        asked: What people decided; it counts for versions that await approval.
    """
    manifests = await registry.manifests(key, snapshot.versions)

    def rulings(decisions: Mapping[Version, Decision]) -> dict[Version, Ruling]:
        return rule(
            manifests=manifests,
            decisions=decisions,
            failures=snapshot.failures,
            incumbent=incumbent,
            rules=rules,
        )

    decisions, problem = dict(snapshot.decisions), None
    for version, ruling in rulings(decisions).items():
        decision = _approval(ruling) if ruling.approvable else asked.get(version)
        if decision is not None and ruling.state in _OPEN:
            try:
                decisions[version] = await registry.decide(key, version, decision)
            except RegistryRefused as error:  # such as a full Redis, in which old versions can go
                problem = str(error)
    return Judgement(manifests, rulings(decisions), decisions, problem)


def _approval(ruling: Ruling) -> Decision:
    return Decision(
        verdict=Answer.APPROVED, by=GATE, reason=ruling.verdict.message, at=datetime.now(UTC)
    )
