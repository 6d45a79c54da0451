"""Which directory stands for the data volume, and when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from perennial_cli.local.mounted_files import write_files
from perennial_cli.local.mounts import check_mounts, prepare_mounts
from perennial_cli.local.resource_file import LocalModel, parse_resources
from perennial_cli.local.state_directory import StateDirectory
from perennial_core.errors import UserError

CLAIM = "uri: file:///data/points.csv, volume: {persistentVolumeClaim: {claimName: feed}}"
CONFIG_MAP = "uri: file:///data/points.csv, volume: {configMap: {name: feed}}"
SAMPLE = "uri: 'sample://linear'"
SECRET = "uri: https://example.org/points.csv, credentialsSecret: feed"


def local_model(data: str, beside: str = "") -> LocalModel:
    return parse_resources(
        f"""
apiVersion: perennial.dev/v1alpha1
kind: PredictionModel
metadata: {{name: points}}
spec:
  training:
    data: {{{data}, target: "y"}}
    estimator: {{class: sklearn.linear_model.Ridge}}
---
{beside}
""",
        generation=1,
    )


def feed(kind: str) -> str:
    return f"{{kind: {kind}, metadata: {{name: feed}}, data: {{points.csv: eCx5}}}}"


def test_a_given_directory_stands_for_any_volume(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    for local in (local_model(CLAIM), local_model(CONFIG_MAP, feed("ConfigMap"))):
        assert prepare_mounts(local, tmp_path, state).data == tmp_path
    assert not state.data.exists()


def test_a_config_map_in_the_file_is_written_where_the_trainer_reads(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    mounts = prepare_mounts(local_model(CONFIG_MAP, feed("ConfigMap")), None, state)
    assert (mounts.data / "points.csv").read_text() == "eCx5"


def test_a_secret_in_the_file_is_written_for_this_user_alone(tmp_path: Path) -> None:
    mounts = prepare_mounts(local_model(SECRET, feed("Secret")), None, StateDirectory(tmp_path))
    file = mounts.credentials / "points.csv"
    assert file.read_text() == "x,y"
    assert file.stat().st_mode & 0o077 == 0


def test_files_that_left_the_config_map_are_removed(tmp_path: Path) -> None:
    write_files({"a": b"1", "b": b"2"}, tmp_path)
    write_files({"b": b"3"}, tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"b": b"3"}


@pytest.mark.parametrize(
    ("local", "given", "says"),
    [
        (local_model(CLAIM), None, "spec.training.data.uri: .* with --data DIR"),
        (local_model(CONFIG_MAP), None, "ConfigMap feed is not in the resource file"),
        (local_model(SECRET), None, "Secret feed is not in the resource file"),
        (local_model(CLAIM), Path("missing"), "--data missing: no such directory"),
        (
            local_model(CLAIM),
            Path(__file__),
            f"--data .*: is a file; give its folder: --data {Path(__file__).parent}$",
        ),
    ],
)
def test_data_that_is_not_here_is_refused_with_what_to_do(
    tmp_path: Path, local: LocalModel, given: Path | None, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        prepare_mounts(local, given, StateDirectory(tmp_path))


@pytest.mark.parametrize("data", [SAMPLE, "uri: file:///database/points.csv"])
def test_data_from_elsewhere_needs_no_directory(tmp_path: Path, data: str) -> None:
    prepare_mounts(local_model(data), None, StateDirectory(tmp_path))


FAR = """
apiVersion: perennial.dev/v1alpha1
kind: PredictionModel
metadata: {name: points}
spec:
  promotion:
    from: {namespace: staging, name: points, registrySecret: far}
---
"""


def test_the_registry_of_a_source_is_read_from_the_secret_beside_the_model() -> None:
    beside = "{kind: Secret, metadata: {name: far}, stringData: {url: 'redis://far'}}"
    local = parse_resources(FAR + beside, generation=1)
    assert local.source_registry == {"url": b"redis://far"}
    check_mounts(local, None)
    expected = r"^spec\.promotion\.from\.registrySecret: Secret far is not in the resource file"
    with pytest.raises(UserError, match=expected):
        check_mounts(parse_resources(FAR, generation=1), None)
