"""``perennial status``: what serves, what is on its way, and what is wrong."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from perennial_cli.arguments import model_argument
from perennial_cli.option_groups import with_options
from perennial_cli.show.models import details_tables, models_table
from perennial_cli.show.output import FormatOption, note, print_answer
from perennial_cli.views import ModelDetails, ModelView
from perennial_cli.where import Where

Everywhere = Annotated[
    bool, typer.Option("-A", "--all-namespaces", help="Models of all namespaces.")
]


@with_options
def status(
    model: Annotated[str | None, model_argument(show_default="all models")] = None,
    everywhere: Everywhere = False,
    output: FormatOption = None,
    *,
    where: Where,
) -> None:
    """Show all models, or all of one."""
    if model is not None:
        found = asyncio.run(_one(where, model))
        print_answer(found, output, *details_tables(found, datetime.now(UTC)))
        return
    models = asyncio.run(_all(where, everywhere))
    print_answer(models, output, models_table(models, everywhere=everywhere))
    if not models and output is None:
        note("there are no models here; name others with -n or -A")


async def _one(where: Where, name: str) -> ModelDetails:
    async with where.backend() as backend:
        return await backend.details(name)


async def _all(where: Where, everywhere: bool) -> list[ModelView]:
    async with where.backend(everywhere=everywhere) as backend:
        return await backend.models()
