"""Gives memory back that a loaded artifact or a replaced model leaves."""

from __future__ import annotations

import ctypes


def return_freed() -> None:
    """Give freed memory back to the system, where the C library (glibc) else keeps it.

    Loading takes several times an artifact's size for a moment. It may take some milliseconds, in
    which other threads go on.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
