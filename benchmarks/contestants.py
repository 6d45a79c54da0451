"""The servers that are compared: how each is started, and what it is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from environments import programs
from load import Request
from models import Model
from server import SERVER_CORE, Server

from perennial_cli.local.redis_server import free_port
from perennial_core.settings import PredictorSettings, environment
from perennial_predictor.v2.tensor import DTYPES

HERE = Path(__file__).parent
SERVERS = HERE / "servers"
BARE, PERENNIAL = "bare uvicorn", "Perennial"


@dataclass(frozen=True)
class Contestant:
    """A server that is not started yet, and the request that it gets."""

    server: Server
    request: Request


@dataclass(frozen=True)
class Task:
    """What is asked: so many rows of a model, by each protocol that a server may speak."""

    model: Model
    directory: Path
    """For logs, and files that the servers load."""
    rows: int = 1

    @property
    def instances(self) -> Request:
        return Request.post("/predict", self.model.body(self.rows), b'"predictions":')

    def v1(self, name: str) -> Request:
        """Return the request of KServe's first protocol."""
        return Request.post(
            f"/v1/models/{name}:predict", self.model.body(self.rows), b'"predictions":'
        )

    def v2(self, name: str) -> Request:
        """Return the request of the Open Inference Protocol, with one tensor of all rows."""
        values = [value for row in self.model.rows(self.rows) for value in row]
        body = self._inference("FP64", {"data": values})
        return Request.post(f"/v2/models/{name}/infer", body, b'"outputs":')

    def binary(self, name: str, datatype: str) -> Request:
        """Return the same with the tensor as bytes, and the predictions as bytes too."""
        raw = np.array(self.model.rows(self.rows), DTYPES[datatype]).tobytes()
        size = {"parameters": {"binary_data_size": len(raw)}}
        text = self._inference(datatype, size, parameters={"binary_data_output": True})
        return Request.post(
            f"/v2/models/{name}/infer",
            text + raw,
            b'"outputs":',
            content_type="application/octet-stream",
            inference_header_content_length=str(len(text)),
        )

    def _inference(self, datatype: str, content: dict[str, Any], **more: Any) -> bytes:
        """Return the JSON of a request of the Open Inference Protocol."""
        shape = [self.rows, self.model.fitted.rows.shape[1]]
        tensor = {"name": "input-0", "shape": shape, "datatype": datatype, **content}
        return json.dumps({"inputs": [tensor], **more}).encode()

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def fitted(self, python: Path) -> str:
        """Return the model as joblib, fitted by the scikit-learn that will load it."""
        file = self.directory / f"{python.parent.parent.name}-{self.model.name}.joblib"
        if not file.exists():
            subprocess.run([python, HERE / "estimators.py", self.model.name, file], check=True)
        return str(file)


def bare(task: Task, request: Request, *options: str, binary: bool = False) -> Contestant:
    """Bare uvicorn: gives a ready answer, with ``--reading`` once it has read the body.

    Args:
        task: What it stands beside.
        request: What it is asked.
        options: Of its command line.
        binary: Whether the answer is as long as predictions are as bytes, not as JSON.
    """
    file = task.directory / f"answer-{task.rows}-{'binary' if binary else 'json'}"
    file.write_bytes(bytes(8 * task.rows) if binary else _predictions(task.rows))
    command = [sys.executable, str(SERVERS / "bare.py"), "{port}", str(file), *options]
    name = " ".join([BARE, *(option.strip("-") for option in options)])
    return Contestant(Server(name, command, task.log(name)), Request(request.data))


def _predictions(rows: int) -> bytes:
    answer = {"predictions": [152.13348416289594] * rows}
    return json.dumps(answer, separators=(",", ":")).encode()


def perennial(
    task: Task,
    request: Request,
    name: str = PERENNIAL,
    cores: Sequence[int] = (SERVER_CORE,),
    workers: int = 1,
) -> Contestant:
    settings = PredictorSettings(bundle=task.model.bundle, workers=workers)
    variables = {**environment(settings), "PERENNIAL_PORT": "{port}"}
    command = [sys.executable, "-m", "perennial_predictor"]
    return Contestant(Server(name, command, task.log(name), variables, cores), request)


def fastapi_app(task: Task, request: Request) -> Contestant:
    file = task.fitted(Path(sys.executable))
    command = [sys.executable, str(SERVERS / "fastapi_app.py"), "{port}", file]
    return Contestant(Server("FastAPI, scikit-learn", command, task.log("fastapi")), request)


def flask_app(task: Task, request: Request) -> Contestant:
    found = programs("flask")
    environment = {"MODEL": task.fitted(found / "python"), "PYTHONPATH": str(SERVERS)}
    command = [str(found / "gunicorn"), "--worker-class", "gthread", "--threads", "4"]
    command += ["--keep-alive", "75", "--bind", "127.0.0.1:{port}", "flask_app:app"]
    name = "Flask, gunicorn"
    return Contestant(Server(name, command, task.log("flask"), environment), request)


def mlserver(task: Task) -> Contestant:
    found = programs("mlserver")
    folder = task.directory / "mlserver"
    folder.mkdir(exist_ok=True)
    ports = {"grpc_port": free_port(), "metrics_port": free_port()}
    settings = {"parallel_workers": 0, "debug": False, "host": "127.0.0.1", **ports}
    described = {
        "name": "model",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": task.fitted(found / "python")},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(described))
    command = [str(found / "mlserver"), "start", str(folder)]
    environment = {"MLSERVER_HTTP_PORT": "{port}"}
    server = Server("MLServer", command, task.log("mlserver"), environment)
    return Contestant(server, task.v2("model"))


def kserve(task: Task) -> Contestant:
    python = programs("kserve") / "python"
    command = [str(python), str(SERVERS / "kserve_app.py"), "{port}", task.fitted(python)]
    return Contestant(Server("KServe", command, task.log("kserve")), task.v1("model"))


def bentoml(task: Task) -> Contestant:
    found = programs("bentoml")
    environment = {
        "MODEL": task.fitted(found / "python"),
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_HOME": str(task.directory),
        "PATH": f"{found}:{os.environ['PATH']}",
    }
    command = [str(found / "bentoml"), "serve", "bento_app:Predictor", "--port", "{port}"]
    command += ["--working-dir", str(SERVERS), "--host", "127.0.0.1"]
    return Contestant(Server("BentoML", command, task.log("bentoml"), environment), task.instances)


RIVALS: dict[str, Callable[[Task], Contestant]] = {
    "fastapi": lambda task: fastapi_app(task, task.instances),
    "flask": lambda task: flask_app(task, task.instances),
    "mlserver": mlserver,
    "kserve": kserve,
    "bentoml": bentoml,
}
