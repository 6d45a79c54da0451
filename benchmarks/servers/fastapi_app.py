"""FastAPI with scikit-learn, as one writes it by hand.

python fastapi_app.py PORT MODEL.joblib
"""

import sys

import joblib
import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

model = joblib.load(sys.argv[2])
app = FastAPI()


class Body(BaseModel):
    instances: list[list[float]]


@app.post("/predict")
async def predict(body: Body) -> dict[str, list[float]]:
    return {"predictions": model.predict(np.array(body.instances)).tolist()}


@app.get("/")
async def index(msg: float) -> dict[str, float]:
    return {"prediction": float(model.predict(np.array([[msg]]))[0])}


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
