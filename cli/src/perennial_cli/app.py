"""What the command line takes: one module for each command, in perennial_cli.commands."""

from __future__ import annotations

import typer

from perennial_cli.commands.demo import demo
from perennial_cli.commands.diff import diff
from perennial_cli.commands.run import run
from perennial_cli.commands.show import show
from perennial_cli.commands.status import status
from perennial_cli.commands.versions import versions

app = typer.Typer(
    name="perennial",
    help="Models that are trained again and again, and served without a break.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (status, versions, show, diff, run, demo):
    app.command()(command)
