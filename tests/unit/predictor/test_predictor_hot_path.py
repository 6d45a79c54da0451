"""What a request with one row takes: counted in calls, which are the same on every machine."""

from __future__ import annotations

import gc
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from played_connection import PlayedConnection
from raw_connection import request
from served_models import line

import perennial_core
import perennial_predictor

OURS = tuple(str(Path(package.__path__[0])) for package in (perennial_core, perennial_predictor))


def infer(tensor: str, shape: list[int]) -> bytes:
    described = {"name": tensor, "shape": shape, "datatype": "FP64", "data": [100]}
    body = json.dumps({"inputs": [described]}).encode()
    return request("POST", "/v2/models/model/infer", body)


REQUESTS = {
    "POST /predict": request("POST", "/predict", json.dumps({"instances": [[100]]}).encode()),
    "V2, a tensor for each feature": infer("x", [1]),
    "V2, one tensor": infer("input-0", [1, 1]),
    "GET /?msg=100": request("GET", "/?msg=100"),
}
MOST_CALLS = {
    "POST /predict": 42,
    "V2, a tensor for each feature": 56,
    "V2, one tensor": 53,
    "GET /?msg=100": 47,
}
ASKED = 50
ADVICE = """\
{name} now takes {calls} calls of our own functions, over {most}. Each is some 0.2 us of 40 that a
request takes in all. Is each of them needed for every request? Look at what was added; only if it
is, raise MOST_CALLS, and say in the commit what `benchmarks/one_row.py` shows. The calls:
{listed}"""


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[PlayedConnection]:
    connection = PlayedConnection(line(), tmp_path)
    for sent in REQUESTS.values():
        assert b"203.0" in await connection.ask(sent)
    yield connection
    connection.close()


async def our_calls(connection: PlayedConnection, sent: bytes) -> Counter[str]:
    """Return how often each function of ours is called for a request.

    A coroutine that goes on is no call. What a comprehension does is none either: it depends on the
    version of Python whether that is a function.
    """
    frames = set()

    def called(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            frames.add(frame)

    sys.setprofile(called)
    try:
        await connection.ask(sent)
    finally:
        sys.setprofile(None)
    names = (f"{Path(f.f_code.co_filename).stem}.{f.f_code.co_qualname}" for f in frames)
    return Counter(name for name in names if not name.endswith(">"))


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_request_takes_no_more_calls_than_it_did(
    connection: PlayedConnection, name: str
) -> None:
    calls = await our_calls(connection, REQUESTS[name])
    listed = "\n".join(f"  {number} {function}" for function, number in sorted(calls.items()))
    total, most = calls.total(), MOST_CALLS[name]
    assert total <= most, ADVICE.format(name=name, calls=total, most=most, listed=listed)


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_request_leaves_nothing_to_the_garbage_collector(
    connection: PlayedConnection, name: str
) -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(ASKED):
            await connection.ask(REQUESTS[name])
        assert gc.collect() < ASKED
    finally:
        gc.enable()
