"""A thread for what is done beside the requests, which come first."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

_NICENESS = 2
"""Such a thread gets two thirds of what others get of the CPU that want it too. Were it less, the
next version would come late, and whenever the thread waits for the CPU while it holds the
interpreter, the requests would too."""


def thread_that_gives_way() -> ThreadPoolExecutor:
    """Return a thread, started when it is first needed, that gets the CPU after the others.

    A version takes tens of milliseconds to load. At the same priority the event loop would wait for
    the CPU, in turns of some 5 ms, until that is over.
    """
    return ThreadPoolExecutor(1, "background", initializer=_give_way)


def _give_way() -> None:
    """Lower the priority of the thread that calls; only Linux has one for each thread."""
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may not allow it
            own = os.getpriority(os.PRIO_PROCESS, os.getpid())
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), own + _NICENESS)
