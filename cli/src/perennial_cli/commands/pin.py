"""``perennial pin``, ``unpin`` and ``rollback``: a person says which version serves."""

from __future__ import annotations

import asyncio
from typing import Annotated

from perennial_cli.after import After
from perennial_cli.arguments import ModelArgument, version_option
from perennial_cli.backend import Backend
from perennial_cli.choices import to_go_back_to, to_pin
from perennial_cli.option_groups import with_options
from perennial_cli.progress import Progress, of_rollout
from perennial_cli.views import ModelView
from perennial_cli.where import Where
from perennial_core.errors import UserError


@with_options
def pin(
    version: Annotated[int, version_option("--version", help="The version to hold.")],
    model: ModelArgument = None,
    *,
    where: Where,
    after: After,
) -> None:
    """Hold a version, whatever is published."""
    asyncio.run(_pin(where, model, version, after))


@with_options
def unpin(model: ModelArgument = None, *, where: Where, after: After) -> None:
    """Let the newest approved version serve again."""
    asyncio.run(_unpin(where, model, after))


@with_options
def rollback(
    model: ModelArgument = None,
    to: Annotated[
        int | None, version_option("--to", show_default="the newest below what serves")
    ] = None,
    *,
    where: Where,
    after: After,
) -> None:
    """Go back to an earlier version, and hold it."""
    asyncio.run(_roll_back(where, model, to, after))


async def _pin(where: Where, name: str | None, number: int, after: After) -> None:
    async with where.backend() as backend:
        model = await backend.model(name)
        to_pin(await backend.versions(model.name), number)
        text = f"version {number} of {model.key} is pinned"
        await _change(backend, model, number, f"{text}; {_how_to_unpin(where, model)}", after)


async def _roll_back(where: Where, name: str | None, to: int | None, after: After) -> None:
    async with where.backend() as backend:
        model = await backend.model(name)
        number = to_go_back_to(model, await backend.versions(model.name), to).version
        text = f"{model.key} goes back from version {model.serving} to {number}, which is pinned"
        await _change(backend, model, number, f"{text}; {_how_to_unpin(where, model)}", after)


async def _unpin(where: Where, name: str | None, after: After) -> None:
    async with where.backend() as backend:
        model = await backend.model(name)
        if model.pinned_version is None:
            raise UserError(f"{model.key}: no version is pinned")
        text = f"version {model.pinned_version} of {model.key} is no longer pinned"
        await _change(backend, model, None, text, after)


def _how_to_unpin(where: Where, model: ModelView) -> str:
    return f"{where.command('unpin', model.name)} lets go of it"


async def _change(
    backend: Backend, model: ModelView, number: int | None, text: str, after: After
) -> None:
    """Change the pin, wait where that is wanted, and tell."""
    after.check(backend)
    changed = await backend.pin(model.name, number)

    async def look() -> Progress:
        return of_rollout(await backend.model(model.name), number, changed.generation)

    if after.waits:
        text = f"{await after.wait(look)}; {text}"
        changed = await backend.model(model.name)
    elif backend.unattended is not None:
        text = f"{text}; it counts once a run is at work"
    after.tell(changed, text)
