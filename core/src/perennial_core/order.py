"""The order of a run: what the trainer is told to do, in a file."""

from __future__ import annotations

import json
from abc import abstractmethod
from pathlib import Path

from pydantic import ValidationError, field_validator

from perennial_core.errors import UserError
from perennial_core.identity import ModelKey
from perennial_core.resource.base import Part
from perennial_core.resource.gate import GateSpec
from perennial_core.resource.prediction_model import PredictionModel
from perennial_core.resource.promotion import PromotionSource
from perennial_core.resource.runs import RunSpec
from perennial_core.resource.training import TrainingSpec
from perennial_core.validation import describe


class Order(Part):
    """What all orders say."""

    model: str
    """``namespace/name``."""
    gate: GateSpec = GateSpec()
    """Which evidence is asked for; what it says is for others to decide."""

    @field_validator("model")
    @classmethod
    def _is_a_key(cls, model: str) -> str:
        try:
            return str(ModelKey.parse(model))
        except UserError as error:
            raise ValueError(str(error)) from None

    @property
    def key(self) -> ModelKey:
        return ModelKey.parse(self.model)

    @property
    @abstractmethod
    def runs(self) -> RunSpec:
        """What comes of the run, and when."""

    @property
    @abstractmethod
    def field(self) -> str:
        """Where that stands in the resource."""

    def to_text(self) -> str:
        return self.model_dump_json(by_alias=True, exclude_none=True)


class TrainingOrder(Order):
    """Train this model by this spec."""

    training: TrainingSpec

    @property
    def runs(self) -> TrainingSpec:
        return self.training

    @property
    def field(self) -> str:
        return "spec.training"


class PromotionOrder(Order):
    """Take a version over for this model, from this source."""

    promotion: PromotionSource

    @property
    def runs(self) -> PromotionSource:
        return self.promotion

    @property
    def field(self) -> str:
        return "spec.promotion.from"


def order_for(model: PredictionModel) -> Order | None:
    """Return the order of a model's runs; None where its versions are brought."""
    spec, key = model.spec, str(model.key)
    if spec.training is not None:
        return TrainingOrder(model=key, training=spec.training, gate=spec.gate)
    if spec.promotion is not None and spec.promotion.from_ is not None:
        return PromotionOrder(model=key, promotion=spec.promotion.from_, gate=spec.gate)
    return None


def read_order(file: Path) -> Order:
    """Read an order.

    Raises:
        UserError: The file is missing or its content is wrong; the text names file and field.
    """
    try:
        text = file.read_bytes()
        return _kind_of(text).model_validate_json(text)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}; PERENNIAL_TRAINING_FILE names it") from None
    except ValidationError as error:
        raise UserError(f"{file}: {describe(error)}") from None


def _kind_of(text: bytes) -> type[Order]:
    try:
        content = json.loads(text)
    except ValueError:
        return TrainingOrder  # which says what is wrong
    return PromotionOrder if isinstance(content, dict) and "promotion" in content else TrainingOrder
