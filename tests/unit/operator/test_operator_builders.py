"""The objects that the operator makes, against golden files and against what they must hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from operator_models import (
    MAXIMAL,
    MINIMAL,
    PROMOTED,
    Body,
    merged,
    operator_settings,
    read_model,
    redis_settings,
)

from perennial_core.identity import Digest, Version
from perennial_core.order import TrainingOrder, read_order
from perennial_core.resource import PredictionModel
from perennial_core.resource.rollout import Strategy
from perennial_core.settings import (
    PredictorSettings,
    SourceRegistrySettings,
    TrainerSettings,
    from_environment,
)
from perennial_operator.build.cron_job import build_cron_job
from perennial_operator.build.deployment import (
    Release,
    build_deployment,
    build_settings_template,
    settings_hash,
    with_release,
)
from perennial_operator.build.job import build_job
from perennial_operator.build.order import ORDER_FILE, build_order
from perennial_operator.build.secret import build_registry_secret
from perennial_operator.build.service import build_service
from perennial_operator.build.service_account import build_service_account
from perennial_operator.build.trial import build_trial, trial_names
from perennial_operator.kinds import MANAGED_BY, MODEL_LABEL, SELECTOR

GOLDEN = Path(__file__).parent / "golden"
RELEASE = Release(Version(3), Digest("sha256:" + "3" * 64))
TRIED = Release(Version(4), Digest("sha256:" + "4" * 64))
SPECS = {"minimal": MINIMAL, "maximal": MAXIMAL}

SETTINGS = {
    "minimal": operator_settings(),
    "maximal": operator_settings(
        image_pull_secrets=["registry-login"],
        allowed_modules=["sklearn", "acme"],
        trusted_types=["acme.Model"],
        log_level="DEBUG",
    ),
}


def objects(size: str) -> dict[str, Body]:
    """Return all objects of a model, by file name."""
    model, settings, registry = read_model(SPECS[size]), SETTINGS[size], redis_settings()
    template = with_release(build_settings_template(model, settings, registry), RELEASE)
    built = {
        "cron-job": build_cron_job(model, settings),
        "deployment": build_deployment(model, template),
        "job": build_job(model, settings, "a cause"),
        "secret": build_registry_secret(model, registry),
        "service": build_service(model),
        "service-account": build_service_account(model, registry),
        "training-order": build_order(model),
    }
    return {f"{size}-{name}": body for name, body in built.items() if body is not None}


def promotion_objects() -> dict[str, Body]:
    """Return the objects of a promotion's runs, by file name."""
    model, settings = read_model(PROMOTED), SETTINGS["minimal"]
    built = {
        "cron-job": build_cron_job(model, settings),
        "job": build_job(model, settings, "a cause"),
        "training-order": build_order(model),
    }
    return {f"promoted-{name}": body for name, body in built.items() if body is not None}


def trial_objects(strategy: Strategy) -> dict[str, Body]:
    """Return the objects of a trial of version 4 beside version 3, by file name."""
    model, settings, registry = trying(strategy), SETTINGS["minimal"], redis_settings()
    serving = with_release(build_settings_template(model, settings, registry), RELEASE)
    return {
        f"{strategy.lower()}-{body['kind'].lower()}": body
        for body in build_trial(model, serving, TRIED, strategy, 2)
    }


def trying(strategy: Strategy) -> PredictionModel:
    return read_model(merged(MINIMAL, rollout={"strategy": strategy}))


ALL = {name: body for size in SPECS for name, body in objects(size).items()}
ALL |= promotion_objects() | trial_objects(Strategy.CANARY) | trial_objects(Strategy.SHADOW)


@pytest.mark.parametrize("name", ALL)
def test_an_object_is_as_its_golden_file_says(name: str, regenerate_golden: bool) -> None:
    file = GOLDEN / f"{name}.yaml"
    if regenerate_golden:
        file.write_text(yaml.safe_dump(ALL[name], sort_keys=False, allow_unicode=True))

    assert yaml.safe_load(file.read_text()) == ALL[name]


