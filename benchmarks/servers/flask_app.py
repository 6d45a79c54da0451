"""Flask with scikit-learn, as one writes it by hand: ``MODEL=... gunicorn flask_app:app``."""

import os
from typing import Any

import joblib
import numpy as np
from flask import Flask, request

model = joblib.load(os.environ["MODEL"])
app = Flask(__name__)


@app.post("/predict")
def predict() -> dict[str, Any]:
    instances = np.array(request.get_json()["instances"], dtype=float)
    return {"predictions": model.predict(instances).tolist()}


@app.get("/")
def index() -> dict[str, Any]:
    return {"prediction": float(model.predict(np.array([[float(request.args["msg"])]]))[0])}
