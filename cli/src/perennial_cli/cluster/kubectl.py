"""kubectl as a child process: it has every way to log in, context and impersonation."""

from __future__ import annotations

import asyncio
import contextlib
import json
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from perennial_cli.cluster.refusals import refusal
from perennial_cli.local.parent_death import die_with_parent
from perennial_core.errors import UserError

Body = dict[str, Any]
"""A Kubernetes object as JSON."""

_REQUEST_TIMEOUT = "--request-timeout=30s"


@dataclass(frozen=True)
class Kubectl:
    """Calls kubectl with the options that say which cluster, namespace and user.

    Every method may raise what ``refusal`` makes of kubectl's complaint.
    """

    options: tuple[str, ...] = ()
    namespace: str | None = None
    """None: that of the context."""

    @property
    def where(self) -> tuple[str, ...]:
        """The options that say which cluster, namespace and user: ours are kubectl's."""
        return (*(() if self.namespace is None else ("-n", self.namespace)), *self.options)

    def within(self, namespace: str) -> Kubectl:
        """Return the same for another namespace."""
        return replace(self, namespace=namespace)

    async def call(self, *arguments: str) -> str:
        """Return what kubectl prints."""
        async with self.started(*arguments, _REQUEST_TIMEOUT) as process:
            printed, complaint = await process.communicate()
        if process.returncode:
            raise refusal(complaint.decode(errors="replace"))
        return printed.decode()

    async def read(self, *arguments: str) -> Body:
        """Return the object that kubectl prints as JSON."""
        answer: Body = json.loads(await self.call(*arguments, "-o", "json"))
        return answer

    async def items(self, *arguments: str) -> list[Body]:
        """Return the objects of a list that kubectl prints as JSON."""
        found: list[Body] = (await self.read(*arguments))["items"]
        return found

    async def patch(self, kind: str, name: str, change: Body) -> Body:
        """Merge a change into an object and return the object."""
        return await self.read("patch", kind, name, "--type=merge", "-p", json.dumps(change))

    async def user(self) -> str:
        """Return the name of the user that the cluster sees."""
        review = await self.read("auth", "whoami")
        name: str = review["status"]["userInfo"]["username"]
        return name

    @asynccontextmanager
    async def started(self, *arguments: str) -> AsyncIterator[Process]:
        """Run kubectl while the context is open."""
        command = ("kubectl", *arguments, *self.where)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                preexec_fn=die_with_parent(),  # no forwarded port is left behind
            )
        except FileNotFoundError:
            raise UserError("kubectl is not on PATH; install it, or use --local FILE") from None
        try:
            yield process
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                await process.wait()
