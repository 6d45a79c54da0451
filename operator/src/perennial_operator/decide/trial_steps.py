"""The steps of a trial: how many pods for how long, and what they have to show."""

from __future__ import annotations

from dataclasses import dataclass

from perennial_core.resource.rollout import (
    Analysis,
    CanarySpec,
    RolloutSpec,
    ShadowSpec,
    Strategy,
)
from perennial_operator.decide.trial_record import Trial


@dataclass(frozen=True)
class Step:
    """So many pods on trial, for so long."""

    pods: int
    seconds: int


def steps_of(rollout: RolloutSpec, replicas: int) -> tuple[Step, ...]:
    """Return the steps of a trial beside so many pods that serve, and stay.

    A canary's pods are at least the step's share of all; of a shadow there is one.
    """
    if rollout.strategy is Strategy.SHADOW:
        return (Step(1, (rollout.shadow or ShadowSpec()).seconds),)
    return tuple(
        Step(max(1, -(-replicas * step.weight // (100 - step.weight))), step.pause_seconds)
        for step in (rollout.canary or CanarySpec()).steps
    )


def step_of(trial: Trial, rollout: RolloutSpec, replicas: int) -> Step:
    """Return the step that a trial is in; where the spec has fewer by now, the last."""
    steps = steps_of(rollout, replicas)
    return steps[min(trial.step, len(steps)) - 1]


def analysis_of(rollout: RolloutSpec) -> Analysis:
    """Return what a version on trial has to show in each step."""
    if rollout.strategy is Strategy.SHADOW:
        return (rollout.shadow or ShadowSpec()).analysis
    return (rollout.canary or CanarySpec()).analysis
