"""The order for a trainer is read as it was written, or refused by file and field."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from perennial_core.errors import UserError
from perennial_core.identity import ModelKey
from perennial_core.order import PromotionOrder, TrainingOrder, order_for, read_order
from perennial_core.resource import PredictionModel

ORDER: dict[str, Any] = {
    "model": "tests/points",
    "training": {
        "schedule": "@daily",
        "data": {"uri": "sample://linear", "target": "y", "features": ["Größe"]},
        "estimator": {"class": "sklearn.linear_model.Ridge", "params": {"alpha": 0.5}},
    },
}


PROMOTION: dict[str, Any] = {
    "model": "tests/points",
    "promotion": {"namespace": "staging", "name": "points", "version": 7},
}


def model_with(spec: dict[str, Any]) -> PredictionModel:
    return PredictionModel.parse(
        {
            "apiVersion": "perennial.dev/v1alpha1",
            "kind": "PredictionModel",
            "metadata": {"name": "points", "namespace": "tests"},
            "spec": spec,
        }
    )


def test_an_order_is_read_as_it_was_written(tmp_path: Path) -> None:
    model = model_with({"training": ORDER["training"]})
    order = order_for(model)
    assert isinstance(order, TrainingOrder)
    file = tmp_path / "training.json"
    file.write_text(order.to_text())
    assert read_order(file) == order
    assert order.key == ModelKey("tests", "points")
    assert order.training == order.runs == model.spec.training


def test_a_promotion_is_an_order_too(tmp_path: Path) -> None:
    model = model_with({"promotion": {"from": PROMOTION["promotion"]}})
    order = order_for(model)
    assert isinstance(order, PromotionOrder)
    file = tmp_path / "training.json"
    file.write_text(order.to_text())
    assert read_order(file) == order
    assert model.spec.promotion is not None
    assert order.promotion == order.runs == model.spec.promotion.from_


def test_versions_that_are_brought_need_no_order() -> None:
    assert order_for(model_with({"promotion": {}})) is None


@pytest.mark.parametrize(("kind", "field"), [(ORDER, "training"), (PROMOTION, "promotion.from")])
def test_an_order_knows_where_it_stands_in_the_resource(
    kind: dict[str, Any], field: str, tmp_path: Path
) -> None:
    file = tmp_path / "training.json"
    file.write_text(json.dumps(kind))
    assert read_order(file).field == f"spec.{field}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "resource: Invalid JSON: EOF"),
        ("{", "resource: Invalid JSON: EOF"),
        ("\xff", "resource: Invalid JSON"),
        ("[]", "resource: must be a mapping of fields"),
        ("{}", "model: this field is required; training: this field is required"),
        (json.dumps({**ORDER, "model": "points"}), "model: model 'points': expected namespace/"),
        (json.dumps({**ORDER, "other": 1}), "other: there is no such field"),
        (
            json.dumps({**ORDER, "training": {"data": {"target": "y"}}}),
            "training.data.uri: this field is required; training.estimator: this field is required",
        ),
        (
            json.dumps({**PROMOTION, "promotion": {"name": "points"}}),
            "promotion.namespace: this field is required",
        ),
    ],
)
def test_a_wrong_order_is_refused_by_file_and_field(
    tmp_path: Path, text: str, expected: str
) -> None:
    file = tmp_path / "training.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=f"^{re.escape(f'{file}: {expected}')}"):
        read_order(file)


def test_a_missing_order_is_refused_with_the_variable_that_names_it(tmp_path: Path) -> None:
    for file in (tmp_path / "none.json", tmp_path):
        with pytest.raises(UserError, match=rf"^{re.escape(str(file))}: .*PERENNIAL_TRAINING_FILE"):
            read_order(file)
