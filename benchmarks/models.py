"""The models that are served, in the form in which Perennial serves them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from estimators import ESTIMATORS
from served_models import FittedModel, fitted
from serving import APPROVAL

from perennial_core.bundle import Bundle, write_bundle
from perennial_core.manifest import Column, ColumnType


@dataclass(frozen=True)
class Model:
    """A model, fitted, and in a bundle."""

    name: str
    fitted: FittedModel
    bundle: Path

    def rows(self, number: int) -> list[list[float]]:
        """Return so many rows, each value as it is and as a program would write it."""
        rows = self.fitted.rows.to_numpy()
        return [list(map(float, row)) for row in rows[np.arange(number) % len(rows)]]

    def body(self, number: int) -> bytes:
        """Return the body of a POST with so many rows."""
        return json.dumps({"instances": self.rows(number)}).encode()


def make(name: str, directory: Path) -> Model:
    """Fit an estimator, and write its bundle to a new folder in the directory."""
    estimator, rows, target = ESTIMATORS[name]()
    model = fitted(estimator, _named(rows), target, _columns(rows.shape[1]))
    stored = model.stored()
    bundle = directory / name
    write_bundle(bundle, Bundle(stored.manifest, stored.artifact, APPROVAL))
    return Model(name, model, bundle)


def _named(rows: Any) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[f"x{i}" for i in range(rows.shape[1])])


def _columns(number: int) -> list[Column]:
    return [Column(name=f"x{i}", type=ColumnType.FLOAT64) for i in range(number)]
