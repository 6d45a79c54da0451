"""What local mode reads from a resource file, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import trained

from perennial_cli.local.cluster_only import cluster_only, lacks_volume
from perennial_cli.local.resource_file import parse_resources, read_resource_file
from perennial_core.errors import UserError

MODEL = """
apiVersion: perennial.dev/v1alpha1
kind: PredictionModel
metadata: {name: points, namespace: staging}
spec:
  training:
    data:
      uri: file:///data/points.csv
      volume: {configMap: {name: feed}}
      target: "y"
    estimator: {class: sklearn.linear_model.LinearRegression}
"""
CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: feed, namespace: staging}
data: {points.csv: "x,y"}
binaryData: {more.bin: AAE=}
"""


def test_a_config_map_beside_the_model_becomes_its_data() -> None:
    local = parse_resources(f"{CONFIG_MAP}---\n{MODEL}---\n", generation=1)
    assert str(local.model.key) == "staging/points"
    assert local.data == {"points.csv": b"x,y", "more.bin": b"\x00\x01"}


def test_a_config_map_of_another_namespace_or_name_is_not_the_models() -> None:
    for other in (CONFIG_MAP.replace("staging", "other"), CONFIG_MAP.replace("feed", "food")):
        assert parse_resources(f"{MODEL}---\n{other}", generation=1).data is None


def test_a_secret_beside_the_model_becomes_its_credentials() -> None:
    model = MODEL.replace("uri: file:///data/points.csv", "uri: https://example.org/points.csv")
    model = model.replace("volume: {configMap: {name: feed}}", "credentialsSecret: feed")
    secret = (
        "{kind: Secret, metadata: {name: feed, namespace: staging},"
        " data: {username: bWU=}, stringData: {password: secret}}"
    )
    local = parse_resources(f"{model}---\n{secret}", generation=1)
    assert local.credentials == {"username": b"me", "password": b"secret"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no PredictionModel"),
        (CONFIG_MAP, "holds no PredictionModel"),
        (f"{MODEL}---\n{MODEL}", "holds 2 PredictionModels; local mode runs exactly one"),
        ("a: [", "line 1"),
        ("a: b: c", "line 1: mapping values are not allowed here"),
        ("a: *.csv", "line 1: .* cannot begin with \\*: put the value in quotes"),
        ("a: *name", "line 1: found undefined alias 'name'; .* put the value in quotes"),
        ("b: 1\na: @x", "line 2: .*cannot begin with @: put the value in quotes"),
        ("a: &", "line 1: .* cannot begin with &: put the value in quotes"),
        ("a: &name", "line 1: an anchor of nothing; .* with &: put the value in quotes"),
        ("a: !r2", "line 1: .* cannot begin with !: put the value in quotes"),
        ("a: %d", "line 1: .* cannot begin with %: put the value in quotes"),
        ("a: `x`", "line 1: .* cannot begin with `: put the value in quotes"),
        ("a: 1\nb: 'x\nc: 2\n", "^line 2: the quote that begins here is never closed; put"),
        ('b: "x\n---\nc: 2\n', "^line 1: the quote that begins here is never closed; put"),
        ("a: 'x\nb: 2\nc: 'y'", "line 3: .*; the quote of line 1 ends before this; quote the"),
        ("a: 'it's'", "line 1: .*; the quote of line 1 ends before this; quote the"),
        ("a: \x07", "special characters are not allowed"),
        ("a: 1\nb: !!int abc", "line 2: 'abc' is no int that can be read"),
        ("a: !!float abc", "line 1: 'abc' is no float"),
        ("a: !!bool maybe", "line 1: 'maybe' is no bool"),
        ("a: !!timestamp abc", "line 1: 'abc' is no timestamp"),
        ("a: " + "9" * 5000, "line 1: '999.*999' is no int"),
        ("a: [" * 1000, "stand in each other too deep"),
        ("[" * 1000 + "]" * 1000, "stand in each other too deep"),
        ('a: "\\ud800"', "line 1: .* are halves of characters"),
        (
            MODEL.replace('"y"', "y"),
            'line 10: a plain y is a boolean for kubectl; write it in.*"y"',
        ),
        (MODEL.replace('target: "y"', "target: z\n      features: [x, N]"), "a plain N is a bool"),
        (MODEL + "\n  n: 1", "a plain n is a boolean"),
        (
            MODEL.replace("    estimator", "    data: {}\n    estimator"),
            "line 11: the key 'data' is given already in line 7; keep one of the two",
        ),
        ("{kind: PredictionModel, 'kind': Pod}", "line 1: the key 'kind' is given already in line"),
        (MODEL.replace('"y"', "yes"), "spec.training.data.target"),
        (MODEL.replace("class:", "klass:"), "spec.training.estimator.klass"),
        (MODEL.replace("name: points,", "name: ../points,"), "metadata.name: '../points' is not"),
        (MODEL.replace("staging", "Staging"), "metadata.namespace: 'Staging' is not at most"),
        (f"{MODEL}---\n{CONFIG_MAP.replace('points.csv', '..')}", "ConfigMap feed: the key '..'"),
        (f"{MODEL}---\n{CONFIG_MAP.replace('points.csv', 'a/b')}", "ConfigMap feed: the key 'a/b'"),
        (f"{MODEL}---\n{CONFIG_MAP.replace('AAE=', '&')}", "line"),
        (f"{MODEL}---\n{CONFIG_MAP.replace('AAE=', '1')}", "ConfigMap: binaryData.more.bin"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_resources(text, generation=1)


def test_a_key_may_replace_one_that_is_merged_in() -> None:
    merged = f"{MODEL}    <<: {{retries: 5}}\n    retries: 1\n"
    assert trained(parse_resources(merged, generation=1).model).retries == 1


def test_a_plain_date_is_text_as_it_is_for_kubectl() -> None:
    text = MODEL.replace(
        "namespace: staging", "namespace: staging, annotations: {perennial.dev/train: 2026-01-01}"
    )
    local = parse_resources(text, generation=1)
    assert local.model.metadata.annotations == {"perennial.dev/train": "2026-01-01"}


@pytest.mark.parametrize(
    ("content", "says"), [(None, "No such file"), (b"\xff", "not text in UTF-8"), (b"", "holds no")]
)
def test_an_unusable_file_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "model.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=f"model.yaml: {says}"):
        read_resource_file(file)


def test_fields_for_a_cluster_are_named_when_they_are_set() -> None:
    assert cluster_only(parse_resources(MODEL, 1).model.spec) == []
    spec = "  serving: {replicas: 3, resources: {limits: {cpu: 1}}, service: {type: NodePort}}\n"
    spec += "  rollout: {strategy: Canary}"
    assert cluster_only(parse_resources(MODEL + spec, 1).model.spec) == [
        "spec.rollout.strategy",
        "spec.serving.replicas",
        "spec.serving.resources",
        "spec.serving.service",
    ]


def test_an_anchor_that_has_a_value_may_be_used() -> None:
    local = parse_resources(MODEL.replace('"y"', "&goal z\n      features: [x]"), 1)
    assert trained(local.model).data.target == "z"


def test_a_file_without_a_volume_is_nothing_for_a_cluster() -> None:
    bare = MODEL.replace("      volume: {configMap: {name: feed}}\n", "")
    generated = bare.replace("file:///data/points.csv", "sample://linear")
    lacking = [
        lacks_volume(parse_resources(text, 1).model.spec) for text in (bare, MODEL, generated)
    ]
    assert lacking == [True, False, False]
