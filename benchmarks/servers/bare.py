"""The limit: bare uvicorn that gives a ready answer, or reads the body and then gives it.

python bare.py PORT FILE-OF-THE-ANSWER [--reading]
"""

import sys
from pathlib import Path
from typing import Any

import uvicorn

ANSWER = Path(sys.argv[2]).read_bytes()
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(ANSWER)).encode()),
]


async def ready_answer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


async def after_reading(scope: Any, receive: Any, send: Any) -> None:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    await ready_answer(scope, receive, send)


if __name__ == "__main__":
    uvicorn.run(
        after_reading if "--reading" in sys.argv else ready_answer,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )
