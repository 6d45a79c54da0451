"""The OpenAPI document: what the paths take and give, for the version that serves."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from perennial_predictor import problems
from perennial_predictor.answers import Health, HowToAsk
from perennial_predictor.instances import INSTANCE, REQUEST, InstanceReader
from perennial_predictor.prediction import PredictionAnswer, PredictionsAnswer
from perennial_predictor.problems import ProblemDocument
from perennial_predictor.readiness import Readiness
from perennial_predictor.v1 import ModelReadiness, Models
from perennial_predictor.v2 import messages

_REF = "#/components/schemas/{name}"
_ANSWERS = (
    PredictionAnswer,
    PredictionsAnswer,
    HowToAsk,
    Health,
    Readiness,
    ProblemDocument,
    Models,
    ModelReadiness,
    *messages.ALL,
)

VERSION_HEADER = {
    "X-Model-Version": {"description": "The version that answers", "schema": {"type": "integer"}}
}
_PROBLEMS = {
    400: "The request cannot be read",
    408: "The body did not arrive",
    413: "The body is too large",
    415: "The body is not plain JSON",
    422: "The instances are not what the model takes",
    503: "No model is loaded yet",
}
_ANY_REQUEST = {
    "type": "object",
    "properties": {"instances": {"type": "array", "minItems": 1, "items": {}}},
    "required": ["instances"],
}


def predict_documentation() -> dict[str, Any]:
    return {
        "summary": "Predict for one or many instances, by position or by feature name",
        "responses": json_answer(PredictionsAnswer) | _problems(400, 408, 413, 415, 422, 503),
        "openapi_extra": {
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": ref(REQUEST)}},
            }
        },
    }


def index_documentation() -> dict[str, Any]:
    answer = json_answer(PredictionAnswer, HowToAsk)
    answer[200]["content"]["text/html"] = {"schema": {"type": "string"}}
    return {
        "summary": "Predict for one instance, given as a query; without one, say how to ask",
        "responses": answer | _problems(400, 422, 503),
    }


def healthz_documentation() -> dict[str, Any]:
    return {"summary": "Whether the process is alive", "responses": json_answer(Health)}


def readyz_documentation() -> dict[str, Any]:
    answers = json_answer(Readiness)
    not_ready = answers[200] | {"description": "Not ready, and why"}
    return {
        "summary": "Whether the expected version answers",
        "responses": answers | {503: not_ready},
    }


def metrics_documentation() -> dict[str, Any]:
    content = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "summary": "Measurements for Prometheus",
        "responses": {200: {"description": "OK", "content": content}},
    }


def described(document: dict[str, Any], reader: InstanceReader | None) -> dict[str, Any]:
    """Return the application's document with the schemas of the bodies.

    Args:
        document: What FastAPI says of the paths; it is not changed.
        reader: Of the version that serves, for what it takes; None while there is none.
    """
    schemas = _schemas(*_ANSWERS)
    paths = dict(document["paths"])
    if reader is None:
        schemas[REQUEST] = _ANY_REQUEST
    else:
        schemas |= _schemas(reader.body_type)
        parameters = _parameters(schemas[INSTANCE])
        paths["/"] = {"get": paths["/"]["get"] | {"parameters": parameters}}
    return document | {"paths": paths, "components": {"schemas": schemas}}


def _parameters(instance: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the features as parameters of a query; none is required, for a query is not."""
    return [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in instance["properties"].items()
    ]


def _schemas(*types: type[msgspec.Struct]) -> dict[str, Any]:
    return dict(msgspec.json.schema_components(types, ref_template=_REF)[1])


def ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(name=name)}


def json_answer(*types: type[msgspec.Struct]) -> dict[int | str, Any]:
    references = [ref(each.__name__) for each in types]
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    return {
        200: {
            "description": "OK",
            "headers": VERSION_HEADER,
            "content": {"application/json": {"schema": schema}},
        }
    }


def _problems(*statuses: int) -> dict[int | str, Any]:
    content = {problems.MEDIA_TYPE.decode(): {"schema": ref(ProblemDocument.__name__)}}
    return {
        status: {
            "description": f"{HTTPStatus(status).phrase}: {_PROBLEMS[status]}",
            "headers": VERSION_HEADER,
            "content": content,
        }
        for status in statuses
    }
