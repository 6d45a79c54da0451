"""A model that predicts only once it may, for tests of what goes on meanwhile."""

from __future__ import annotations

import dataclasses
import threading

from served_models import line

from perennial_core.artifact import Predictions
from perennial_predictor.cost import Cost
from perennial_predictor.inference import Inference
from perennial_predictor.instances import Rows
from perennial_predictor.prediction import predict


class HeldModel:
    """A line that predicts in a thread, as slow models do, and only once it may."""

    def __init__(self) -> None:
        self._line = line(2.0).served()
        inference = Inference(self._predict, Cost(call=1.0, row=0.0), threads=1)
        self.served = dataclasses.replace(self._line, inference=inference)
        self.is_asked = threading.Event()
        self.may_answer = threading.Event()

    def _predict(self, rows: Rows) -> Predictions:
        self.is_asked.set()
        assert self.may_answer.wait(20)
        return predict(self._line.model, rows)
