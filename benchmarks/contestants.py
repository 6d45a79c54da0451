"""The servers that are compared: how each is started, and what it is asked."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from load import Request
from models import Model
from server import Server

HERE = Path(__file__).parent
SERVERS = HERE / "servers"
ANSWER = b'{"predictions":[152.13348416289594],"model":"tests/model","version":1}'


@dataclass(frozen=True)
class Contestant:
    """A server that is not started yet, and the request that it gets."""

    server: Server
    request: Request


def perennial(directory: Path, request: Request, model: Model, **settings: str) -> Contestant:
    environment = {"PERENNIAL_BUNDLE": str(model.bundle), "PERENNIAL_PORT": "{port}"}
    named = {f"PERENNIAL_{name}".upper(): value for name, value in settings.items()}
    command = [sys.executable, "-m", "perennial_predictor"]
    log = directory / "perennial.log"
    return Contestant(Server("Perennial", command, log, environment | named), request)


def bare(directory: Path, request: Request, *options: str, answer: bytes = ANSWER) -> Contestant:
    """Bare uvicorn: gives a ready answer, with ``--reading`` once it has read the body."""
    command = [sys.executable, str(SERVERS / "bare.py"), "{port}", answer.decode(), *options]
    name = " ".join(["bare uvicorn", *options])
    return Contestant(Server(name, command, directory / "bare.log"), Request(request.data))


def fastapi_app(directory: Path, request: Request, model: Model) -> Contestant:
    file = _fitted(Path(sys.executable), directory, model)
    command = [sys.executable, str(SERVERS / "fastapi_app.py"), "{port}", str(file)]
    return Contestant(Server("FastAPI + scikit-learn", command, directory / "fastapi.log"), request)


def _fitted(python: Path, directory: Path, model: Model) -> Path:
    """Return the model as joblib, fitted by the scikit-learn that will load it."""
    file = directory / f"{model.name}.joblib"
    subprocess.run([python, HERE / "estimators.py", model.name, file], check=True)
    return file
