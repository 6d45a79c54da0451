"""Runs of the trainer: when they start, and what is told of their end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from builders import NOW
from operator_bench import IDLE, NOWHERE, Bench, Kubelet, condition, is_true
from operator_models import MINIMAL, Body, merged

from perennial_cli.local.redis_server import RedisServer
from perennial_core.errors import Outage
from perennial_core.registry import Registry, Run, RunOutcome
from perennial_core.resource import TRAIN_ANNOTATION
from perennial_operator.kinds import JOB

TRAINED = merged(MINIMAL, serving=NOWHERE)


async def ask(bench: Bench, value: str) -> None:
    await bench.change({"metadata": {"annotations": {TRAIN_ANNOTATION: value}}})


async def test_the_first_run_starts_at_once_and_only_once(bench: Bench) -> None:
    await bench.apply(TRAINED)
    await bench.settle()
    bench.start_anew()
    await bench.settle()

    assert len(await bench.owned(JOB)) == 1


async def test_a_crash_before_the_status_is_written_starts_no_second_run(bench: Bench) -> None:
    await bench.apply(TRAINED)
    await bench.settle()
    await bench.cluster.merge_status(bench.key(), {"training": None})
    bench.start_anew()

    await bench.settle()

    assert len(await bench.owned(JOB)) == 1


async def test_a_change_of_the_training_spec_starts_a_run_and_others_do_not(bench: Bench) -> None:
    await bench.apply(TRAINED)
    await bench.settle()
    await bench.change({"spec": {"training": {"retries": 1}, "serving": {"replicas": 2}}})
    await bench.settle()
    untouched = len(await bench.owned(JOB))
    await bench.change({"spec": {"training": {"data": {"uri": "sample://linear?rows=9"}}}})
    await bench.settle()

    assert (untouched, len(await bench.owned(JOB))) == (1, 2)


async def test_a_person_asks_for_a_run_by_annotation_even_of_a_suspended_model(
    bench: Bench,
) -> None:
    await bench.apply(IDLE)
    await bench.settle()
    none = await bench.owned(JOB)
    for value in ("1", "1", "2"):
        await ask(bench, value)
        await bench.settle()

    assert none == []
    assert len(await bench.owned(JOB)) == 2


async def test_a_run_waits_for_the_registry(
    bench: Bench, own_redis: RedisServer, own_registry: Registry
) -> None:
    bench.registry = own_registry
    bench.start_anew()
    own_redis.stop()
    await bench.apply(TRAINED)
    with pytest.raises(Outage):
        await bench.reconcile()
    assert await bench.owned(JOB) == []
    own_redis.start()

    await bench.settle()

    assert len(await bench.owned(JOB)) == 1


async def test_a_run_that_takes_too_long_is_reported_and_stays_so_without_its_job(
    bench: Bench,
) -> None:
    await bench.apply(merged(TRAINED, training={"timeoutSeconds": 1, "retries": 0}))
    await bench.publish()
    model = await bench.until(lambda model: not is_true("Trained")(model), "the run fails")

    assert "spec.training.timeoutSeconds (1 s)" in condition(model, "Trained")["message"]
    assert ("Warning", "RunFailed") in await bench.events()
    (job,) = await bench.owned(JOB)
    await bench.cluster.delete(JOB, bench.ref(JOB, job["metadata"]["name"]))
    model = await bench.settle()
    assert not is_true("Trained")(model)
    assert condition(model, "Degraded")["reason"] == "RunFailed"

    later = job["status"]["conditions"][-1]["lastTransitionTime"].replace("20", "21", 1)
    await record(bench, RunOutcome.SKIPPED, "nothing new", ended=later)
    model = await bench.settle()
    assert is_true("Trained")(model)
    assert not is_true("Degraded")(model)


async def test_what_a_run_recorded_is_told(bench: Bench) -> None:
    await bench.apply(IDLE)
    await record(bench, RunOutcome.FAILED, "points.csv: no column y")

    model = await bench.settle()

    assert condition(model, "Trained")["message"] == "points.csv: no column y"
    assert "points.csv: no column y" in condition(model, "Ready")["message"]


def requested_run(model: Body) -> Body:
    found: Body = model["status"]["training"]["requestedRun"]
    return found


async def test_the_run_that_a_person_asked_for_is_told_though_others_end_meanwhile(
    bench: Bench,
) -> None:
    await bench.apply(IDLE)
    await bench.settle()
    await ask(bench, "now")
    model = await bench.settle()
    (job,) = await bench.owned(JOB)
    own = job["metadata"]["uid"]
    assert requested_run(model) == {"runId": own}

    await record(bench, RunOutcome.FAILED, "another")
    model = await bench.settle()
    assert model["status"]["training"]["lastRun"] == "another"
    assert requested_run(model) == {"runId": own}

    await record(bench, RunOutcome.SKIPPED, "nothing new", run_id=own)
    await record(bench, RunOutcome.FAILED, "a third")
    model = await bench.settle()
    assert model["status"]["training"]["lastRun"] == "a third"
    assert requested_run(model)["outcome"] == "Skipped"
    assert requested_run(model)["message"] == "nothing new"


async def test_a_run_that_was_asked_for_and_cannot_tell_is_told_by_its_job(bench: Bench) -> None:
    await bench.apply(merged(IDLE, training={"timeoutSeconds": 1, "retries": 0}))
    await bench.settle()
    await ask(bench, "now")
    model = await bench.until(
        lambda model: "outcome" in model["status"]["training"].get("requestedRun", {}),
        "the run fails",
    )
    assert requested_run(model)["outcome"] == "Failed"
    assert "spec.training.timeoutSeconds (1 s)" in requested_run(model)["message"]


async def record(
    bench: Bench,
    outcome: RunOutcome,
    message: str,
    ended: str | None = None,
    run_id: str | None = None,
) -> None:
    run = Run(
        run_id=run_id or message,
        outcome=RunOutcome(outcome),
        started=NOW,
        ended=datetime.fromisoformat(ended) if ended else NOW + timedelta(seconds=1),
        message=message,
    )
    await bench.registry.record_run(bench.key(), run)


async def test_a_job_that_the_api_server_refuses_is_reported(bench: Bench) -> None:
    await bench.apply(merged(TRAINED, training={"resources": {"limits": {"memory": "lots"}}}))
    await bench.publish()

    model = await bench.settle()

    assert condition(model, "Degraded")["reason"] == "ApiRefused"
    assert "quantities" in condition(model, "Degraded")["message"]
    assert await bench.deployed() == 1
    await bench.change({"spec": {"training": {"resources": {"limits": {"memory": "1Gi"}}}}})
    model = await bench.settle()
    assert not is_true("Degraded")(model)
    assert len(await bench.owned(JOB)) == 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            {"uri": "file:///data/p.csv", "volume": {"configMap": {"name": "nope"}}},
            "spec.training.data.volume.configMap.name: there is no ConfigMap nope",
        ),
        (
            {
                "uri": "file:///data/p.csv",
                "volume": {"persistentVolumeClaim": {"claimName": "nope"}},
            },
            "spec.training.data.volume.persistentVolumeClaim.claimName: there is no Persistent",
        ),
        (
            {"uri": "https://example.com/p.csv", "credentialsSecret": "nope"},
            "spec.training.data.credentialsSecret: there is no Secret nope",
        ),
    ],
)
async def test_a_run_that_cannot_start_says_what_is_missing(
    bench: Bench, data: Body, says: str
) -> None:
    await bench.apply(merged(TRAINED, training={"data": {"target": "y", **data}}))
    model = await bench.until(lambda it: condition(it, "Degraded")["status"] == "True", "it says")

    assert condition(model, "Degraded")["reason"] == "RunWaits"
    assert condition(model, "Degraded")["message"].startswith(f"a run cannot start: {says}")


async def test_a_message_without_end_is_cut_and_told(bench: Bench) -> None:
    await bench.apply(IDLE)
    await bench.settle()
    message = "line 7: " + "x" * 3_000_000 + "; quote it"
    run = Run(run_id="r", outcome=RunOutcome.FAILED, started=NOW, ended=NOW, message=message)
    await bench.registry.record_run(bench.key(), run)
    model = await bench.settle()

    trained = condition(model, "Trained")
    assert (trained["reason"], len(trained["message"]) < 2100) == ("RunFailed", True)
    assert trained["message"].startswith("line 7: ")
    assert trained["message"].endswith("; quote it")


async def test_a_registry_that_loses_everything_twice_gets_a_run_each_time(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(TRAINED)
    await bench.publish()
    await bench.until(is_true("Ready"), "version 1 serves")
    runs = [len(await bench.owned(JOB))]
    for number in (1, 2):
        await bench.registry.purge(bench.key())
        await bench.settle()
        runs.append(len(await bench.owned(JOB)))
        ended = datetime.now(UTC) + timedelta(hours=number)
        run = Run(
            run_id=f"replacement-{number}",
            outcome=RunOutcome.SKIPPED,
            started=ended,
            ended=ended,
            message="it ended",
        )
        await bench.registry.record_run(bench.key(), run)
        await bench.settle()

    assert runs == [runs[0], runs[0] + 1, runs[0] + 2]
