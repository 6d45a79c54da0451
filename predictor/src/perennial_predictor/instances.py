"""Reads the instances of a request: from JSON or a query to checked rows.

One msgspec type, made from the model's inputs, checks everything while the JSON is parsed: shape,
types, names, nulls, ranges. The same type describes the body in the OpenAPI document.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from perennial_core.artifact.model import Array
from perennial_core.manifest import FLOAT32_LIMIT, Column, ColumnType
from perennial_predictor import problems
from perennial_predictor.many_numbers import instances_in
from perennial_predictor.query import query_pairs, value_of

Row = tuple[Any, ...]
"""The values of one instance in the order of the inputs, missing ones as None."""

Rows = Sequence[Row] | Array
"""The values of many: rows, or for a model without text an array of float64, shape (n, features),
missing values as NaN."""

QUERY_NAME = "msg"
"""A one-feature model takes its value by this name too."""

REQUEST = "PredictRequest"
INSTANCE = "Instance"
"""The names of the body's types in the OpenAPI document."""

BODY = '{"instances": [[<value>, ...], ...]}'
"""What a body looks like, for people."""

_INT64 = Meta(ge=-(2**63), le=2**63 - 1)
_FLOAT32 = Meta(gt=-FLOAT32_LIMIT, lt=FLOAT32_LIMIT)

_TYPES: dict[ColumnType, Any] = {
    ColumnType.FLOAT64: float,
    ColumnType.FLOAT32: Annotated[float, _FLOAT32],
    ColumnType.INT64: Annotated[int, _INT64],
    ColumnType.BOOL: bool,
    ColumnType.STRING: str,
}

_JSON_TYPES = {"float": "number", "int": "integer", "str": "string", "bool": "boolean"}
_TYPE = re.compile(rf"\b({'|'.join(_JSON_TYPES)})\b")
_PLACE = re.compile(r"\$\.instances\[(\d+)\](?:\[(\d+)\]|\.(.+))?", re.DOTALL)
_NOT_JSON = (b"NaN", b"Infinity")
_NAMES_SHOWN = 20

_LONG_BYTES = 4096
"""From here on it pays to read numbers without making objects of them."""


class InstanceReader:
    """Reads instances for a model with these inputs.

    Args:
        inputs: The model's input columns.
        max_instances: How many instances one request may have.
    """

    def __init__(self, inputs: Sequence[Column], max_instances: int) -> None:
        self._names = [column.name for column in inputs]
        self._types = {column.name: column.type for column in inputs}
        self._may_be_empty = {
            column.name
            for column in inputs
            if column.type is ColumnType.STRING and not column.nullable
        }
        self._takes_any_number = all(column.type is ColumnType.FLOAT64 for column in inputs)
        self._max_instances = max_instances
        self._width = len(inputs)
        self.body_type = _body_type(inputs, max_instances)
        self._decoder = msgspec.json.Decoder(self.body_type)

    def rows(self, body: bytes) -> Rows:
        """Return the rows of the body of a POST.

        Raises:
            Problem: It is not JSON, or not what the model takes; the text names instance and
                feature.
        """
        if len(body) > _LONG_BYTES and (matrix := self._matrix(body)) is not None:
            return matrix
        try:
            request = self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise problems.invalid(self._explain(str(error))) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._refuse_non_finite(body)
            raise problems.malformed(_why_no_json(body, error)) from None
        instances = request.instances
        return [each if type(each) is tuple else self._row(each) for each in instances]

    def row(self, query: bytes) -> Row:
        """Return the one row of a query such as ``x1=1&x2=2``.

        Raises:
            Problem: As ``rows``.
        """
        texts = self._named(query)
        values = {name: self._value(name, text) for name, text in texts.items()}
        try:
            request = msgspec.convert({"instances": [values]}, self.body_type)
        except msgspec.ValidationError as error:
            raise problems.invalid(self._explain(str(error), with_index=False)) from None
        return self._row(request.instances[0])

    def _matrix(self, body: bytes) -> Array | None:
        """Return the rows of a long body that holds lists of plain numbers, shape (n, features).

        None when it may hold anything else: what that is, the type of the body tells.
        """
        if not self._takes_any_number:
            return None
        matrix = instances_in(body, self._width)
        if matrix is None or len(matrix) > self._max_instances:
            return None
        return matrix if np.isfinite(matrix).all() else None

    def _row(self, instance: Any) -> Row:
        if type(instance) is tuple:
            return instance
        if isinstance(instance, msgspec.Struct):
            return msgspec.structs.astuple(instance)
        if isinstance(instance, list):
            return tuple(instance)
        return (instance,)

    def _value(self, name: str, text: str) -> Any:
        try:
            return value_of(text, self._types.get(name, ColumnType.STRING))
        except ValueError as error:
            raise problems.invalid(f"feature {name!r}: {error}") from None

    def _named(self, query: bytes) -> dict[str, str]:
        """Return a query's texts by feature name, without those that are left empty."""
        pairs = query_pairs(query)
        if len(self._names) == 1 and self._names[0] != QUERY_NAME:
            pairs = [(self._names[0] if n == QUERY_NAME else n, value) for n, value in pairs]
        texts = dict(pairs)
        if len(texts) < len(pairs):
            twice = next(name for name, count in Counter(n for n, _ in pairs).items() if count > 1)
            raise problems.invalid(f"feature {twice!r}: given more than once")
        return {name: text for name, text in texts.items() if text or name in self._may_be_empty}

    def _explain(self, message: str, *, with_index: bool = True) -> str:
        """Return msgspec's message with place and types named as a client knows them."""
        what, _, path = message.rpartition(" - at `")
        what = _in_json_terms(what or message)
        place = _PLACE.fullmatch(path.removesuffix("`"))
        if place is None:
            prefix = "instances: " if path.startswith("$.instances") else ""
            return f"{prefix}{what}; the body is {BODY}"
        index, position, name = place.groups()
        if position is not None:
            name = self._names[int(position)]
        if name is None:
            what = f"{what}; the features are {self._listed()}"
        where = [f"instance {index}"] * with_index + [f"feature {name!r}"] * (name is not None)
        return ", ".join(where) + f": {what}" if where else what

    def _listed(self) -> str:
        shown = ", ".join(map(repr, self._names[:_NAMES_SHOWN]))
        more = len(self._names) - _NAMES_SHOWN
        return f"{shown} and {more} more" if more > 0 else shown

    def _refuse_non_finite(self, body: bytes) -> None:
        """Say where NaN or an infinity stands, which JSON has not but some clients write."""
        if not any(word in body for word in _NOT_JSON):
            return
        try:
            request = msgspec.convert(json.loads(body), self.body_type)
        except msgspec.ValidationError as error:
            raise problems.invalid(self._explain(str(error))) from None
        except (ValueError, RecursionError):
            return
        for index, row in enumerate(map(self._row, request.instances)):
            for name, value in zip(self._names, row, strict=True):
                _refuse_if_not_finite(value, f"instance {index}, feature {name!r}")


def _body_type(inputs: Sequence[Column], max_instances: int) -> Any:
    """Return the type of a request's body.

    An instance is a list by position, an object by name, or for one feature the bare value.
    """
    types = [_TYPES[c.type] | None if c.nullable else _TYPES[c.type] for c in inputs]
    by_position = _listed_type(inputs, types)
    alone = types if len(types) == 1 else []
    instance: Any = reduce(or_, alone, by_position | _named_type(inputs, types))
    instances = Annotated[list[instance], Meta(min_length=1, max_length=max_instances)]
    return msgspec.defstruct(REQUEST, [("instances", instances)])


def _listed_type(inputs: Sequence[Column], types: Sequence[Any]) -> Any:
    """Return the type of an instance by position.

    It is no tuple where a number with bounds may stand for it: msgspec 0.22 then looks for the
    tuple's length where it is not.
    """
    if len(inputs) == 1 and inputs[0].type in (ColumnType.FLOAT32, ColumnType.INT64):
        return Annotated[list.__class_getitem__(types[0]), Meta(min_length=1, max_length=1)]
    return tuple.__class_getitem__(tuple(types))


def _named_type(inputs: Iterable[Column], types: Iterable[Any]) -> type[msgspec.Struct]:
    """Return the type of an instance by feature name; nullable features may be left out."""
    fields, names = [], {}
    for number, (column, type_) in enumerate(zip(inputs, types, strict=True)):
        field = f"f{number}"  # feature names need not be names of Python
        fields.append((field, type_, None) if column.nullable else (field, type_))
        names[field] = column.name
    return msgspec.defstruct(
        INSTANCE, fields, rename=names, forbid_unknown_fields=True, kw_only=True
    )


def _in_json_terms(what: str) -> str:
    if what.startswith("Expected"):
        return _TYPE.sub(lambda found: _JSON_TYPES[found[0]], what)
    return what.removeprefix("Object ")


def _why_no_json(body: bytes, error: Exception) -> str:
    if not body.strip():
        return f"The body is empty; send {BODY}."
    return f"The body is not JSON: {str(error).removeprefix('JSON is malformed: ')}."


def _refuse_if_not_finite(value: object, place: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise problems.invalid(f"{place}: {value} is not a finite number")
