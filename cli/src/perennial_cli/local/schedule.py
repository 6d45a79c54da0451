"""When the next scheduled run is: a pure function of the cron expression and the time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from perennial_core.errors import UserError
from perennial_core.resource.runs import RunSpec

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""As in https://pkg.go.dev/github.com/robfig/cron/v3, which Kubernetes uses."""


def next_fire(runs: RunSpec, after: datetime, field: str) -> datetime | None:
    """Return the first time of a schedule after the given one, in UTC; None without a schedule.

    Args:
        runs: What has the schedule and its time zone.
        after: With a time zone.
        field: Where ``runs`` stands in the resource.

    Raises:
        UserError: The expression or the time zone is none, or the expression never comes.
    """
    schedule = runs.schedule
    if schedule is None:
        return None
    expression = _MACROS.get(schedule, schedule).replace("?", "*")
    try:
        local = after.astimezone(_zone(runs.time_zone, field))
        return next(CronSim(expression, local)).astimezone(UTC)
    except CronSimError as error:
        raise UserError(f"{field}.schedule: {schedule!r}: {error}") from None
    except StopIteration:
        raise UserError(f"{field}.schedule: {schedule!r} never comes") from None


def _zone(name: str, field: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError):
        raise UserError(
            f"{field}.timeZone: {name!r} is no time zone of the IANA database"
        ) from None
