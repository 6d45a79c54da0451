"""Reads YAML as kubectl does where PyYAML would read it differently."""

from __future__ import annotations

import re
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
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UserError(f"{where}{error.problem}") from None
    except yaml.YAMLError as error:
        raise UserError(" ".join(str(error).split())) from None
