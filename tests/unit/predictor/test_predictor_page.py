"""The page for browsers."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from served_models import line

from perennial_core.manifest import Column, ColumnType, Manifest, Task
from perennial_predictor.http_request import prefers_html
from perennial_predictor.page import page
from perennial_predictor.prediction import PredictionAnswer

EVIL = "<script>alert('\"&')</script>"


class Elements(HTMLParser):
    """Gathers the elements of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def manifest(*inputs: Column, task: Task = Task.REGRESSION) -> Manifest:
    return line().stored().manifest.changed(inputs=list(inputs), task=task)


def test_everything_that_comes_from_outside_is_escaped() -> None:
    html = page(
        model=EVIL,
        manifest=manifest(Column(name=EVIL, type=ColumnType.STRING)),
        values={EVIL: EVIL},
        answer=PredictionAnswer(EVIL, EVIL, 1, classes=[EVIL], probabilities=[1.0]),
        problem=EVIL,
    )
    elements = Elements(html)
    assert not elements.of("script")
    assert elements.of("input") == [
        {"id": "f0", "name": EVIL, "type": "text", "value": EVIL},
    ]
    assert elements.text.count(EVIL) == 6  # title, heading, label, result, class, problem


def test_each_feature_has_a_labelled_field_of_its_type() -> None:
    html = page(
        model="tests/model",
        manifest=manifest(
            Column(name="number", type=ColumnType.FLOAT64),
            Column(name="count", type=ColumnType.INT64, nullable=True),
            Column(name="flag", type=ColumnType.BOOL),
            Column(name="text", type=ColumnType.STRING),
        ),
        values={"number": "1.5", "flag": "false"},
    )
    elements = Elements(html)
    fields = elements.of("input") + elements.of("select")
    assert {f["name"]: f.get("type") for f in fields} == {
        "number": "number",
        "count": "number",
        "flag": None,
        "text": "text",
    }
    assert {label["for"] for label in elements.of("label")} == {field["id"] for field in fields}
    assert [f["name"] for f in fields if "required" in f] == ["number", "flag"]
    assert fields[0]["value"] == "1.5"
    assert [option["value"] for option in elements.of("option") if "selected" in option] == [
        "false"
    ]


def test_the_page_needs_nothing_from_elsewhere() -> None:
    html = page(model="m/n", manifest=manifest(), values={}, problem="p")
    elements = Elements(html)
    for tag in ("link", "script", "img", "iframe"):
        assert not elements.of(tag)
    assert "http" not in html


def test_before_a_version_is_loaded_the_page_says_why() -> None:
    elements = Elements(page(model="m/n", manifest=None, values={}, problem="not yet"))
    assert "not yet" in elements.text
    assert not elements.of("form")


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html", True),
        ("application/json;q=0.5, text/html;q=0.6", True),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/html;q=0.9", False),
        ("text/html, application/json", False),
        ("text/html;q=0", False),
        ("text/html;q=many", False),
        ("application/*, text/html;q=0.9", False),
    ],
)
def test_who_prefers_html_gets_it(accept: str, html: bool) -> None:
    assert prefers_html({"headers": [(b"accept", accept.encode())]}) is html
