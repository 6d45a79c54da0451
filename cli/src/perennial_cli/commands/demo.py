"""``perennial demo``: the pipeline at work, from data to a new version under load."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import typer

from perennial_cli.demo.story import Demo
from perennial_cli.journal import Journal
from perennial_cli.signals import until_signalled

_TAIL_LINES = 12
_INTERRUPTED = 130


def demo() -> None:
    """Show the pipeline on generated data: train, serve, retrain, swap under load."""
    with tempfile.TemporaryDirectory(prefix="perennial-demo-") as directory:
        story, journal = Demo(Path(directory), Journal()), Journal()
        try:
            finished = asyncio.run(until_signalled(story.play()))
        except Exception:
            for log in (story.state.trainer_log, story.state.predictor_log):
                _show_tail(log, journal)
            raise
    if not finished:
        raise typer.Exit(_INTERRUPTED)


def _show_tail(log: Path, journal: Journal) -> None:
    """Show the end of a log that will be gone with the directory."""
    if log.exists():
        journal.heading(f"The end of {log.name}")
        for line in log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]:
            journal.note(line)
