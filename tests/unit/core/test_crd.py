"""The CRD says what the types say, in the form that the API server takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import pytest
from annotated_types import Ge, GroupedMetadata, Le, MaxLen, MinLen
from pydantic import WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from perennial_core.resource import crd
from perennial_core.resource.base import VALIDATIONS, Part
from perennial_core.validation import Matching

Node = dict[str, Any]

VERSIONS = {
    definition.kind: crd.custom_resource_definition(definition)["spec"]["versions"][0]
    for definition in crd.DEFINITIONS
}
SCHEMAS = {kind: version["schema"]["openAPIV3Schema"] for kind, version in VERSIONS.items()}
TYPES = {str: "string", int: "integer", bool: "boolean"}
BOUNDS = {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "enum"}


class Field(NamedTuple):
    """One field of a type, and what the schema says of it."""

    path: str
    part: type[Part]
    info: FieldInfo
    node: Node
    required: bool


def fields(part: type[Part], node: Node, path: str) -> Iterator[Field]:
    """Yield the fields of a type and of the types in it."""
    names = {info.alias: info for info in part.model_fields.values()}
    assert set(node["properties"]) == set(names), path
    for name, info in names.items():
        assert name is not None
        child, required = node["properties"][name], name in node.get("required", [])
        yield Field(f"{path}.{name}", part, info, child, required)
        kind, _ = bare(info)
        if get_origin(kind) is list:
            kind, _ = bare(get_args(kind)[0])
            child = child["items"]
        if isinstance(kind, type) and issubclass(kind, Part):
            yield from fields(kind, child, f"{path}.{name}")


def bare(annotation: Any) -> tuple[Any, list[Any]]:
    """Return the type without ``Annotated`` and ``| None``, and what was annotated."""
    found: list[Any] = []
    if isinstance(annotation, FieldInfo):
        annotation, found = annotation.annotation, list(annotation.metadata)
    while get_origin(annotation) in (Annotated, Union, UnionType):
        if get_origin(annotation) is Annotated:
            annotation, *metadata = get_args(annotation)
            found += metadata
        else:
            kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
            if len(kinds) != 1:
                break
            annotation = kinds[0]
    return annotation, list(flat(found))


def flat(metadata: list[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from flat(item.metadata)
        elif isinstance(item, GroupedMetadata):
            yield from flat([part for part in item if part is not None])
        else:
            yield item


def bounds(kind: Any, metadata: list[Any]) -> Node:
    """Return the bounds of a type, as a schema says them."""
    size = "Items" if get_origin(kind) is list else "Length"
    found: Node = {}
    for item in metadata:
        match item:
            case Ge(ge=limit):
                found["minimum"] = limit
            case Le(le=limit):
                found["maximum"] = limit
            case MinLen(min_length=limit):
                found[f"min{size}"] = limit
            case MaxLen(max_length=limit):
                found[f"max{size}"] = limit
            case Matching(pattern=pattern, max_length=limit):
                found |= {"pattern": pattern} | ({} if limit is None else {"maxLength": limit})
    return found | choices(kind)


def choices(kind: Any) -> Node:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [str(member.value) for member in kind]}
    return {"enum": list(get_args(kind))} if get_origin(kind) is Literal else {}


def structure(kind: Any, metadata: list[Any]) -> Node:
    """Return how the values of a type are formed, as a schema says it."""
    for item in metadata:
        if isinstance(item, WithJsonSchema):
            assert item.json_schema is not None
            return dict(item.json_schema)
    if get_origin(kind) is list:
        return {"type": "array", "items": structure(*bare(get_args(kind)[0]))}
    if get_origin(kind) is dict:
        return {"type": "object", "additionalProperties": structure(*bare(get_args(kind)[1]))}
    if isinstance(kind, type) and issubclass(kind, Part):
        return {"type": "object"}
    return {"type": TYPES.get(kind, "string")}


ALL = [
    field
    for definition in crd.DEFINITIONS
    for part, name in ((definition.spec, "spec"), (definition.status, "status"))
    for field in fields(part, SCHEMAS[definition.kind]["properties"][name], name)
]
every_field = pytest.mark.parametrize("field", ALL, ids=[field.path for field in ALL])


@every_field
def test_a_field_has_the_form_of_its_type(field: Field) -> None:
    def holds(node: Node, expected: Node) -> bool:
        return all(
            holds(node[name], value) if isinstance(value, dict) else node[name] == value
            for name, value in expected.items()
        )

    assert holds(field.node, structure(*bare(field.info)))


@every_field
def test_a_field_has_the_bounds_of_its_type_and_no_others(field: Field) -> None:
    node, (kind, metadata) = field.node, bare(field.info)
    assert {name: node[name] for name in BOUNDS & set(node)} == bounds(kind, metadata)
    if get_origin(kind) is list:
        items = node["items"]
        expected = bounds(*bare(get_args(kind)[0]))
        assert {name: items[name] for name in BOUNDS & set(items)} == expected


@every_field
def test_a_field_has_the_default_of_its_type(field: Field) -> None:
    default = field.info.default
    assert field.required == (default is PydanticUndefined)
    if default is PydanticUndefined or default is None:
        assert "default" not in field.node
    elif isinstance(default, Part):
        assert default == type(default)(), "the API server fills in each field's own default"
        assert field.node["default"] == {}
    elif isinstance(default, list):
        items = [item.to_json() if isinstance(item, Part) else item for item in default]
        assert field.node["default"] == items
    else:
        assert field.node["default"] == default


@every_field
def test_a_field_is_explained_as_its_type_explains_it(field: Field) -> None:
    text = field.info.description
    if text is not None:
        assert field.node["description"] == " ".join(text.split())


@pytest.mark.parametrize("part", dict.fromkeys(field.part for field in ALL))
def test_a_type_has_its_rules(part: type[Part]) -> None:
    extra = part.model_config.get("json_schema_extra", {})
    assert isinstance(extra, dict)
    nodes = [
        node
        for node in objects(list(SCHEMAS.values()))
        if set(node.get("properties", ())) == names(part)
    ]
    assert nodes
    for node in nodes:
        assert node.get(VALIDATIONS, []) == extra.get(VALIDATIONS, [])


def names(part: type[Part]) -> set[str]:
    return {str(info.alias) for info in part.model_fields.values()}


def objects(node: Any) -> Iterator[Node]:
    """Yield every object in the schema, keywords' values included."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from objects(value)


