"""Where models are, as the commands see it: a cluster, or this machine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from perennial_cli.views import ModelDetails, ModelView, VersionView
from perennial_core.errors import UserError
from perennial_core.identity import ModelKey
from perennial_core.registry import Registry


class Backend(Protocol):
    """Reads models and decides on them, in the name of who calls.

    A model is given by its name; None stands for the only one that there is.
    """

    async def models(self) -> list[ModelView]:
        """Return all models, by namespace and name."""

    async def model(self, name: str | None) -> ModelView:
        """Return one model."""

    async def details(self, name: str | None) -> ModelDetails:
        """Return one model with its pods, and its versions that are on their way."""

    async def versions(self, name: str | None) -> list[VersionView]:
        """Return a model's retained versions, newest first."""

    def registry(self, name: str | None) -> AbstractAsyncContextManager[tuple[ModelKey, Registry]]:
        """Open the registry that holds a model's versions."""


def only_name(names: Sequence[str], where: str) -> str:
    """Return the name of the only model.

    Raises:
        UserError: There are none or several.
    """
    if len(names) == 1:
        return names[0]
    if not names:
        raise UserError(f"there is no model in {where}")
    raise UserError(f"name one of the models in {where}: {', '.join(sorted(names))}")


def version_of(versions: Sequence[VersionView], number: int) -> VersionView:
    """Return one of a model's versions.

    Raises:
        UserError: It is not retained.
    """
    for view in versions:
        if view.version == number:
            return view
    known = ", ".join(str(view.version) for view in reversed(versions)) or "none"
    raise UserError(f"version {number} is not retained; retained: {known}")
