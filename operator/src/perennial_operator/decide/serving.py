"""What serves and what is tried beside it, decided together: the trial first, the rollout by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from perennial_operator.build.deployment import Release, follows
from perennial_operator.decide.rollout import Phase, RolloutMemory, RolloutPlan
from perennial_operator.decide.trial import Situation, Stable, TrialPlan, plan_trial

Towards = Callable[[Release | None, RolloutMemory], RolloutPlan]
"""Plans the next step of the rollout to a release."""


def stable_pods(memory: RolloutMemory, towards: Towards, *, lost: bool) -> Stable:
    """Return how the pods that serve are, beside which a version could be tried.

    Args:
        memory: What was remembered.
        towards: The rollout's next step.
        lost: Whether the registry no longer has what they serve.
    """
    proven = memory.proven
    if proven is None or lost or follows(proven.template):
        return Stable(None, at_rest=False, new_settings=False)
    staying = towards(proven.release, memory)
    return Stable(
        proven.release,
        at_rest=staying.phase is Phase.ROLLED_OUT and staying.memory == memory,
        new_settings=staying.attempt != proven,
    )


def plan_serving(
    situation: Situation, memory: RolloutMemory, towards: Towards
) -> tuple[RolloutPlan, TrialPlan]:
    """Return the next step of the rollout, and that of the trial in front of it."""
    trial = plan_trial(situation, memory.trial)
    rollout = towards(trial.release, replace(memory, trial=trial.trial))
    looks = [seconds for seconds in (rollout.look_again, trial.look_again) if seconds is not None]
    return replace(rollout, look_again=min(looks, default=None)), trial
