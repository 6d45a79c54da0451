"""What differs between two versions."""

from __future__ import annotations

from typing import Any

from builders import manifest_body

from perennial_cli.show.difference import differences, differences_table
from perennial_cli.views import VersionDetails
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import Column, ColumnType

X, Z = (Column(name=name, type=ColumnType.FLOAT64) for name in "xz")


def version(number: int, *, readable: bool = True, r2: str = "0.9", **fields: Any) -> Any:
    body = manifest_body(ModelKey("shop", "points"), b"model").changed(**fields)
    document = body.numbered(Version(number)).to_json()
    return VersionDetails(
        namespace="shop",
        model="points",
        version=number,
        digest=body.digest,
        metrics={"r2": r2},
        manifest=document if readable else None,
    )


def found(one: Any, other: Any) -> dict[str, tuple[Any, Any]]:
    items = differences(one, other).differences
    return {item.field: (item.from_, item.to) for item in items}


def test_only_what_differs_is_told() -> None:
    linear = {"class": "sklearn.linear_model.Ridge", "params": {"alpha": 1}}
    ridge = {"class": "sklearn.linear_model.Ridge", "params": {"alpha": 2}}
    assert found(
        version(1, estimator=linear, libraries={"numpy": "1"}),
        version(2, estimator=ridge, libraries={"numpy": "2"}, data_fingerprint="g", r2="0.8"),
    ) == {
        "metrics.r2": ("0.9", "0.8"),
        "estimator.params.alpha": (1, 2),
        "dataFingerprint": ("f", "g"),
        "libraries.numpy": ("1", "2"),
    }


def test_of_steps_only_what_differs_is_told() -> None:
    scale = {"name": "scale", "class": "sklearn.preprocessing.StandardScaler", "params": {}}
    last = {"name": "predict", "class": "sklearn.linear_model.Ridge", "params": {"alpha": 1}}
    nearest = last | {"class": "sklearn.neighbors.KNeighborsRegressor", "params": {}}
    assert found(
        version(1, estimator={"steps": [scale, last]}),
        version(2, estimator={"steps": [scale, nearest]}),
    ) == {
        "estimator.steps[predict].class": (last["class"], nearest["class"]),
        "estimator.steps[predict].params.alpha": (1, None),
    }


def test_an_input_that_only_one_has() -> None:
    assert found(version(1, inputs=[X]), version(2, inputs=[X, Z])) == {
        "inputs.z": (None, "float64")
    }


def test_versions_that_are_the_same_differ_in_nothing() -> None:
    assert found(version(1), version(2, run_id="another")) == {}


def test_without_both_manifests_it_is_what_the_cluster_tells() -> None:
    assert found(version(1), version(2, readable=False, r2="0.8", data_fingerprint="g")) == {
        "metrics.r2": ("0.9", "0.8")
    }


def test_the_table_names_the_versions() -> None:
    table = differences_table(differences(version(1), version(3, r2="0.8")))
    assert table.columns == ("FIELD", "VERSION 1", "VERSION 3")
    assert table.rows == [("metrics.r2", "0.9", "0.8")]


def test_programs_get_from_and_to() -> None:
    document = differences(version(1), version(3, r2="0.8")).model_dump(by_alias=True)
    assert (document["from"], document["to"]) == (1, 3)
    assert document["differences"] == [{"field": "metrics.r2", "from": "0.9", "to": "0.8"}]
