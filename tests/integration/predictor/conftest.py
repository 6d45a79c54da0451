"""What the predictor's tests share."""

from __future__ import annotations

from itertools import count

import pytest

from perennial_core.identity import ModelKey

_numbers = count()


@pytest.fixture
def key() -> ModelKey:
    """A model of the test's own."""
    return ModelKey("tests", f"predicted-{next(_numbers)}")
