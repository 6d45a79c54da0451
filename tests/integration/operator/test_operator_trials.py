"""Canary and Shadow on the real Deployment controller; the tests play the kubelet and the pods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from operator_bench import IDLE, Bench, Kubelet, condition, eventually, is_true, serves, version_of
from operator_models import Body, merged
from played_predictors import PlayedPredictors

from perennial_cli.local.redis_server import RedisServer
from perennial_core.errors import Outage
from perennial_core.registry import Registry
from perennial_operator.cluster import ClusterRefused
from perennial_operator.kinds import DEPLOYMENT, MODEL_VERSION, SERVICE
from perennial_operator.pod_report import PodReport

IMPATIENT = {"progressDeadlineSeconds": 10}
STEPS = [{"weight": 20, "pauseSeconds": 1}, {"weight": 50, "pauseSeconds": 1}]
INFINITY = float("inf")


def canary(**fields: Any) -> Body:
    spec = {"steps": STEPS, **fields}
    return merged(
        IDLE,
        serving={"replicas": 2},
        rollout={"strategy": "Canary", "canary": spec, **IMPATIENT},
    )


def shadow(**fields: Any) -> Body:
    spec = {"seconds": 1, **fields}
    return merged(IDLE, rollout={"strategy": "Shadow", "shadow": spec, **IMPATIENT})


@dataclass
class Traffic:
    """Requests that every pod gets between two looks at it."""

    requests: int = 100
    error_share: Mapping[int, float] = field(default_factory=dict)
    """By version."""
    answers: Mapping[str, int] = field(default_factory=dict)
    """How the answers to copied requests compare, each time."""
    looks: Counter[str] = field(default_factory=Counter)

    def count(self, pod: Body, report: PodReport) -> PodReport:
        self.looks[report.uid] += 1
        looks = self.looks[report.uid]
        requests = self.requests * looks
        copied = pod["metadata"]["labels"]["app.kubernetes.io/name"] == "perennial-predictor"
        return replace(
            report,
            requests=requests,
            errors=int(requests * self.error_share.get(int(report.version or 0), 0.0)),
            latency=((0.01, requests), (INFINITY, requests)),
            shadow={name: number * looks for name, number in self.answers.items() if copied},
        )


@pytest.fixture
def traffic(bench: Bench) -> Traffic:
    assert isinstance(bench.predictors, PlayedPredictors)
    traffic = Traffic()
    bench.predictors.count = traffic.count
    return traffic


def trial(model: Body) -> Body:
    found: Body = model.get("status", {}).get("rollout", {}).get("trial", {})
    return found


def state_of_trial(state: str, version: int = 2) -> Any:
    return lambda model: (
        (trial(model).get("state"), trial(model).get("version")) == (state, version)
    )


async def first_serves(bench: Bench, spec: Body) -> None:
    await bench.apply(spec)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")


async def names(bench: Bench) -> set[str]:
    found = [*await bench.owned(DEPLOYMENT), *await bench.owned(SERVICE)]
    return {
        f"{body['kind']} {body['metadata']['name']}"
        for body in found
        if "deletionTimestamp" not in body["metadata"]
    }


async def test_a_canary_passes_its_steps_and_rolls_out(
    bench: Bench, kubelet: Kubelet, traffic: Traffic
) -> None:
    await first_serves(bench, canary())
    before = await bench.live(DEPLOYMENT)
    await bench.publish()

    model = await bench.until(state_of_trial("Running"), "the trial begins")
    await eventually(lambda: names(bench), lambda found: "Deployment points-canary" in found)
    tried = await bench.live(DEPLOYMENT, "points-canary")
    stable = await bench.live(DEPLOYMENT)

    assert before is not None
    assert stable is not None
    assert tried is not None
    assert stable["spec"] == before["spec"], "what serves is left alone"
    assert (tried["spec"]["replicas"], version_of(tried["spec"]["template"])) == (1, 2)
    service = await bench.live(SERVICE)
    assert service is not None
    labels = tried["spec"]["template"]["metadata"]["labels"]
    assert labels.items() >= service["spec"]["selector"].items()
    assert condition(model, "Ready")["message"] == "version 1 answers from 2 of 2 pods"
    assert is_true("Ready")(model)
    rolled_out = condition(model, "RolledOut")
    assert (rolled_out["status"], rolled_out["reason"]) == ("False", "Canary")
    assert rolled_out["message"] == "version 2 is on trial: step 1 of 2, 1 of 3 pods"
    version = await bench.live(MODEL_VERSION, "points-v2")
    assert version is not None
    assert version["status"]["state"] == "Approved"
    assert version["status"]["message"].startswith("on trial (Canary): step 1 of 2")

    model = await bench.until(serves(2), "version 2 serves")
    assert trial(model)["state"] == "Passed"
    assert "0.00% of" in trial(model)["evidence"]
    await bench.settle()
    await eventually(lambda: names(bench), lambda found: not any("canary" in n for n in found))
    assert (await bench.registry.serving(bench.key())).version == 2  # type: ignore[union-attr]
    reasons = [reason for _, reason in await bench.events()]
    assert sorted(reason for reason in reasons if "Trial" in reason) == [
        *("TrialPassed", "TrialStarted", "TrialStepPassed"),
    ]


async def test_a_canary_with_errors_goes_back_by_itself_and_stays_back(
    bench: Bench, kubelet: Kubelet, traffic: Traffic
) -> None:
    await first_serves(bench, canary(steps=[{"weight": 20, "pauseSeconds": 3600}]))
    traffic.error_share = {2: 0.5}
    await bench.publish()

    model = await bench.until(state_of_trial("Failed"), "the trial fails before its time is up")
    await bench.settle()

    assert "version 2 failed its trial: 50.00% of" in trial(model)["message"]
    failures = (await bench.registry.snapshot(bench.key())).failures
    assert [(v, f.reason) for v, f in failures.items()] == [(2, "CanaryFailed")]
    version = await bench.live(MODEL_VERSION, "points-v2")
    assert version is not None
    assert version["status"]["state"] == "Failed"
    assert ("Warning", "TrialFailed") in await bench.events()
    await eventually(lambda: names(bench), lambda found: not any("canary" in n for n in found))

    bench.start_anew()
    model = await bench.settle()
    assert serves(1)(model)
    assert is_true("RolledOut")(model)
    assert condition(model, "Degraded")["reason"] == "RolloutFailed"
    assert await bench.deployed() == 1

    traffic.error_share = {}
    await bench.publish()
    await bench.change({"spec": {"rollout": {"canary": {"steps": STEPS}}}})
    model = await bench.until(serves(3), "the next version is tried, and serves")
    assert not is_true("Degraded")(model)


async def test_a_canary_whose_pods_do_not_start_fails(
    bench: Bench, kubelet: Kubelet, traffic: Traffic
) -> None:
    await first_serves(bench, canary())
    kubelet.is_broken = lambda pod: version_of(pod) == 2
    await bench.publish()

    model = await bench.until(state_of_trial("Failed"), "the deadline passes")

    assert "not all of its pods became ready within 10 s" in trial(model)["message"]
    assert is_true("Ready")(model)


async def test_too_little_traffic_waits_for_more_or_for_a_person(
    bench: Bench, kubelet: Kubelet, traffic: Traffic
) -> None:
    await first_serves(bench, canary())
    traffic.requests = 0
    await bench.publish()
    model = await bench.until(state_of_trial("Waiting"), "its time is up")
    await bench.settle()
    bench.cluster.writes.clear()
    await bench.reconcile()
    await bench.reconcile()

    assert "too few requests" in condition(model, "RolledOut")["message"]
    assert "perennial pin points --version 2" in condition(model, "RolledOut")["message"]
    assert is_true("Ready")(model)
    assert bench.cluster.writes == [], "nothing is written while nothing changes"

    await bench.change({"spec": {"rollout": {"pinnedVersion": 2}}})
    model = await bench.until(serves(2), "the pinned version serves")
    assert trial(model)["state"] == "Ended"
    assert [reason for _, reason in await bench.events()].count("TrialInconclusive") == 1


async def test_an_operator_that_starts_anew_goes_on_with_the_step(
    bench: Bench, kubelet: Kubelet, traffic: Traffic
) -> None:
    steps = [{"weight": 20, "pauseSeconds": 1}, {"weight": 50, "pauseSeconds": 3600}]
    await first_serves(bench, canary(steps=steps))
    await bench.publish()
    model = await bench.until(lambda model: trial(model).get("step") == 2, "step 2 begins")
    bench.start_anew()

    again = await bench.settle()

    assert trial(again) == trial(model)
    tried = await bench.live(DEPLOYMENT, "points-canary")
    assert tried is not None
    assert tried["spec"]["replicas"] == 2


async def test_a_newer_version_waits_and_new_settings_go_first(
    bench: Bench, kubelet: Kubelet, traffic: Traffic
) -> None:
    long = [{"weight": 20, "pauseSeconds": 3600}]
    await first_serves(bench, canary(steps=long))
    await bench.publish()
    await bench.until(state_of_trial("Running"), "the trial begins")
    await bench.publish()
    model = await bench.settle()
    assert state_of_trial("Running")(model), "version 3 waits"

    await bench.change({"spec": {"serving": {"port": 6001}}})
    ended = await bench.until(state_of_trial("Ended"), "the trial ends")
    assert "spec.serving changed" in trial(ended)["message"]
    await bench.until(state_of_trial("Running", 3), "the newest is tried after")
    assert await bench.deployed() == 1
    tried = await bench.live(DEPLOYMENT, "points-canary")
    assert tried is not None
    (container,) = tried["spec"]["template"]["spec"]["containers"]
    assert container["ports"][0]["containerPort"] == 6001


@pytest.mark.parametrize(
    ("patch", "serving"),
    [
        ({"rollout": {"strategy": "RollingUpdate", "canary": None}}, 2),
        ({"rollout": {"pinnedVersion": 1}}, 1),
    ],
    ids=str,
)
async def test_what_ends_a_trial_removes_its_pods(
    bench: Bench, kubelet: Kubelet, traffic: Traffic, patch: Body, serving: int
) -> None:
    await first_serves(bench, canary(steps=[{"weight": 20, "pauseSeconds": 3600}]))
    await bench.publish()
    await bench.until(state_of_trial("Running"), "the trial begins")

    await bench.change({"spec": patch})
    await bench.until(state_of_trial("Ended"), "the trial ends")
    await bench.until(serves(serving), f"version {serving} serves")

    await eventually(lambda: names(bench), lambda found: not any("canary" in n for n in found))


async def test_a_version_on_trial_is_retained(
    bench: Bench, kubelet: Kubelet, traffic: Traffic
) -> None:
    spec = canary(steps=[{"weight": 20, "pauseSeconds": 3600}])
    await first_serves(bench, merged(spec, rollout={"historyLimit": 1}))
    await bench.publish()
    await bench.until(state_of_trial("Running"), "the trial begins")
    for _ in range(3):
        await bench.publish()

    model = await bench.settle()

    assert (await bench.registry.snapshot(bench.key())).versions == (1, 2, 5)
    assert state_of_trial("Running")(model)


async def test_a_shadow_gets_copies_and_rolls_out(
    bench: Bench, kubelet: Kubelet, traffic: Traffic
) -> None:
    traffic.answers = {"same": 99, "different": 1}
    await first_serves(bench, shadow(maxDifferent="0.05"))
    await bench.publish()
    model = await bench.until(state_of_trial("Running"), "the trial begins")
    await eventually(
        lambda: names(bench),
        lambda found: {"Deployment points-shadow", "Service points-shadow"} <= found,
    )
    stable = await bench.live(DEPLOYMENT)
    copies = await bench.live(SERVICE, "points-shadow")

    assert stable is not None
    assert copies is not None
    variables = stable["spec"]["template"]["spec"]["containers"][0]["env"]
    url = f"http://points-shadow.{bench.namespace}.svc:{copies['spec']['ports'][0]['port']}"
    assert {"name": "PERENNIAL_SHADOW_URL", "value": url} in variables
    assert version_of(stable["spec"]["template"]) == 1
    assert condition(model, "RolledOut")["reason"] == "Shadow"

    model = await bench.until(serves(2), "version 2 serves")
    assert "answers" in trial(model)["evidence"]
    assert "differ" in trial(model)["evidence"]
    await bench.settle()
    await eventually(lambda: names(bench), lambda found: not any("shadow" in n for n in found))


async def test_a_shadow_that_answers_otherwise_fails(
    bench: Bench, kubelet: Kubelet, traffic: Traffic
) -> None:
    traffic.answers = {"same": 50, "different": 50}
    await first_serves(bench, shadow(maxDifferent="0.05"))
    await bench.publish()

    model = await bench.until(state_of_trial("Failed"), "the trial fails")

    assert "differ (at most 5.00%)" in trial(model)["message"]
    failures = (await bench.registry.snapshot(bench.key())).failures
    assert failures[2].reason == "ShadowFailed"  # type: ignore[index]
    assert await bench.deployed() == 1


async def test_pods_that_the_operator_may_not_list_hold_a_trial_up(
    bench: Bench, kubelet: Kubelet, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    await first_serves(bench, canary())

    async def refuse(pods: Iterable[Body]) -> tuple[PodReport, ...]:
        raise ClusterRefused("the API server refuses: pods is forbidden")

    monkeypatch.setattr(bench.predictors, "reports", refuse)
    await bench.publish()
    model = await bench.until(is_true("Degraded"), "the pods are asked")

    assert "pods is forbidden" in condition(model, "Degraded")["message"]
    assert state_of_trial("Running")(model)
    assert serves(1)(model)


async def test_a_deployment_of_somebody_else_is_left_alone_and_its_name_told(
    bench: Bench, kubelet: Kubelet, traffic: Traffic
) -> None:
    await first_serves(bench, canary())
    theirs = await bench.live(DEPLOYMENT)
    assert theirs is not None
    metadata = {"name": "points-canary", "namespace": bench.namespace}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": theirs["spec"]["template"]["spec"]}
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    await bench.cluster.create(DEPLOYMENT, {**body, "spec": spec})
    await bench.publish()

    model = await bench.until(is_true("Degraded"), "the trial has no place")

    assert "points-canary exists and does not belong" in condition(model, "Degraded")["message"]
    assert serves(1)(model)
    found = await bench.live(DEPLOYMENT, "points-canary")
    assert found is not None
    assert found["spec"]["replicas"] == 0


async def test_while_redis_is_down_a_trial_stands_still(
    bench: Bench,
    kubelet: Kubelet,
    traffic: Traffic,
    own_redis: RedisServer,
    own_registry: Registry,
) -> None:
    bench.registry = own_registry
    bench.start_anew()
    await first_serves(bench, canary())
    kubelet.is_broken = lambda pod: version_of(pod) == 2
    await bench.publish()
    before = await bench.until(state_of_trial("Running"), "the trial begins")
    own_redis.stop()
    with pytest.raises(Outage):
        await bench.reconcile()
    model = await bench.model()

    assert trial(model) == trial(before)
    assert "Deployment points-canary" in await names(bench)
    own_redis.start()
    kubelet.is_broken = lambda pod: False
    await bench.until(serves(2), "it goes on")
