"""What documents and examples show of the resource is what it takes."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial_core.resource import PredictionModel
from perennial_core.resource.rollout import RolloutSpec

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "manifests" / "examples").glob("*.yaml"))
BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


def shown(document: str) -> list[Any]:
    """Return the YAML that a document shows; what stands in two columns is left out."""
    texts = [textwrap.dedent(text) for text in BLOCK.findall((ROOT / document).read_text())]
    return [yaml.safe_load(text) for text in texts if "..." not in text]


def test_the_resource_in_the_readme_is_one() -> None:
    (resource,) = shown("README.md")

    assert PredictionModel.parse(resource).key.name == "points"


def test_the_documented_strategies_are_taken() -> None:
    rollouts = [RolloutSpec.model_validate(body["rollout"]) for body in shown("docs/strategies.md")]

    assert {rollout.strategy.value for rollout in rollouts} == {"Canary", "Shadow"}


@pytest.mark.parametrize("example", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_every_example_can_be_read(example: Path) -> None:
    bodies = list(yaml.safe_load_all(example.read_text()))
    models = [body for body in bodies if body["kind"] == "PredictionModel"]

    for body in models:
        PredictionModel.parse(body)
    assert models or example.name == "node-port.yaml"
