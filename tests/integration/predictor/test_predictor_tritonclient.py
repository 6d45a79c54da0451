"""NVIDIA's client of the Open Inference Protocol gets what ONNX Runtime itself predicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime
import pytest
from bundled_predictor import bundled_predictor
from numpy.typing import NDArray
from predictor_process import PredictorProcess
from served_models import FittedModel, iris, mixed, plane
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

Array = NDArray[Any]

NAME = "model"
PLANE, IRIS, MIXED = plane(), iris(), mixed()
BINARY = pytest.mark.parametrize("binary", [True, False], ids=["bytes", "json"])


def client_of(
    directories: pytest.TempPathFactory, model: FittedModel
) -> Iterator[InferenceServerClient]:
    with (
        bundled_predictor(directories.mktemp("predictor"), model) as process,
        InferenceServerClient(address(process.ready())) as client,
    ):
        yield client


def address(process: PredictorProcess) -> str:
    return process.url.removeprefix("http://")


@pytest.fixture(scope="module")
def of_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InferenceServerClient]:
    yield from client_of(tmp_path_factory, PLANE)


@pytest.fixture(scope="module")
def of_iris(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InferenceServerClient]:
    yield from client_of(tmp_path_factory, IRIS)


@pytest.fixture(scope="module")
def of_mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InferenceServerClient]:
    yield from client_of(tmp_path_factory, MIXED)


def onnx(model: FittedModel, rows: Array) -> list[Array]:
    """Return what ONNX Runtime itself predicts for rows of numbers."""
    session = onnxruntime.InferenceSession(model.serialized.artifact)
    features = session.get_inputs()[0]
    kind = {"tensor(double)": np.float64, "tensor(float)": np.float32}[features.type]
    return list(session.run(None, {features.name: rows.astype(kind)}))


def tensor(name: str, values: Array, *, binary: bool) -> InferInput:
    given = InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
    given.set_data_from_numpy(values, binary_data=binary)
    return given


def output(name: str, *, binary: bool) -> InferRequestedOutput:
    return InferRequestedOutput(name, binary_data=binary)


@BINARY
@pytest.mark.parametrize("kind", ["f8", "f4", "i1", "i2", "i4", "i8", "u1", "u4", "u8"])
def test_numbers_of_any_type_are_predicted_for(
    of_plane: InferenceServerClient, kind: str, binary: bool
) -> None:
    rows = np.array([[1, 2], [3, 4], [0, 100]], dtype=kind)

    answer = of_plane.infer(
        NAME, [tensor("input-0", rows, binary=binary)], outputs=[output("y", binary=binary)]
    )

    assert np.array_equal(answer.as_numpy("y"), onnx(PLANE, rows)[0].ravel())


@BINARY
def test_a_tensor_for_each_feature_is_predicted_for(
    of_plane: InferenceServerClient, binary: bool
) -> None:
    rows = PLANE.rows.to_numpy()
    columns = [
        tensor(name, np.ascontiguousarray(rows[:, [index]]), binary=binary)
        for index, name in enumerate(PLANE.rows.columns)
    ]

    answer = of_plane.infer(NAME, columns, request_id="7")

    assert np.array_equal(answer.as_numpy("y"), onnx(PLANE, rows)[0].ravel())
    assert answer.get_response()["id"] == "7"


@BINARY
def test_many_rows_are_predicted_for(of_plane: InferenceServerClient, binary: bool) -> None:
    rows = np.random.default_rng(0).normal(size=(100_000 if binary else 10_000, 2))

    answer = of_plane.infer(
        NAME, [tensor("input-0", rows, binary=binary)], outputs=[output("y", binary=binary)]
    )

    assert np.array_equal(answer.as_numpy("y"), onnx(PLANE, rows)[0].ravel())


@BINARY
@pytest.mark.parametrize("algorithm", [None, "gzip", "deflate"])
def test_a_classifier_gives_labels_and_probabilities(
    of_iris: InferenceServerClient, binary: bool, algorithm: str | None
) -> None:
    rows = IRIS.rows.to_numpy()
    labels, probabilities = onnx(IRIS, rows)

    answer = of_iris.infer(
        NAME,
        [tensor("input-0", rows, binary=binary)],
        outputs=[output(name, binary=binary) for name in ("y", "probabilities")],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )

    assert [as_text(label) for label in answer.as_numpy("y")] == labels.tolist()
    assert np.array_equal(answer.as_numpy("probabilities"), probabilities)


def as_text(label: bytes | str) -> str:
    return label.decode() if isinstance(label, bytes) else label


@BINARY
def test_columns_of_every_type_are_predicted_for(
    of_mixed: InferenceServerClient, binary: bool
) -> None:
    kinds: dict[str, Any] = {
        "number": "f8",
        "count": "i8",
        "flag": "?",
        "colour": object,
        "code": object,
    }
    rows = MIXED.rows.dropna()
    columns = [
        tensor(name, rows[name].to_numpy(kind), binary=binary) for name, kind in kinds.items()
    ]

    answer = of_mixed.infer(NAME, columns)

    assert answer.as_numpy("y") == pytest.approx(MIXED.estimator.predict(rows))


def test_health_and_metadata_are_understood(of_iris: InferenceServerClient) -> None:
    assert of_iris.is_server_live()
    assert of_iris.is_server_ready()
    assert of_iris.is_model_ready(NAME)
    assert of_iris.is_model_ready(NAME, "1")
    assert not of_iris.is_model_ready(NAME, "2")
    assert "binary_tensor_data" in of_iris.get_server_metadata()["extensions"]
    said = of_iris.get_model_metadata(NAME)
    assert [each["name"] for each in said["inputs"]] == list(IRIS.rows.columns)
    assert [each["name"] for each in said["outputs"]] == ["y", "probabilities"]


def test_what_is_wrong_reaches_the_caller(of_plane: InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="input 'x': not an input of the model"):
        of_plane.infer(NAME, [tensor("x", np.array([1.0]), binary=True)])
    with pytest.raises(InferenceServerException, match="version 1 does"):
        of_plane.infer(NAME, [tensor("input-0", np.eye(2), binary=True)], model_version="2")
    with pytest.raises(InferenceServerException, match="other"):
        of_plane.get_model_metadata("other")