def all_schemas() -> Iterator[Node]:
    for schema in SCHEMAS.values():
        yield from schemas(schema)


def schemas(node: Node) -> Iterator[Node]:
    """Yield every schema in a schema."""
    yield node
    children = [*node.get("properties", {}).values()]
    children += [node[name] for name in ("items", "additionalProperties") if name in node]
    for child in children:
        yield from schemas(child)


def test_nothing_is_left_that_a_structural_schema_refuses() -> None:
    refused = {"$ref", "$defs", "definitions", "title", "anyOf", "oneOf", "allOf", "not", "const"}
    refused |= {"nullable", "uniqueItems", "patternProperties", "exclusiveMinimum", "examples"}
    for node in all_schemas():
        assert not refused & set(node), node
        assert "null" not in json.dumps(node.get("enum", []))
        assert node.get("additionalProperties") not in (True, False)


def test_every_schema_says_its_type() -> None:
    for node in all_schemas():
        if node.get("x-kubernetes-int-or-string"):
            assert "type" not in node
        elif "type" in node or not node.get("x-kubernetes-preserve-unknown-fields"):
            assert node["type"] in {"object", "array", "string", "integer", "boolean"}, node


def test_every_object_says_what_it_holds() -> None:
    of_metadata = [schema["properties"]["metadata"] for schema in SCHEMAS.values()]
    for node in all_schemas():
        if node.get("type") == "object" and node not in of_metadata:
            kinds = {"properties", "additionalProperties", "x-kubernetes-preserve-unknown-fields"}
            assert len(kinds & set(node)) == 1, node


def test_a_list_that_is_a_map_requires_its_keys() -> None:
    maps = [node for node in all_schemas() if node.get("x-kubernetes-list-type") == "map"]
    assert len(maps) >= 3
    for node in maps:
        assert set(node["x-kubernetes-list-map-keys"]) <= set(node["items"]["required"])


def test_no_float_stands_in_the_spec() -> None:
    assert not [node for node in all_schemas() if node.get("type") == "number"]


def test_columns_and_scale_read_fields_that_exist() -> None:
    known = {f".{field.path}" for field in ALL}
    for version in VERSIONS.values():
        paths = [column["jsonPath"] for column in version["additionalPrinterColumns"]]
        paths += version["subresources"].get("scale", {}).values()
        for path in paths:
            base = path.partition("[")[0]
            assert base in known or base == ".metadata.creationTimestamp", path


def test_the_command_prints_them() -> None:
    command = [sys.executable, "-m", "perennial_core.resource.crd"]
    printed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert [(item["metadata"]["name"], item["spec"]["scope"]) for item in printed["items"]] == [
        ("predictionmodels.perennial.dev", "Namespaced"),
        ("modelversions.perennial.dev", "Namespaced"),
    ]
    assert printed["items"] == list(map(crd.custom_resource_definition, crd.DEFINITIONS))
