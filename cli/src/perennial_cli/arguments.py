"""Arguments and options that commands share."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from perennial_cli.completion import complete_model, complete_version
from perennial_core.identity import NAME_PATTERN, NAME_WORDS


def model_argument(**more: Any) -> Any:
    """Return the argument that names a model."""
    return typer.Argument(
        metavar="MODEL", help="Its name.", callback=_name, autocompletion=complete_model, **more
    )


def _name(given: str | None) -> str | None:
    """Refuse what no model can be called, and what kubectl would take for an option."""
    if given is None or re.fullmatch(NAME_PATTERN, given):
        return given
    raise typer.BadParameter(f"{given!r} is not {NAME_WORDS}")


def version_option(*names: str, help: str = "Which version.", **more: Any) -> Any:
    """Return an option that names a version of the model."""
    return typer.Option(*names, help=help, min=1, autocompletion=complete_version, **more)


def version_argument(metavar: str) -> Any:
    """Return an argument that names a version of the model."""
    return typer.Argument(
        metavar=metavar, help="A version.", min=1, autocompletion=complete_version
    )


ModelArgument = Annotated[str | None, model_argument(show_default="the only one that there is")]

VersionOption = Annotated[int | None, version_option("--version")]
