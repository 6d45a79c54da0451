"""What docs/command.md says that programs get is what they get."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from perennial_cli import views
from perennial_cli.show.difference import DifferencesView

TEXT = (Path(__file__).parents[3] / "docs" / "command.md").read_text()
BLOCKS = dict(re.findall(r"<!-- answer: (\w+) -->\n```json\n(.*?)```", TEXT, re.DOTALL))


def kind(name: str) -> type[views.View]:
    found: type[views.View] = {**vars(views), "DifferencesView": DifferencesView}[name]
    return found


@pytest.mark.parametrize("name", BLOCKS)
def test_an_example_has_every_field_and_no_other(name: str) -> None:
    example, view = json.loads(BLOCKS[name]), kind(name)
    document = view.model_validate(example).model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    assert document == example
    fields = {field.alias or name for name, field in view.model_fields.items()}
    assert fields == set(example)


def test_every_answer_has_an_example() -> None:
    assert set(BLOCKS) == {"ModelView", "PodView", "VersionView", "DifferencesView", "ImportView"}
