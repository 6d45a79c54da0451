"""Keeps a predictor running, and asks it what it answers with."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable
from typing import NoReturn

from perennial_cli.journal import Journal
from perennial_cli.local.child_process import how_it_ended, module_process
from perennial_cli.local.ports import HOST, Ports, check_free
from perennial_cli.local.resource_file import LocalModel
from perennial_cli.local.state_directory import StateDirectory
from perennial_cli.local.supervision import supervise
from perennial_cli.local.watched_file import WatchedFile
from perennial_core.identity import ModelKey, Version
from perennial_core.record import Malformed, Record
from perennial_core.settings import (
    PredictorSettings,
    RegistrySettings,
    environment,
    from_environment,
)

_DRAIN_SECONDS = 5.0
_GRACE_SECONDS = 10.0
_ANSWER_SECONDS = 5.0


class Readiness(Record, frozen=True, kw_only=True):
    """What the predictor says of itself at /readyz."""

    model: str
    version: Version | None = None
    """The version that it answers with."""
    reason: str | None = None
    """Why it answers with none."""
    problem: str | None = None
    """Why it answers with another than it should."""


class Predictor:
    """One predictor process that follows the registry's ``serving`` key.

    Args:
        watched: The resource file.
        connection: How the predictor gets to the registry.
        state: Where cache and log are.
        port: The port of ``--port``; by default the resource's.
        journal: Where crashes are told.
        announce: Tells the commands beside the run on which port it answers.
    """

    def __init__(
        self,
        watched: WatchedFile,
        connection: RegistrySettings,
        state: StateDirectory,
        port: int | None,
        journal: Journal,
        announce: Callable[[int], None],
    ) -> None:
        self._watched = watched
        self._changed = watched.subscribe(self._check)
        self._connection = connection
        self._state = state
        self._given_port = port
        self._journal = journal
        self._announce = announce
        self._held: Ports | None = None
        self.starts = 0
        """How often the process was started."""

    @property
    def port(self) -> int:
        return self._ports.http

    @property
    def _ports(self) -> Ports:
        return self._ports_of(self._watched.current)

    def _ports_of(self, local: LocalModel) -> Ports:
        return Ports.of(local.model.spec.serving, self._given_port)

    def _check(self, edited: LocalModel) -> None:
        """Refuse ports that something else has; a process of ours frees its own in a moment."""
        ours = (self._ports,) if self._held is None else (self._ports, self._held)
        check_free(self._ports_of(edited), *ours)

    async def follow(self) -> NoReturn:
        """Run the predictor; start it again after a crash or when its ports change."""
        await supervise("the predictor", self._run, self._journal)

    async def _run(self) -> str:
        while True:
            ports = self._held = self._ports
            ended = await self._answer_on(ports)
            self._held = None
            if ended is not None:
                return f"{how_it_ended(ended)} (see {self._state.predictor_log})"
            if ports != self._ports:  # unless an edit took back the one before
                self._journal.note(f"moving from {ports} to {self._ports}")

    async def _answer_on(self, ports: Ports) -> int | None:
        """Run a process until it ends, and return its exit code; None: its ports changed."""
        self.starts += 1
        self._announce(ports.http)
        async with module_process(
            "perennial_predictor",
            settings=self._settings(ports),
            log=self._state.predictor_log,
            grace=_GRACE_SECONDS,
        ) as process:
            ended = asyncio.create_task(process.wait())
            try:
                await self._ended_or_moved(ended, ports)
            finally:
                ended.cancel()
            return process.returncode

    async def _ended_or_moved(self, ended: asyncio.Task[int], ports: Ports) -> None:
        while not ended.done() and self._ports == ports:
            self._changed.clear()
            changed = asyncio.create_task(self._changed.wait())
            await asyncio.wait((ended, changed), return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()

    def _settings(self, ports: Ports) -> dict[str, str]:
        settings = from_environment(
            PredictorSettings,
            model=str(self._watched.current.model.key),
            bundle=None,  # none of our own environment either: it follows the serving key
            version=None,
            digest=None,
            shadow_url=None,
            host=HOST,
            port=ports.http,
            grpc_port=ports.grpc,
            cache_directory=self._state.cache,
            drain_seconds=_DRAIN_SECONDS,
            drain_min_seconds=0.0,  # no Service in front
        )
        return environment(settings) | environment(self._connection)

    async def readiness(self) -> Readiness:
        """Return what the predictor says of itself; one that does not answer serves nothing."""
        return await ask_readiness(self._watched.current.model.key, self.port)


async def ask_readiness(key: ModelKey, port: int) -> Readiness:
    """Return what the predictor on a port says of itself, if it is this model's."""
    model = str(key)
    try:
        said = await asyncio.to_thread(_ask, port)
    except (OSError, http.client.HTTPException) as error:
        return Readiness(model=model, reason=f"the predictor does not answer: {error}")
    except Malformed:
        return Readiness(model=model, reason=f"something else answers on port {port}")
    if said.model != model:
        return Readiness(model=model, reason=f"port {port} answers for {said.model}")
    return said


def _ask(port: int) -> Readiness:
    connection = http.client.HTTPConnection(HOST, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return Readiness.of_bytes(connection.getresponse().read())
    finally:
        connection.close()
