"""BentoML with scikit-learn: ``MODEL=... bentoml serve bento_app:Predictor``."""

import os

import bentoml
import joblib
import numpy as np


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Predictor:
    def __init__(self) -> None:
        self._estimator = joblib.load(os.environ["MODEL"])

    @bentoml.api(route="/predict")
    def predict(self, instances: list[list[float]]) -> dict[str, list[float]]:
        return {"predictions": self._estimator.predict(np.array(instances)).tolist()}
