"""Models that have no ONNX form, stored by skops and run by scikit-learn itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from skops import io

from perennial_core.artifact.model import (
    Array,
    ArtifactUnusable,
    InstanceRefused,
    LoadedModel,
    Predictions,
    are_numbers,
    numbers,
    predictions,
    texts,
)
from perennial_core.artifact.trusted import TRUSTED_TYPES
from perennial_core.manifest import Column, ColumnType, ManifestBody


class SkopsModel(LoadedModel):
    """A scikit-learn estimator."""

    def __init__(
        self, manifest: ManifestBody, artifact: bytes, trusted_types: Sequence[str]
    ) -> None:
        self.manifest = manifest
        needed = io.get_untrusted_types(data=artifact)
        _refuse_untrusted(manifest, needed, trusted_types)
        self._estimator = io.loads(artifact, trusted=needed)
        self._has_names = hasattr(self._estimator, "feature_names_in_")
        self.is_matrix = are_numbers(manifest)

    def predict_matrix(self, matrix: Array) -> Predictions:
        rows = np.asarray(matrix, dtype=np.float64)
        if not self._has_names:
            return self._run(rows)
        return self._run(pd.DataFrame(rows, columns=[i.name for i in self.manifest.inputs]))

    def predict(self, columns: Mapping[str, Array]) -> Predictions:
        if self.is_matrix:
            return self.predict_matrix(self._stacked(columns))
        return self._run(frame(self.manifest.inputs, columns))

    def _run(self, rows: Array | pd.DataFrame) -> Predictions:
        try:
            raw = np.asarray(self._estimator.predict(rows))
            probable = hasattr(self._estimator, "predict_proba")
            probabilities = self._estimator.predict_proba(rows) if probable else None
        except Exception as error:
            raise InstanceRefused(f"{self.manifest.model}: {error}") from error
        return predictions(raw, probabilities, self.manifest)


def frame(inputs: Sequence[Column], columns: Mapping[str, Array]) -> pd.DataFrame:
    """Return the rows as estimators are fitted on them: float64 numbers, texts as objects.

    Missing values are NaN in both, which scikit-learn's imputers and encoders know as missing.
    """
    return pd.DataFrame(
        {
            column.name: pd.Series(texts(columns[column.name], np.nan), dtype=object)
            if column.type is ColumnType.STRING
            else numbers(columns[column.name])
            for column in inputs
        }
    )


def _refuse_untrusted(
    manifest: ManifestBody, needed: Sequence[str], trusted_types: Sequence[str]
) -> None:
    refused = sorted(set(needed) - TRUSTED_TYPES - set(trusted_types))
    if refused:
        raise ArtifactUnusable(
            f"{manifest.model}: the skops artifact needs types that are not trusted:"
            f" {', '.join(refused)}; if you know them to be safe, add them to"
            " PERENNIAL_TRUSTED_TYPES (chart value trustedTypes)"
        )
