"""``perennial show``: all of one version."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from perennial_cli.arguments import ModelBeforeVersions, VersionOption, version_argument
from perennial_cli.backend import version_of
from perennial_cli.choices import named
from perennial_cli.evidence import with_manifests
from perennial_cli.option_groups import with_options
from perennial_cli.show.output import FormatOption, print_answer
from perennial_cli.show.versions import version_tables
from perennial_cli.views import VersionDetails
from perennial_cli.where import Where
from perennial_core.errors import UserError


@with_options
def show(
    model: ModelBeforeVersions = None,
    number: Annotated[int | None, version_argument("VERSION", "The same as --version.")] = None,
    version: VersionOption = None,
    output: FormatOption = None,
    *,
    where: Where,
) -> None:
    """Show all of one version.

    By default it is the one that serves, or else the latest.
    """
    name, numbers = named(model, [given for given in (number, version) if given is not None])
    if len(numbers) > 1:
        raise UserError("show: name one version")
    found = asyncio.run(_read(where, name, *numbers))
    print_answer(found, output, *version_tables(found, datetime.now(UTC)))


async def _read(where: Where, name: str | None, number: int | None = None) -> VersionDetails:
    async with where.backend() as backend:
        view = await backend.model(name)
        number = number or view.serving or view.latest
        if number is None:
            raise UserError(f"{view.key}: no version is published yet")
        chosen = version_of(await backend.versions(view.name), number)
        (details,) = await with_manifests(backend, [chosen])
        return details
