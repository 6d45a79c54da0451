"""``perennial promote``: which version of its source a model takes over."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from perennial_cli.after import After
from perennial_cli.arguments import ModelArgument
from perennial_cli.backend import Backend
from perennial_cli.commands.train import wait_for_run
from perennial_cli.option_groups import with_options
from perennial_cli.where import Where
from perennial_core.errors import UserError


@with_options
def promote(
    model: ModelArgument = None,
    version: Annotated[
        int | None,
        typer.Option(help="A version of the source.", min=1, show_default="what serves there"),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Take over what serves there.")] = False,
    *,
    where: Where,
    after: After,
) -> None:
    """Take over a version of the model that spec.promotion.from names.

    With --follow it is always the one that serves there, as it changes.
    """
    if follow and version is not None:
        raise UserError("promote: give one of --version and --follow")
    asyncio.run(_promote(where, model, version, follow, after))


async def _promote(
    where: Where, name: str | None, version: int | None, follow: bool, after: After
) -> None:
    async with where.backend() as backend:
        model = await backend.model(name)
        if version is None and not follow:
            version = await _what_serves(backend, model.name)
        after.check(backend)
        asked = await backend.promote(model.name, version)
        what = "what serves at its source" if follow else f"version {version} of its source"
        text = f"{model.key} takes over {what}{'' if asked else ' already'}"
        if after.waits and asked is not None:
            text = f"{text}; {await wait_for_run(backend, model, asked, after)}"
        after.tell(await backend.model(model.name), text)


async def _what_serves(backend: Backend, name: str) -> int:
    source = await backend.source(name)
    if source is None:
        raise UserError("the source is in another registry: name a version of it with --version")
    if source.serving is None:
        raise UserError(f"{source.key} serves nothing yet; name a version of it with --version")
    return source.serving
