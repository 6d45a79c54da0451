"""Only a version that earned it is served: rejected, reviewed and approved on a real cluster."""

from __future__ import annotations

import kubectl
import pytest
from e2e import expectations, models
from e2e.installation import Installation
from e2e.people import bind, decide
from e2e.versions import reaches

GATE = {"metrics": [{"name": "r2", "min": "0.9", "maxRegression": "0.01"}]}


def gated(namespace: str, **gate: str) -> None:
    """Serve version 1 behind a gate."""
    model = models.model(gate={**GATE, **gate})
    kubectl.apply(models.feed(models.points()), model, namespace=namespace)
    expectations.serves(namespace, 1)


def train_on(namespace: str, csv: str) -> None:
    kubectl.apply(models.feed(csv), namespace=namespace)
    patch = f"perennial.dev/train={hash(csv)}"
    kubectl.kubectl("annotate", "--overwrite", "pm", models.NAME, patch, "-n", namespace)


def test_a_worse_version_is_rejected_and_a_better_one_follows(
    perennial: Installation, namespace: str
) -> None:
    gated(namespace)
    train_on(namespace, models.corrupted())
    rejected = reaches(namespace, 2, "Rejected")
    assert "r2" in rejected["status"]["message"]
    assert rejected["status"]["gate"]["outcome"] == "Failed"
    body = expectations.has_condition(namespace, "Gated", "False", "Rejected")
    assert expectations.serving(body) == 1
    assert expectations.predict(namespace, [100.0])["version"] == 1
    reasons = {event["reason"] for event in kubectl.items("events", namespace)}
    assert "Rejected" in reasons
    train_on(namespace, models.points(rows=300, seed=1))
    expectations.serves(namespace, 3)
    table = kubectl.kubectl("get", "mv", "-n", namespace)
    assert [line.split()[3] for line in table.splitlines()[1:]] == [
        *("Superseded", "Rejected", "Serving"),
    ]


def test_a_worse_version_waits_for_a_person_who_may_approve_it(
    perennial: Installation, namespace: str
) -> None:
    bind(namespace, "alice", "perennial-approve")
    bind(namespace, "eve", "edit")
    gated(namespace, onFailure="Review")
    train_on(namespace, models.corrupted())
    reaches(namespace, 2, "AwaitingApproval")
    assert expectations.serving(expectations.model(namespace)) == 1
    with pytest.raises(kubectl.CommandFailed, match="forbidden"):
        decide(namespace, "eve", 2)
    with pytest.raises(kubectl.CommandFailed, match="has to be your own name, alice"):
        decide(namespace, "alice", 2, by="eve")
    decide(namespace, "alice", 2)
    expectations.serves(namespace, 2)
    assert reaches(namespace, 2, "Serving")["status"]["decidedBy"] == "alice"
    with pytest.raises(kubectl.CommandFailed, match="a decision does not change"):
        decide(namespace, "alice", 2, verdict="Denied")
