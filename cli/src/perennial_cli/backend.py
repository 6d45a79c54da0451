"""Where models are, as the commands see it: a cluster, or this machine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from perennial_cli.progress import Asked
from perennial_cli.views import ModelDetails, ModelView, VersionView
from perennial_core.errors import UserError
from perennial_core.identity import ModelKey
from perennial_core.registry import Answer, Registry
from perennial_core.resource import PredictionModel


class Backend(Protocol):
    """Reads models and decides on them, in the name of who calls.

    A model is given by its name; None stands for the only one that there is.
    """

    @property
    def unattended(self) -> str | None:
        """Why nobody acts on changes for now, and what to do; None: somebody does."""

    async def models(self) -> list[ModelView]:
        """Return all models, by namespace and name."""

    async def model(self, name: str | None) -> ModelView:
        """Return one model."""

    async def details(self, name: str | None) -> ModelDetails:
        """Return one model with its pods, and its versions that are on their way."""

    async def versions(self, name: str | None) -> list[VersionView]:
        """Return a model's retained versions, newest first."""

    async def resource(self, name: str | None) -> PredictionModel:
        """Return a model's resource."""

    async def train(self, name: str | None) -> Asked:
        """Ask for a run."""

    async def decide(
        self, name: str | None, version: int, verdict: Answer, reason: str
    ) -> VersionView:
        """Decide on a version that awaits approval, and return it."""

    async def pin(self, name: str | None, version: int | None) -> ModelView:
        """Pin a version, or with None none, and return the model."""

    async def promote(self, name: str | None, version: int | None) -> Asked | None:
        """Take over a version of the model that promotion.from names, or with None what serves.

        Returns:
            The run that follows; None: the model does so already, and none does.
        """

    async def source(self, name: str | None) -> ModelView | None:
        """Return the model that promotion.from names; None: it is not where this one is."""

    def registry(self, name: str | None) -> AbstractAsyncContextManager[tuple[ModelKey, Registry]]:
        """Open the registry that holds a model's versions."""


def nothing_to_run() -> UserError:
    """Return the error of a model whose versions are brought."""
    return UserError("spec.training: is missing, so there is nothing to train")


def no_source(model: str) -> UserError:
    """Return the error of a model that takes no versions over."""
    return UserError(f"{model}: spec.promotion.from: is missing, so it takes no versions over")


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
