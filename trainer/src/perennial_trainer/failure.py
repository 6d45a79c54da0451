"""How a run fails, and how that shows outside: exit codes and the termination message."""

from __future__ import annotations

import signal
from enum import IntEnum
from pathlib import Path

from perennial_core.errors import Outage, PerennialError, UserError, brief, shortened
from perennial_core.order import Order

_TERMINATION_BYTES = 4096
"""Kubernetes cuts a termination message off here."""


class DataError(UserError):
    """The data cannot be trained on; only who provides it can repair that."""


class SpecError(UserError):
    """The training spec asks for what cannot be done."""


class Terminated(Outage):
    """The run was told to end; a signal does not say by whom."""

    def __init__(self) -> None:
        super().__init__(
            "the run was ended from outside before it was done (SIGTERM): at"
            " spec.training.timeoutSeconds, by its node, or by the end of `perennial run`"
        )


class ExitCode(IntEnum):
    """What a run says to its Job; 65, 75 and 78 as in sysexits.h."""

    DONE = 0
    """Published or skipped."""
    UNEXPECTED = 1
    """A fault of the trainer; trying again may help."""
    BAD_DATA = 65
    """Trying again is useless."""
    OUTAGE = 75
    """Try again later."""
    BAD_SPEC = 78
    """Trying again is useless."""
    TERMINATED = 128 + signal.SIGTERM
    """As a shell says it; trying again may help."""


def exit_code(error: Exception) -> ExitCode:
    """Return the exit code of a run that ended with this error."""
    match error:
        case DataError():
            return ExitCode.BAD_DATA
        case UserError():
            return ExitCode.BAD_SPEC
        case Terminated():
            return ExitCode.TERMINATED
        case Outage():
            return ExitCode.OUTAGE
        case _:
            return ExitCode.UNEXPECTED


def is_retryable(error: Exception) -> bool:
    """Return whether the same run may succeed without a change of spec or data."""
    return not isinstance(error, UserError)


def name_fields(error: PerennialError, order: Order) -> None:
    """Name fields in an error's text as the order does.

    What runs of both kinds share names those of ``spec.training``.
    """
    error.args = (str(error).replace("spec.training.", f"{order.field}."),)


def message_of(error: Exception) -> str:
    """Return what people should read of an error."""
    if isinstance(error, PerennialError):
        return shortened(str(error))
    return f"unexpected {type(error).__name__}: {brief(error)}; the trainer's log has the details"


def write_termination_message(file: Path, message: str) -> None:
    """Leave a message where Kubernetes looks for it; outside of a container nobody does."""
    text = message.encode()[:_TERMINATION_BYTES].decode(errors="ignore")
    try:
        file.write_text(text)
    except OSError:
        return
