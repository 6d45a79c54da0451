"""``perennial run``: the whole pipeline on this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from perennial_cli.journal import Journal
from perennial_cli.local.pipeline import LocalRun, run_pipeline
from perennial_cli.next_command import REDIS_URL_VARIABLE
from perennial_cli.signals import until_signalled


def run(
    file: Annotated[Path, typer.Argument(help="YAML with one PredictionModel.")],
    port: Annotated[
        int | None,
        typer.Option(
            help="Port of the predictions.", show_default="spec.serving.port", min=1, max=65535
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Directory that stands for the volume at /data.")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(
            help="Where versions, cache and logs are kept.",
            show_default=".perennial/NAMESPACE-NAME",
        ),
    ] = None,
    redis_url: Annotated[
        str | None,
        typer.Option(
            help="A Redis to use as the registry.",
            envvar=REDIS_URL_VARIABLE,
            show_default="one of its own",
        ),
    ] = None,
) -> None:
    """Train, serve and retrain one model on this machine, until Ctrl-C.

    It does what the operator does in a cluster, from the same resource file, which it reads again
    whenever it is edited.
    """
    wanted = LocalRun(file, port, data, directory, redis_url)
    asyncio.run(until_signalled(run_pipeline(wanted, Journal())))
