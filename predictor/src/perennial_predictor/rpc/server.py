"""The gRPC server. It runs in the event loop of the HTTP server and ends with it."""

from __future__ import annotations

import socket

import grpc.aio
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from perennial_core.errors import UserError
from perennial_core.identity import ModelKey
from perennial_core.settings import PredictorSettings
from perennial_predictor.drain import Drain
from perennial_predictor.follow import Follower
from perennial_predictor.metrics import Metrics
from perennial_predictor.mirror import Mirror
from perennial_predictor.rpc.calls import Calls
from perennial_predictor.rpc.health import HEALTH, Health
from perennial_predictor.rpc.open_inference_pb2 import DESCRIPTOR
from perennial_predictor.rpc.reflection import REFLECTION, reflection_handler
from perennial_predictor.rpc.service import SERVICE, InferenceService


class RpcServer:
    """Answers the Open Inference Protocol, health and reflection on a port of its own.

    Args:
        port: Where to listen, beside the host of the settings.
        settings: Messages that are larger than their limit are refused with RESOURCE_EXHAUSTED.
        key: The model.
        follower: Holds the version that serves.
        metrics: Count the calls.
        drain: Says whether the process is about to end.
        mirror: Copies requests to a shadow.
        beside_first: Whether the first process of the predictor listens there already: the system
            gives each some of the connections.

    Raises:
        UserError: The address cannot be used.
    """

    def __init__(
        self,
        port: int,
        settings: PredictorSettings,
        key: ModelKey,
        follower: Follower,
        metrics: Metrics,
        drain: Drain,
        mirror: Mirror | None = None,
        *,
        beside_first: bool = False,
    ) -> None:
        service = InferenceService(key, follower, drain, mirror)
        calls = Calls(follower, metrics)
        self._health = Health(SERVICE, lambda: service.is_ready)
        self._server = grpc.aio.server(options=_options(settings.max_body_bytes))
        self._server.add_generic_rpc_handlers(
            [calls.handler(SERVICE, service.methods), self._health.handler(), _reflection()]
        )
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.address = f"{host}:{port}"
        self._bind(must_be_free=None if beside_first else (settings.host, port))

    async def start(self) -> None:
        await self._server.start()

    def leave(self) -> None:
        """Do nothing: clients see by the health of the service that the process is about to end."""

    async def stop(self, seconds: float) -> None:
        """Take no more calls, and let those in flight finish within so many seconds."""
        self._health.end()
        await self._server.stop(seconds)

    def _bind(self, must_be_free: tuple[str, int] | None) -> None:
        try:
            if must_be_free is not None:
                _try_alone(*must_be_free)
            self._server.add_insecure_port(self.address)
        except (OSError, RuntimeError):
            raise UserError(
                f"cannot listen on {self.address} for gRPC: is it taken?"
                " PERENNIAL_HOST and PERENNIAL_GRPC_PORT name it"
            ) from None


def _options(max_bytes: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", max_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 1),  # the further processes of the predictor listen there too
    ]


def _try_alone(host: str, port: int) -> None:
    """Take an address for a moment as who shares it with nobody: another predictor may be there.

    Raises:
        OSError: It is taken, or none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended
        tried.bind((host, port))


def _reflection() -> grpc.GenericRpcHandler:
    """Return what tells clients how the services look."""
    pool = DESCRIPTOR.pool
    for file in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
        pool.AddSerializedFile(file.serialized_pb)
    return reflection_handler((SERVICE, HEALTH, REFLECTION), pool)
