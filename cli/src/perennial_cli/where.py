"""The options that say where a model is, the same for every command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from perennial_cli.backend import Backend
from perennial_cli.cluster.backend import Cluster
from perennial_cli.cluster.kubectl import Kubectl

_PANEL = "Where the model is"


def _option(*names: str, help: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=_PANEL, **more)


@dataclass(frozen=True)
class Where:
    """Where the model is: in the cluster of a context."""

    namespace: Annotated[str | None, _option("-n", "--namespace", help="Namespace.")] = None
    context: Annotated[str | None, _option("--context", help="Context of the kubeconfig.")] = None
    kubeconfig: Annotated[str | None, _option("--kubeconfig", help="The kubeconfig file.")] = None
    user: Annotated[str | None, _option("--as", help="User to act as.")] = None

    def backend(self, everywhere: bool = False) -> Backend:
        """Return the backend.

        Args:
            everywhere: Whether models of all namespaces are listed.
        """
        return Cluster(self._kubectl(), everywhere)

    def _kubectl(self) -> Kubectl:
        given = {"--context": self.context, "--kubeconfig": self.kubeconfig, "--as": self.user}
        options = [part for name, value in given.items() if value for part in (name, value)]
        return Kubectl(tuple(options), self.namespace)
