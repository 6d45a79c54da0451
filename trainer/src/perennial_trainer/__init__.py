"""Perennial: trainer."""
