"""The resource ``PredictionModel``, as users write it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from perennial_core.errors import UserError
from perennial_core.identity import (
    NAME_PATTERN,
    NAME_WORDS,
    NAMESPACE_PATTERN,
    NAMESPACE_WORDS,
    ModelKey,
)
from perennial_core.resource.base import VALIDATIONS, Part, rule
from perennial_core.resource.data import DataSpec
from perennial_core.resource.gate import GateSpec
from perennial_core.resource.promotion import PromotionSpec
from perennial_core.resource.rollout import RolloutSpec
from perennial_core.resource.runs import RunSpec
from perennial_core.resource.serving import ServingSpec
from perennial_core.resource.training import TrainingSpec
from perennial_core.validation import Matching, describe

GROUP = "perennial.dev"
API_VERSION = "v1alpha1"
KIND = "PredictionModel"
PLURAL = "predictionmodels"
TRAIN_ANNOTATION = f"{GROUP}/train"
"""Each new value of this annotation asks for one run."""


class DeletionPolicy(StrEnum):
    DELETE = "Delete"
    RETAIN = "Retain"


class PredictionModelSpec(Part):
    """The whole life of a model: data, schedule, estimator, gate, rollout, serving, promotion."""

    model_config = ConfigDict(
        json_schema_extra={
            VALIDATIONS: [
                rule(
                    "has(self.training) || has(self.promotion)",
                    "training: give it, or promotion for versions that are made elsewhere",
                ),
                rule(
                    "!has(self.training) || !has(self.promotion) || !has(self.promotion.from)",
                    "promotion.from: takes the place of training; give one of them",
                ),
            ]
        }
    )

    training: TrainingSpec | None = None
    """How versions are made here. Absent: they are made elsewhere, see promotion."""
    gate: GateSpec = GateSpec()
    rollout: RolloutSpec = RolloutSpec()
    serving: ServingSpec = ServingSpec()
    promotion: PromotionSpec | None = None
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """What becomes of the registry's versions and artifacts when the model is deleted."""

    @property
    def runs(self) -> RunSpec | None:
        """What runs of a trainer do: train, or take over; None where versions are brought."""
        return self.training or (self.promotion.from_ if self.promotion else None)

    @property
    def runs_field(self) -> str:
        """Where ``runs`` stands, for messages."""
        return "spec.promotion.from" if self.training is None else "spec.training"

    @property
    def data(self) -> DataSpec | None:
        """The rows that runs read."""
        if self.training is not None:
            return self.training.data
        return self.promotion.from_.data if self.promotion and self.promotion.from_ else None

    @model_validator(mode="after")
    def _versions_come_from_somewhere(self) -> Self:
        if self.training is None and self.promotion is None:
            raise ValueError("training: give it, or promotion for versions that are made elsewhere")
        if self.training is not None and self.promotion and self.promotion.from_:
            raise ValueError("promotion.from: takes the place of training; give one of them")
        return self


class ObjectMeta(BaseModel):
    """The part of Kubernetes' metadata that Perennial reads."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Annotated[str, Matching(NAME_PATTERN, NAME_WORDS)]
    namespace: Annotated[str, Matching(NAMESPACE_PATTERN, NAMESPACE_WORDS)] = "default"
    uid: str = ""
    generation: int = 1
    annotations: dict[str, str] = {}
    finalizers: list[str] = []
    deletion_timestamp: str | None = Field(None, alias="deletionTimestamp")


class PredictionModel(BaseModel):
    """One resource; ``status`` is kept as the API server stores it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_version: Literal["perennial.dev/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["PredictionModel"]
    metadata: ObjectMeta
    spec: PredictionModelSpec
    status: dict[str, Any] = {}

    @model_validator(mode="after")
    def _takes_from_another(self) -> Self:
        source = self.spec.promotion.from_ if self.spec.promotion else None
        if source is not None and source.registry_secret is None and source.key == self.key:
            raise ValueError("spec.promotion.from: names this model itself")
        return self

    @property
    def key(self) -> ModelKey:
        return ModelKey(self.metadata.namespace, self.metadata.name)

    @classmethod
    def parse(cls, resource: object) -> PredictionModel:
        """Read a resource from its parsed YAML or JSON.

        Raises:
            UserError: A field is missing, unknown or has a wrong value; the text names each.
        """
        try:
            return cls.model_validate(resource)
        except ValidationError as error:
            raise UserError(describe(error)) from None
