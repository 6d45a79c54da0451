"""``perennial approve`` and ``perennial deny``: a person decides on a version."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

import typer

from perennial_cli.after import After
from perennial_cli.arguments import ModelArgument, VersionOption
from perennial_cli.backend import Backend
from perennial_cli.choices import to_decide_on
from perennial_cli.option_groups import with_options
from perennial_cli.progress import Progress, of_approval, of_denial
from perennial_cli.views import VersionView
from perennial_cli.where import Where
from perennial_core.registry import Answer

_Reason = Annotated[
    str, typer.Option("--reason", help="Why, for those who come later.", show_default=False)
]


@with_options
def approve(
    model: ModelArgument = None,
    version: VersionOption = None,
    reason: _Reason = "",
    *,
    where: Where,
    after: After,
) -> None:
    """Let a version serve that awaits approval."""
    asyncio.run(_decide(where, model, version, _Decision(Answer.APPROVED, reason), after))


@with_options
def deny(
    model: ModelArgument = None,
    version: VersionOption = None,
    reason: _Reason = "",
    *,
    where: Where,
    after: After,
) -> None:
    """Let a version never serve that awaits approval."""
    asyncio.run(_decide(where, model, version, _Decision(Answer.DENIED, reason), after))


@dataclass(frozen=True)
class _Decision:
    """What is decided, before it is known on which version."""

    verdict: Answer
    reason: str


async def _decide(
    where: Where, name: str | None, number: int | None, decision: _Decision, after: After
) -> None:
    async with where.backend() as backend:
        model = await backend.model(name)
        chosen = to_decide_on(await backend.versions(model.name), number)
        verdict, version = decision.verdict, chosen.version
        if verdict is Answer.APPROVED:  # a denial needs nobody to act on it
            after.check(backend)
        view = await backend.decide(model.name, version, verdict, decision.reason)
        text = f"version {version} of {model.key} is {verdict.lower()}"
        if after.waits:
            text = f"{text}: {await after.wait(lambda: _look(backend, chosen, verdict))}"
            view = await _now(backend, chosen) or view
        after.tell(view, text)


async def _look(backend: Backend, chosen: VersionView, verdict: Answer) -> Progress:
    view = await _now(backend, chosen)
    if verdict is Answer.DENIED:
        return of_denial(view)
    return of_approval(await backend.model(chosen.model), view)


async def _now(backend: Backend, chosen: VersionView) -> VersionView | None:
    versions = await backend.versions(chosen.model)
    return next((view for view in versions if view.version == chosen.version), None)
