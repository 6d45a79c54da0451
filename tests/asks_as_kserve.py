"""Asks a predictor with KServe's own client, and prints the answers as JSON.

Run by the Python of an environment that holds KServe, whose pins collide with the project's:

    python asks_as_kserve.py http://127.0.0.1:5001 model '[[1.0, 2.0]]'
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def v2(url: str, name: str, rows: list[list[float]]) -> dict[str, Any]:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    return {
        "live": await client.is_server_live(url),
        "ready": await client.is_server_ready(url),
        "model ready": await client.is_model_ready(url, name),
        "json": await infer(client, url, name, rows, binary=False),
        "bytes": await infer(client, url, name, rows, binary=True),
        "wrong": await refusal(client, url, name, rows[0]),
    }


async def infer(
    client: InferenceRESTClient, url: str, name: str, rows: list[list[float]], *, binary: bool
) -> Any:
    matrix = np.array(rows)
    tensor = InferInput("input-0", list(matrix.shape), "FP64")
    tensor.set_data_from_numpy(matrix, binary_data=binary)
    parameters = {"binary_data_output": binary}
    request = InferRequest(model_name=name, infer_inputs=[tensor], parameters=parameters)
    answer = await client.infer(url, request, model_name=name)
    return answer.outputs[0].as_numpy().tolist()


async def refusal(client: InferenceRESTClient, url: str, name: str, row: list[float]) -> str:
    try:
        await infer(client, url, name, [[*row, 1.0]], binary=False)
    except httpx.HTTPStatusError as error:
        return str(error)
    return ""


async def v1(url: str, name: str, rows: list[list[float]]) -> dict[str, Any]:
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    answer = await client.infer(url, {"instances": rows}, model_name=name)
    return {
        "live": await client.is_server_live(url),
        "model ready": await client.is_model_ready(url, name),
        "predictions": answer["predictions"],
    }


async def main(url: str, name: str, rows: list[list[float]]) -> None:
    print(json.dumps({"v1": await v1(url, name, rows), "v2": await v2(url, name, rows)}))


asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
