"""What the operator reads from its environment."""

from __future__ import annotations

import os
import socket

import msgspec

from perennial_core.settings import LogLevel, Names, Settings


class OperatorSettings(Settings, frozen=True, kw_only=True):
    """How the operator is set up: ``PERENNIAL_*``; the chart writes all of them."""

    namespace: str = "perennial"
    """Where the operator's Lease is."""
    identity: str = msgspec.field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    """The name of this replica in the Lease: its pod's."""
    trainer_image: str
    predictor_image: str
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: Names = []
    allowed_modules: Names = msgspec.field(default_factory=lambda: ["sklearn"])
    """Python modules that estimators may come from."""
    trusted_types: Names = []
    """Types that a skops artifact may need, beyond the project's own list."""
    watch_namespaces: Names = []
    """Namespaces to watch; by default all."""
    resync_seconds: float = 60.0
    """How often every model is compared with the cluster and the registry."""
    concurrent_reconciles: int = 16
    """How many models are reconciled at the same time."""
    probe_port: int = 8080
    """Port of /healthz, /readyz and /metrics."""
    log_level: LogLevel = "INFO"
