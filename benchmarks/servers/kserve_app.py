"""KServe's own model server with scikit-learn: ``python kserve_app.py PORT MODEL.joblib``."""

import sys
from typing import Any

import joblib
import numpy as np
from kserve import Model, ModelServer


class ScikitLearn(Model):  # type: ignore[misc]
    def __init__(self, file: str) -> None:
        super().__init__("model")
        self._estimator = joblib.load(file)
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        return {"predictions": self._estimator.predict(np.array(payload["instances"])).tolist()}


if __name__ == "__main__":
    server = ModelServer(
        http_port=int(sys.argv[1]), workers=1, enable_grpc=False, access_log_format=None
    )
    server.start([ScikitLearn(sys.argv[2])])
