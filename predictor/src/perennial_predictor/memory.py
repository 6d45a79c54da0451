"""Keeps memory in order without standing in the way of requests."""

from __future__ import annotations

import ctypes
import gc

_YOUNG_OBJECTS = 10_000
"""More than the requests under way hold at once, or each wave of them would start a collection."""


def settle() -> None:
    """Exempt all that is loaded by now from garbage collection.

    Modules and the like stay to the end. To look through them takes a tenth of a second, and the
    collector would do it every ten thousand requests or so.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


def return_freed() -> None:
    """Give freed memory back to the system, where the C library (glibc) else keeps it.

    Loading takes several times an artifact's size for a moment. It may take some milliseconds, in
    which other threads go on.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
