"""Arguments and options that commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

import typer

from perennial_cli.choices import is_version
from perennial_cli.completion import complete_model, complete_version
from perennial_core.identity import NAME_PATTERN, NAME_WORDS


def model_argument(**more: Any) -> Any:
    """Return the argument that names a model."""
    return _model_argument(_name, **more)


def _model_argument(check: Callable[[str | None], str | None], **more: Any) -> Any:
    return typer.Argument(
        metavar="MODEL", help="Its name.", callback=check, autocompletion=complete_model, **more
    )


def _name(given: str | None) -> str | None:
    """Refuse what no model can be called, and what kubectl would take for an option."""
    if given is None or re.fullmatch(NAME_PATTERN, given):
        return given
    raise typer.BadParameter(f"{given!r} is not {NAME_WORDS}")


def _name_or_version(given: str | None) -> str | None:
    return given if given is not None and is_version(given) else _name(given)


def version_option(*names: str, help: str = "Which version.", **more: Any) -> Any:
    """Return an option that names a version of the model."""
    return typer.Option(*names, help=help, min=1, autocompletion=complete_version, **more)


def version_argument(metavar: str, help: str, **more: Any) -> Any:
    """Return an argument that names versions of the model."""
    return typer.Argument(
        metavar=metavar, help=help, min=1, autocompletion=complete_version, **more
    )


_ONLY = "the only one that there is"

ModelArgument = Annotated[str | None, model_argument(show_default=_ONLY)]

ModelBeforeVersions = Annotated[str | None, _model_argument(_name_or_version, show_default=_ONLY)]
"""Behind it come versions, so that where it is left out it is the first of these: see ``named``."""

VersionOption = Annotated[int | None, version_option("--version")]
