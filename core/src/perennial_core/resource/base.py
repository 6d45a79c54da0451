"""What all parts of the resource have in common, and the types that its fields share."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    JsonValue,
    PlainValidator,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from perennial_core.validation import Matching


class Part(BaseModel):
    """A part of the resource: immutable, camelCase in YAML, unknown fields refused.

    The text below a field describes it in the CRD.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        from perennial_core.resource.descriptions import descriptions

        found = handler(schema)
        properties = handler.resolve_ref_schema(found).get("properties", {})
        for name, text in descriptions(cls).items():
            properties[cls.model_fields[name].alias]["description"] = text
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the part as it stands in YAML; fields that are not set are left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def rule(expression: str, message: str) -> JsonValue:
    """Return one CEL validation, to stand in ``json_schema_extra={VALIDATIONS: [...]}``."""
    return {"rule": expression, "message": message}


VALIDATIONS = "x-kubernetes-validations"

ObjectName = Annotated[
    str,
    Matching(
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "the name of an object: lower-case letters, digits, dashes and dots",
        max_length=253,
    ),
]
"""The name of another Kubernetes object in the model's namespace."""

Fraction = Annotated[
    str,
    Matching(
        r"^0\.[0-9]*[1-9][0-9]*$", 'a number above 0 and below 1, such as "0.2"', max_length=12
    ),
]
"""A decimal number between 0 and 1, both excluded, written as a string."""


def _is_json(value: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"can only hold what JSON can: {error}") from None
    return value


KubernetesObject = Annotated[
    dict[str, Any],
    AfterValidator(_is_json),
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""A part of the Kubernetes API, or of scikit-learn's, that is passed on as it is."""


def _is_quantity(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be an amount such as 500m or 1Gi")
    return value


Quantity = Annotated[
    int | str,
    PlainValidator(_is_quantity),
    WithJsonSchema({"x-kubernetes-int-or-string": True}),
]
"""An amount of a compute resource, such as 500m or 1Gi."""
