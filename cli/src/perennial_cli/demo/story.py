"""What the demonstration shows, step by step; a step that does not come out ends it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from string import Template

from perennial_cli.demo.load_client import Answer, LoadClient, ask_once
from perennial_cli.journal import Journal
from perennial_cli.local.child_process import last_line, module_process
from perennial_cli.local.pipeline import LocalRun, run_pipeline
from perennial_cli.local.redis_server import free_port
from perennial_cli.local.state_directory import StateDirectory
from perennial_core.errors import PerennialError

X = 100.0
TRUTH = 2 * X + 3
TOLERANCE = 2.0
"""The noise has a standard deviation of 1, and so many points show the line far better."""

ROWS = 1000
CONNECTIONS = 4
_STEP_SECONDS = 60.0
_POLL_SECONDS = 0.5
_ENOUGH_ANSWERS = 500
"""So many requests a version answers before the story goes on."""


class DemoFailed(PerennialError):
    """A step did not come out as it should."""


def is_right(prediction: float) -> bool:
    """Say whether a prediction for X is near 2x + 3."""
    return abs(prediction - TRUTH) < TOLERANCE


class Demo:
    """The demonstration, in an empty directory.

    Args:
        directory: Data, resource file and state come there.
        journal: Where the story is told.
    """

    def __init__(self, directory: Path, journal: Journal) -> None:
        self.state = StateDirectory(directory / "state")
        self._file = directory / "points.yaml"
        self._data = directory / "data"
        self._log = directory / "generate.log"
        self._port = free_port()
        self._journal = journal

    async def play(self) -> None:
        """Tell the whole story.

        Raises:
            DemoFailed: A step did not come out; the text says which and why.
        """
        began = time.monotonic()
        self._journal.heading(f"1. Data: {ROWS} points of y = 2x + 3 with noise")
        await self._generate(seed=1)
        self._journal.heading("2. Train, publish, serve")
        self._write_resource(asked=0, pinned=None)
        async with self._pipeline() as pipeline:
            await self._until(pipeline, "version 1 serves", lambda: self._serves(1))
            self._predict()
            with LoadClient(self._port, CONNECTIONS, X, is_right) as client:
                await self._change_versions(pipeline, client)
            self._journal.heading("7. The end")
        self._check(client)
        self._journal.done(
            f"{client.answers.total()} requests over {CONNECTIONS} connections, 0 failed;"
            f" {_by_version(client)}; all in {time.monotonic() - began:.0f} s"
        )

    def _predict(self) -> None:
        self._journal.heading("3. Predict")
        self._journal.note(f"$ curl 'http://127.0.0.1:{self._port}/?msg={X:g}'")
        answer = ask_once(self._port, X)
        if not is_right(answer.prediction):
            raise DemoFailed(f"predict: {answer.body} is not near 2x + 3 = {TRUTH:g}")
        self._journal.done(f"{answer.body}   (2x + 3 = {TRUTH:g})")

    async def _change_versions(self, pipeline: asyncio.Task[None], client: LoadClient) -> None:
        async def answers(version: int) -> None:
            enough = client.answers[version] + _ENOUGH_ANSWERS
            await self._until(
                pipeline,
                f"version {version} answers the client",
                lambda: client.answers[version] >= enough,
            )
            self._tell(client)

        self._journal.heading(f"4. {CONNECTIONS} keep-alive connections ask without a pause")
        await answers(1)
        self._journal.heading("5. New data; the annotation perennial.dev/train asks for a run")
        await self._generate("--append", seed=2)
        self._write_resource(asked=1, pinned=None)
        await answers(2)
        self._journal.heading("6. Back with spec.rollout.pinnedVersion: 1, and forward without")
        self._write_resource(asked=1, pinned=1)
        await answers(1)
        self._write_resource(asked=1, pinned=None)
        await answers(2)

    def _tell(self, client: LoadClient) -> None:
        self._journal.note(f"the client: {_by_version(client)}; {len(client.failures)} failed")

    def _check(self, client: LoadClient) -> None:
        if client.failures:
            raise DemoFailed(
                f"{len(client.failures)} requests failed, the first with: {client.failures[0]}"
            )

    def _serves(self, version: int) -> bool:
        """Say whether this version answers."""
        answer: Answer | None = None
        with contextlib.suppress(OSError, ValueError):
            answer = ask_once(self._port, X)
        return answer is not None and answer.version == version

    def _write_resource(self, *, asked: int, pinned: int | None) -> None:
        template = Template(resources.files(__package__).joinpath("points.yaml").read_text())
        text = template.substitute(asked=asked, pinned="null" if pinned is None else pinned)
        self._file.write_text(text)

    async def _generate(self, *arguments: str, seed: int) -> None:
        self._data.mkdir(exist_ok=True)
        file = str(self._data / "points.csv")
        async with module_process(
            *("perennial_trainer", "generate", file),
            *("--rows", str(ROWS), "--seed", str(seed), *arguments),
            settings={},
            log=self._log,
            grace=1.0,
        ) as process:
            if await process.wait() != 0:
                raise DemoFailed(f"perennial-trainer generate failed: {last_line(self._log)}")

    @asynccontextmanager
    async def _pipeline(self) -> AsyncIterator[asyncio.Task[None]]:
        """Do what ``perennial run`` does while the context is open."""
        run = LocalRun(self._file, self._port, self._data, self.state.root)
        task = asyncio.create_task(run_pipeline(run, self._journal))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def _until(
        self, pipeline: asyncio.Task[None], what: str, holds: Callable[[], bool]
    ) -> None:
        deadline = time.monotonic() + _STEP_SECONDS
        while not await asyncio.to_thread(holds):
            if pipeline.done():
                await pipeline
            if time.monotonic() > deadline:
                raise DemoFailed(f"waited {_STEP_SECONDS:g} s in vain until {what}")
            await asyncio.sleep(_POLL_SECONDS)


def _by_version(client: LoadClient) -> str:
    answers = sorted(client.answers.items())
    return ", ".join(f"{count} answered by version {version}" for version, count in answers)
