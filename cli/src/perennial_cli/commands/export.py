"""``perennial export``: a version in a folder."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from perennial_cli.arguments import ModelArgument, version_option
from perennial_cli.backend import Backend, version_of
from perennial_cli.option_groups import with_options
from perennial_cli.show.output import Format, say
from perennial_cli.where import Where
from perennial_core.bundle import Bundle, write_bundle
from perennial_core.errors import UserError
from perennial_core.identity import Version


@with_options
def export(
    model: ModelArgument = None,
    version: Annotated[int | None, version_option("--version", show_default="what serves")] = None,
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A new folder.", show_default="MODEL-vVERSION"),
    ] = None,
    *,
    where: Where,
) -> None:
    """Write a version to a folder: artifact, manifest, decision, checksums.

    perennial import publishes it elsewhere; sha256sum -c SHA256SUMS checks it.
    """
    asyncio.run(_export(where, model, version, folder))


async def _export(where: Where, name: str | None, number: int | None, folder: Path | None) -> None:
    _refuse_format(folder)
    async with where.backend() as backend:
        view = await backend.model(name)
        number = number or view.serving
        if number is None:
            raise UserError(f"{view.key} serves nothing; name a version with --version")
        version_of(await backend.versions(view.name), number)
        bundle = await _read(backend, view.name, Version(number))
        folder = folder or Path(f"{view.name}-v{number}")
        await asyncio.to_thread(write_bundle, folder, bundle)
        say(f"version {number} of {view.key} is in {folder}")


def _refuse_format(folder: Path | None) -> None:
    """Refuse a folder that was meant as the format of other commands, unless it is there."""
    if folder is not None and str(folder) in list(Format) and not folder.is_dir():
        raise UserError(
            f"-o: names the folder to write, and {folder} is a format of other commands; leave it"
            " out, name another folder, or make this one first"
        )


async def _read(backend: Backend, name: str, version: Version) -> Bundle:
    async with backend.registry(name) as (key, registry):
        manifest = await registry.manifest(key, version)
        artifact = await registry.artifact(key, manifest.digest)
        decisions = (await registry.snapshot(key)).decisions
        return Bundle(manifest, artifact, decisions.get(version))
