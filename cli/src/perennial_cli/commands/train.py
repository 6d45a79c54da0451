"""``perennial train``: a run now."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import typer

from perennial_cli.after import After
from perennial_cli.arguments import ModelArgument
from perennial_cli.backend import Backend
from perennial_cli.option_groups import with_options
from perennial_cli.progress import Asked, Progress, ended_run, of_run, ruling_text
from perennial_cli.views import ModelView
from perennial_cli.where import Where
from perennial_core.registry import RunOutcome

SKIPPED = 3


@with_options
def train(model: ModelArgument = None, *, where: Where, after: After) -> None:
    """Train now.

    With --wait the exit code tells what came of it: 0 a new version, 3 skipped, for nothing
    changed, 1 failed.
    """
    if asyncio.run(_train(where, model, after)) == RunOutcome.SKIPPED:
        raise typer.Exit(SKIPPED)


async def _train(where: Where, name: str | None, after: After) -> str | None:
    """Return the outcome of the run, when it was waited for."""
    async with where.backend() as backend:
        model = await backend.model(name)
        asked = replace(await backend.train(model.name), taken=model.requested)
        if not after.waits:
            after.tell(model, f"a run of {model.key} is asked for")
            return None
        text = await wait_for_run(backend, model, asked, after)
        ended = await backend.model(model.name)
        run = ended_run(ended, asked)
        if run is None:
            after.tell(ended, text)
            return None
        versions = await backend.versions(model.name)
        after.tell(ended, text + ruling_text(run, versions, where.command))
        return run.outcome


async def wait_for_run(backend: Backend, model: ModelView, asked: Asked, after: After) -> str:
    """Wait until a run has ended, and return how."""

    async def look() -> Progress:
        return of_run(await backend.model(model.name), asked)

    return await after.wait(look)
