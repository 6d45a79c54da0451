"""What a loaded version answers, against scikit-learn itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from served_models import FittedModel, fitted, iris, line, mixed, plane, without_onnx
from sklearn.ensemble import RandomForestClassifier

from perennial_core.artifact import ArtifactUnusable
from perennial_core.manifest import ArtifactFormat, Column, ColumnType
from perennial_core.settings import PredictorSettings
from perennial_predictor.prediction import predict
from perennial_predictor.problems import Problem
from perennial_predictor.served import ServedVersion, StoredVersion, load


async def ask(served: ServedVersion, instances: list[Any]) -> dict[str, Any]:
    answer = await served.answer_body(json.dumps({"instances": instances}).encode())
    return dict(json.loads(answer))


@pytest.mark.parametrize("build", [line, plane, mixed, without_onnx])
async def test_a_regressor_predicts_what_scikit_learn_predicts(
    build: Callable[[], FittedModel],
) -> None:
    model = build()
    answer = await ask(model.served(version=7), model.instances())
    expected = model.estimator.predict(model.rows)
    np.testing.assert_allclose(answer["predictions"], expected, rtol=1e-6)
    assert (answer["model"], answer["version"]) == ("tests/model", 7)


async def test_position_and_name_mean_the_same() -> None:
    model = mixed()
    by_name = [dict(zip(model.rows.columns, row, strict=True)) for row in model.instances()]
    served = model.served()
    assert await ask(served, by_name) == await ask(served, model.instances())


async def test_a_classifier_gives_labels_and_probabilities() -> None:
    model = iris()
    answer = await ask(model.served(), model.instances())
    assert answer["predictions"] == list(model.estimator.predict(model.rows))
    assert answer["classes"] == list(model.estimator.classes_)
    expected = model.estimator.predict_proba(model.rows)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-6)


async def test_one_instance_gives_the_same_as_a_query() -> None:
    model = iris()
    served, instance = model.served(), model.instances()[100]
    query = "&".join(
        f"{name}={value}" for name, value in zip(model.rows.columns, instance, strict=True)
    )
    one = await served.answer_query(query.replace(" ", "+").encode())
    many = await ask(served, [instance])
    assert [one.prediction] == many["predictions"]
    assert [one.probabilities] == many["probabilities"]
    assert one.classes == many["classes"]


@pytest.mark.parametrize("build", [plane, iris, mixed])
async def test_an_answer_holds_what_the_model_gave_to_the_last_digit(
    build: Callable[[], FittedModel],
) -> None:
    model = build()
    served, instances = model.served(), model.instances()
    many = instances * (1 + 40 // len(instances))
    for rows in (many[:1], many):
        given = predict(served.model, list(map(tuple, rows)))
        answer = await ask(served, rows)
        assert answer["predictions"] == given.values.tolist()
        if given.probabilities is not None:
            assert answer["probabilities"] == given.probabilities.tolist()


def test_an_artifact_without_onnx_form_is_served_too() -> None:
    assert without_onnx().served().manifest.format is ArtifactFormat.SKOPS


async def test_values_that_the_model_refuses_are_a_problem_of_the_request() -> None:
    served, instance = mixed().served(), [1.0, 2, True, "red", "unknown"]
    with pytest.raises(Problem, match="The model refuses the values") as caught:
        await ask(served, [instance])
    assert caught.value.status == 422


async def test_a_prediction_beyond_all_numbers_is_a_problem_of_the_request() -> None:
    with pytest.raises(Problem, match="instance 1: the model's prediction is not a finite") as it:
        await ask(line().served(), [1.0, 1.7e308])
    assert it.value.status == 422


async def test_so_is_one_among_many() -> None:
    with pytest.raises(Problem, match="instance 39: the model's prediction is not a finite"):
        await ask(line().served(), [[1.0]] * 39 + [[1.7e308]])


async def test_more_instances_than_allowed_are_refused() -> None:
    served = line().served(max_instances=2)
    assert len((await ask(served, [1, 2]))["predictions"]) == 2
    with pytest.raises(Problem, match="length <= 2"):
        await ask(served, [1, 2, 3])


SETTINGS = PredictorSettings(model="tests/model")


def test_a_version_that_cannot_predict_for_its_own_example_is_not_served() -> None:
    stored = mixed().stored()
    manifest = stored.manifest.changed(example=[1.0, 2, True, "red", "unknown"])
    with pytest.raises(ArtifactUnusable, match="version 1 cannot be served"):
        load(StoredVersion(manifest, stored.artifact), SETTINGS)


async def test_a_version_without_an_example_may_refuse_made_up_values() -> None:
    stored = mixed().stored()
    manifest = stored.manifest.changed(example=None)
    served = load(StoredVersion(manifest, stored.artifact), SETTINGS)
    assert (await ask(served, mixed().instances()))["predictions"]


def test_a_version_that_predicts_something_else_than_rows_is_not_served() -> None:
    stored = plane().stored()
    inputs = [*stored.manifest.inputs, stored.manifest.inputs[0].changed(name="x3")]
    manifest = stored.manifest.changed(inputs=inputs)
    with pytest.raises(ArtifactUnusable):
        load(StoredVersion(manifest, stored.artifact), SETTINGS)


def test_damaged_bytes_are_not_served() -> None:
    stored = line().stored()
    with pytest.raises(ArtifactUnusable):
        load(StoredVersion(stored.manifest, stored.artifact[:-50]), SETTINGS)


def test_versions_that_take_the_same_share_a_reader_and_only_the_last_is_kept() -> None:
    first, second, other = (
        load(stored, SETTINGS) for stored in (line(1).stored(), line(2).stored(), plane().stored())
    )
    few = load(plane().stored(), SETTINGS.changed(max_instances=2))
    again = load(line().stored(), SETTINGS)
    assert first.reader is second.reader
    assert len({id(served.reader) for served in (first, other, few, again)}) == 4


@pytest.mark.parametrize("value", [1e39, -1e308])
async def test_a_number_beyond_those_that_a_graph_computes_with_is_refused(value: float) -> None:
    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})
    inputs = [Column(name="x", type=ColumnType.FLOAT64)]
    trees = RandomForestClassifier(5, bootstrap=False)  # which have float32, as scikit-learn's do
    model = fitted(trees, rows, pd.Series(["a", "a", "b", "b"]), inputs, classes=["a", "b"])
    assert model.stored().manifest.format is ArtifactFormat.ONNX
    assert (await ask(model.served(), [3e38, 2]))["predictions"] == ["b", "b"]
    with pytest.raises(Problem, match="a number is beyond float32, in which the model") as it:
        await ask(model.served(), [2, value])
    assert it.value.status == 422
