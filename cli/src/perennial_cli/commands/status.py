"""``perennial status``: what serves, what is on its way, and what is wrong."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from perennial_cli.option_groups import with_options
from perennial_cli.show.models import details_tables, models_table
from perennial_cli.show.output import FormatOption, note, print_answer
from perennial_cli.where import Where

Everywhere = Annotated[
    bool, typer.Option("-A", "--all-namespaces", help="Models of all namespaces.")
]


@with_options
def status(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="Its name.", show_default="all models")
    ] = None,
    everywhere: Everywhere = False,
    output: FormatOption = None,
    *,
    where: Where,
) -> None:
    """Show all models, or all of one."""
    backend = where.backend(everywhere)
    if model is not None:
        found = asyncio.run(backend.details(model))
        print_answer(found, output, *details_tables(found, datetime.now(UTC)))
        return
    models = asyncio.run(backend.models())
    print_answer(models, output, models_table(models, everywhere=everywhere))
    if not models and output is None:
        note("there are no models here; name others with -n or -A")
