"""The command line: ``run`` is what a Job runs, ``generate`` makes data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perennial_core.errors import PerennialError
from perennial_trainer.data.sample import Linear
from perennial_trainer.failure import exit_code
from perennial_trainer.generate import generate as write
from perennial_trainer.main import run as run_as_ordered

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)


@app.command()
def run() -> None:
    """Train or take over the version that PERENNIAL_TRAINING_FILE orders, and publish it.

    Exit codes: 0 published or skipped, 65 bad data, 78 bad spec (both: do not retry), 75 outage
    (retry), 143 ended by SIGTERM (retry), 1 unexpected (retry).
    """
    raise typer.Exit(run_as_ordered())


@app.command()
def generate(
    file: Annotated[Path, typer.Argument(help="A .csv, .parquet or .jsonl file.")],
    rows: Annotated[int, typer.Option(help="How many rows to write.")] = 1000,
    noise: Annotated[float, typer.Option(help="Standard deviation of the noise.")] = 1.0,
    seed: Annotated[int | None, typer.Option(help="Same seed, same rows.")] = None,
    append: Annotated[bool, typer.Option("--append", help="Add to the file's rows.")] = False,
) -> None:
    """Write rows of y = 2x + 3 plus noise; readers see the old file or the new one, whole."""
    try:
        count = write(file, Linear(rows, noise, seed), append=append)
    except PerennialError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(exit_code(error)) from None
    typer.echo(f"{file}: {count} rows")
