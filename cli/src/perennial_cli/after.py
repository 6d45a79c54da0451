"""The options that say what a command that changes something does after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from perennial_cli.backend import Backend
from perennial_cli.progress import Progress
from perennial_cli.show.output import FormatOption, print_change
from perennial_cli.views import View
from perennial_cli.waiting import wait
from perennial_core.errors import UserError


@dataclass(frozen=True)
class After:
    """Whether to wait for what comes of it, and how to tell."""

    waits: Annotated[bool, typer.Option("--wait", help="Wait for what comes of it.")] = False
    timeout: Annotated[
        int, typer.Option("--timeout", help="How long to wait, in seconds.", min=1)
    ] = 900
    output: FormatOption = None

    def check(self, backend: Backend) -> None:
        """Refuse to wait in vain, before anything is changed.

        Raises:
            UserError: Nobody would act on the change for now.
        """
        if self.waits and backend.unattended is not None:
            raise UserError(f"--wait: {backend.unattended}")

    async def wait(self, look: Callable[[], Awaitable[Progress]]) -> str:
        """Wait until it has ended, and return how."""
        return await wait(look, self.timeout)

    def tell(self, answer: View, text: str) -> None:
        """Print what was done: the text for people, the answer for programs."""
        print_change(answer, self.output, text)
