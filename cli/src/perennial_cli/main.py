"""The command ``perennial``: runs the command line and turns its errors into exit codes."""

from __future__ import annotations

import os
import sys

from perennial_core.errors import PerennialError, UserError

FAILED = 1
USAGE = 2
INTERRUPTED = 130


def main() -> None:
    """Run the command line; errors that a user can understand come without a traceback.

    Exit codes: 0 done, 1 failed (trying again may help), 2 wrong usage, file or field.
    """
    _run("perennial")


def plugin() -> None:
    """Run the same command line as ``kubectl perennial``."""
    _run("kubectl perennial")


def _run(name: str) -> None:
    try:
        # which takes a while, and Ctrl-C may come meanwhile
        from perennial_cli.app import command_line

        # kubectl has its own way to complete the words of its plugins
        command_line(completes=name == "perennial")(prog_name=name)
    except PerennialError as error:
        _tell(f"{name}: {error}")
        sys.exit(USAGE if isinstance(error, UserError) else FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # of ``perennial run ... | head``
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except OSError as error:  # such as a full disk behind ``-o json > FILE``
        _tell(f"{name}: {error}")
        sys.exit(FAILED)


def _tell(text: str) -> None:
    from rich.console import Console

    from perennial_cli.show.texts import harmless

    text = harmless(text)
    Console(stderr=True).print(text, style="red", markup=False, highlight=False, soft_wrap=True)
