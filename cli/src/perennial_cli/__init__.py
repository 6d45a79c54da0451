"""Perennial: cli."""
