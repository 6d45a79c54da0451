"""When the next scheduled run is: a pure function of the cron expression and the time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from perennial_core.errors import UserError

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


def next_fire(schedule: str, time_zone: str, after: datetime) -> datetime:
    """Return the first time of a schedule after the given one, in UTC.

    Args:
        schedule: ``spec.training.schedule``.
        time_zone: ``spec.training.timeZone``.
        after: With a time zone.

    Raises:
        UserError: The expression or the time zone is none, or the expression never comes.
    """
    expression = _MACROS.get(schedule, schedule).replace("?", "*")
    try:
        return next(CronSim(expression, after.astimezone(_zone(time_zone)))).astimezone(UTC)
    except CronSimError as error:
        raise UserError(f"spec.training.schedule: {schedule!r}: {error}") from None
    except StopIteration:
        raise UserError(f"spec.training.schedule: {schedule!r} never comes") from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError):
        raise UserError(
            f"spec.training.timeZone: {name!r} is no time zone of the IANA database"
        ) from None
