"""Prints answers: tables for people, or documents for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console

from perennial_cli.show.table import Table, print_tables
from perennial_cli.show.texts import harmless
from perennial_cli.views import View


class Format(StrEnum):
    """How programs want to read it."""

    JSON = "json"
    YAML = "yaml"


FormatOption = Annotated[
    Format | None, typer.Option("-o", "--output", help="For programs.", show_default="tables")
]


def print_answer(answer: View | Sequence[View], form: Format | None, *tables: Table) -> None:
    """Print an answer in the form that was asked for.

    Args:
        answer: What programs get; several as a list of ``items``.
        form: None: tables.
        tables: What people get.
    """
    if form is None:
        print_tables(tables, Console())
        return
    document = _document(answer)
    if form is Format.JSON:
        text = json.dumps(document, indent=2, ensure_ascii=False)
    else:
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip()
    sys.stdout.write(f"{text}\n")


def print_change(answer: View, form: Format | None, text: str) -> None:
    """Print what a command changed.

    Args:
        answer: What programs get.
        form: None: the text, for people.
        text: What was done.
    """
    if form is None:
        say(text)
    else:
        print_answer(answer, form)


def say(text: str) -> None:
    """Tell people what was done."""
    Console().print(harmless(text), markup=False, highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """Tell people something beside the answer."""
    text = harmless(text)
    Console(stderr=True).print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _document(answer: View | Sequence[View]) -> Any:
    if isinstance(answer, View):
        return answer.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"items": [_document(item) for item in answer]}
