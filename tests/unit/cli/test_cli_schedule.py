"""When scheduled runs are due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from perennial_cli.local.schedule import next_fire
from perennial_core.errors import UserError
from perennial_core.resource.promotion import PromotionSource
from perennial_core.resource.runs import RunSpec


def runs(schedule: str, time_zone: str) -> RunSpec:
    source = {"namespace": "staging", "name": "points"}
    return PromotionSource.model_validate({**source, "schedule": schedule, "timeZone": time_zone})


@pytest.mark.parametrize(
    ("schedule", "time_zone", "after", "expected"),
    [
        ("*/1 * * * *", "Etc/UTC", "2026-01-01T00:00:00", "2026-01-01T00:01:00"),
        ("*/1 * * * *", "Etc/UTC", "2026-01-01T00:00:59", "2026-01-01T00:01:00"),
        ("0 6 * * MON", "Etc/UTC", "2026-01-01T00:00:00", "2026-01-05T06:00:00"),
        ("0 0 ? * SUN", "Etc/UTC", "2026-01-01T00:00:00", "2026-01-04T00:00:00"),
        ("@hourly", "Etc/UTC", "2026-01-01T00:30:00", "2026-01-01T01:00:00"),
        ("@daily", "America/New_York", "2026-01-01T00:00:00", "2026-01-01T05:00:00"),
        ("0 6 * * *", "Europe/Berlin", "2026-07-01T00:00:00", "2026-07-01T04:00:00"),
        # An hour that the change to summer time leaves out is made up for, as cron does.
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T00:10:00", "2026-03-29T01:00:00"),
    ],
)
def test_the_next_run_is_when_the_schedule_says_in_its_time_zone(
    schedule: str, time_zone: str, after: str, expected: str
) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    fire = next_fire(runs(schedule, time_zone), moment, "spec.training")
    assert fire == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "time_zone", "says"),
    [
        ("99 * * * *", "Etc/UTC", "spec.training.schedule: '99 .*: Bad minute"),
        ("0 0 31 2 *", "Etc/UTC", "spec.training.schedule"),
        ("* * * * *", "Mars/Olympus", "spec.training.timeZone: 'Mars/Olympus' is no time zone"),
        ("* * * * *", "Europe", "spec.training.timeZone: 'Europe' is no time zone"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(
    schedule: str, time_zone: str, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        next_fire(runs(schedule, time_zone), datetime(2026, 1, 1, tzinfo=UTC), "spec.training")
