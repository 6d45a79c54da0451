"""``spec.rollout``: which version serves and how it gets there."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from perennial_core.resource.base import VALIDATIONS, Part, rule
from perennial_core.resource.data import Share
from perennial_core.resource.gate import NonNegative
from perennial_core.validation import Matching


class Approval(StrEnum):
    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class NewerCandidate(StrEnum):
    SUPERSEDE = "Supersede"
    KEEP = "Keep"


class Strategy(StrEnum):
    """How the predictors get to an approved version."""

    ROLLING_UPDATE = "RollingUpdate"
    HOT_SWAP = "HotSwap"
    CANARY = "Canary"
    SHADOW = "Shadow"


class Inconclusive(StrEnum):
    """What becomes of a trial with too little traffic to tell."""

    WAIT = "Wait"
    PROCEED = "Proceed"


Ratio = Annotated[
    str,
    Matching(
        r"^[1-9][0-9]{0,5}(\.[0-9]{1,15})?$",
        'a decimal number of at least 1, such as "1.5"',
        max_length=32,
    ),
]
"""A decimal number of at least 1, written as a string."""


class Analysis(Part):
    """What a version on trial has to show, against the pods that serve, in the same time."""

    min_requests: Annotated[int, Field(ge=1, le=1_000_000_000)] = 100
    """With fewer requests, to the version on trial or to what serves, nothing can be told. Of 100
    requests one that fails is 0.01."""
    max_error_increase: Share = "0.01"
    """How far the share of requests that are refused or fail may be above that of the pods that
    serve."""
    max_latency_ratio: Ratio = "2"
    """How many times as long as in the pods that serve nine of ten requests may take; 5 ms more are
    always allowed."""
    max_prediction_shift: NonNegative | None = None
    """How far the predictions may move: a population stability index, of which by custom 0.1 is a
    small and 0.25 a large change. Absent: they may move."""
    on_inconclusive: Inconclusive = Inconclusive.WAIT
    """When the time is up with too few requests: Wait for more, or Proceed."""


class CanaryStep(Part):
    """A share of the traffic, for a while."""

    weight: Annotated[int, Field(ge=1, le=50)]
    """Percent of the pods, and so of the traffic, that get the new version: pods are added until it
    is at least so much. What serves keeps all its pods."""
    pause_seconds: Annotated[int, Field(ge=1, le=604800)] = 60
    """How long this share is held before it is judged."""


class CanarySpec(Part):
    """Steps in which a version gets more of the traffic before it gets all."""

    steps: Annotated[list[CanaryStep], Field(min_length=1, max_length=20)] = [
        CanaryStep(weight=10),
        CanaryStep(weight=50),
    ]
    analysis: Analysis = Analysis()
    """What each step has to show."""


class ShadowSpec(Part):
    """A pod with the version that gets a copy of the requests, and whose answers nobody sees."""

    seconds: Annotated[int, Field(ge=1, le=604800)] = 60
    """How long requests are copied before they are judged."""
    analysis: Analysis = Analysis()
    """What the version has to show."""
    max_different: Share | None = None
    """The largest share of answers that may differ from those that were given: labels that are
    others, numbers that are off by more than a millionth. For models that are to answer as before;
    absent: they may differ."""


class RolloutSpec(Part):
    """Which version serves and how the predictors get to it."""

    model_config = ConfigDict(
        json_schema_extra={
            VALIDATIONS: [
                rule(
                    "!has(self.canary) || (has(self.strategy) && self.strategy == 'Canary')",
                    "rollout.canary: belongs to strategy Canary",
                ),
                rule(
                    "!has(self.shadow) || (has(self.strategy) && self.strategy == 'Shadow')",
                    "rollout.shadow: belongs to strategy Shadow",
                ),
            ]
        }
    )

    strategy: Strategy = Strategy.ROLLING_UPDATE
    """RollingUpdate starts new pods for each version. HotSwap changes the version within the pods,
    for models that are trained often; a pod needs the memory of two for a moment. Canary and Shadow
    try a version beside the one that serves first; a pin, a way back and the first version go
    without."""
    canary: CanarySpec | None = None
    """With strategy Canary: its steps. By default 10 and then 50 percent, a minute each."""
    shadow: ShadowSpec | None = None
    """With strategy Shadow: for how long, and what has to come of it. By default a minute."""
    approval: Approval = Approval.AUTOMATIC
    """Who lets a version serve that passed the gate: the operator, or with Manual a person."""
    on_newer_candidate: NewerCandidate = NewerCandidate.SUPERSEDE
    """What becomes of a version that awaits approval when a newer one passes the gate or awaits it
    too: Supersede takes it off the list, Keep leaves both to the person."""
    pinned_version: Annotated[int, Field(ge=1)] | None = None
    """Hold this version, whatever is published. Going back to an older version is setting this."""
    pin_changed_by: Annotated[str, StringConstraints(min_length=1, max_length=253)] | None = None
    """Who last set or removed pinnedVersion: their own name, as `kubectl auth whoami` says it."""
    progress_deadline_seconds: Annotated[int, Field(ge=10, le=86400)] = 300
    """A rollout that makes no progress for so long goes back to the version that served before."""
    history_limit: Annotated[int, Field(ge=1, le=1000)] = 10
    """How many versions the registry retains, beside those that serve or are pinned."""

    @model_validator(mode="after")
    def _details_suit_the_strategy(self) -> Self:
        if self.canary is not None and self.strategy is not Strategy.CANARY:
            raise ValueError("canary: belongs to strategy Canary")
        if self.shadow is not None and self.strategy is not Strategy.SHADOW:
            raise ValueError("shadow: belongs to strategy Shadow")
        return self
