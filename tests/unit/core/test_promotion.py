"""What a source offers, and what a manifest becomes when its version is taken over."""

from __future__ import annotations

from typing import Any

import pytest
from builders import NOW, manifest_body
from hypothesis import given
from hypothesis import strategies as st
from serving import APPROVAL, DENIAL

from perennial_core.gate import Outcome, examine
from perennial_core.identity import ModelKey, Version, digest_of
from perennial_core.manifest import Drift, ExampleResult, Manifest, ManifestBody, Metrics
from perennial_core.promotion import (
    Evidence,
    Offered,
    Served,
    Withheld,
    evidence_from,
    is_taken_over,
    lacks_evidence_there_is,
    offer,
    provenance,
    taken_over,
)
from perennial_core.registry import Serving, Snapshot
from perennial_core.resource.gate import GateSpec
from perennial_core.resource.promotion import PromotionSource, PromotionTarget

STAGING, PRODUCTION = ModelKey("staging", "points"), ModelKey("production", "points")
REGRESSION = GateSpec.model_validate({"metrics": [{"name": "r2", "maxRegression": "0.05"}]})
DRIFT = GateSpec.model_validate({"drift": {"max": "0.1"}})


def source(**fields: Any) -> PromotionSource:
    return PromotionSource.model_validate({"namespace": "staging", "name": "points", **fields})


def target(**fields: Any) -> PromotionTarget:
    return PromotionTarget.model_validate({"namespace": "production", **fields})


def snapshot(**fields: Any) -> Snapshot:
    """Return a source with versions 1 to 3: approved, serving, and denied."""
    known: dict[str, Any] = {
        "latest": Version(4),
        "versions": (Version(1), Version(2), Version(3), Version(4)),
        "serving": Serving(version=Version(2), digest=digest_of(b"2")),
        "decisions": {Version(1): APPROVAL, Version(2): APPROVAL, Version(3): DENIAL},
        "failures": {},
        "last_run": None,
        "allowed": (target(),),
    }
    return Snapshot(**known | fields)


def test_the_version_that_serves_is_offered() -> None:
    assert offer(source(), PRODUCTION, snapshot()) == Offered(Version(2), APPROVAL)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (1, Offered(Version(1), APPROVAL)),
        (2, Offered(Version(2), APPROVAL)),
        (
            3,
            Withheld(
                "spec.promotion.from.version: version 3 of staging/points was denied there by"
                " alice",
                refused=True,
            ),
        ),
        (4, Withheld("version 4 of staging/points is not approved there yet", refused=False)),
        (
            5,
            Withheld(
                "spec.promotion.from.version: version 5 of staging/points is not retained there;"
                " approved: 1, 2",
                refused=True,
            ),
        ),
    ],
)
def test_a_version_that_is_asked_for_is_offered_once_it_is_approved(
    asked: int, expected: Offered | Withheld
) -> None:
    assert offer(source(version=asked), PRODUCTION, snapshot()) == expected


def test_a_source_that_serves_nothing_yet_offers_nothing_yet() -> None:
    nothing = snapshot(serving=None)
    expected = Withheld("staging/points serves no version yet", refused=False)
    assert offer(source(), PRODUCTION, nothing) == expected


@pytest.mark.parametrize(
    ("allowed", "allows"),
    [
        ([target()], True),
        ([target(name="points")], True),
        ([target(name="other"), target(name="points")], True),
        ([target(name="other")], False),
        ([target(namespace="staging")], False),
        ([], False),
    ],
)
def test_only_who_is_allowed_may_take_over(allowed: list[PromotionTarget], allows: bool) -> None:
    offered = offer(source(), PRODUCTION, snapshot(allowed=tuple(allowed)))
    if allows:
        assert isinstance(offered, Offered)
    else:
        text = (
            "spec.promotion.from: staging/points does not allow production/points; add it to"
            " spec.promotion.allowTo there"
        )
        assert offered == Withheld(text, refused=True)


