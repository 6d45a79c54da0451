"""Tells people what happens: a line for each event, with the time."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.text import Text

from perennial_cli.show.texts import harmless


class Journal:
    """Writes to a console; colours and links appear where it is a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()

    def note(self, text: str) -> None:
        """Tell what goes on."""
        self._line(text, "")

    def done(self, text: str) -> None:
        """Tell what succeeded."""
        self._line(text, "green")

    def waiting(self, text: str) -> None:
        """Tell what does not go on for now, and passes."""
        self._line(text, "yellow")

    def failed(self, text: str) -> None:
        """Tell what failed."""
        self._line(text, "red")

    def heading(self, text: str) -> None:
        """Begin a chapter."""
        self._console.print(Text(text, "bold"), soft_wrap=True)

    def _line(self, text: str, style: str) -> None:
        line = Text.assemble((f"{datetime.now():%H:%M:%S} ", "dim"), (harmless(text), style))
        self._console.print(line, soft_wrap=True, highlight=False)
