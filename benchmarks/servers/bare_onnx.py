"""As little as serves an ONNX file: ``python bare_onnx.py PORT MODEL.onnx``.

It imports uvicorn and ONNX Runtime, loads the file, and answers each POST with one prediction.
"""

import json
import sys
from typing import Any

import numpy as np
import onnxruntime
import uvicorn

session = onnxruntime.InferenceSession(sys.argv[2], providers=["CPUExecutionProvider"])
feature = session.get_inputs()[0]
KIND = np.float64 if feature.type == "tensor(double)" else np.float32


async def app(scope: Any, receive: Any, send: Any) -> None:
    rows = json.loads((await receive())["body"])["instances"]
    predictions = session.run(None, {feature.name: np.array(rows, dtype=KIND)})[0]
    body = json.dumps({"predictions": predictions.reshape(-1).tolist()}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), lifespan="off", log_config=None, access_log=False)