def test_a_source_that_is_not_there_is_refused_by_the_field() -> None:
    empty = snapshot(latest=None, versions=(), serving=None, decisions={}, allowed=())
    offered = offer(source(), PRODUCTION, empty)
    assert isinstance(offered, Withheld)
    assert offered.refused
    assert offered.reason.startswith("spec.promotion.from: staging/points is not in the registry")


@given(
    st.builds(
        snapshot,
        versions=st.sets(st.integers(1, 5).map(Version)).map(lambda it: tuple(sorted(it))),
        serving=st.none()
        | st.integers(1, 5).map(lambda v: Serving(version=Version(v), digest=digest_of(b"x"))),
        decisions=st.dictionaries(
            st.integers(1, 5).map(Version), st.sampled_from([APPROVAL, DENIAL])
        ),
        allowed=st.sampled_from([(), (target(),), (target(name="points"),)]),
    ),
    st.none() | st.integers(1, 6),
)
def test_nothing_is_offered_that_is_not_allowed_or_was_denied(
    known: Snapshot, asked: int | None
) -> None:
    offered = offer(source(version=asked), PRODUCTION, known)
    if isinstance(offered, Offered):
        assert known.allowed
        assert asked in (None, offered.version)
        assert known.decisions[offered.version] == offered.decision == APPROVAL


def manifest(version: int = 7, key: ModelKey = STAGING, **fields: Any) -> Manifest:
    body = manifest_body(key, f"artifact {version}".encode(), f"run-{version}")
    return body.changed(**fields).numbered(Version(version))


def beside(incumbent: float | None, version: int = 6, problem: str | None = None) -> Metrics:
    return Metrics(
        candidate={"r2": 0.9},
        incumbent=None if incumbent is None else {"r2": incumbent},
        incumbent_version=Version(version),
        incumbent_problem=problem,
    )


def became(evidence: Evidence, staged: Manifest) -> ManifestBody:
    return taken_over(
        staged,
        PRODUCTION,
        provenance(staged, APPROVAL),
        evidence,
        run_id="here",
        spec_hash="from staging",
        created=NOW,
    )


def found(staged: Manifest, before: Manifest | None, served: Served | None) -> ManifestBody:
    """Return the manifest of a target that has no rows of its own."""
    origin = provenance(staged, APPROVAL)
    return became(evidence_from(staged, before, origin, served, []), staged)


def test_what_is_taken_over_is_the_same_artifact_with_its_provenance() -> None:
    staged = manifest(promoted_from=provenance(manifest(2, ModelKey("dev", "points")), None))
    result = ExampleResult(inputs={"x": 1}, prediction=5.0)
    evidence = evidence_from(staged, None, provenance(staged, APPROVAL), None, [result])
    body = became(evidence, staged)

    same = ("digest", "size", "format", "inputs", "outputs", "estimator", "parity", "rows")
    assert all(getattr(body, name) == getattr(staged, name) for name in same)
    assert (body.model, body.run_id, body.training_spec_hash) == (
        *("production/points", "here"),
        "from staging",
    )
    assert body.examples == [result]
    origin = body.promoted_from
    assert origin is not None
    assert (origin.model, origin.version, origin.run_id) == ("staging/points", 7, "run-7")
    assert origin.decision == APPROVAL
    assert origin.promoted_from is not None
    assert origin.promoted_from.model == "dev/points"
    assert Manifest.of_bytes(body.numbered(Version(4)).to_bytes()).promoted_from == (origin)


def test_a_target_that_serves_nothing_has_nothing_to_regress_or_drift_from() -> None:
    drift = Drift(incumbent_version=Version(6), features={"x": 9.0})
    body = found(manifest(metrics=beside(0.99), drift=drift), None, None)

    assert body.metrics == Metrics(candidate={"r2": 0.9})
    assert examine(REGRESSION, body).outcome is Outcome.PASSED
    assert examine(DRIFT, body).outcome is Outcome.PASSED


