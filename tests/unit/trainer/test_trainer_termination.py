"""A run that is told to end reports first, whatever it was in the middle of."""

from __future__ import annotations

import subprocess
import sys

from perennial_trainer.failure import ExitCode

IN_THE_MIDDLE_OF_A_LOG_LINE = """
import os, signal, sys, threading, time
from perennial_trainer.termination import end_on_sigterm

log = threading.Lock()

def report(error):
    with log:
        print(f"reported: {error}", flush=True)

end_on_sigterm(report)
with log:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.1)
time.sleep(60)
"""


def test_a_lock_that_the_run_holds_does_not_keep_it_from_reporting() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", IN_THE_MIDDLE_OF_A_LOG_LINE], capture_output=True, text=True
    )
    assert ended.returncode == ExitCode.TERMINATED
    assert ended.stdout.startswith("reported: the run was ended from outside")
