"""``perennial approve`` and ``perennial deny``: a person decides on a version."""

from __future__ import annotations

import asyncio
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
    decision = _Decision(where.backend(), Answer.APPROVED, reason)
    asyncio.run(decision.make(model, version, after))


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
    decision = _Decision(where.backend(), Answer.DENIED, reason)
    asyncio.run(decision.make(model, version, after))


class _Decision:
    """A decision, before it is known on which version."""

    def __init__(self, backend: Backend, verdict: Answer, reason: str) -> None:
        self._backend = backend
        self._verdict = verdict
        self._reason = reason

    async def make(self, name: str | None, number: int | None, after: After) -> None:
        model = await self._backend.model(name)
        chosen = to_decide_on(await self._backend.versions(model.name), number)
        view = await self._backend.decide(model.name, chosen.version, self._verdict, self._reason)
        text = f"version {chosen.version} of {model.key} is {self._verdict.lower()}"
        if after.waits:
            text = f"{text}: {await after.wait(lambda: self._look(chosen))}"
            view = await self._now(chosen) or view
        after.tell(view, text)

    async def _look(self, chosen: VersionView) -> Progress:
        view = await self._now(chosen)
        if self._verdict is Answer.DENIED:
            return of_denial(view)
        return of_approval(await self._backend.model(chosen.model), view)

    async def _now(self, chosen: VersionView) -> VersionView | None:
        versions = await self._backend.versions(chosen.model)
        return next((view for view in versions if view.version == chosen.version), None)
