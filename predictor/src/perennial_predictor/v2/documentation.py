"""What the OpenAPI document says of the paths of both protocols."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from perennial_predictor.instances import REQUEST
from perennial_predictor.openapi import VERSION_HEADER, json_answer, ref
from perennial_predictor.prediction import PredictionsAnswer
from perennial_predictor.v1 import ModelReadiness, Models
from perennial_predictor.v2.body import JSON_SIZE
from perennial_predictor.v2.messages import (
    ErrorMessage,
    InferRequest,
    InferResponse,
    ModelMetadata,
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
from perennial_predictor.v2.paths import VERSION

Documentation = dict[str, Any]

_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_SIZE = {
    "description": "How many bytes are JSON, where tensors follow as bytes",
    "schema": {"type": "integer"},
}
_READS = (400, 408, 413, 415, 503)


def of_path(path: str) -> Documentation:
    """Return what the document says of the parameters in a path."""
    if f"{{{VERSION}}}" not in path:
        return {}
    schema = {"type": "string", "description": "The version that has to serve"}
    return {"parameters": [{"name": VERSION, "in": "path", "required": True, "schema": schema}]}


def v1_models() -> Documentation:
    return {
        "summary": "KServe V1: the models, of which there is one",
        "responses": json_answer(Models),
    }


def v1_model() -> Documentation:
    return _readiness("KServe V1: whether the model answers", ModelReadiness)


def v1_predict() -> Documentation:
    content = {"application/json": {"schema": ref(REQUEST)}}
    return {
        "summary": "KServe V1: predict, as POST /predict does",
        "responses": json_answer(PredictionsAnswer) | _errors(422, *_READS),
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
    }


def server() -> Documentation:
    return {
        "summary": "Open Inference Protocol: the server",
        "responses": json_answer(ServerMetadata),
    }


def live() -> Documentation:
    return {
        "summary": "Open Inference Protocol: whether the process is alive",
        "responses": json_answer(ServerLive),
    }


def ready() -> Documentation:
    return _readiness("Open Inference Protocol: whether the server answers", ServerReady)


def model() -> Documentation:
    return {
        "summary": "Open Inference Protocol: inputs and outputs of the model",
        "responses": json_answer(ModelMetadata) | _errors(404, 503),
    }


def model_ready() -> Documentation:
    described = _readiness("Open Inference Protocol: whether the model answers", ModelReady)
    described["responses"] |= _errors(404)
    return described


def infer() -> Documentation:
    """Tensors stand in the JSON, or as bytes after it."""
    answer = json_answer(InferResponse)
    answer[200]["content"] |= _BYTES
    answer[200]["headers"] = VERSION_HEADER | {JSON_SIZE: _SIZE}
    content = {"application/json": {"schema": ref(InferRequest.__name__)}, **_BYTES}
    return {
        "summary": "Open Inference Protocol: predict for tensors",
        "responses": answer | _errors(404, 422, *_READS),
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
    }


def _readiness(summary: str, answer: type[Any]) -> Documentation:
    answers = json_answer(answer)
    not_ready = answers[200] | {"description": "Not ready"}
    return {"summary": summary, "responses": answers | {503: not_ready}}


def _errors(*statuses: int) -> dict[int | str, Any]:
    content = {"application/json": {"schema": ref(ErrorMessage.__name__)}}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "headers": VERSION_HEADER,
            "content": content,
        }
        for status in statuses
    }
