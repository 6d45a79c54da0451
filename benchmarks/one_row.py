"""How many one-row requests does a core answer, against bare uvicorn with a ready answer?

    PYTHONPATH=tests .venv/bin/python benchmarks/one_row.py [--rounds N] [--seconds S]

Server and load generator have a core each. In each round every server is asked in turn, on
connections that stay open. It prints answers a second, and the answers for each second of the
server's CPU time, which other load on the machine changes least; both relative to bare uvicorn.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from comparison import compare
from contestants import bare, fastapi_app, perennial
from load import Request
from models import make
from server import keep_to_client_core


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    keep_to_client_core()
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        for name in ("linear", "forest"):
            model = make(name, directory)
            request = Request.post("/predict", model.body(1), b'"predictions":[')
            compare(
                f"POST /predict, one row, {name}",
                [
                    bare(directory, request),
                    perennial(directory, request, model),
                    fastapi_app(directory, request, model),
                ],
                arguments.rounds,
                arguments.seconds,
            )
        model = make("point", directory)
        request = Request.get("/?msg=100", b'"prediction":20')
        compare(
            "GET /?msg=100",
            [
                bare(directory, request),
                perennial(directory, request, model),
                fastapi_app(directory, request, model),
            ],
            arguments.rounds,
            arguments.seconds,
        )


main()
