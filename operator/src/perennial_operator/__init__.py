"""The operator: rolls predictors to the version that should serve, and starts the runs."""
