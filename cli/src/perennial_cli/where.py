"""The options that say where a model is, the same for every command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from perennial_cli.backend import Backend
from perennial_cli.cluster.backend import Cluster
from perennial_cli.cluster.kubectl import Kubectl
from perennial_cli.cluster.refusals import Unreachable
from perennial_cli.next_command import REDIS_URL_VARIABLE, local_options, next_command
from perennial_core.errors import UserError

_PANEL = "Where the model is"


def _option(*names: str, help: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=_PANEL, **more)


@dataclass(frozen=True)
class Where:
    """Where the model is: in the cluster of a context, or on this machine."""

    namespace: Annotated[str | None, _option("-n", "--namespace", help="Namespace.")] = None
    context: Annotated[str | None, _option("--context", help="Context of the kubeconfig.")] = None
    kubeconfig: Annotated[str | None, _option("--kubeconfig", help="The kubeconfig file.")] = None
    user: Annotated[str | None, _option("--as", help="User to act as.")] = None
    local: Annotated[
        Path | None,
        _option("--local", metavar="FILE", help="On this machine: the file of perennial run."),
    ] = None
    directory: Annotated[
        Path | None,
        _option(
            "--directory",
            help="With --local: the directory of perennial run.",
            show_default=".perennial/NAMESPACE-NAME",
        ),
    ] = None
    redis_url: Annotated[
        str | None,
        _option(
            "--redis-url",
            help="With --local: the registry of perennial run.",
            envvar=REDIS_URL_VARIABLE,
            show_default="one of its own",
        ),
    ] = None

    @asynccontextmanager
    async def backend(
        self, *, everywhere: bool = False, begin: bool = False
    ) -> AsyncIterator[Backend]:
        """Open the backend while the context is open.

        Args:
            everywhere: Whether models of all namespaces are listed.
            begin: Whether a local model may have no versions and no runs yet.
        """
        if self.local is None:
            async with self._cluster(everywhere) as cluster:
                yield cluster
            return
        if self._kubectl().where:
            raise UserError("--local: goes without -n, --context, --kubeconfig and --as")
        from perennial_cli.local.backend import local_backend  # which imports the whole pipeline

        opened = local_backend(self.local, self.directory, self.redis_url, begin=begin)
        async with opened as backend:
            yield backend

    @asynccontextmanager
    async def _cluster(self, everywhere: bool) -> AsyncIterator[Backend]:
        """Open the cluster; where none is, and none was named, a local model may be meant."""
        kubectl = self._kubectl()
        try:
            yield Cluster(kubectl, everywhere)
        except Unreachable as error:
            if kubectl.where:
                raise
            raise Unreachable(f"without --local FILE a cluster is asked, and {error}") from None

    def command(self, *words: str) -> str:
        """Return a command line for a model at the same place."""
        if self.local is None:
            return next_command(*words, *self._kubectl().where)
        options = local_options(self.directory, self.redis_url)
        return next_command(*words, "--local", str(self.local), *options)

    def _options(self) -> tuple[str, ...]:
        given = {"--context": self.context, "--kubeconfig": self.kubeconfig, "--as": self.user}
        return tuple(part for name, value in given.items() if value for part in (name, value))

    def _kubectl(self) -> Kubectl:
        return Kubectl(self._options(), self.namespace)
