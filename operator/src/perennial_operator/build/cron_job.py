"""The CronJob that starts a model's runs by its schedule."""

from __future__ import annotations

from perennial_core.resource import PredictionModel
from perennial_operator.build.job import job_spec
from perennial_operator.build.metadata import labels, owned
from perennial_operator.kinds import CRON_JOB, Body
from perennial_operator.settings import OperatorSettings


def build_cron_job(model: PredictionModel, settings: OperatorSettings) -> Body | None:
    """Return the CronJob, or None where the model has no schedule."""
    runs = model.spec.runs
    if runs is None or runs.schedule is None:
        return None
    return owned(
        CRON_JOB,
        model,
        "trainer",
        {
            "spec": {
                "schedule": runs.schedule,
                "timeZone": runs.time_zone,
                "suspend": runs.suspend,
                "concurrencyPolicy": "Forbid",
                "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 2,
                "jobTemplate": {
                    "metadata": {"labels": labels(model, "trainer")},
                    "spec": job_spec(model, runs, settings),
                },
            }
        },
    )
