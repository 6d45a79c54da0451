"""Tables, for a terminal and for a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from perennial_cli.show.texts import in_a_line

_GAP = "   "
_COLOURS = {
    **dict.fromkeys(("Serving", "Passed", "Published"), "green"),
    **dict.fromkeys(("AwaitingApproval", "Inconclusive", "Candidate", "Approved"), "yellow"),
    **dict.fromkeys(("Rejected", "Denied", "Failed"), "red"),
}


@dataclass(frozen=True)
class Table:
    """Rows of cells below a title; without columns there is no line of headings."""

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = field(default_factory=list)
    title: str = ""


def aligned(table: Table) -> str:
    """Return the table as text, as kubectl prints one: no colours, and no cell is cut."""
    rows = [*([table.columns] if table.columns else []), *_lines(table)]
    if not rows:
        return ""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def _lines(table: Table) -> list[list[str]]:
    """Return the rows; a cell is one line, whatever people wrote into it."""
    return [[in_a_line(cell) for cell in row] for row in table.rows]


def print_tables(tables: Sequence[Table], console: Console) -> None:
    """Print tables, with a blank line between; those without rows are left out."""
    filled = [table for table in tables if table.rows]
    for number, table in enumerate(filled):
        if number:
            console.print()
        if table.title:
            console.print(Text(table.title, "bold"))
        if console.is_terminal:
            console.print(_drawn(table))
        else:
            console.out(aligned(table), highlight=False)


def _drawn(table: Table) -> RichTable:
    drawn = RichTable(box=box.SIMPLE_HEAD if table.columns else None, show_edge=False)
    drawn.show_header = bool(table.columns)
    for heading in table.columns or table.rows[0]:
        drawn.add_column(heading if table.columns else "", overflow="fold")
    for row in _lines(table):
        drawn.add_row(*(Text(cell, _COLOURS.get(cell, "")) for cell in row))
    return drawn