@pytest.mark.parametrize("retained", [True, False])
@pytest.mark.parametrize(("score", "outcome"), [(0.92, Outcome.PASSED), (0.99, Outcome.FAILED)])
def test_what_the_incumbent_got_there_counts_where_it_is_the_same_artifact(
    score: float, outcome: Outcome, retained: bool
) -> None:
    before = manifest(6)
    served = manifest(6, PRODUCTION, promoted_from=provenance(before, APPROVAL))
    drift = Drift(incumbent_version=Version(6), features={"x": 0.01})
    staged = manifest(metrics=beside(score), drift=drift)
    body = found(staged, before if retained else None, Served(Version(3), served))

    assert body.metrics.incumbent_version == 3
    assert examine(REGRESSION, body).outcome is outcome
    assert body.drift == Drift(incumbent_version=Version(3), features={"x": 0.01})


OTHER = manifest(5, PRODUCTION)


@pytest.mark.parametrize(
    ("before", "served"),
    [
        (manifest(6), OTHER),
        (None, OTHER),
        (manifest(6), None),
        (None, manifest(5, PRODUCTION, promoted_from=provenance(manifest(5), APPROVAL))),
        (
            None,
            manifest(5, PRODUCTION, promoted_from=provenance(manifest(6), APPROVAL, "far:6379")),
        ),
        # what has the number of the incumbent there is now another artifact
        (
            manifest(6, digest=digest_of(b"renumbered")),
            manifest(6, PRODUCTION, promoted_from=provenance(manifest(6), APPROVAL)),
        ),
    ],
)
def test_an_incumbent_that_was_not_measured_there_leaves_it_to_a_person(
    before: Manifest | None, served: Manifest | None
) -> None:
    staged = manifest(metrics=beside(0.1), drift=Drift(incumbent_version=Version(6)))
    body = found(staged, before, Served(Version(3), served))

    for gate in (REGRESSION, DRIFT):
        verdict = examine(gate, body)
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "spec.promotion.from.data names no rows" in verdict.message
    assert body.metrics.incumbent_version == 3
    assert body.metrics.candidate == {"r2": 0.9}


def test_the_same_artifact_once_more_is_no_worse_than_itself() -> None:
    served = manifest(7, PRODUCTION)
    body = found(manifest(metrics=beside(0.1)), None, Served(Version(3), served))

    assert examine(REGRESSION, body).outcome is Outcome.PASSED


def test_a_metric_that_the_source_did_not_measure_leaves_it_to_a_person() -> None:
    gate = GateSpec.model_validate({"metrics": [{"name": "neg_max_error", "min": "-1"}]})

    verdict = examine(gate, found(manifest(), None, None))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.message == (
        "neg_max_error was not measured by staging/points; name rows to measure it on in"
        " spec.promotion.from.data"
    )


def test_a_version_is_taken_over_once_for_what_the_spec_says() -> None:
    staged = manifest()
    latest = found(staged, None, None).numbered(Version(4))
    origin = provenance(staged, APPROVAL)

    assert is_taken_over(latest, origin, "from staging")
    assert not is_taken_over(latest, origin, "from elsewhere")
    assert not is_taken_over(latest, provenance(manifest(8), APPROVAL), "from staging")
    assert not is_taken_over(latest, provenance(staged, APPROVAL, "far:6379"), "from staging")
    assert not is_taken_over(None, origin, "from staging")


@pytest.mark.parametrize(
    ("asked", "lacks"),
    [
        ({"metrics": [{"name": "r2", "min": "0"}]}, False),
        ({"metrics": [{"name": "neg_max_error", "min": "0"}]}, False),
        ({"examples": [{"inputs": {"x": 1}, "expected": 5}]}, True),
    ],
)
def test_it_is_taken_over_again_only_for_evidence_that_there_is(asked: Any, lacks: bool) -> None:
    staged = manifest()
    latest = found(staged, None, None).numbered(Version(4))

    assert lacks_evidence_there_is(GateSpec.model_validate(asked), latest, staged) is lacks


def test_provenance_is_told_in_a_few_words() -> None:
    assert str(provenance(manifest(), APPROVAL)) == "staging/points v7"
    assert str(provenance(manifest(), APPROVAL, "far:6379")) == "staging/points v7 of far:6379"
