"""Deciding on a version of a local model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from builders import NOW

from perennial_cli.local.backend import Local
from perennial_cli.local.visit import Visit
from perennial_core.errors import UserError
from perennial_core.registry import Answer, Decision, Registry

MODEL = """
apiVersion: perennial.dev/v1alpha1
kind: PredictionModel
metadata: {name: points}
spec:
  training:
    data: {uri: "sample://linear", target: "y"}
    estimator: {class: sklearn.linear_model.LinearRegression}
"""


class DecidedOn:
    """A registry in which somebody else decided first."""

    async def decide(self, *_: Any) -> Decision:
        return Decision(verdict=Answer.DENIED, by="bob", reason="it drifts", at=NOW)


async def test_who_comes_second_is_told_of_the_decision_that_stands(tmp_path: Path) -> None:
    file = tmp_path / "model.yaml"
    file.write_text(MODEL)
    local = Local(file, Visit(cast("Registry", DecidedOn()), None, tmp_path / "asked.json"))
    with pytest.raises(UserError, match="version 1 is denied by bob: it drifts; a decision does"):
        await local.decide(None, 1, Answer.APPROVED, "looked at it")
