"""Changes single fields of a resource file, and leaves its comments and order as they are."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.util import load_yaml_guess_indent
from yaml import MappingNode, SafeLoader, compose_all

from perennial_cli.local.kubernetes_yaml import documents
from perennial_core.errors import UserError
from perennial_core.resource import KIND

Fields = Mapping[tuple[str, ...], Any]
"""Paths below the PredictionModel with their new values; None removes a field."""


def edit_file(file: Path, fields: Fields) -> None:
    """Change fields of the one model in a file.

    Raises:
        UserError: The file cannot be changed without harm; the text says what to write by hand.
    """
    file = file.resolve()  # a link stays one
    try:
        text = file.read_text(encoding="utf-8")
        changed = edited(text, fields)
        _replace(file, changed)
    except UserError as error:
        raise UserError(f"{file}: {error}; {_by_hand(fields)}") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be written: {error.strerror}") from None


def edited(text: str, fields: Fields) -> str:
    """Return a file's text with fields of its one model changed, and all else as it was.

    Raises:
        UserError: It would be another resource otherwise too.
    """
    expected = documents(text)
    for model in filter(_is_model, expected):
        _set(model, fields)
    changed = _round_trip(text, fields)
    if documents(changed) != expected:
        raise UserError("cannot be changed without changing more than that")
    return changed


def _round_trip(text: str, fields: Fields) -> str:
    """Return the text with the part of it written anew that is the model."""
    node = _model(text)
    begin, end = node.start_mark.index, node.end_mark.index
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 2**16  # no line is broken that was not
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    output = io.StringIO()
    try:
        model = yaml.load(text[begin:end])
        _, step, offset = load_yaml_guess_indent(text[begin:end])
        yaml.indent(_mapping_step(node), step, offset)
        _set(model, fields)
        yaml.dump(model, output)
    except YAMLError as error:
        raise UserError(f"cannot be changed: {' '.join(str(error).split())}") from None
    return text[:begin] + output.getvalue() + text[end:]


def _model(text: str) -> MappingNode:
    """Return the one model of a text, with where it stands."""
    for node in compose_all(text, SafeLoader):
        if isinstance(node, MappingNode) and _is_kind(node):
            return node
    raise UserError(f"holds no {KIND}")


def _is_kind(node: MappingNode) -> bool:
    return any((key.value, value.value) == ("kind", KIND) for key, value in node.value)


def _mapping_step(model: MappingNode) -> int | None:
    """Return how far a mapping stands behind the one that it is in; None: none does."""
    for _, value in model.value:
        if isinstance(value, MappingNode) and not value.flow_style:
            return int(value.start_mark.column - model.start_mark.column)
    return None


def _is_model(document: Any) -> bool:
    return isinstance(document, dict) and document.get("kind") == KIND


def _set(model: Any, fields: Fields) -> None:
    for (*parents, last), value in fields.items():
        part = model
        for name in parents:
            if part.get(name) is None:
                part[name] = {}
            part = part[name]
            if not isinstance(part, dict):
                raise UserError(f"{'.'.join(parents)}: {name} is no mapping")
        if value is None:
            part.pop(last, None)
        else:
            part[last] = value


def _replace(file: Path, text: str) -> None:
    """Write a file at once, so that who reads it meanwhile never sees half of it."""
    mode = file.stat().st_mode
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as output:
            output.write(text)
        Path(draft).chmod(mode)
        Path(draft).replace(file)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _by_hand(fields: Fields) -> str:
    """Return what a person has to write."""
    steps = [
        f"remove {'.'.join(path)}" if value is None else f"set {'.'.join(path)} to {value}"
        for path, value in fields.items()
    ]
    return f"do it by hand: {', '.join(steps)}"
