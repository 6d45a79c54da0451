"""Artifacts are loaded only when they are whole and trusted, and predict what was trained."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer
from skops import io
from threadpoolctl import threadpool_info
from trainer_builders import LINEAR, LOGISTIC, trained

from perennial_core.artifact import (
    TRUSTED_TYPES,
    ArtifactUnusable,
    InstanceRefused,
    LoadedModel,
    load_model,
)
from perennial_core.manifest import ArtifactFormat, Column, ColumnType, Signature, Task

X = np.arange(20.0)
COLORS = np.array(["red", "green", "blue", "red"] * 5, dtype=object)


def model_of(columns: dict[str, Any], estimator: dict[str, Any] = LINEAR) -> LoadedModel:
    serialized = trained(columns, estimator).serialized
    return load_model(serialized.signature, serialized.artifact, threads=1)


def signature(artifact_format: ArtifactFormat) -> Signature:
    return Signature(
        model="tests/points",
        format=artifact_format,
        inputs=[Column(name="x", type=ColumnType.FLOAT64)],
        outputs=[Column(name="y", type=ColumnType.FLOAT64)],
        task=Task.REGRESSION,
        libraries={"scikit-learn": "1.0"},
    )


def test_a_model_of_numbers_takes_one_matrix() -> None:
    model = model_of({"x": X, "z": X**2, "y": 2 * X + 3})
    assert model.is_matrix
    assert model.predict_matrix(np.array([[100, 0], [1, 0]])).values == pytest.approx([203, 5])


def test_a_matrix_of_any_numeric_type_and_layout_gives_the_same() -> None:
    model = model_of({"x": X, "z": X**2, "y": 2 * X + 3})
    rows = np.array([[1, 4], [2, 8]])
    for matrix in (rows, rows.astype(np.float32), np.asfortranarray(rows, dtype=np.float64)):
        assert model.predict_matrix(matrix).values == pytest.approx([5, 7])


def test_columns_are_taken_by_name_in_any_order() -> None:
    model = model_of({"x": X, "z": X**2, "y": 2 * X + 3})
    given = {"z": np.array([0, 0]), "x": np.array([100, 1])}
    assert model.predict(given).values == pytest.approx([203, 5])


def test_a_model_with_text_takes_columns() -> None:
    model = model_of({"color": COLORS, "x": X, "y": X + 10 * (COLORS == "red")})
    predictions = model.predict({"x": np.array([1, 1]), "color": np.array(["red", "blue"])})
    assert not model.is_matrix
    assert predictions.values == pytest.approx([11, 1])


def test_a_missing_text_can_be_given_as_none_or_nan() -> None:
    colors = COLORS.copy()
    colors[::4] = None
    model = model_of({"color": colors, "y": np.where(colors == "red", 1.0, 0.0)})
    given = np.array(["red", None, np.nan], dtype=object)
    predicted = model.predict({"color": given}).values
    assert predicted == pytest.approx([1, 0, 0])


@pytest.mark.parametrize(
    ("labels", "classes", "kind"),
    [
        (X > 9, [False, True], np.dtype(bool)),
        (np.where(X > 9, 7, -3), [-3, 7], np.dtype(np.int64)),
        (np.where(X > 9, 2.0, 1.0), [1, 2], np.dtype(np.int64)),
        (np.where(X > 9, "hi", "lo"), ["hi", "lo"], np.dtype(object)),
        (np.where(X > 9, "1", "0"), ["0", "1"], np.dtype(object)),
    ],
    ids=["bool", "int", "whole float", "text", "digits as text"],
)
@pytest.mark.parametrize(
    "estimator", [LOGISTIC, {"class": "sklearn.neighbors.NearestCentroid"}], ids=["onnx", "skops"]
)
def test_labels_keep_their_type(
    labels: Any, classes: list[Any], kind: np.dtype[Any], estimator: dict[str, Any]
) -> None:
    model = model_of({"x": X, "y": labels}, estimator)
    predictions = model.predict_matrix(np.array([[0.0], [19.0]]))
    by_size = {0: labels[0], 1: labels[-1]}
    assert model.manifest.classes == classes
    assert [type(label) for label in model.manifest.classes or []] == [type(c) for c in classes]
    assert predictions.values.dtype == kind
    assert predictions.values.tolist() == [by_size[0], by_size[1]]


def test_probabilities_are_in_the_order_of_the_classes() -> None:
    model = model_of({"x": X, "y": np.where(X > 9, "a", "b")}, LOGISTIC)
    predictions = model.predict_matrix(np.array([[0.0], [19.0]]))
    assert predictions.probabilities is not None
    assert predictions.probabilities.shape == (2, 2)
    assert predictions.probabilities.argmax(axis=1).tolist() == [1, 0]
    assert model.manifest.classes == ["a", "b"]


def test_a_classifier_without_probabilities_gives_none() -> None:
    model = model_of({"x": X, "y": X > 9}, {"class": "sklearn.svm.LinearSVC"})
    assert model.manifest.format is ArtifactFormat.ONNX
    assert model.predict_matrix(np.array([[19.0]])).probabilities is None


@pytest.mark.parametrize("artifact_format", list(ArtifactFormat))
@pytest.mark.parametrize("artifact", [b"", b"no model at all", b"PK\x03\x04"])
def test_damaged_bytes_are_refused_with_what_made_them(
    artifact_format: ArtifactFormat, artifact: bytes
) -> None:
    with pytest.raises(ArtifactUnusable, match=r"tests/points.*made with scikit-learn 1\.0"):
        load_model(signature(artifact_format), artifact)


@pytest.mark.parametrize("artifact_format", list(ArtifactFormat))
def test_a_pickle_is_never_loaded(artifact_format: ArtifactFormat) -> None:
    with pytest.raises(ArtifactUnusable):
        load_model(signature(artifact_format), pickle.dumps(LinearRegression()))


def test_a_skops_artifact_with_a_type_that_is_not_trusted_is_refused() -> None:
    artifact = io.dumps(FunctionTransformer(func=sys.getsizeof))
    with pytest.raises(ArtifactUnusable, match=r"not trusted: sys\.getsizeof.*TRUSTED_TYPES"):
        load_model(signature(ArtifactFormat.SKOPS), artifact)


def test_the_manifest_cannot_extend_what_is_trusted() -> None:
    artifact = io.dumps(FunctionTransformer(func=sys.getsizeof))
    liar = signature(ArtifactFormat.SKOPS).changed(trusted_types=["sys.getsizeof"])
    with pytest.raises(ArtifactUnusable, match="not trusted"):
        load_model(liar, artifact)


def test_a_type_that_the_installation_trusts_is_loaded() -> None:
    artifact = io.dumps(FunctionTransformer(func=sys.getsizeof))
    trusted = ["sys.getsizeof"]
    model = load_model(signature(ArtifactFormat.SKOPS), artifact, trusted_types=trusted)
    assert model.is_matrix


def test_no_trusted_type_runs_what_it_is_given() -> None:
    dangerous = {"builtins.", "os.", "subprocess.", "importlib.", "sys.", "types.", "functools."}
    assert not [name for name in TRUSTED_TYPES if name.startswith(tuple(dangerous))]


def test_a_graph_that_does_not_fit_the_manifest_is_refused() -> None:
    serialized = trained({"x": X, "z": X**2, "y": 2 * X}).serialized
    fewer = serialized.signature.changed(inputs=serialized.signature.inputs[:1] * 3)
    with pytest.raises(ArtifactUnusable, match="takes 1 inputs; the manifest names 3"):
        load_model(fewer, serialized.artifact)


def test_what_the_model_itself_refuses_is_said_so_and_not_logged(
    capfd: pytest.CaptureFixture[str],
) -> None:
    steps = [
        {"name": "encode", "class": "sklearn.preprocessing.OneHotEncoder"},
        {"name": "predict", "class": "sklearn.linear_model.LinearRegression"},
    ]
    model = model_of({"color": COLORS, "y": X}, {"steps": steps})
    with pytest.raises(InstanceRefused, match="tests/points"):
        model.predict({"color": np.array(["purple"], dtype=object)})
    assert capfd.readouterr() == ("", "")


def test_blas_and_openmp_get_as_many_threads_as_a_prediction_may_use() -> None:
    model = model_of({"x": X, "y": X**2}, {"class": "sklearn.kernel_ridge.KernelRidge"})

    def threads_after_a_prediction() -> list[int]:
        model.predict_matrix(X.reshape(-1, 1))
        return [library["num_threads"] for library in threadpool_info()]

    with ThreadPoolExecutor(1) as executor:
        assert set(executor.submit(threads_after_a_prediction).result()) == {1}


def test_core_alone_needs_no_library_of_models() -> None:
    code = (
        "import sys, perennial_core.order, perennial_core.registry, perennial_core.decisions;"
        "print([m for m in ('numpy', 'pandas', 'sklearn', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_onnx_artifact_needs_no_scikit_learn() -> None:
    code = (
        "import sys; import perennial_core.artifact.onnx_model;"
        "print([m for m in ('pandas', 'sklearn', 'skops') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
