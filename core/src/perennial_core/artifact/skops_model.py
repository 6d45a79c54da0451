"""Models that have no ONNX form, stored by skops and run by scikit-learn itself."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from skops import io
from threadpoolctl import threadpool_limits

from perennial_core.artifact.frame import estimator_predictions, matrix_frame, mixed_frame
from perennial_core.artifact.model import (
    Array,
    ArtifactUnusable,
    InstanceRefused,
    LoadedModel,
    Predictions,
    are_numbers,
)
from perennial_core.artifact.trusted import TRUSTED_TYPES
from perennial_core.manifest import Signature


class SkopsModel(LoadedModel):
    """A scikit-learn estimator, fitted on a frame of named columns."""

    def __init__(
        self,
        manifest: Signature,
        artifact: bytes,
        trusted_types: Sequence[str],
        threads: int | None,
    ) -> None:
        self.manifest = manifest
        self._threads = threads
        self._native = _NativeThreads()
        needed = io.get_untrusted_types(data=artifact)
        _refuse_untrusted(manifest, needed, trusted_types)
        self._estimator = io.loads(artifact, trusted=needed)
        self.is_matrix = are_numbers(manifest)

    def predict_matrix(self, matrix: Array) -> Predictions:
        rows = np.asarray(matrix, dtype=np.float64)
        return self._run(matrix_frame(self.manifest.inputs, rows))

    def predict(self, columns: Mapping[str, Array]) -> Predictions:
        if self.is_matrix:
            return self.predict_matrix(self._stacked(columns))
        return self._run(mixed_frame(self.manifest.inputs, columns))

    def _run(self, rows: pd.DataFrame) -> Predictions:
        if self._threads is not None:
            self._native.limit(self._threads)
        try:
            return estimator_predictions(self._estimator, rows, self.manifest)
        except Exception as error:
            raise InstanceRefused(f"{self.manifest.model}: {error}") from error


class _NativeThreads(threading.local):
    """How many threads BLAS and OpenMP use for a call: by default one for each CPU of the machine.

    BLAS has one limit for the process, OpenMP one for each thread that calls it.
    """

    _is_limited = False

    def limit(self, most: int) -> None:
        """Limit those of the thread that calls, once."""
        if not self._is_limited:
            threadpool_limits(most)
            self._is_limited = True


def _refuse_untrusted(
    manifest: Signature, needed: Sequence[str], trusted_types: Sequence[str]
) -> None:
    refused = sorted(set(needed) - TRUSTED_TYPES - set(trusted_types))
    if refused:
        raise ArtifactUnusable(
            f"{manifest.model}: the skops artifact needs types that are not trusted:"
            f" {', '.join(refused)}; if you know them to be safe, add them to"
            " PERENNIAL_TRUSTED_TYPES (chart value operator.trustedTypes)"
        )
