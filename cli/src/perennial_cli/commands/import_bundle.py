"""``perennial import``: a bundle becomes a version of a model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from perennial_cli.after import After
from perennial_cli.arguments import ModelArgument
from perennial_cli.backend import Backend
from perennial_cli.option_groups import with_options
from perennial_cli.progress import Progress, of_import
from perennial_cli.views import ImportView
from perennial_cli.where import Where
from perennial_core.bundle import read_bundle


@with_options
def import_bundle(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What perennial export wrote.")],
    model: ModelArgument = None,
    *,
    where: Where,
    after: After,
) -> None:
    """Publish an exported version as the next of a model.

    The examples of the model's gate are asked of it on this machine; then the model's own gate and
    approval decide. The same bundle again is the same version.
    """
    asyncio.run(_import(where, folder, model, after))


async def _import(where: Where, folder: Path, name: str | None, after: After) -> None:
    from perennial_cli.imports import prepare, publish  # which loads numpy and an ONNX runtime

    bundle = await asyncio.to_thread(read_bundle, folder)
    async with where.backend(begin=True) as backend:
        after.check(backend)
        wanted = await asyncio.to_thread(prepare, bundle, await backend.resource(name))
        key = wanted.model.key
        async with backend.registry(key.name) as (_, registry):
            publication = await publish(registry, wanted)
        is_or_was = "is already" if publication.repeated else "is published as"
        text = f"{wanted.origin} {is_or_was} version {publication.version} of {key}"
        if after.waits:
            look = _look(backend, key.name, publication.version)
            text = f"{text}: {await after.wait(look)}"
        view = ImportView(
            model=str(key),
            version=publication.version,
            digest=bundle.manifest.digest,
            promoted_from=str(wanted.origin),
            repeated=publication.repeated,
        )
        after.tell(view, text)


def _look(backend: Backend, name: str, version: int) -> Callable[[], Awaitable[Progress]]:
    async def look() -> Progress:
        versions = await backend.versions(name)
        view = next((view for view in versions if view.version == version), None)
        return of_import(await backend.model(name), view)

    return look
