"""``perennial show``: all of one version."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from perennial_cli.arguments import ModelArgument, VersionOption
from perennial_cli.backend import version_of
from perennial_cli.evidence import with_manifests
from perennial_cli.option_groups import with_options
from perennial_cli.show.output import FormatOption, print_answer
from perennial_cli.show.versions import version_tables
from perennial_cli.views import VersionDetails
from perennial_cli.where import Where
from perennial_core.errors import UserError


@with_options
def show(
    model: ModelArgument = None,
    version: VersionOption = None,
    output: FormatOption = None,
    *,
    where: Where,
) -> None:
    """Show all of one version.

    By default it is the one that serves, or else the latest.
    """
    found = asyncio.run(_read(where, model, version))
    print_answer(found, output, *version_tables(found, datetime.now(UTC)))


async def _read(where: Where, name: str | None, number: int | None) -> VersionDetails:
    async with where.backend() as backend:
        view = await backend.model(name)
        number = number or view.serving or view.latest
        if number is None:
            raise UserError(f"{view.key}: no version is published yet")
        chosen = version_of(await backend.versions(view.name), number)
        (details,) = await with_manifests(backend, [chosen])
        return details
