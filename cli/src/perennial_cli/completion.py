"""Completes names of models and numbers of versions: quickly, and silently where it cannot."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shlex
import sys
from collections.abc import Callable, Coroutine
from dataclasses import fields
from typing import Any

import typer

from perennial_cli.choices import named
from perennial_cli.where import Where
from perennial_core.errors import PerennialError

_SECONDS = 2.0

Found = list[tuple[str, str]]
"""What a word may become, each with what it is."""


def complete_model(context: typer.Context, incomplete: str) -> Found:
    """Return the models whose names begin so."""

    async def look() -> Found:
        async with _where(context).backend() as backend:
            return [(view.name, f"serves {view.serving}") for view in await backend.models()]

    return _in_time(look, incomplete)


def complete_version(context: typer.Context, incomplete: str) -> Found:
    """Return the versions of the model that is named, newest first."""

    async def look() -> Found:
        model, _ = named(context.params.get("model"), [])
        async with _where(context).backend() as backend:
            versions = await backend.versions(model)
            return [(str(view.version), view.state) for view in versions]

    return _in_time(look, incomplete)


def _where(context: typer.Context) -> Where:
    return Where(**{field.name: context.params.get(field.name) for field in fields(Where)})


def _in_time(look: Callable[[], Coroutine[Any, Any, Found]], incomplete: str) -> Found:
    async def bounded() -> Found:
        async with asyncio.timeout(_SECONDS):
            return await look()

    try:
        found = asyncio.run(bounded())
    except (PerennialError, TimeoutError, OSError):
        return []
    return [item for item in found if item[0].startswith(incomplete)]


_NO_FILES = 4
"""See ShellCompDirectiveNoFileComp of cobra."""


def complete_for_kubectl() -> None:
    """Complete ``kubectl perennial ...``, for which kubectl asks ``kubectl_complete-perennial``.

    kubectl gives the words so far, and expects a line for each word that may follow, and last a
    directive: https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins.
    """
    from perennial_cli.app import command_line

    words = ["perennial", *sys.argv[1:]]
    asked = {"COMP_WORDS": shlex.join(words), "COMP_CWORD": str(len(words) - 1)}
    os.environ.update(asked, _PERENNIAL_COMPLETE="complete_bash")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        command_line(completes=True)(prog_name="perennial")
    sys.stdout.write("".join(f"{word}\n" for word in printed.getvalue().split()))
    sys.stdout.write(f":{_NO_FILES}\n")
