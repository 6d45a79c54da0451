"""Ends a run that is told to end, whatever it is doing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from threading import Event, Thread

from perennial_trainer.failure import ExitCode, Terminated

_REPORT_SECONDS = 15.0
"""Half of what Kubernetes waits before it kills."""


def end_on_sigterm(report: Callable[[Terminated], object]) -> None:
    """Report and exit when SIGTERM comes.

    Without a handler the first process of a container ignores the signal; and an exception raised
    by the handler could be caught by the library that it interrupts. The run goes on until the
    report is done, for it may hold a lock that the report needs.

    Args:
        report: Called in a thread of its own, for the run's event loop may be held up.
    """
    told = Event()
    Thread(target=_end_when, args=(told, report), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: told.set())


def _end_when(told: Event, report: Callable[[Terminated], object]) -> None:
    told.wait()
    reporting = Thread(target=report, args=(Terminated(),), daemon=True)
    reporting.start()
    reporting.join(_REPORT_SECONDS)
    os._exit(ExitCode.TERMINATED)
