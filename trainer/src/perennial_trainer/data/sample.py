"""Generated data: ``sample://linear?rows=1000&noise=1&seed=0``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pyarrow as pa

from perennial_trainer.failure import SpecError

SLOPE, INTERCEPT = 2.0, 3.0
_LARGEST_X = 100.0
_MOST_ROWS = 100_000_000
_FIELD = "spec.training.data.uri"


@dataclass(frozen=True)
class Linear:
    """Rows of y = 2x + 3 plus normal noise, x uniform between 0 and 100."""

    rows: int = 1000
    noise: float = 1.0
    """Standard deviation of the noise."""
    seed: int | None = None
    """Absent: new rows each time."""

    def table(self) -> pa.Table:
        """Return the rows, with the columns x and y."""
        random = np.random.default_rng(self.seed)
        x = random.uniform(0.0, _LARGEST_X, self.rows)
        y = SLOPE * x + INTERCEPT + random.normal(0.0, self.noise, self.rows)
        return pa.table({"x": x, "y": y})

    def __post_init__(self) -> None:
        if not 1 <= self.rows <= _MOST_ROWS:
            raise SpecError(f"rows: must be between 1 and {_MOST_ROWS}, not {self.rows}")
        if not (np.isfinite(self.noise) and self.noise >= 0):
            raise SpecError(f"noise: must be 0 or more, not {self.noise}")
        if self.seed is not None and self.seed < 0:
            raise SpecError(f"seed: must be 0 or more, not {self.seed}")


_PARAMETERS: dict[str, type[int] | type[float]] = {"rows": int, "noise": float, "seed": int}


def parse_sample(uri: str) -> Linear:
    """Read a sample: URI.

    Raises:
        SpecError: The generator or a parameter is unknown, or a value is wrong.
    """
    parts = urlsplit(uri)
    if parts.netloc != "linear" or parts.path.strip("/"):
        generator = parts.netloc + parts.path
        raise SpecError(f"{_FIELD}: there is no generator {generator!r}; there is: linear")
    try:
        return Linear(**_parameters(parts.query))
    except SpecError as error:
        raise SpecError(f"{_FIELD}: {uri}: {error}") from None


def _parameters(query: str) -> dict[str, Any]:
    values: dict[str, int | float] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name not in _PARAMETERS:
            raise SpecError(f"unknown parameter {name!r}; known: {', '.join(_PARAMETERS)}")
        if name in values:
            raise SpecError(f"{name}: is given twice")
        try:
            values[name] = _PARAMETERS[name](text)
        except ValueError:
            raise SpecError(f"{name}: {text!r} is not a number") from None
    return values
