"""``perennial demo``: the pipeline at work, from data to a new version under load."""

from __future__ import annotations


def demo() -> None:
    """Show the pipeline on generated data: train, serve, retrain, swap under load."""
