"""The command ``perennial``: one module for each command, in perennial_cli.commands."""

from __future__ import annotations

import os
import sys

import typer
from rich.console import Console

from perennial_cli.commands.demo import demo
from perennial_cli.commands.run import run
from perennial_core.errors import PerennialError, UserError

FAILED = 1
USAGE = 2
INTERRUPTED = 130

app = typer.Typer(
    name="perennial",
    help="Models that are trained again and again, and served without a break.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(run)
app.command()(demo)


def main() -> None:
    """Run the command line; errors that a user can understand come without a traceback.

    Exit codes: 0 done, 1 failed (trying again may help), 2 wrong usage, file or field.
    """
    try:
        app()
    except PerennialError as error:
        Console(stderr=True).print(
            f"perennial: {error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(USAGE if isinstance(error, UserError) else FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # of ``perennial run ... | head``
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
