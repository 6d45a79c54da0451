"""The gRPC server. It runs in the event loop of the HTTP server and ends with it."""

from __future__ import annotations

import grpc.aio
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection, reflection_pb2

from perennial_core.errors import UserError
from perennial_core.identity import ModelKey
from perennial_core.settings import PredictorSettings
from perennial_predictor.drain import Drain
from perennial_predictor.follow import Follower
from perennial_predictor.metrics import Metrics
from perennial_predictor.rpc.calls import Calls
from perennial_predictor.rpc.health import Health
from perennial_predictor.rpc.open_inference_pb2 import DESCRIPTOR
from perennial_predictor.rpc.service import SERVICE, InferenceService

_HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


class RpcServer:
    """Answers the Open Inference Protocol, health and reflection on a port of its own.

    Args:
        port: Where to listen, beside the host of the settings.
        settings: Messages that are larger than their limit are refused with RESOURCE_EXHAUSTED.
        key: The model.
        follower: Holds the version that serves.
        metrics: Count the calls.
        drain: Says whether the process is about to end.

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
    ) -> None:
        service = InferenceService(key, follower, drain)
        calls = Calls(follower, metrics)
        self._health = Health(SERVICE, lambda: service.is_ready)
        self._server = grpc.aio.server(options=_options(settings.max_body_bytes))
        self._server.add_generic_rpc_handlers([calls.handler(SERVICE, service.methods)])
        add_HealthServicer_to_server(self._health, self._server)
        _reflect(self._server)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.address = f"{host}:{port}"
        self._bind()

    async def start(self) -> None:
        await self._server.start()

    async def stop(self, seconds: float) -> None:
        """Take no more calls, and let those in flight finish within so many seconds."""
        self._health.end()
        await self._server.stop(seconds)

    def _bind(self) -> None:
        try:
            self._server.add_insecure_port(self.address)
        except RuntimeError:
            raise UserError(
                f"cannot listen on {self.address} for gRPC: is it taken?"
                " PERENNIAL_HOST and PERENNIAL_GRPC_PORT name it"
            ) from None


def _options(max_bytes: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", max_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),  # two processes on one port would each get some of the calls
    ]


def _reflect(server: grpc.aio.Server) -> None:
    """Let clients ask what the services look like."""
    pool = DESCRIPTOR.pool
    for file in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
        pool.AddSerializedFile(file.serialized_pb)
    names = (SERVICE, _HEALTH, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server, pool)
