"""Makes the CustomResourceDefinitions from the resources' types.

``python -m perennial_core.resource.crd`` prints them, as ``kubectl apply`` takes them.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from perennial_core.resource.base import VALIDATIONS, Part, rule
from perennial_core.resource.model_version import (
    MODEL_VERSION_KIND,
    MODEL_VERSION_PLURAL,
    ModelVersionSpec,
    ModelVersionStatus,
)
from perennial_core.resource.prediction_model import (
    API_VERSION,
    GROUP,
    KIND,
    PLURAL,
    PredictionModelSpec,
)
from perennial_core.resource.status import PredictionModelStatus
from perennial_core.resource.structural import structural_schema


@dataclass(frozen=True)
class Column:
    """A column of ``kubectl get``; with ``wide`` only of ``kubectl get -o wide``."""

    name: str
    type: str
    path: str
    wide: bool = False


@dataclass(frozen=True)
class Definition:
    """All that a CustomResourceDefinition of ours says."""

    kind: str
    plural: str
    short_name: str
    description: str
    spec: type[Part]
    status: type[Part]
    columns: tuple[Column, ...]
    rules: tuple[JsonValue, ...] = ()
    scale: dict[str, str] | None = None
    """Where the scale subresource finds its numbers."""


_READY = '.status.conditions[?(@.type=="Ready")]'
_AGE = Column("Age", "date", ".metadata.creationTimestamp")

PREDICTION_MODEL = Definition(
    kind=KIND,
    plural=PLURAL,
    short_name="pm",
    description="The whole life of a model: data, schedule, estimator, gate, rollout, serving.",
    spec=PredictionModelSpec,
    status=PredictionModelStatus,
    columns=(
        Column("Ready", "string", f"{_READY}.status"),
        Column("Serving", "integer", ".status.serving.version"),
        Column("Latest", "integer", ".status.latest.version"),
        Column("Gate", "string", '.status.conditions[?(@.type=="Gated")].reason'),
        Column("Schedule", "string", ".spec.training.schedule"),
        Column("Trained", "date", ".status.latest.created"),
        Column("Reason", "string", f"{_READY}.reason", wide=True),
        Column("Message", "string", f"{_READY}.message", wide=True),
        _AGE,
    ),
    rules=(
        rule(
            "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "metadata.name: the Service of the same name allows only lower-case letters, digits"
            " and dashes, and a letter first",
        ),
        rule(
            "self.metadata.name.size() <= 52",
            "metadata.name: at most 52 characters, for the names of the runs are made from it",
        ),
    ),
    scale={
        "specReplicasPath": ".spec.serving.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    },
)

MODEL_VERSION = Definition(
    kind=MODEL_VERSION_KIND,
    plural=MODEL_VERSION_PLURAL,
    short_name="mv",
    description="A retained version of a model, and where a person decides on it.",
    spec=ModelVersionSpec,
    status=ModelVersionStatus,
    columns=(
        Column("Model", "string", ".spec.model"),
        Column("Version", "integer", ".spec.version"),
        Column("State", "string", ".status.state"),
        Column("Score", "string", ".status.score"),
        Column("Decided by", "string", ".status.decidedBy"),
        Column("Promoted from", "string", ".status.promotedFrom", wide=True),
        Column("Message", "string", ".status.message", wide=True),
        Column("Digest", "string", ".status.digest", wide=True),
        Column("Age", "date", ".status.created"),
    ),
)

DEFINITIONS = (PREDICTION_MODEL, MODEL_VERSION)


def custom_resource_definition(definition: Definition) -> dict[str, Any]:
    """Return the CustomResourceDefinition."""
    schema: dict[str, Any] = {
        "description": definition.description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural_schema(definition.spec),
            "status": structural_schema(definition.status),
        },
    }
    if definition.rules:
        schema[VALIDATIONS] = list(definition.rules)
    subresources: dict[str, Any] = {"status": {}}
    if definition.scale:
        subresources["scale"] = definition.scale
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{definition.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": definition.kind,
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                "shortNames": [definition.short_name],
                "categories": ["all"],
            },
            "versions": [
                {
                    "name": API_VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": subresources,
                    "additionalPrinterColumns": list(map(_column, definition.columns)),
                }
            ],
        },
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.path,
        "priority": int(column.wide),
    }


def main() -> None:
    items = list(map(custom_resource_definition, DEFINITIONS))
    json.dump({"apiVersion": "v1", "kind": "List", "items": items}, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
