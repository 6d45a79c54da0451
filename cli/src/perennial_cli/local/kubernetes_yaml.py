"""Reads YAML as kubectl does where PyYAML would read it differently."""

from __future__ import annotations

import re
import reprlib
from typing import Any

import yaml

from perennial_core.errors import UserError


class _KubernetesLoader(yaml.SafeLoader):
    """SafeLoader but for what kubectl's YAML takes otherwise.

    A plain ``y`` or ``n`` is a boolean there and text here, so it is refused, and so is a key that
    stands twice; a plain date is text there and a date here, so it stays text.
    """

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        _refuse_repeated_keys(node)
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if anchor is not None and node.style is None and node.value == "":
            line = node.start_mark.line + 1
            raise UserError(f"line {line}: an anchor of nothing;{_in_quotes(node.start_mark)}")
        _refuse_half_characters(node)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError):  # PyYAML's own, of a tag's constructor
            kind = node.tag.rpartition(":")[2]
            raise UserError(
                f"line {node.start_mark.line + 1}: {reprlib.repr(node.value)} is no {kind} that"
                " can be read; put it in quotes if it is a text"
            ) from None


def _refuse_half_characters(node: yaml.ScalarNode) -> None:
    try:
        node.value.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"line {node.start_mark.line + 1}: \\ud800 to \\udfff are halves of characters; write"
            " the character itself"
        ) from None


def _refuse_repeated_keys(mapping: yaml.MappingNode) -> None:
    seen: dict[str, yaml.ScalarNode] = {}
    for key, _ in mapping.value:
        if isinstance(key, yaml.ScalarNode) and (first := seen.setdefault(key.value, key)) != key:
            raise UserError(
                f"line {key.start_mark.line + 1}: the key {key.value!r} is given already in line"
                f" {first.start_mark.line + 1}; keep one of the two"
            )


def _refuse(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    raise UserError(
        f"line {node.start_mark.line + 1}: a plain {node.value} is a boolean for kubectl;"
        f' write it in quotes: "{node.value}"'
    )


_KubernetesLoader.add_implicit_resolver("!ambiguous", re.compile("^[yYnN]$"), list("yYnN"))
_KubernetesLoader.add_constructor("!ambiguous", _refuse)


def documents(text: str) -> list[Any]:
    """Return the YAML documents in a text, but for empty ones.

    Raises:
        UserError: The text is no YAML, or kubectl would read it differently; names the line.
    """
    try:
        return [item for item in yaml.load_all(text, _KubernetesLoader) if item is not None]
    except yaml.MarkedYAMLError as error:
        raise UserError(_explained(error, text)) from None
    except yaml.YAMLError as error:
        raise UserError(" ".join(str(error).split())) from None
    except RecursionError:
        raise UserError("lists and mappings stand in each other too deep to be read") from None


_UNCLOSED = ("found unexpected end of stream", "found unexpected document separator")
_MARKS = "*&!@%`"
"""A plain value cannot begin with these: to YAML they are aliases, anchors, tags or reserved."""


def _explained(error: yaml.MarkedYAMLError, text: str) -> str:
    """Return where a text is wrong, how, and what to do where quotes are what is missing."""
    mark = error.problem_mark
    if mark is None:
        return str(error.problem)
    if error.context_mark is not None and error.problem in _UNCLOSED:
        line = error.context_mark.line + 1
        return f"line {line}: the quote that begins here is never closed; put the value in quotes"
    found = f"line {mark.line + 1}: {error.problem}"
    for begin in (error.context_mark, mark):
        if begin is not None and _character(begin) in _MARKS:
            return f"{found};{_in_quotes(begin)}"
    opened = _quote_closed_before(mark, text)
    if opened is not None:
        return f"{found}; the quote of line {opened} ends before this; quote the whole value"
    return found


def _character(mark: yaml.Mark) -> str:
    return mark.buffer[mark.pointer] if mark.buffer is not None else ""


def _in_quotes(mark: yaml.Mark) -> str:
    return f" a plain value cannot begin with {_character(mark)}: put the value in quotes"


def _quote_closed_before(mark: yaml.Mark, text: str) -> int | None:
    """Return the line where a quoted value begins whose end is what comes before the mark."""
    last: yaml.Token | None = None
    try:
        for token in yaml.scan(text, yaml.SafeLoader):
            if token.end_mark.index > mark.index:
                break
            last = token
    except yaml.YAMLError:
        pass  # the mark is where it ends
    if isinstance(last, yaml.ScalarToken) and last.style in ("'", '"'):
        line: int = last.start_mark.line
        return line + 1
    return None
