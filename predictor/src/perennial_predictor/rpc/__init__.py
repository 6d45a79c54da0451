"""gRPC: the Open Inference Protocol, health and reflection, on a port of their own."""

import os

# gRPC's core would write lines that are no JSON between those of the log.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
