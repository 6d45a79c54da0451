"""Training by batches, for more rows than memory holds."""
