"""Single fields of a resource file are changed, and all else stays as a person wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perennial_cli.local.edit import edit_file, edited
from perennial_core.errors import UserError

PIN = ("spec", "rollout", "pinnedVersion")
TRAIN = ("metadata", "annotations", "perennial.dev/train")

FILE = """\
# Points of a line.
apiVersion: perennial.dev/v1alpha1
kind: PredictionModel
metadata: {name: points}   # in flow style
spec:
  training:
    data:
      uri: file:///data/points.csv
      target: "y"              # quoted
      features:
        - x
    estimator: {class: sklearn.linear_model.LinearRegression, params: {}}

  # who may serve
  rollout:
    approval: Manual
---
apiVersion: v1
kind: ConfigMap
metadata: {name: feed}
data:
  points.csv: |
    x,y
    1,2
"""


def with_line(line: str, after: str) -> str:
    return FILE.replace(f"{after}\n", f"{after}\n{line}\n")


def test_a_field_is_added_and_nothing_else_changes() -> None:
    changed = edited(FILE, {PIN: 3})
    assert changed == with_line("    pinnedVersion: 3", "    approval: Manual")


def test_a_field_is_changed_where_it_stands_and_removed() -> None:
    pinned = with_line("    pinnedVersion: 3     # hold it", "  rollout:")
    assert edited(pinned, {PIN: 5}) == pinned.replace("3     #", "5     #")
    assert "pinnedVersion" not in edited(pinned, {PIN: None})


def test_parents_that_are_missing_are_made() -> None:
    changed = edited(FILE, {TRAIN: "2026-01-01T00:00:00Z"})
    assert "metadata: {name: points, annotations: {perennial.dev/train: '2026" in changed
    bare = FILE.replace("  rollout:\n    approval: Manual\n", "")
    assert edited(bare, {PIN: 3}).count("rollout:\n    pinnedVersion: 3\n") == 1


def test_a_mapping_of_one_field_in_a_list_keeps_its_braces() -> None:
    gated = with_line("  gate: {metrics: [{name: r2}, {name: mae, max: '5'}]}", "spec:")
    assert edited(gated, {PIN: 3}) == gated.replace(
        "    approval: Manual", "    approval: Manual\n    pinnedVersion: 3"
    )


def test_lines_stay_as_far_behind_as_a_person_had_them() -> None:
    wide = (
        "kind: PredictionModel\nmetadata:\n    name: points\nspec:\n    rollout:\n"
        "        approval: Manual\n"
    )
    listed = f"{wide}    gate:\n        metrics:\n            - name: r2\n"
    for text in (wide, listed):
        assert edited(text, {PIN: 3}) == text.replace(
            "        approval: Manual\n", "        approval: Manual\n        pinnedVersion: 3\n"
        )


def test_lines_in_braces_do_not_say_how_far_others_stand_behind() -> None:
    spec = "spec:\n  rollout:\n    approval: Manual\n"
    text = "kind: PredictionModel\nmetadata: {name: points,\n           namespace: tests}\n" + spec
    assert edited(text, {PIN: 3}).endswith(f"\n{spec}    pinnedVersion: 3\n")


def test_what_is_to_be_removed_may_be_absent() -> None:
    assert edited(FILE, {PIN: None}) == FILE


@pytest.mark.parametrize("other", ["[1, 2]", "text", "{}"])
def test_what_stands_before_the_model_is_left_alone(other: str) -> None:
    before = f"{other}\n---\n"
    assert edited(before + FILE, {PIN: 3}) == before + edited(FILE, {PIN: 3})


def test_json_stays_json() -> None:
    text = '{"kind": "PredictionModel", "spec": {"rollout": {"approval": "Manual"}}}\n'
    assert edited(text, {PIN: 3}).replace("\n", "") == (
        '{"kind": "PredictionModel", "spec": {"rollout": {"approval": "Manual", pinnedVersion: 3}}}'
    )


def test_what_cannot_be_changed_is_refused_with_what_to_write(tmp_path: Path) -> None:
    file, text = tmp_path / "model.yaml", "kind: PredictionModel\nspec:\n  rollout: 7\n"
    file.write_text(text)
    with pytest.raises(UserError) as refused:
        edit_file(file, {PIN: 3})
    assert str(refused.value) == (
        f"{file}: spec.rollout: rollout is no mapping; do it by hand: set"
        " spec.rollout.pinnedVersion to 3"
    )
    assert file.read_text() == text


def test_a_link_stays_one_and_the_mode_too(tmp_path: Path) -> None:
    file, link = tmp_path / "model.yaml", tmp_path / "link.yaml"
    file.write_text(FILE)
    file.chmod(0o640)
    link.symlink_to(file)
    changes: dict[tuple[str, ...], Any] = {PIN: 3}
    edit_file(link, changes)
    assert link.is_symlink()
    assert "pinnedVersion: 3" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] != []
    assert len(list(tmp_path.iterdir())) == 2
