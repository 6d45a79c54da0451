"""The training order: what the trainer is told to do, in a file."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError, field_validator

from perennial_core.errors import UserError
from perennial_core.identity import ModelKey
from perennial_core.resource.base import Part
from perennial_core.resource.gate import GateSpec
from perennial_core.resource.prediction_model import PredictionModel
from perennial_core.resource.training import TrainingSpec
from perennial_core.validation import describe


class TrainingOrder(Part):
    """Train this model by this spec."""

    model: str
    """``namespace/name``."""
    training: TrainingSpec
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

    @classmethod
    def for_model(cls, model: PredictionModel) -> TrainingOrder:
        spec = model.spec
        if spec.training is None:
            raise UserError("spec.training: is missing, so there is nothing to train")
        return cls(model=str(model.key), training=spec.training, gate=spec.gate)

    @classmethod
    def read(cls, file: Path) -> TrainingOrder:
        """Read an order.

        Raises:
            UserError: The file is missing or its content is wrong; the text names file and field.
        """
        try:
            return cls.model_validate_json(file.read_bytes())
        except OSError as error:
            raise UserError(f"{file}: {error.strerror}; PERENNIAL_TRAINING_FILE names it") from None
        except ValidationError as error:
            raise UserError(f"{file}: {describe(error)}") from None

    def to_text(self) -> str:
        return self.model_dump_json(by_alias=True, exclude_none=True)
