"""A process of ours: its output in a log file, and never left running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from perennial_cli.local.parent_death import die_with_parent

_LOG_BYTES = 10 * 1024 * 1024


@asynccontextmanager
async def module_process(
    module: str,
    *arguments: str,
    settings: Mapping[str, str],
    log: Path,
    grace: float,
    niceness: int = 0,
) -> AsyncIterator[Process]:
    """Run ``python -m module`` while the context is open.

    Args:
        module: A service of Perennial.
        arguments: Its command line.
        settings: Its PERENNIAL_ variables; those of our own environment do not reach it.
        log: Where its output goes, behind what is there.
        grace: Seconds from SIGTERM to SIGKILL at the end.
        niceness: What it has beyond our own.
    """
    with _open_log(log) as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            env=_inherited() | dict(settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # so that Ctrl-C in a terminal reaches us alone
            preexec_fn=_before_it_begins(niceness),
        )
    try:
        yield process
    finally:
        await _end(process, grace)


def _before_it_begins(niceness: int) -> Callable[[], None]:
    # Publishing is atomic, and a long fit would not hear of a gentler signal.
    dies_with_us = die_with_parent(signal.SIGKILL)

    def in_child() -> None:
        dies_with_us()
        os.nice(niceness)

    return in_child


async def _end(process: Process, grace: float) -> None:
    try:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), grace)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # its own children too, as joblib's workers
    await process.wait()


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PERENNIAL_")}


def _open_log(log: Path) -> BinaryIO:
    """Open a log to append; a large one makes room first."""
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    return log.open("ab")


def how_it_ended(code: int) -> str:
    """Return what an exit code says, for people."""
    if code >= 0:
        return f"with exit code {code}"
    return f"by {signal.Signals(-code).name}"


def last_line(log: Path) -> str:
    """Return the last line of a log that says something, or nothing."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
