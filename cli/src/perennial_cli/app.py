"""What the command line takes: one module for each command, in perennial_cli.commands."""

from __future__ import annotations

import typer

from perennial_cli.commands.decide import approve, deny
from perennial_cli.commands.demo import demo
from perennial_cli.commands.diff import diff
from perennial_cli.commands.export import export
from perennial_cli.commands.import_bundle import import_bundle
from perennial_cli.commands.pin import pin, rollback, unpin
from perennial_cli.commands.promote import promote
from perennial_cli.commands.run import run
from perennial_cli.commands.show import show
from perennial_cli.commands.status import status
from perennial_cli.commands.train import train
from perennial_cli.commands.versions import versions

COMMANDS = (
    *(status, versions, show, diff),
    *(train, approve, deny, pin, unpin, rollback, promote),
    export,
)


def command_line(*, completes: bool) -> typer.Typer:
    """Return the command line.

    Args:
        completes: Whether it installs its own completion in a shell.
    """
    app = typer.Typer(
        name="perennial",
        help="Models that are trained again and again, and served without a break.",
        no_args_is_help=True,
        add_completion=completes,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for command in COMMANDS:
        app.command()(command)
    app.command("import")(import_bundle)
    app.command()(run)
    app.command()(demo)
    return app
