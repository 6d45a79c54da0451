"""Perennial: predictor."""
