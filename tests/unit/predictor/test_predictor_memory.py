"""What a request frees serves the next one, and goes back when a model was let go."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

PARTS = """
import resource, threading
from perennial_predictor.memory import keep_freed, return_freed


def request():
    body = b"".join([b"x" * 256 * 1024 for _ in range(9)])
    return len(b"y" * 3 * 1024 * 1024 + body)


def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def of_a_request():
    request()
    before = pages()
    for _ in range(20):
        request()
    print((pages() - before) // 20)


def held():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() // 1024**2
"""


def output_of(program: str) -> list[int]:
    command = [sys.executable, "-c", PARTS + program]
    return list(map(int, subprocess.run(command, check=True, capture_output=True).stdout.split()))


glibc = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc, which is asked to keep memory"
)


@glibc
def test_no_page_is_asked_for_anew_by_each_large_request() -> None:
    on_the_loop, in_a_thread = output_of(
        "keep_freed()\n"
        "of_a_request()\n"
        "thread = threading.Thread(target=of_a_request)\n"
        "thread.start()\n"
        "thread.join()\n"
    )
    assert max(on_the_loop, in_a_thread) < 10


@glibc
def test_what_is_kept_goes_back_when_told() -> None:
    before, kept, returned = output_of(
        "keep_freed()\n"
        "print(held())\n"
        "parts = [b'x' * 1024**2 for _ in range(30)]\n"
        "del parts\n"
        "print(held())\n"
        "return_freed()\n"
        "print(held())\n"
    )
    assert kept >= before + 25
    assert returned <= before + 5
