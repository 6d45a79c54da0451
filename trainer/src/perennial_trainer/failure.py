"""How a run fails, and how that shows outside: exit codes and the termination message."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path

from perennial_core.errors import Outage, PerennialError, UserError

_TERMINATION_BYTES = 4096
"""Kubernetes cuts a termination message off here."""


class DataError(UserError):
    """The data cannot be trained on; only who provides it can repair that."""


class SpecError(UserError):
    """The training spec asks for what cannot be done."""


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


def exit_code(error: BaseException) -> ExitCode:
    """Return the exit code of a run that ended with this error."""
    match error:
        case DataError():
            return ExitCode.BAD_DATA
        case UserError():
            return ExitCode.BAD_SPEC
        case Outage():
            return ExitCode.OUTAGE
        case _:
            return ExitCode.UNEXPECTED


def is_retryable(error: BaseException) -> bool:
    """Return whether the same run may succeed without a change of spec or data."""
    return not isinstance(error, UserError)


class Terminated(BaseException):
    """The run was told to end; no ``except Exception`` holds it up. Trying again may help."""

    def __str__(self) -> str:
        return "the run was ended from outside, by training.timeoutSeconds or by its node"


def message_of(error: BaseException) -> str:
    """Return what people should read of an error."""
    if isinstance(error, PerennialError | Terminated):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}; the trainer's log has the details"


def write_termination_message(file: Path, message: str) -> None:
    """Leave a message where Kubernetes looks for it; outside of a container nobody does."""
    text = message.encode()[:_TERMINATION_BYTES].decode(errors="ignore")
    try:
        file.write_text(text)
    except OSError:
        return


def brief(error: BaseException, limit: int = 500) -> str:
    """Return a library's error on one line of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"