def test_every_golden_file_is_of_an_object() -> None:
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_every_object_is_owned_and_found_by_its_labels(name: str) -> None:
    metadata = ALL[name]["metadata"]
    (owner,) = metadata["ownerReferences"]

    assert (owner["kind"], owner["name"], owner["uid"]) == ("PredictionModel", "points", "11111111")
    assert owner["controller"]
    assert owner["blockOwnerDeletion"]
    assert metadata["labels"].items() >= MANAGED_BY.items()
    assert ",".join(f"{key}={value}" for key, value in MANAGED_BY.items()) == SELECTOR
    assert metadata["labels"][MODEL_LABEL] == "points"


def pod_templates() -> Iterator[tuple[str, Body]]:
    for name, body in ALL.items():
        spec = body.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield name, spec["template"]


TEMPLATES = dict(pod_templates())


def test_three_kinds_of_objects_make_pods() -> None:
    assert set(TEMPLATES) == {
        *(f"{size}-{kind}" for size in SPECS for kind in ("deployment", "job")),
        "maximal-cron-job",
        *("promoted-cron-job", "promoted-job"),
        "canary-deployment",
        "shadow-deployment",
    }


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_pod_satisfies_the_restricted_pod_security_standard(name: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    spec = TEMPLATES[name]["spec"]
    allowed_volumes = {"configMap", "emptyDir", "persistentVolumeClaim", "secret", "name"}

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
    for container in spec["containers"]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert not security.keys() & {"privileged", "runAsUser", "seccompProfile", "procMount"}
        assert all("hostPort" not in port for port in container.get("ports", []))
    for volume in spec["volumes"]:
        assert volume.keys() <= allowed_volumes


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_pod_writes_to_its_root_or_holds_a_token(name: str) -> None:
    spec = TEMPLATES[name]["spec"]

    assert spec["automountServiceAccountToken"] is False
    assert all(c["securityContext"]["readOnlyRootFilesystem"] for c in spec["containers"])


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_password_stands_outside_the_secret(name: str) -> None:
    assert "red-apple" not in yaml.safe_dump(TEMPLATES[name])


def container(name: str) -> Body:
    (found,) = TEMPLATES[name]["spec"]["containers"]
    return dict(found)


def environment(name: str) -> dict[str, Any]:
    return {item["name"]: item.get("value") for item in container(name)["env"]}


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in {*PredictorSettings.__struct_fields__, *TrainerSettings.__struct_fields__}:
        monkeypatch.delenv(f"PERENNIAL_{name.upper()}", raising=False)
    return monkeypatch


def test_the_predictor_reads_back_what_the_operator_writes(
    surroundings: pytest.MonkeyPatch,
) -> None:
    for name, value in environment("maximal-deployment").items():
        surroundings.setenv(name, value or "")
    read = from_environment(PredictorSettings)

    assert (read.model, read.version, read.digest) == ("shop/points", 3, RELEASE.digest)
    assert (read.port, read.trusted_types, read.log_level) == (8080, ["acme.Model"], "DEBUG")
    assert read.drain_min_seconds < read.drain_seconds
    grace = TEMPLATES["maximal-deployment"]["spec"]["terminationGracePeriodSeconds"]
    assert read.drain_seconds < grace


def test_the_trainer_reads_back_what_the_operator_writes(surroundings: pytest.MonkeyPatch) -> None:
    for name, value in environment("maximal-job").items():
        surroundings.setenv(name, value or "the job's uid")
    read = from_environment(TrainerSettings)

    mounts = {
        mount["name"]: mount["mountPath"] for mount in container("maximal-job")["volumeMounts"]
    }
    assert read.training_file == Path(mounts["order"], ORDER_FILE)
    assert str(read.data_directory) == mounts["data"]
    assert read.allowed_modules == ["sklearn", "acme"]
    assert read.trusted_types == ["acme.Model"]


def test_the_training_order_is_what_the_spec_says(tmp_path: Path) -> None:
    file = tmp_path / ORDER_FILE
    file.write_text(ALL["maximal-training-order"]["data"][ORDER_FILE])

    order = read_order(file)
    assert isinstance(order, TrainingOrder)

    assert (str(order.key), order.training) == ("shop/points", read_model(MAXIMAL).spec.training)


def test_the_order_of_a_promotion_is_what_the_spec_says(tmp_path: Path) -> None:
    file = tmp_path / ORDER_FILE
    file.write_text(ALL["promoted-training-order"]["data"][ORDER_FILE])

    order, promotion = read_order(file), read_model(PROMOTED).spec.promotion

    assert promotion is not None
    assert order.runs == promotion.from_


def test_a_model_whose_versions_are_brought_has_no_order() -> None:
    assert build_order(read_model({"promotion": {}})) is None


def test_the_registry_of_a_source_is_read_from_the_secret_of_the_user() -> None:
    """Key by key, and by the kubelet: the operator never reads the Secret."""
    given = {
        item["name"]: item["valueFrom"]["secretKeyRef"]
        for item in container("promoted-job")["env"]
        if item["name"].startswith("PERENNIAL_SOURCE_")
    }

    assert {name: ref["name"] for name, ref in given.items()} == dict.fromkeys(
        map(SourceRegistrySettings.variable, ("url", "password", "ca")), "staging-registry"
    )
    url = SourceRegistrySettings.variable("url")
    assert [name for name, ref in given.items() if not ref.get("optional")] == [url]


def test_a_scheduled_run_is_the_same_as_one_that_starts_at_once() -> None:
    scheduled = ALL["maximal-cron-job"]["spec"]["jobTemplate"]["spec"]

    assert scheduled == ALL["maximal-job"]["spec"]


def test_a_model_without_a_schedule_has_no_cron_job() -> None:
    assert build_cron_job(read_model(MINIMAL), operator_settings()) is None


def test_credentials_are_mounted_where_the_trainer_looks() -> None:
    data = {
        "uri": "https://example.com/points.csv",
        "target": "y",
        "credentialsSecret": "feed-credentials",
    }
    job = build_job(read_model(merged(MINIMAL, training={"data": data})), operator_settings(), "c")
    spec = job["spec"]["template"]["spec"]
    (trainer,) = spec["containers"]

    assert {"name": "credentials", "secret": {"secretName": "feed-credentials"}} in spec["volumes"]
    mounts = {mount["name"]: mount["mountPath"] for mount in trainer["volumeMounts"]}
    variables = {item["name"]: item.get("value") for item in trainer["env"]}
    assert mounts["credentials"] == variables["PERENNIAL_CREDENTIALS_DIRECTORY"]


def test_the_longest_name_fits_all_objects() -> None:
    name = "a" * 52
    model = read_model(merged(MINIMAL, training={"schedule": "@daily"}), name=name)
    job = build_job(model, operator_settings(), "a cause")

    assert len(job["metadata"]["name"]) <= 63
    assert len(f"{name}-29384756") <= 63  # what the CronJob controller makes of it
    assert all(len(value) <= 63 for value in job["metadata"]["labels"].values())


def test_the_same_cause_names_the_same_job_and_another_cause_another() -> None:
    names = [
        build_job(read_model(), operator_settings(), cause)["metadata"]["name"]
        for cause in ("one", "one", "other")
    ]

    assert names[0] == names[1] != names[2]


def template(spec: Body = MINIMAL, password: str = "red-apple") -> Body:
    return build_settings_template(read_model(spec), operator_settings(), redis_settings(password))


def test_a_release_changes_the_template_and_not_its_settings() -> None:
    other = Release(Version(4), Digest("sha256:" + "4" * 64))
    one, two = with_release(template(), RELEASE), with_release(template(), other)

    assert one != two
    assert settings_hash(one) == settings_hash(two) == settings_hash(template())
    assert with_release(one, other) == two


def test_giving_a_release_leaves_the_template_that_was_given_as_it_was() -> None:
    given = template()
    with_release(given, RELEASE)

    assert given == template()


@pytest.mark.parametrize(
    "serving",
    [
        {"port": 6001},
        {"resources": {"limits": {"cpu": "2"}}},
        {"podTemplate": {"nodeSelector": {"a": "b"}}},
        {"podTemplate": {"tolerations": [{"operator": "Exists"}]}},
        {"podTemplate": {"affinity": {"nodeAffinity": {}}}},
        {"podTemplate": {"annotations": {"a": "b"}}},
        {"podTemplate": {"env": [{"name": "A", "value": "b"}]}},
        {
            "podTemplate": {
                "topologySpreadConstraints": [
                    {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}
                ]
            }
        },
    ],
    ids=str,
)
def test_every_serving_field_of_the_pods_changes_their_settings(serving: Body) -> None:
    assert settings_hash(template(merged(MINIMAL, serving=serving))) != settings_hash(template())


@pytest.mark.parametrize(
    "changes",
    [
        {"serving": {"replicas": 5}},
        {"serving": {"service": {"type": "NodePort"}}},
        {"rollout": {"progressDeadlineSeconds": 30, "historyLimit": 1, "pinnedVersion": 1}},
        {"training": {"suspend": True, "retries": 0}},
    ],
    ids=str,
)
def test_what_is_not_of_the_pods_restarts_none(changes: Body) -> None:
    assert template(merged(MINIMAL, **changes)) == template()


def test_a_new_password_restarts_the_predictors_and_is_seen_in_the_service_account() -> None:
    accounts = [build_service_account(read_model(), redis_settings(word)) for word in "ab"]

    assert settings_hash(template(password="a")) != settings_hash(template(password="b"))
    assert accounts[0]["metadata"]["annotations"] != accounts[1]["metadata"]["annotations"]


def test_old_pods_go_only_after_new_ones_are_ready() -> None:
    strategy = ALL["minimal-deployment"]["spec"]["strategy"]

    assert strategy["rollingUpdate"]["maxUnavailable"] == 0


def test_the_service_selects_the_predictors_and_a_canary_whatever_they_serve() -> None:
    selector = ALL["maximal-service"]["spec"]["selector"]

    assert selecting(selector) == {
        "minimal-deployment",
        "maximal-deployment",
        "canary-deployment",
    }


def test_a_shadow_gets_copies_only() -> None:
    assert selecting(ALL["shadow-service"]["spec"]["selector"]) == {"shadow-deployment"}
    assert "PERENNIAL_SHADOW_URL" not in environment("shadow-deployment")


def selecting(selector: Body) -> set[str]:
    """Return whose pods a Service has."""
    return {
        name
        for name, template in TEMPLATES.items()
        if template["metadata"]["labels"].items() >= selector.items()
    }


@pytest.mark.parametrize("name", [name for name in ALL if ALL[name]["kind"] == "Deployment"])
def test_a_deployment_has_no_pods_of_another(name: str) -> None:
    found = selecting(ALL[name]["spec"]["selector"]["matchLabels"])

    assert {one.split("-")[0] for one in found} in (
        {"minimal", "maximal"},
        {name.split("-")[0]},
    )


def test_the_pods_that_serve_know_where_copies_go_before_a_trial_begins() -> None:
    template = build_settings_template(
        trying(Strategy.SHADOW), operator_settings(), redis_settings()
    )
    (predictor,) = template["spec"]["containers"]
    shadow = ALL["shadow-service"]
    (port,) = shadow["spec"]["ports"]

    url = f"http://{shadow['metadata']['name']}.shop.svc:{port['port']}"
    assert {"name": "PERENNIAL_SHADOW_URL", "value": url} in predictor["env"]


@pytest.mark.parametrize("strategy", ["canary", "shadow"])
def test_a_trial_has_the_settings_of_what_serves(strategy: str) -> None:
    serving, tried = container("minimal-deployment"), container(f"{strategy}-deployment")

    told = {item["name"]: item["value"] for item in tried["env"]}
    assert (told["PERENNIAL_VERSION"], told["PERENNIAL_DIGEST"]) == ("4", TRIED.digest)
    assert {**serving, "env": None} == {**tried, "env": None}
    assert [item["name"] for item in serving["env"]] == [item["name"] for item in tried["env"]]


def test_names_of_trials_are_known() -> None:
    names = {ALL[f"{strategy}-deployment"]["metadata"]["name"] for strategy in ("canary", "shadow")}

    assert names == trial_names("points")
