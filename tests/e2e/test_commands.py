"""Every command of ``perennial`` on a real cluster, by two people and as a plugin of kubectl."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import command
import kubectl
from e2e import expectations, models
from e2e.installation import Installation
from e2e.people import bind
from e2e.versions import reaches

from perennial_core.bundle import read_bundle

NAME = models.NAME


def feed(namespace: str, seed: int) -> None:
    kubectl.apply(models.feed(models.points(rows=300, seed=seed)), namespace=namespace)


def test_what_is_told_and_what_is_done_by_command(served: str, tmp_path: Path) -> None:
    where = ("-n", served)
    feed(served, seed=1)
    told = command.perennial("train", NAME, *where, "--wait", seconds=240)
    assert told == "Published: published version 2\n"
    expectations.serves(served, 2)
    assert command.call("train", NAME, *where, "--wait", seconds=240).code == 3

    assert f"{served}   {NAME}" in command.perennial("status", "-A")
    details = command.answer("status", NAME, *where)
    assert (details["ready"], details["serving"], len(details["pods"])) == (True, 2, 2)
    states = [item["state"] for item in command.answer("versions", NAME, *where)["items"]]
    assert states == ["Serving", "Superseded"]
    shown = command.answer("show", NAME, *where)
    assert shown["manifest"]["rows"]["training"] > shown["manifest"]["rows"]["holdout"] > 0
    fields = {
        item["field"] for item in command.answer("diff", NAME, "1", "2", *where)["differences"]
    }
    assert {"digest", "dataFingerprint", "rows.training"} <= fields

    command.perennial("rollback", NAME, *where, "--wait", seconds=240)
    assert expectations.predict(served, [100.0])["version"] == 1
    command.perennial("unpin", NAME, *where, "--wait", seconds=240)
    command.perennial("pin", NAME, *where, "--version", "1", "--wait", seconds=240)
    reasons = {event["reason"] for event in kubectl.items("events", served)}
    assert {"RolledBack", "Unpinned"} <= reasons

    command.perennial("export", NAME, *where, "--version", "2", "-o", str(tmp_path / "bundle"))
    assert read_bundle(tmp_path / "bundle").manifest.digest == shown["digest"]
    command.perennial("unpin", NAME, *where, "--wait", seconds=240)
    brought = command.perennial(
        "import", str(tmp_path / "bundle"), NAME, *where, "--wait", seconds=240
    )
    assert "v2 of a bundle is published as version 3" in brought
    assert brought.endswith("version 3 serves\n")


def test_two_people_decide_by_command(perennial: Installation, namespace: str) -> None:
    bind(namespace, "alice", "perennial-approve")
    bind(namespace, "eve", "edit")
    where = (NAME, "-n", namespace)
    model = models.model(rollout__approval="Manual", rollout__onNewerCandidate="Keep")
    kubectl.apply(models.feed(models.points()), model, namespace=namespace)
    reaches(namespace, 1, "AwaitingApproval")
    told = command.refused("approve", *where, "--as", "eve")
    assert "cannot patch resource" in told or "deciding needs the verb approve" in told
    approved = command.perennial("approve", *where, "--as", "alice", "--wait", seconds=240)
    assert approved == f"version 1 of {namespace}/{NAME} is approved: version 1 serves\n"
    feed(namespace, seed=1)
    command.perennial("train", *where, "--as", "eve", "--wait", seconds=240)
    command.perennial("deny", *where, "--as", "alice", "--reason", "no", "--wait", seconds=120)
    newest = command.answer("versions", *where)["items"][0]
    assert (newest["state"], newest["decidedBy"], newest["reason"]) == ("Denied", "alice", "no")
    assert expectations.serving(expectations.model(namespace)) == 1


def test_a_version_is_promoted_by_command(served: str) -> None:
    source = models.model(promotion__allowTo=[{"namespace": served}])
    kubectl.apply(source, namespace=served)
    target = {
        **models.model(),
        "metadata": {"name": "production"},
        "spec": {
            "promotion": {"from": {"namespace": served, "name": NAME, "version": 99}},
            "serving": {"replicas": 1},
        },
    }
    kubectl.apply(target, namespace=served)
    told = command.perennial("promote", "production", "-n", served, "--wait", seconds=240)
    assert "production takes over version 1 of its source; Published" in told
    kubectl.until(
        lambda: command.answer("status", "production", "-n", served),
        lambda model: model.get("serving") == 1,
        "production serves what was promoted",
    )
    command.perennial("promote", "production", "--follow", "-n", served)
    spec = kubectl.get("pm", "production", served)["spec"]
    assert "version" not in spec["promotion"]["from"]


def test_it_is_a_plugin_of_kubectl(served: str) -> None:
    beside = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    listed = subprocess.run(
        ["kubectl", "perennial", "status", "-n", served],
        env=os.environ | beside,
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.splitlines()[1].split()[:3] == [NAME, "True", "1"]
