"""Perennial: operator."""
