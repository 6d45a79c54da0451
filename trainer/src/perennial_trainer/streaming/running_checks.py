"""``spec.training.data.checks`` of rows that come in batches."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from perennial_core.resource.data import Checks
from perennial_trainer.data.checks import check_rows, missing_in, wrong_count, wrong_null_share
from perennial_trainer.data.rows import Rows
from perennial_trainer.failure import DataError


class RunningChecks:
    """Bounds are checked batch by batch, what is counted at the end."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks
        bounds = [column.model_copy(update={"max_null_share": None}) for column in checks.columns]
        self._of_batch = Checks(columns=bounds)
        self._missing: Counter[str] = Counter()
        self._rows = 0

    def add(self, batch: Rows) -> None:
        """See a batch, with all columns.

        Raises:
            DataError: A value is out of bounds.
        """
        check_rows(batch, self._of_batch)
        self._rows += batch.count
        for check in self._checks.columns:
            if check.max_null_share is not None:
                self._missing[check.name] += missing_in(batch, check.name)

    def end(self, name: str) -> None:
        """Check what all rows have to be; ``name`` is that of the data.

        Raises:
            DataError: The text names all that fails.
        """
        failures = [*wrong_count(name, self._rows, self._checks)]
        for check in self._checks.columns:
            if check.max_null_share is not None:
                missing, most = self._missing[check.name], Decimal(check.max_null_share)
                failures += wrong_null_share(name, check.name, missing, self._rows, most)
        if failures:
            raise DataError("; ".join(failures))
