"""The predictor in this process, asked over a connection that has no socket."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from predictor_application import application
from served_models import FittedModel
from uvicorn.server import ServerState

from perennial_predictor.cost import Cost
from perennial_predictor.drain import Drain
from perennial_predictor.inference import Inference
from perennial_predictor.serve import DrainingServer
from perennial_predictor.served import ServedVersion, ask

_QUICK = Cost(call=1e-5, row=1e-6)
"""Whatever else the machine does, the model is asked on the event loop."""
_MOST_TURNS = 100


class _Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 40000), "sockname": ("127.0.0.1", 5001)})
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        raise AssertionError("the server closes the connection")


class PlayedConnection:
    """An open connection to a predictor of a model; it is made on a running event loop.

    Args:
        model: What predicts, which counts as quick.
        directory: For the bundle.
    """

    def __init__(self, model: FittedModel, directory: Path) -> None:
        app = application(model.stored(), _quick(model.served()), directory / "bundle")
        server = DrainingServer(app, Drain(0, 0), body_seconds=5)
        server.config.load()
        self._transport = _Transport()
        make_protocol: Any = server.config.http_protocol_class
        self._protocol = make_protocol(
            config=server.config, server_state=ServerState(), app_state={}
        )
        self._protocol.connection_made(self._transport)

    async def ask(self, request: bytes) -> bytes:
        """Return the answer: head and body."""
        self._transport.written = b""
        self._protocol.data_received(request)
        for _ in range(_MOST_TURNS):
            if self._transport.written and not self._protocol.tasks:
                return self._transport.written
            await asyncio.sleep(0)
        raise AssertionError(f"no answer after {_MOST_TURNS} turns of the event loop")

    def close(self) -> None:
        self._protocol.connection_lost(ConnectionResetError())


def _quick(served: ServedVersion) -> ServedVersion:
    inference = Inference(partial(ask, served.model), _QUICK, threads=1)
    return replace(served, inference=inference)
