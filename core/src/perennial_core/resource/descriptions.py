"""Finds the texts that stand below the fields of a type.

pydantic does the same with ``use_attribute_docstrings``, but whenever a type is made, which takes
as long as all else of it. Only the CRD needs them.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise

from pydantic import BaseModel


def descriptions(kind: type[BaseModel]) -> dict[str, str]:
    """Return the text below each field that has one, also of those that are inherited."""
    bases = (base for base in reversed(kind.__mro__) if issubclass(base, BaseModel))
    found = (pair for base in bases if base is not BaseModel for pair in _own(base))
    return {name: text for name, text in found if name in kind.model_fields}


def _own(kind: type[BaseModel]) -> Iterator[tuple[str, str]]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    if isinstance(definition, ast.ClassDef):
        for statement, below in pairwise(definition.body):
            match statement, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    yield name, inspect.cleandoc(text)
