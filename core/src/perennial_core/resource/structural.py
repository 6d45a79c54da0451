"""Turns a type's JSON schema into the structural schema that a CustomResourceDefinition takes.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


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
