"""Rules on a model's versions and records the approvals that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from perennial_core.decisions import Rules, Ruling, State, rule
from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.manifest import Manifest
from perennial_core.registry import Answer, Decision, Registry, RegistryRefused, Snapshot

GATE = "the gate"
"""Who approved what no person had to look at."""


@dataclass(frozen=True)
class Asked:
    """What a person decided."""

    decision: Decision
    digest: Digest | None
    """The artifact that they decided on. A registry that lost its data numbers anew, and what was
    said of a version counts for no other of the same number."""


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


def incumbent_among(
    manifests: Mapping[Version, Manifest],
    decisions: Mapping[Version, Decision],
    serves: tuple[Version, Digest] | None,
) -> Version | None:
    """Return the version that serves, as far as the registry has it.

    One that lost its data numbers anew: another of the same number has yet to earn its place, and
    the same that was published again has yet to be approved there again.
    """
    if serves is None:
        return None
    version, digest = serves
    if version not in manifests:
        return version
    return version if manifests[version].digest == digest and version in decisions else None


async def judge(
    registry: Registry,
    key: ModelKey,
    snapshot: Snapshot,
    manifests: Mapping[Version, Manifest],
    incumbent: Version | None,
    rules: Rules,
    asked: Mapping[Version, Asked] = MappingProxyType({}),
) -> Judgement:
    """Rule on all retained versions, and approve those that no person has to look at.

    Args:
        registry: Where approvals are recorded.
        key: The model.
        snapshot: What the registry says of it.
        manifests: Those of the retained versions.
        incumbent: The version that serves now.
        rules: What the spec says.
        asked: What people decided while a version awaited approval. That they denied it counts
            though the rules changed since; that they approved it, while it still awaits approval.
    """

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
        if version in decisions:
            continue
        decision = _due(ruling, asked.get(version), manifests[version].digest)
        if decision is not None:
            try:
                decisions[version] = await registry.decide(key, version, decision)
            except RegistryRefused as error:  # such as a full Redis, in which old versions can go
                problem = str(error)
    return Judgement(manifests, rulings(decisions), decisions, problem)


def _due(ruling: Ruling, asked: Asked | None, digest: Digest) -> Decision | None:
    """Return the decision that is to be recorded now on an undecided version."""
    said = asked.decision if asked is not None and asked.digest == digest else None
    if said is not None and said.verdict is Answer.DENIED:
        return said
    if ruling.approvable:
        return _approval(ruling)
    return said if ruling.state is State.AWAITING_APPROVAL else None


def _approval(ruling: Ruling) -> Decision:
    return Decision(
        verdict=Answer.APPROVED, by=GATE, reason=ruling.verdict.message, at=datetime.now(UTC)
    )
