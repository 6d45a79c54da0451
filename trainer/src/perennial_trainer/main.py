"""The command ``perennial-trainer``; what it does as a Job is here, all else in ``commands``."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TextIO

import structlog

from perennial_core.errors import PerennialError
from perennial_core.log import configure_logging
from perennial_core.order import PromotionOrder, read_order
from perennial_core.registry import Registry
from perennial_core.settings import (
    TERMINATION_LOG,
    RegistrySettings,
    TrainerSettings,
    from_environment,
)
from perennial_trainer.failure import (
    ExitCode,
    Terminated,
    exit_code,
    message_of,
    name_fields,
    write_termination_message,
)
from perennial_trainer.record import Start, record_failure
from perennial_trainer.termination import end_on_sigterm

_SWITCH_SECONDS = 0.0005
"""How long a thread that reads rows waits for one that imports, each time that it wants the
interpreter."""
_SELDOM = (100_000, 50, 100)
"""What a run imports is not garbage, and at the usual thresholds a fifth of the time of the imports
goes into looking for some."""

_log = structlog.get_logger("perennial_trainer")


def run() -> ExitCode:
    """Do what PERENNIAL_TRAINING_FILE orders, and report how it ended: log, termination message,
    record of the run."""
    with redirect_stdout(_stdout_for_logs_alone()):
        configure_logging()
    logging.captureWarnings(True)
    gc.set_threshold(*_SELDOM)
    sys.setswitchinterval(_SWITCH_SECONDS)
    return _run()


def _stdout_for_logs_alone() -> TextIO:
    """Return standard output; whatever else writes there from now on goes to standard error."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return stream


def _run() -> ExitCode:
    """Do one run and report how it ended."""
    termination_log = TERMINATION_LOG
    try:
        settings = from_environment(TrainerSettings)
        registry_settings = from_environment(RegistrySettings)
        logging.getLogger().setLevel(settings.log_level)
        termination_log = settings.termination_log
        start = Start(read_order(settings.training_file), settings)
        end_on_sigterm(lambda error: _report_end(error, start, registry_settings))
        asyncio.run(_attempt(start, registry_settings))
    except PerennialError as error:
        return _failed(error, termination_log)
    except Exception as error:  # noqa: BLE001 - logged with its traceback, and the run ends here
        _log.exception("unexpected error")
        return _failed(error, termination_log)
    return ExitCode.DONE


def _failed(error: Exception, termination_log: Path) -> ExitCode:
    code = exit_code(error)
    write_termination_message(termination_log, message_of(error))
    _log.error("failed", error=message_of(error), exit_code=int(code))
    return code


async def _attempt(start: Start[Any], registry_settings: RegistrySettings) -> None:
    async with Registry.from_settings(registry_settings) as registry:
        try:
            await _do(start, registry)
        except Exception as error:
            if isinstance(error, PerennialError):
                name_fields(error, start.order)
            await _record_failure(start, registry, error)
            raise


async def _do(start: Start[Any], registry: Registry) -> None:
    """Do what the order says; only what it needs is imported."""
    if isinstance(start.order, PromotionOrder):
        from perennial_trainer.promotion import promote

        await promote(start, registry)
    else:
        from perennial_trainer.run import run as train

        await train(start, registry)


async def _record_failure(start: Start[Any], registry: Registry, error: Exception) -> None:
    try:
        await record_failure(start, registry, error)
    except PerennialError as unrecorded:
        _log.warning("failure not recorded", error=str(unrecorded))


def _report_end(
    error: Terminated, start: Start[Any], registry_settings: RegistrySettings
) -> ExitCode:
    """Report from beside the run, whose own connection may be in use."""
    name_fields(error, start.order)

    async def record() -> None:
        async with Registry.from_settings(registry_settings) as registry:
            await _record_failure(start, registry, error)

    code = _failed(error, start.settings.termination_log)
    asyncio.run(record())
    return code


def main() -> None:
    """Do what the command line says, and end without taking the interpreter to pieces.

    That takes some tenths of a second with all that scikit-learn loads; the kernel takes none.
    """
    try:
        _do_as_told()
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        if isinstance(end.code, int):
            os._exit(end.code)
        raise


def _do_as_told() -> None:
    if sys.argv[1:] == ["run"]:
        sys.exit(run())
    from perennial_trainer.commands import app  # typer takes 0.05 s, which a Job need not wait for

    app()


if __name__ == "__main__":
    main()
