"""``perennial diff``: what differs between two versions."""

from __future__ import annotations

import asyncio
from typing import Annotated

from perennial_cli.arguments import ModelBeforeVersions, version_argument
from perennial_cli.backend import version_of
from perennial_cli.choices import named
from perennial_cli.evidence import with_manifests
from perennial_cli.option_groups import with_options
from perennial_cli.show.difference import DifferencesView, differences, differences_table
from perennial_cli.show.output import FormatOption, note, print_answer
from perennial_cli.where import Where
from perennial_core.errors import UserError


@with_options
def diff(
    *,
    model: ModelBeforeVersions = None,
    versions: Annotated[list[int], version_argument("VERSION", "Two of its versions.")],
    output: FormatOption = None,
    where: Where,
) -> None:
    """Show what differs between two versions."""
    name, numbers = named(model, versions)
    if len(numbers) != 2:
        raise UserError("diff: name two versions")
    found = asyncio.run(_compare(where, name, numbers))
    print_answer(found, output, differences_table(found))
    if not found.differences and output is None:
        note("nothing differs")


async def _compare(where: Where, name: str | None, numbers: list[int]) -> DifferencesView:
    async with where.backend() as backend:
        versions = await backend.versions(name)
        chosen = [version_of(versions, number) for number in numbers]
        before, after = await with_manifests(backend, chosen)
        return differences(before, after)
