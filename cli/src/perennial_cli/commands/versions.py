"""``perennial versions``: the history of a model."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from perennial_cli.arguments import ModelArgument
from perennial_cli.option_groups import with_options
from perennial_cli.show.output import FormatOption, note, print_answer
from perennial_cli.show.versions import versions_table
from perennial_cli.views import VersionView
from perennial_cli.where import Where


@with_options
def versions(model: ModelArgument = None, output: FormatOption = None, *, where: Where) -> None:
    """Show the history of a model."""
    found = asyncio.run(_read(where, model))
    print_answer(found, output, versions_table(found, datetime.now(UTC)))
    if not found and output is None:
        note("no version is published yet")


async def _read(where: Where, name: str | None) -> list[VersionView]:
    async with where.backend() as backend:
        return await backend.versions(name)
