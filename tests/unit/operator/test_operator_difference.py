"""Whether an object has to be written."""

from __future__ import annotations

from typing import Any

import pytest
from operator_models import Body

from perennial_operator.difference import contains, edition, is_marked


@pytest.mark.parametrize(
    ("live", "wanted", "expected"),
    [
        ({"a": 1, "default": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({}, {"a": 1}, False),
        ({"a": {"b": 1, "default": 2}}, {"a": {"b": 1}}, True),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, False),
        ({"a": None}, {"a": {"b": 1}}, False),
        ({"a": 1}, {"a": {"b": 1}}, False),
        ({}, {"a": {}, "b": [], "c": None}, True),
        ({"a": [1]}, {"a": []}, False),
        ([{"a": 1, "default": 2}], [{"a": 1}], True),
        ([{"a": 1}, {"a": 2}], [{"a": 1}], False),
        ([{"a": 2}, {"a": 1}], [{"a": 1}, {"a": 2}], False),
        ("x", "x", True),
        (0, False, True),
        ({"selector": {"a": "1", "b": "2"}}, {"selector": {"a": "1"}}, False),
        ({"selector": {"a": "1"}}, {"selector": {"a": "1"}}, True),
        ({"nodeSelector": {"a": "1", "b": "2"}}, {"nodeSelector": {"a": "1"}}, False),
        ({}, {"nodeSelector": {"a": "1"}}, False),
    ],
)
def test_what_is_wanted_stands_in_what_lives(live: Any, wanted: Any, expected: bool) -> None:
    assert contains(live, wanted) is expected


def body(**metadata: Any) -> Body:
    known: Body = {
        "labels": {"a": "1"},
        "annotations": {"hash": "h"},
        "ownerReferences": [{"uid": "u"}],
    }
    return {"metadata": known | metadata}


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (body(), True),
        (body(labels={"a": "1", "more": "2"}, annotations={"hash": "h", "more": "2"}), True),
        (body(ownerReferences=[{"uid": "u"}, {"uid": "another"}]), True),
        (body(labels={"a": "2"}), False),
        (body(annotations={"hash": "other"}), False),
        (body(annotations={}), False),
        (body(ownerReferences=[{"uid": "another"}]), False),
        ({"metadata": {}}, False),
    ],
)
def test_labels_annotations_and_owner_are_compared(live: Body, expected: bool) -> None:
    assert is_marked(live, body()) is expected


def test_an_edition_changes_with_the_content_and_not_with_the_status() -> None:
    """Objects with a status have a generation, which counts changes of the spec."""
    first = edition({"metadata": {"uid": "u", "generation": 1, "resourceVersion": "5"}})

    assert first == edition({"metadata": {"uid": "u", "generation": 1, "resourceVersion": "6"}})
    assert first != edition({"metadata": {"uid": "u", "generation": 2, "resourceVersion": "6"}})
    assert first != edition({"metadata": {"uid": "v", "generation": 1, "resourceVersion": "6"}})
    without = [edition({"metadata": {"uid": "u", "resourceVersion": rv}}) for rv in "56"]
    assert without[0] != without[1]
