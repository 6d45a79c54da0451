"""The predictor answers as its own OpenAPI document says, whatever it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from bundled_predictor import bundled_predictor
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served_models import mixed

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Of a model with a column of each type."""
    with bundled_predictor(tmp_path_factory.mktemp("predictor"), mixed()) as process:
        yield schemathesis.openapi.from_url(f"{process.ready().url}/openapi.json")


@pytest.mark.parametrize("mode", GenerationMode)
def test_every_answer_is_as_the_document_says(document: Any, mode: GenerationMode) -> None:
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) == 17

    for operation in operations:
        if mode is GenerationMode.POSITIVE or can_be_asked_wrongly(operation):
            check(operation.as_strategy(generation_mode=mode))


def can_be_asked_wrongly(operation: Any) -> bool:
    """Return whether it takes a body or a parameter whose type leaves something out."""
    return bool(operation.body) or any(
        each.definition["schema"].get("type") != "string" for each in operation.iter_parameters()
    )


def check(cases: Any) -> None:
    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def answered(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    answered()
