"""Arguments and options that commands share."""

from __future__ import annotations

from typing import Annotated

import typer

ModelArgument = Annotated[
    str | None,
    typer.Argument(metavar="MODEL", help="Its name.", show_default="the only one that there is"),
]

VersionOption = Annotated[int | None, typer.Option("--version", help="Which version.", min=1)]

ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why, for those who come later.", show_default=False)
]
