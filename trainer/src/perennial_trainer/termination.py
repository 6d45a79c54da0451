"""Ends a run that is told to end, whatever it is doing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from threading import Thread
from types import FrameType

from perennial_trainer.failure import ExitCode, Terminated

_REPORT_SECONDS = 15.0
"""Half of what Kubernetes waits before it kills."""


def end_on_sigterm(report: Callable[[Terminated], object]) -> None:
    """Report and exit at once when SIGTERM comes.

    Without a handler the first process of a container ignores the signal; and an exception raised
    by the handler could be caught by the library that it interrupts.

    Args:
        report: Called in a thread of its own, for the run's event loop is held up meanwhile.
    """

    def end(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        reporting = Thread(target=report, args=(Terminated(),), daemon=True)
        reporting.start()
        reporting.join(_REPORT_SECONDS)
        os._exit(ExitCode.TERMINATED)

    signal.signal(signal.SIGTERM, end)
