"""Makes the CustomResourceDefinition from the resource's types.

``python -m perennial_core.resource.crd`` prints it. The structural schema follows
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import BaseModel

from perennial_core.resource.base import VALIDATIONS, rule
from perennial_core.resource.prediction_model import (
    API_VERSION,
    GROUP,
    KIND,
    PLURAL,
    PredictionModelSpec,
)
from perennial_core.resource.status import PredictionModelStatus

_PRINTER_COLUMNS = [
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Serving", "integer", ".status.serving.version", 0),
    ("Latest", "integer", ".status.latest.version", 0),
    ("Gate", "string", '.status.conditions[?(@.type=="Gated")].reason', 0),
    ("Schedule", "string", ".spec.training.schedule", 0),
    ("Trained", "date", ".status.latest.created", 0),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', 1),
    ("Message", "string", '.status.conditions[?(@.type=="Ready")].message', 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
]

_NAME_RULES = [
    rule(
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name: the Service of the same name allows only lower-case letters, digits and "
        "dashes, and a letter first",
    ),
    rule(
        "self.metadata.name.size() <= 52",
        "metadata.name: at most 52 characters, for the names of the runs are made from it",
    ),
]


def custom_resource_definition() -> dict[str, Any]:
    """Return the CRD of PredictionModel."""
    schema = {
        "description": "The whole life of a model: data, schedule, estimator, rollout, serving.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural_schema(PredictionModelSpec),
            "status": structural_schema(PredictionModelStatus),
        },
        VALIDATIONS: _NAME_RULES,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["pm"],
                "categories": ["all"],
            },
            "versions": [
                {
                    "name": API_VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.serving.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "additionalPrinterColumns": [
                        {"name": name, "type": type_, "jsonPath": path, "priority": priority}
                        for name, type_, path, priority in _PRINTER_COLUMNS
                    ],
                }
            ],
        },
    }


def structural_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return a type's schema as a CRD takes it: no references, no null, no titles."""
    schema = model.model_json_schema(by_alias=True)
    return _structural(schema, schema.get("$defs", {}))


def _structural(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    node = _without_noise(_without_reference(_without_null(node), definitions))
    if isinstance(node.get("default"), dict):
        node["default"] = {}  # the API server fills in the defaults of the fields
    if "description" in node:
        node["description"] = " ".join(node["description"].split())
    for child in ("items", "additionalProperties"):
        if child in node:
            node[child] = _structural(node[child], definitions)
    if "properties" in node:
        node["properties"] = {
            name: _structural(part, definitions) for name, part in node["properties"].items()
        }
    return node


def _without_noise(node: dict[str, Any]) -> dict[str, Any]:
    """Return the node without what a structural schema does not take or does not need."""
    noise = {"title", "$defs"}
    if isinstance(node.get("additionalProperties"), bool):
        noise.add("additionalProperties")
    if node.get("default", ...) is None:
        noise.add("default")
    return {key: value for key, value in node.items() if key not in noise}


def _without_reference(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the node with its ``$ref`` replaced; what stands beside the reference wins."""
    if "$ref" not in node:
        return dict(node)
    target = definitions[node["$ref"].rpartition("/")[2]]
    beside = {key: value for key, value in node.items() if key != "$ref"}
    return _without_reference(target, definitions) | beside


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Return the node with ``anyOf: [X, null]`` replaced by X: in a CRD such a field is absent."""
    kinds = [kind for kind in node.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return node
    beside = {key: value for key, value in node.items() if key != "anyOf"}
    return {**kinds[0], **beside}


def main() -> None:
    json.dump(custom_resource_definition(), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
