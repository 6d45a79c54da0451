"""Keeps memory in order without standing in the way of requests."""

from __future__ import annotations

import ctypes
import gc

_YOUNG_OBJECTS = 10_000
"""More than the requests under way hold at once, or each wave of them would start a collection."""

_KEPT_BYTES = 32 * 1024 * 1024
"""The most that glibc takes for a bound of what it maps by itself."""
_TRIM_THRESHOLD, _MAP_THRESHOLD = -1, -3
"""Source: mallopt(3), malloc.h."""


def settle() -> None:
    """Exempt all that is loaded by now from garbage collection.

    Modules and the like stay to the end. To look through them takes a tenth of a second, and the
    collector would do it every ten thousand requests or so.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


def keep_freed() -> None:
    """Let the C library (glibc) keep so much of what a request frees, for the next one.

    Else it gives most of a large body back at once. To get it anew, page by page, takes longer than
    to predict for its rows.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_TRIM_THRESHOLD, _KEPT_BYTES)
        set_option(_MAP_THRESHOLD, _KEPT_BYTES)


def return_freed() -> None:
    """Give freed memory back to the system, where the C library (glibc) else keeps it.

    Loading takes several times an artifact's size for a moment. It may take some milliseconds, in
    which other threads go on.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
